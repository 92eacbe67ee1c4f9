"""From one annotator's regions, types and arrows to spans and links, with every fault named."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from trainer.annotation.faults import Fault, Kind, Place
from trainer.annotation.repair import repair_utf16, shows_slice, trim_edges
from trainer.annotation.tasks import Region, Relation, TaskAnnotation
from trainer.core.bio import word_range
from trainer.core.schema import EventSchema
from trainer.core.types import Link, Paragraph, Span, Word
from trainer.core.words import split_paragraphs, split_words


@dataclass(frozen=True, slots=True)
class Layout:
    """A text with its words and paragraphs, computed once for all its annotations."""

    text: str
    words: tuple[Word, ...]
    paragraphs: tuple[Paragraph, ...]

    def paragraph_of(self, offset: int) -> int:
        """Index of the paragraph that holds a code point."""
        return bisect_right(self.paragraphs, offset, key=lambda paragraph: paragraph.start) - 1


@dataclass(frozen=True, slots=True)
class Resolution:
    """Spans and links of one annotation, and the region that each span came from."""

    spans: tuple[Span, ...]
    links: tuple[Link, ...]
    regions: tuple[str, ...]
    faults: tuple[Fault, ...]


def lay_out(text: str) -> Layout:
    """Words and paragraphs of a text."""
    words = split_words(text)
    return Layout(text, words, split_paragraphs(text, words))


def resolve_annotation(
    annotation: TaskAnnotation, layout: Layout, place: Place, schema: EventSchema | None = None
) -> Resolution:
    """Spans in text order and links between them; what is faulty is left out and reported.

    Args:
        annotation: As parsed.
        layout: Of the task's text.
        place: The annotation's place, for reports.
        schema: Labels, types and roles to check against; None checks none of them.
    """
    faults: list[Fault] = []
    regions = _settle_offsets(annotation.regions, layout.text, place, faults)
    types = _types_of(annotation, place, schema, faults)
    placed: list[tuple[Span, str]] = []
    for region in regions:
        span = _resolve_region(region, types.get(region.id), layout, place.at(region=region.id), schema, faults)
        if span is not None:
            placed.append((span, region.id))
    placed = _drop_overlaps(sorted(placed, key=lambda pair: pair[0]), place, faults)
    indices = {identifier: index for index, (_, identifier) in enumerate(placed)}
    spans = tuple(span for span, _ in placed)
    marked = {region.id for region in annotation.regions}
    links = _resolve_relations(annotation.relations, spans, indices, marked, layout, place, schema, faults)
    return Resolution(spans, links, tuple(identifier for _, identifier in placed), tuple(faults))


def _settle_offsets(regions: Sequence[Region], text: str, place: Place, faults: list[Fault]) -> tuple[Region, ...]:
    """Regions that lie where they say, after conversion from UTF-16 units where that explains all."""
    settled: dict[str, Region] = {}
    for region in regions:
        if region.id in settled:
            faults.append(place.at(region=region.id).report(Kind.DUPLICATE_REGION, "two regions share one id"))
        else:
            settled[region.id] = region
    wrong = {region.id for region in settled.values() if not shows_slice(region, text)}
    if not wrong:
        return tuple(settled.values())
    repaired = repair_utf16(settled.values(), text)
    if repaired is not None:
        moved = sum(old != new for old, new in zip(settled.values(), repaired, strict=True))
        faults.append(place.report(Kind.OFFSETS_UTF16, f"{moved} regions counted UTF-16 units"))
        return repaired
    for identifier in wrong:
        faults.append(_explain_slice(settled[identifier], text, place.at(region=identifier)))
    return tuple(region for region in settled.values() if region.id not in wrong)


def _explain_slice(region: Region, text: str, place: Place) -> Fault:
    if not 0 <= region.start <= region.end <= len(text):
        message = f"offsets {region.start}:{region.end} are not in the text of {len(text)} code points"
        return place.report(Kind.OUTSIDE_TEXT, message, region.text)
    found = text[region.start : region.end]
    message = f"offsets {region.start}:{region.end} give another text than the region's own"
    if region.text and text.count(region.text) == 1:
        start = text.index(region.text)
        message += f", which stands at {start}:{start + len(region.text)}"
    return place.report(Kind.TEXT_MISMATCH, message, f"{found[:25]} ≠ {(region.text or '')[:25]}")


def _types_of(
    annotation: TaskAnnotation, place: Place, schema: EventSchema | None, faults: list[Fault]
) -> dict[str, str]:
    marked = {region.id for region in annotation.regions}
    types: dict[str, str] = {}
    for identifier, name in annotation.types:
        here = place.at(region=identifier)
        if identifier not in marked:
            faults.append(here.report(Kind.MISPLACED_TYPE, "a type on a region that has no label", name))
        elif identifier in types:
            faults.append(here.report(Kind.TWO_TYPES, "two types on one region", f"{types[identifier]}, {name}"))
        elif schema is not None and name not in schema.type_names:
            faults.append(here.report(Kind.UNKNOWN_TYPE, "a type that the schema does not have", name))
        types.setdefault(identifier, name)
    return types


def _resolve_region(
    region: Region, kind: str | None, layout: Layout, place: Place, schema: EventSchema | None, faults: list[Fault]
) -> Span | None:
    start, end = trim_edges(layout.text, region.start, region.end)
    surface = layout.text[start:end]
    if start == end:
        faults.append(place.report(Kind.EMPTY_SPAN, f"region {region.start}:{region.end} holds no word"))
        return None
    if (start, end) != (region.start, region.end):
        message = f"{region.start}:{region.end} became {start}:{end}"
        faults.append(place.report(Kind.EDGES_TRIMMED, message, surface))
    if len(region.labels) != 1:
        faults.append(place.report(Kind.LABEL_COUNT, f"{len(region.labels)} labels on one region", surface))
        return None
    if layout.paragraph_of(start) != layout.paragraph_of(end - 1):
        faults.append(place.report(Kind.CROSSES_PARAGRAPH, f"span {start}:{end} crosses a paragraph", surface))
        return None
    if word_range(layout.words, start, end) is None:
        faults.append(place.report(Kind.INSIDE_WORD, f"span {start}:{end} begins or ends inside a word", surface))
        return None
    label = region.labels[0]
    if schema is not None:
        faults.extend(_check_label(label, kind, surface, place, schema))
    return Span(start, end, label, kind, region.score)


def _check_label(label: str, kind: str | None, surface: str, place: Place, schema: EventSchema) -> list[Fault]:
    if label not in schema.label_names:
        return [place.report(Kind.UNKNOWN_LABEL, f"label {label!r} is not in the schema", surface)]
    if label == schema.typed_label and kind is None and schema.types:
        return [place.report(Kind.MISSING_TYPE, f"{label} without a type", surface)]
    if label != schema.typed_label and kind is not None:
        return [place.report(Kind.MISPLACED_TYPE, f"{label} with the type {kind!r}", surface)]
    return []


def _drop_overlaps(placed: Sequence[tuple[Span, str]], place: Place, faults: list[Fault]) -> list[tuple[Span, str]]:
    kept: list[tuple[Span, str]] = []
    for span, identifier in placed:
        if kept and span.start < kept[-1][0].end:
            other, other_identifier = kept[-1]
            message = f"{span.label} {span.start}:{span.end} overlaps {other.label} {other.start}:{other.end}"
            faults.append(place.at(region=identifier).report(Kind.OVERLAP, f"{message} (region {other_identifier})"))
        else:
            kept.append((span, identifier))
    return kept


def _resolve_relations(
    relations: Sequence[Relation],
    spans: Sequence[Span],
    indices: dict[str, int],
    marked: set[str],
    layout: Layout,
    place: Place,
    schema: EventSchema | None,
    faults: list[Fault],
) -> tuple[Link, ...]:
    links: list[Link] = []
    for relation in relations:
        if relation.direction == "left":
            faults.append(place.at(region=relation.source).report(Kind.RELATION_REVERSED, "an arrow to the left"))
        ends = (relation.source, relation.target)
        source, target = reversed(ends) if relation.direction == "left" else ends
        here = place.at(region=source)
        shown = f"{source} → {target}"
        if relation.direction not in ("left", "right"):
            faults.append(here.report(Kind.RELATION_DIRECTION, f"direction {relation.direction!r}", shown))
        elif missing := [end for end in (source, target) if end not in marked]:
            faults.append(here.report(Kind.DANGLING_RELATION, f"no region {' or '.join(missing)}", shown))
        elif not relation.roles:
            faults.append(here.report(Kind.RELATION_WITHOUT_ROLE, "a relation without a role", shown))
        elif source in indices and target in indices:  # otherwise the span itself has been reported
            for role in relation.roles:
                link = Link(indices[source], indices[target], role)
                problem = check_link(link, spans, links, layout, schema)
                if problem is None:
                    links.append(link)
                else:
                    faults.append(here.report(*problem, shown))
    return tuple(sorted(links))


def check_link(
    link: Link, spans: Sequence[Span], earlier: Sequence[Link], layout: Layout, schema: EventSchema | None
) -> tuple[Kind, str] | None:
    """What is wrong with a link between these spans, or None; ``earlier`` are the links before it."""
    source, target = spans[link.operation], spans[link.argument]
    if link in earlier:
        return Kind.DUPLICATE_RELATION, f"{link.role} is drawn twice"
    if layout.paragraph_of(source.start) != layout.paragraph_of(target.start):
        return Kind.RELATION_ACROSS_PARAGRAPHS, f"{link.role} crosses a paragraph"
    if schema is not None:
        role = schema.role(link.role)
        if role is None:
            return Kind.UNKNOWN_ROLE, f"role {link.role!r} is not in the schema"
        if (source.label, target.label) != (role.source, role.filler):
            return Kind.WRONG_PAIR, f"{link.role} from {source.label} to {target.label}"
    return None
