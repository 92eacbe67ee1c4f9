"""Extractions as HTML: right to left, spans in the schema's colours, nothing of the text executed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from trainer.core.schema import EventSchema
from trainer.core.types import Event, Span
from trainer.runtime.result import Extraction

_STYLE = """
.ee-page{color-scheme:light dark;margin:0;padding:1.5rem 1rem;background:#f3f5f7}
.ee-article{direction:rtl;unicode-bidi:isolate;font:1.1rem/2.2 'Noto Naskh Arabic','Noto Sans Arabic',serif;
 max-width:52rem;margin:0 auto 1.25rem;padding:1rem 1.25rem;border:1px solid #d0d4da;border-radius:.6rem;
 background:#fff;color:#16191d;text-align:right}
.ee-text{white-space:pre-wrap;overflow-wrap:anywhere}
.ee-article mark{color:inherit;background:color-mix(in srgb,var(--c) 20%,transparent);
 border-bottom:2px solid var(--c);border-radius:.2rem;padding:.05rem .2rem;
 -webkit-box-decoration-break:clone;box-decoration-break:clone}
.ee-article mark small{font:600 .65rem/1 'Noto Sans Arabic',sans-serif;margin-inline-start:.3rem;opacity:.75;
 display:inline-block;white-space:nowrap;user-select:none}
.ee-id{direction:ltr;unicode-bidi:isolate;font:.75rem monospace;color:#5b636e;text-align:left;overflow-wrap:anywhere}
.ee-events{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(15rem,100%),1fr));gap:.6rem;margin-top:.8rem;
 padding-top:.8rem;border-top:1px solid #d0d4da}
.ee-event{border-inline-start:3px solid #8a93a0;padding:.1rem .7rem;font-size:.95rem;line-height:1.7;
 overflow-wrap:anywhere}
.ee-event i{font-style:normal;color:#5b636e}
@media (prefers-color-scheme:dark){.ee-page{background:#14171b}.ee-article{background:#1d2126;color:#e8eaed;
 border-color:#3a4048}.ee-events{border-color:#3a4048}.ee-id,.ee-event i{color:#a5adb8}
 .ee-article mark{background:color-mix(in srgb,var(--c) 38%,transparent)}}
@media print{.ee-article{break-inside:avoid}}
"""
# The caption is a box of its own (inline-block): Arabic letters join across elements, and would join the span's last.
_ROLES = (("agents", "الفاعل"), ("targets", "المستهدف"), ("places", "المكان"))
_PAGE_HEAD = (
    '<!doctype html>\n<html lang="ar" dir="rtl"><head><meta charset="utf-8">'
    '<meta name="viewport" content="width=device-width,initial-scale=1">'
    f"<title>استخراج الأحداث</title><style>{_STYLE}</style></head><body class='ee-page'>\n"
)
_PAGE_FOOT = "</body></html>\n"


def render_page(extractions: Iterable[Extraction]) -> str:
    """A complete page of articles."""
    return _PAGE_HEAD + "\n".join(_render_body(extraction) for extraction in extractions) + "\n" + _PAGE_FOOT


def page_head() -> str:
    """What stands before the articles of a page that is written piece by piece."""
    return _PAGE_HEAD


def page_foot() -> str:
    """What stands behind them."""
    return _PAGE_FOOT


def render_article(extraction: Extraction) -> str:
    """One article with its style, for a notebook's cell."""
    return f"<style>{_STYLE}</style>{_render_body(extraction)}"


def render_fragment(extraction: Extraction) -> str:
    """One article without style, for a page that has it."""
    return _render_body(extraction)


def _render_body(extraction: Extraction) -> str:
    name = f'<div class="ee-id">{_safe(extraction.id)}</div>' if extraction.id else ""
    events = "".join(_render_event(extraction, event) for event in extraction.events)
    cards = f'<div class="ee-events">{events}</div>' if events else ""
    return f'<article class="ee-article">{name}<div class="ee-text">{_render_text(extraction)}</div>{cards}</article>'


def _render_text(extraction: Extraction) -> str:
    parts: list[str] = []
    end = 0
    for span in extraction.spans:
        parts.append(_safe(extraction.text[end : span.start]))
        parts.append(_render_span(extraction, span))
        end = span.end
    return "".join([*parts, _safe(extraction.text[end:])])


def _render_span(extraction: Extraction, span: Span) -> str:
    label = next(label for label in extraction.schema.labels if label.name == span.label)
    caption = _arabic_type(extraction.schema, span.type) or label.arabic or label.name
    score = "" if span.score is None else f' title="{_safe(label.name)} {span.score:.0%}"'
    return (
        f'<mark style="--c:{_safe(label.colour)}"{score}>{_safe(extraction.surface(span))}'
        f"<small>{_safe(caption)}</small></mark>"
    )


def _render_event(extraction: Extraction, event: Event) -> str:
    head = _safe(extraction.surface(event.trigger))
    kind = _arabic_type(extraction.schema, event.type)
    rows = [f"<b>{head}</b>{f' <i>{_safe(kind)}</i>' if kind else ''}"]
    for attribute, title in _ROLES:
        spans: Sequence[Span] = getattr(event, attribute)
        if spans:
            rows.append(f"<i>{title}:</i> " + "، ".join(_safe(extraction.surface(span)) for span in spans))
    return f'<div class="ee-event">{"<br>".join(rows)}</div>'


def _arabic_type(schema: EventSchema, name: str | None) -> str:
    found = next((kind for kind in schema.types if kind.name == name), None)
    return (found.arabic or found.name) if found else ""


def _safe(text: str) -> str:
    """Escaped, and without what UTF-8 cannot carry."""
    return escape(text.encode("utf-8", "replace").decode("utf-8"), quote=True)
