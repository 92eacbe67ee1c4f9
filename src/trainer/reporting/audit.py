"""The audit as one HTML page: each suspect in its context, right to left, every text escaped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from trainer.annotation.audit import Suspect
from trainer.core.types import Span

_CONTEXT = 120
_STYLE = """
body { font-family: system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; color: #222; background: #fff; }
table { border-collapse: collapse; width: 100%; }
th, td { border-bottom: 1px solid #ddd; padding: .5rem; vertical-align: top; text-align: start; }
td.text { direction: rtl; text-align: right; font: 1.15rem/1.9 "Noto Naskh Arabic", "Noto Sans Arabic", Tahoma, serif; }
mark { background: #ffe08a; padding: 0 .1em; }
.span { display: block; unicode-bidi: isolate; direction: rtl; text-align: right; }
.span b { direction: ltr; unicode-bidi: isolate; font: .75rem system-ui, sans-serif; color: #555; }
"""


def render_audit(suspects: Sequence[Suspect], texts: Mapping[str, str]) -> str:
    """The page.

    Args:
        suspects: In the order shown.
        texts: Text of each article by its id.
    """
    rows = "\n".join(_row(place, suspect, texts[suspect.article]) for place, suspect in enumerate(suspects, start=1))
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Annotation audit</title>'
        f"<style>{_STYLE}</style></head><body>\n<h1>Annotation audit</h1>\n"
        f"<p>{len(suspects)} probable errors, most probable first. A model that never saw the article disagrees with "
        "its annotation at the marked words. Decide by the guidelines, not by the model.</p>\n"
        "<table><thead><tr><th></th><th>score</th><th>article</th><th>suspicion</th><th>context</th>"
        "<th>annotated</th><th>proposed</th><th>elsewhere</th></tr></thead>\n"
        f"<tbody>\n{rows}\n</tbody></table></body></html>\n"
    )


def _row(place: int, suspect: Suspect, text: str) -> str:
    before = text[max(0, suspect.start - _CONTEXT) : suspect.start]
    after = text[suspect.end : suspect.end + _CONTEXT]
    words = text[suspect.start : suspect.end]
    context = f"{escape(before)}<mark>{escape(words)}</mark>{escape(after)}"
    elsewhere = ", ".join(f"{escape(label)} {count}" for label, count in suspect.elsewhere) or "–"
    return (
        f"<tr><td>{place}</td><td>{suspect.score:.2f}</td><td>{escape(suspect.article)}</td>"
        f'<td>{suspect.kind.value}</td><td class="text">{context}</td>'
        f"<td>{_spans(suspect.annotated, text)}</td><td>{_spans(suspect.proposed, text)}</td><td>{elsewhere}</td></tr>"
    )


def _spans(spans: Sequence[Span], text: str) -> str:
    if not spans:
        return "–"
    return "".join(
        f'<span class="span">{escape(text[span.start : span.end])} '
        f"<b>{escape(span.label)}{f' {escape(span.type)}' if span.type else ''}</b></span>"
        for span in spans
    )
