"""Writes a pretrained encoder as a directory that AutoModel and AutoTokenizer load."""

from __future__ import annotations

import copy
import json
import shutil
from pathlib import Path
from typing import Any

from transformers import PreTrainedModel

from trainer.core.files import write_json, write_text
from trainer.core.normalisation import Normalisation
from trainer.learning.pretraining.vocabulary import write_normalisation


def export_encoder(
    model: PreTrainedModel,
    tokenizer: Any,
    normalisation: Normalisation,
    card: str,
    facts: dict[str, Any],
    output: Path,
    half: bool = True,
) -> Path:
    """Writes weights, tokenizer, configuration, folding and model card; replaces ``output`` as a whole.

    Args:
        model: Masked language model; its output layer is written too, so that training can go on from here.
        tokenizer: Its tokenizer.
        normalisation: How words must be folded for it.
        card: Text of README.md.
        facts: Content of provenance.json.
        output: Directory to write.
        half: Store fp16, which halves the files; loading gives fp32 again.
    """
    part = output.with_name(f".{output.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    stored = copy.deepcopy(model).cpu()  # a copy keeps tied tables tied, and they are written once
    if half:
        stored.half()
    stored.save_pretrained(part)
    tokenizer.save_pretrained(part)
    (part / "model.safetensors").chmod(0o644)  # the library makes it readable to its owner only
    _amend(part / "config.json", dtype="float32")  # what to load as: a processor computes slowly in fp16
    _amend(part / "tokenizer_config.json", tokenizer_class="PreTrainedTokenizerFast")  # also known to transformers 4
    write_normalisation(normalisation, part)
    (part / "README.md").write_text(card, encoding="utf-8")
    write_json(part / "provenance.json", facts)
    old = output.with_name(f".{output.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if output.exists():
        output.rename(old)
    part.rename(output)
    shutil.rmtree(old, ignore_errors=True)
    return output


def _amend(path: Path, **values: str) -> None:
    settings = json.loads(path.read_text(encoding="utf-8")) | values
    write_text(path, json.dumps(settings, indent=2, ensure_ascii=False, sort_keys=True) + "\n")
