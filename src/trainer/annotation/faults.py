"""What can be wrong with an export, and what to do about each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any

from trainer.core.errors import AnnotationError

_SHOWN = 60
_LISTED = 5


class Severity(Enum):
    """Faults refuse the file, repairs were made in memory, notes are for the reader."""

    FAULT = "fault"
    REPAIR = "repair"
    NOTE = "note"


class Kind(Enum):
    """Every kind of finding: name, severity, remedy."""

    UNREADABLE = ("unreadable", Severity.FAULT, "export the project again as JSON (UTF-8)")
    SHAPE = ("shape", Severity.FAULT, "export the project again as JSON, or correct this value by hand")
    TEXT_CHARACTER = ("text-character", Severity.FAULT, "remove the character from the article and import it again")
    DUPLICATE_ARTICLE = ("duplicate-article", Severity.FAULT, "keep one of the tasks and delete the other")
    OUTSIDE_TEXT = ("outside-text", Severity.FAULT, "delete the region and mark it again")
    TEXT_MISMATCH = ("text-mismatch", Severity.FAULT, "the text or the offsets changed after annotation: mark it again")
    EMPTY_SPAN = ("empty-span", Severity.FAULT, "delete the region, or mark at least one word")
    CROSSES_PARAGRAPH = ("crosses-paragraph", Severity.FAULT, "mark one span in each paragraph")
    INSIDE_WORD = ("inside-word", Severity.FAULT, "move the boundary to the edge of a word; clitics stay inside")
    OVERLAP = ("overlap", Severity.FAULT, "keep the outer of the two spans")
    LABEL_COUNT = ("label-count", Severity.FAULT, "give the region exactly one label")
    UNKNOWN_LABEL = ("unknown-label", Severity.FAULT, "use a label of the schema, or add the label to the schema")
    UNKNOWN_TYPE = ("unknown-type", Severity.FAULT, "use a type of the schema, or add the type to the schema")
    MISSING_TYPE = ("missing-type", Severity.FAULT, "choose the type of this operation")
    TWO_TYPES = ("two-types", Severity.FAULT, "choose one type")
    MISPLACED_TYPE = ("misplaced-type", Severity.FAULT, "remove the type, or label the region as an operation")
    DUPLICATE_REGION = ("duplicate-region", Severity.FAULT, "delete one of the two regions")
    UNKNOWN_REGION_KIND = ("unknown-region-kind", Severity.FAULT, "use <Labels> on <Text> in the labelling config")
    RELATION_WITHOUT_ROLE = ("relation-without-role", Severity.FAULT, "choose its role in the Relations tab")
    UNKNOWN_ROLE = ("unknown-role", Severity.FAULT, "use a role of the schema")
    DANGLING_RELATION = ("dangling-relation", Severity.FAULT, "delete the relation")
    WRONG_PAIR = ("wrong-pair", Severity.FAULT, "draw the relation from the operation to its argument")
    RELATION_ACROSS_PARAGRAPHS = ("relation-across-paragraphs", Severity.FAULT, "link a span of the same paragraph")
    DUPLICATE_RELATION = ("duplicate-relation", Severity.FAULT, "delete one of the two relations")
    RELATION_DIRECTION = ("relation-direction", Severity.FAULT, "set the direction from the operation to its argument")
    OFFSETS_UTF16 = ("offsets-utf16", Severity.REPAIR, "offsets counted UTF-16 units; converted to code points")
    EDGES_TRIMMED = ("edges-trimmed", Severity.REPAIR, "white space or format characters at the edge left out")
    RELATION_REVERSED = ("relation-reversed", Severity.REPAIR, "an arrow to the left was read from its other end")
    NO_ARTICLE_ID = ("no-article-id", Severity.NOTE, "give data.doc_id on import; the task id stands in")
    CRLF = ("crlf", Severity.NOTE, "Label Studio shows two line breaks; import texts with LF")
    CANCELLED = ("cancelled", Severity.NOTE, "a skipped annotation is not used, though it may hold regions")
    EMPTY_ANNOTATION = ("empty-annotation", Severity.NOTE, "submitted without a region: an article without spans")
    NO_ANNOTATION = ("no-annotation", Severity.NOTE, "not annotated yet; not used")
    DRAFTS = ("drafts", Severity.NOTE, "submit or discard the drafts; they are not used")
    IGNORED_RESULT = ("ignored-result", Severity.NOTE, "results of this kind are not used")
    ENCODING = ("encoding", Severity.NOTE, "read as given; UTF-8 without a mark is what other tools expect")

    def __init__(self, label: str, severity: Severity, remedy: str) -> None:
        self.label = label
        self.severity = severity
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class Fault:
    """One finding and where it is.

    Attributes:
        kind: What kind of finding.
        message: What is wrong.
        file: The export.
        task: Label Studio's task id (``#n`` counts from 1 where the task has none).
        article: Article id.
        annotation: Annotation id.
        region: Region id.
        value: The offending value, shortened.
    """

    kind: Kind
    message: str
    file: str
    task: str | None = None
    article: str | None = None
    annotation: str | None = None
    region: str | None = None
    value: str | None = None

    @property
    def severity(self) -> Severity:
        """Fault, repair or note."""
        return self.kind.severity

    @property
    def record(self) -> str:
        """Task, article, annotation and region in one phrase."""
        names = ("task", "article", "annotation", "region")
        return ", ".join(f"{name} {value}" for name in names if (value := getattr(self, name)) is not None)

    def describe(self) -> str:
        """One readable paragraph."""
        value = f" ({self.value})" if self.value else ""
        place = ", ".join(part for part in (self.file, self.record) if part)
        return f"{place}: {self.message}{value}\n  remedy: {self.kind.remedy}"

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        fields = asdict(self)
        return {
            "kind": self.kind.label,
            "severity": self.severity.value,
            "remedy": self.kind.remedy,
            **{key: value for key, value in fields.items() if key != "kind"},
        }


@dataclass(frozen=True, slots=True)
class Place:
    """Where the reader is; reports findings there."""

    file: str
    task: str | None = None
    article: str | None = None
    annotation: str | None = None
    region: str | None = None

    def at(
        self,
        task: str | None = None,
        article: str | None = None,
        annotation: str | None = None,
        region: str | None = None,
    ) -> Place:
        """The same place, narrowed down; what is None stays as it was."""
        return Place(
            self.file,
            task or self.task,
            article or self.article,
            annotation or self.annotation,
            region or self.region,
        )

    def report(self, kind: Kind, message: str, value: object = None) -> Fault:
        """A finding here."""
        shown = None if value is None else shorten(value)
        return Fault(kind, message, self.file, self.task, self.article, self.annotation, self.region, shown)


def shorten(value: object) -> str:
    """A value in at most 60 characters, safe to print and to encode."""
    text = value if isinstance(value, str) else repr(value)
    text = text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
    return text.encode("utf-8", "backslashreplace").decode("utf-8").replace("\n", "\\n").replace("\x00", "\\0")


def refuse_faults(faults: Iterable[Fault]) -> None:
    """Raise where there is at least one fault (repairs and notes pass).

    Raises:
        AnnotationError: Lists the first faults and how many there are.
    """
    found = [fault for fault in faults if fault.severity is Severity.FAULT]
    if not found:
        return
    first = found[0]
    if len(found) == 1:
        value = f" ({first.value})" if first.value else ""
        raise AnnotationError(first.message + value, file=first.file, record=first.record, remedy=first.kind.remedy)
    lines = [f"  {fault.file}, {fault.record}: {fault.message}" for fault in found[1:_LISTED]]
    more = f"\n  … and {len(found) - _LISTED} more" if len(found) > _LISTED else ""
    raise AnnotationError(
        f"{first.message} ({first.value}); {len(found)} faults in all:\n" + "\n".join(lines) + more,
        file=first.file,
        record=first.record,
        remedy=f"{first.kind.remedy}; `python -m trainer annotations validate` lists every fault",
    )
