"""The model card of a run: ``README.md`` in its directory, as the Hub shows it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from trainer.core.files import write_text

_EVENT_ROWS = (("operations with type", "typed"), ("links", "links"), ("whole events", "events"))


def write_model_card(directory: Path, provenance: Mapping[str, Any], metrics: Mapping[str, Any]) -> None:
    """Write the card from what the run recorded; every number in it comes from there."""
    front = yaml.safe_dump(
        {
            "language": "ar",
            "library_name": "transformers",
            "pipeline_tag": "token-classification",
            "tags": ["arabic", "event-extraction"],
        },
        sort_keys=False,
    )
    parts = (
        f"---\n{front}---",
        _head(provenance, metrics),
        _scores(metrics),
        _events(metrics),
        _data(provenance),
        _use(provenance),
    )
    write_text(directory / "README.md", "\n\n".join(parts) + "\n")


def write_crf_card(directory: Path, provenance: Mapping[str, Any], metrics: Mapping[str, Any]) -> None:
    """Write the card of a CRF run."""
    front = yaml.safe_dump({"language": "ar", "tags": ["arabic", "event-extraction", "crf"]}, sort_keys=False)
    head = f"# {provenance['name']}\n\nTags spans of Arabic news text: a linear-chain CRF, the baseline to beat."
    if provenance["configuration"]["data"]["use_dev_for_training"]:
        head += "\n\nFitted on training and dev articles; the dev scores below are of a fit without the dev articles."
    use = f"## Use\n\n`python -m trainer extract FILE --model models/{provenance['name']}`"
    parts = (f"---\n{front}---", head, _scores(metrics), _events(metrics), _data(provenance), use)
    write_text(directory / "README.md", "\n\n".join(parts) + "\n")


def write_ensemble_card(directory: Path, provenance: Mapping[str, Any], metrics: Mapping[str, Any]) -> None:
    """Write the card of an ensemble."""
    front = yaml.safe_dump({"language": "ar", "tags": ["arabic", "event-extraction", "ensemble"]}, sort_keys=False)
    members = [f"- `{member['name']}`, {member['kind']}, seed {member['seed']}" for member in provenance["members"]]
    head = (
        f"# {provenance['name']}\n\nTags spans of Arabic news text by the mean of its members' calibrated tag "
        "distributions; types and links come from the first.\n\n" + "\n".join(members)
    )
    use = f"## Use\n\n`python -m trainer extract FILE --model models/{provenance['name']}`"
    write_text(
        directory / "README.md",
        "\n\n".join((f"---\n{front}---", head, _scores(metrics), _data(provenance), use)) + "\n",
    )


def _head(provenance: Mapping[str, Any], metrics: Mapping[str, Any]) -> str:
    encoder = provenance["encoder"]
    lines = [f"# {provenance['name']}", "", "Tags spans of Arabic news text."]
    if encoder["from_scratch"]:
        lines += ["", "> **Trained from random weights: no encoder was pretrained. Expect much lower scores.**"]
    else:
        lines += ["", f"Encoder: `{encoder['name']}` (weights sha256 `{str(encoder['weights_sha256'])[:16]}…`)."]
    if provenance["configuration"]["data"]["use_dev_for_training"]:
        lines += ["", "> **Trained on its dev articles too: the dev scores below are not held out.**"]
    lines += ["", f"Best epoch: {metrics['best_epoch']}. Temperature: {metrics['calibration']['temperature']:.3f}."]
    return "\n".join(lines)


def _scores(metrics: Mapping[str, Any]) -> str:
    dev = metrics["dev"]
    low, high = dev["strict"]["f1_interval"]
    rows = [("all (micro)", dev["strict"]), *dev["labels"].items()]
    lines = [
        f"## Strict span scores on {dev['articles']} dev articles",
        "",
        "A span counts when start, end and label are all right. Dev picked the epoch; gold scores are under `eval/`.",
        "",
        "| label | precision | recall | F1 | gold spans |",
        "|---|---|---|---|---|",
        *(
            f"| {name} | {100 * row['precision']:.1f} | {100 * row['recall']:.1f} | {100 * row['f1']:.1f} "
            f"| {row['gold']} |"
            for name, row in rows
        ),
        "",
        f"95 % document-bootstrap interval of the micro F1: {100 * low:.1f} to {100 * high:.1f}.",
    ]
    return "\n".join(lines)


def _events(metrics: Mapping[str, Any]) -> str:
    events = metrics["dev"].get("events")
    if events is None:
        return "## Events\n\nThis run has no event head: it gives spans, without operation types and without links."
    found, given = events["end_to_end"], events["given_gold_spans"]
    rows = [(name, found[key]["f1"], given[key]["f1"]) for name, key in _EVENT_ROWS]
    rows.append(("type accuracy on operations found", found["type_accuracy"], given["type_accuracy"]))
    return "\n".join(
        (
            "## Events on dev",
            "",
            "Strict F1; a link counts when both spans and the role are right, an event when its trigger, type and all "
            "arguments are. Dev also picked the head's epochs and the threshold of links.",
            "",
            "| | on the spans it finds | given the gold spans |",
            "|---|---|---|",
            *(f"| {name} | {100 * first:.1f} | {100 * second:.1f} |" for name, first, second in rows),
        )
    )


def _data(provenance: Mapping[str, Any]) -> str:
    data, commit = provenance["data"], provenance["commit"]
    return "\n".join(
        (
            "## Data",
            "",
            f"{len(data['train'])} training articles ({data['synthetic_train']} of them synthetic: written for this "
            f"project, not reported by anyone), {len(data['dev'])} dev articles ({data['synthetic_dev']} synthetic).",
            f"Corpus hash `{data['hash'][:16]}…`, commit `{commit['sha']}`"
            + (" with uncommitted changes" if commit["dirty"] else "")
            + f", seed {provenance['seed']}.",
        )
    )


def _use(provenance: Mapping[str, Any]) -> str:
    name = provenance["name"]
    return "\n".join(
        (
            "## Use",
            "",
            f"`python -m trainer extract FILE --model models/{name}` gives exact offsets into the raw text. "
            'The directory also loads with `transformers.pipeline("token-classification", ...)`; '
            "its offsets then follow the tokenizer, without windows, normalisation or constrained decoding.",
            "",
            "Not for decisions about people; read `eval/reports` for where it fails.",
        )
    )
