"""The event head in use: types of operations and links, from the states of words.

It reads what the tagger's encoder has already computed and the letters of words, in numpy alone. Its weights lie in
``event_head.safetensors`` of the run directory, with its settings in the file's metadata;
`trainer.learning.event_head` fits them.

A span is its first word's state beside the mean over its words. A link's score follows from the
operation, the argument, their product in a smaller space, the mean of what lies between them and
how they lie (`trainer.core.candidates`), after the pair classifiers of Eberts and Ulges (2020).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from trainer.core.candidates import STRUCTURE, Candidates, pair_spans
from trainer.core.errors import ArtifactError
from trainer.core.schema import EventSchema
from trainer.core.types import Link, Span
from trainer.runtime.joining import Completed, Joined, group_articles, join_articles
from trainer.runtime.reading import Reading
from trainer.runtime.tagging import Floats, log_softmax
from trainer.runtime.word_hashes import average_ranges, hash_neighbourhoods, hash_words

EVENT_HEAD = "event_head.safetensors"
_FORMAT = "1"
_REMEDY = "restore the file or train again"


@dataclass(frozen=True, slots=True)
class HeadSettings:
    """What a head predicts, and how it decides.

    Attributes:
        types: Operation types in the order of its outputs; empty where it gives none.
        roles: Roles in the order of its outputs, after the output for "no link"; empty where it gives none.
        threshold: Least probability of a link; chosen on dev.
        width: Numbers in a word's state as `widen_states` gives it.
    """

    types: tuple[str, ...]
    roles: tuple[str, ...]
    threshold: float
    width: int

    def to_metadata(self) -> dict[str, str]:
        """As safetensors keeps it."""
        return {"format": _FORMAT, "settings": json.dumps(asdict(self), ensure_ascii=False)}

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str] | None) -> HeadSettings:
        """The settings of `to_metadata`.

        Raises:
            ArtifactError: They are missing or of another format.
        """
        try:
            if metadata is None or metadata["format"] != _FORMAT:
                raise ArtifactError("the event head is of another format", remedy=_REMEDY)
            raw = json.loads(metadata["settings"])
            return cls(tuple(raw["types"]), tuple(raw["roles"]), float(raw["threshold"]), int(raw["width"]))
        except (KeyError, TypeError, ValueError) as error:
            raise ArtifactError(f"the event head's settings are not valid: {error}", remedy=_REMEDY) from error


class EventHead:
    """Types and links for the spans of an article.

    Args:
        settings: See `HeadSettings`.
        weights: By name, as `trainer.learning.event_net.EventNet` calls them.
    """

    def __init__(self, settings: HeadSettings, weights: Mapping[str, Floats]) -> None:
        self.settings = settings
        self.weights = weights

    def complete(
        self, reading: Reading, spans: Sequence[Span], states: Floats, schema: EventSchema
    ) -> tuple[tuple[Span, ...], tuple[Link, ...]]:
        """The spans with types where they take one, and the links between them.

        Args:
            reading: The article.
            spans: In text order.
            states: ``(words, width)`` state of each word.
            schema: Of the checkpoint.
        """
        return self.complete_all([reading], [spans], [states], schema)[0]

    def complete_all(
        self,
        readings: Sequence[Reading],
        spans: Sequence[Sequence[Span]],
        states: Sequence[Floats],
        schema: EventSchema,
    ) -> list[Completed]:
        """As `complete`, for many articles; those that are short go through the matrices together.

        Args:
            readings: The articles.
            spans: Of each article, in text order.
            states: ``(words, width)`` of each article.
            schema: Of the checkpoint.
        """
        done: list[Completed] = [((), ())] * len(readings)
        for group in group_articles(readings, spans):
            joined = join_articles([(readings[i], spans[i], states[i]) for i in group])
            for index, completed in zip(group, self._complete_joined(joined, schema), strict=True):
                done[index] = completed
        return done

    def _complete_joined(self, joined: Joined, schema: EventSchema) -> list[Completed]:
        states, spans = widen_states(joined.reading, joined.states), joined.spans
        labels = [span.label for span in spans]
        candidates = pair_spans(
            joined.reading.words, joined.reading.paragraphs, joined.first, joined.last, labels, schema
        )
        pooled = pool_spans(states, candidates.first, candidates.last)
        typed = [index for index, span in enumerate(spans) if span.label == schema.typed_label]
        completed = list(spans)
        if typed and self.settings.types:
            for index, best in zip(typed, self.score_types(pooled[typed]).argmax(axis=1), strict=True):
                completed[index] = replace(spans[index], type=self.settings.types[best])
        return joined.divide(completed, self._link(candidates, pooled, states))

    def score_types(self, pooled: Floats) -> Floats:
        """``(operations, types)`` logits of operations given as ``(operations, 2 x width)``."""
        return self._apply("type_output", np.maximum(self._apply("type_hidden", pooled), 0))

    def score_links(self, candidates: Candidates, pooled: Floats, states: Floats) -> Floats:
        """``(pairs, 1 + roles)`` log-probabilities: of no link, then of each role that the pair allows."""
        operations, arguments = candidates.operations, candidates.arguments
        left, right = self._apply("link_left", pooled), self._apply("link_right", pooled)
        hidden = (
            self._apply("link_operation", pooled)[operations]
            + self._apply("link_argument", pooled)[arguments]
            + self._apply("link_product", left[operations] * right[arguments])
            + average_ranges(self._apply("link_between", states), *candidates.between())
            + self._apply("link_structure", candidates.structure)
        )
        logits = self._apply("link_output", np.maximum(hidden, 0))
        logits[:, 1:][~candidates.allowed] = -np.inf
        return log_softmax(logits)

    def _link(self, candidates: Candidates, pooled: Floats, states: Floats) -> tuple[Link, ...]:
        if not len(candidates) or not self.settings.roles:
            return ()
        return decide_links(candidates, self.score_links(candidates, pooled, states), self.settings)

    def _apply(self, name: str, inputs: Floats) -> Floats:
        outputs: Floats = inputs @ self.weights[f"{name}.weight"].T
        bias = self.weights.get(f"{name}.bias")
        return outputs if bias is None else outputs + bias


def decide_links(candidates: Candidates, scores: Floats, settings: HeadSettings) -> tuple[Link, ...]:
    """The likeliest role of each pair where it reaches the threshold, in the order of operations.

    Args:
        candidates: The pairs of an article.
        scores: ``(pairs, 1 + roles)`` log-probabilities.
        settings: Roles and threshold.
    """
    probabilities = np.exp(scores[:, 1:])
    best = probabilities.argmax(axis=1)
    reached = probabilities[np.arange(len(best)), best] >= settings.threshold
    return tuple(
        sorted(
            Link(
                int(candidates.operations[row]),
                int(candidates.arguments[row]),
                settings.roles[best[row]],
                float(probabilities[row, best[row]]),
            )
            for row in np.flatnonzero(reached)
        )
    )


def widen_states(reading: Reading, states: Floats) -> Floats:
    """States as the head reads them: what the tagger gives, then hashed features of words and of what is near them.

    Args:
        reading: The article.
        states: ``(words, width)``; of width 0 where there is no encoder.
    """
    own = hash_words(reading)
    return np.concatenate((states, own, hash_neighbourhoods(reading, own)), axis=1)


def pool_spans(states: Floats, first: NDArray[np.int64], last: NDArray[np.int64]) -> Floats:
    """``(spans, 2 x width)``: the state of each span's first word, then the mean over its words."""
    sizes = last - first
    starts = np.cumsum(sizes) - sizes
    rows = np.arange(int(sizes.sum())) + np.repeat(first - starts, sizes)
    sums = np.add.reduceat(states[rows], starts, axis=0) if len(rows) else states[rows]
    return np.concatenate((states[first], sums / sizes[:, None].astype(np.float32)), axis=1)


def load_event_head(directory: Path, schema: EventSchema) -> EventHead | None:
    """The event head of a run, or None where it has none.

    Args:
        directory: Run directory, already verified.
        schema: Of the run; the head must predict its types and roles.

    Raises:
        ArtifactError: The file is damaged, or belongs to another schema.
    """
    path = directory / EVENT_HEAD
    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="numpy") as file:
            settings = HeadSettings.from_metadata(file.metadata())
            names = file.keys()
            weights = {name: file.get_tensor(name).astype(np.float32, copy=False) for name in names}
    except (SafetensorError, OSError) as error:
        raise ArtifactError(f"the event head cannot be read: {error}", file=path, remedy=_REMEDY) from error
    except ArtifactError as error:
        raise ArtifactError(error.message, file=path, remedy=error.remedy) from error
    roles = tuple(role.name for role in schema.roles)
    if settings.types not in ((), schema.type_names) or settings.roles not in ((), roles):
        raise ArtifactError("the event head belongs to another schema", file=path, remedy=_REMEDY)
    structure = weights.get("link_structure.weight")
    if structure is not None and structure.shape[1] != STRUCTURE:
        raise ArtifactError("the event head was fitted by another version", file=path, remedy="train again")
    return EventHead(settings, weights)
