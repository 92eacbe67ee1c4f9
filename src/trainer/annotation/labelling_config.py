"""Label Studio's labelling configuration, generated from the event schema.

The style part is what it takes to mark Arabic comfortably: right-to-left lines, a font with
Arabic glyphs on highlighted text too, and the labels in a bar that stays in sight.
"""

from __future__ import annotations

import difflib
from pathlib import Path
from xml.sax.saxutils import quoteattr

from trainer.annotation.tasks import SPAN_CONTROL, TEXT_KEY, TYPE_CONTROL
from trainer.core.errors import SchemaError
from trainer.core.schema import EventSchema, Label

_STYLE = """\
  <Style>
    .lsf-htx-richtext { direction: rtl !important; text-align: right; unicode-bidi: isolate; }
    .lsf-htx-richtext, .lsf-htx-richtext .lsf-richtext__line, .lsf-htx-richtext .htx-highlight {
      font-family: "Noto Naskh Arabic", "Noto Sans Arabic", "Geeza Pro", "Segoe UI", Tahoma, sans-serif !important;
      font-size: 20px !important; line-height: 1.9 !important; white-space: pre-wrap; }
    .lsf-htx-richtext .htx-highlight::after { unicode-bidi: isolate; direction: ltr; }
    .label-bar { position: sticky; top: 0; z-index: 5; padding: 4px 0; background: \
var(--color-neutral-background, #fff);
      display: flex; gap: 24px; align-items: center; }
  </Style>
"""


def render_labelling_config(schema: EventSchema) -> str:
    """The configuration as XML text: labels, types of the typed label, roles."""
    return "\n".join(
        [
            "<View>",
            _STYLE + '  <View className="label-bar">',
            f'    <Labels name="{SPAN_CONTROL}" toName="{TEXT_KEY}" choice="single" showInline="true">',
            *(f"      <Label {_label(label)}{_hotkey(label.hotkey)}/>" for label in schema.labels),
            "    </Labels>",
            *_types(schema),
            "  </View>",
            f'  <Text name="{TEXT_KEY}" value="${TEXT_KEY}" granularity="word" showLabels="true"/>',
            *_roles(schema),
            "</View>",
        ]
    )


def check_labelling_config(path: Path, schema: EventSchema) -> None:
    """Refuse a configuration file that the schema would not give.

    Raises:
        SchemaError: Lists the first differing lines.
    """
    remedy = "write it again with `python -m trainer annotations config`"
    try:
        found = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SchemaError(f"cannot be read: {error}", file=path, remedy=remedy) from error
    wanted = render_labelling_config(schema)
    if found != wanted:
        lines = difflib.unified_diff(found.splitlines(), wanted.splitlines(), "file", "schema", lineterm="", n=0)
        changes = [line for line in lines if line[:1] in "+-" and line[:3] not in ("+++", "---")]
        shown = "\n".join(changes[:10])
        raise SchemaError(f"differs from the schema in {len(changes)} lines:\n{shown}", file=path, remedy=remedy)


def _types(schema: EventSchema) -> list[str]:
    if not schema.types or schema.typed_label is None:
        return []
    when = f'visibleWhen="region-selected" whenTagName="{SPAN_CONTROL}" whenLabelValue={quoteattr(schema.typed_label)}'
    return [
        f"    <View {when}>",
        f'      <Choices name="{TYPE_CONTROL}" toName="{TEXT_KEY}" perRegion="true" choice="single" layout="inline">',
        *(f"        <Choice value={quoteattr(kind.name)}{_hotkey(kind.hotkey)}/>" for kind in schema.types),
        "      </Choices>",
        "    </View>",
    ]


def _roles(schema: EventSchema) -> list[str]:
    if not schema.roles:
        return []
    roles = (
        f"    <Relation value={quoteattr(role.name)} background={quoteattr(role.colour)}/>" for role in schema.roles
    )
    return ["  <Relations>", *roles, "  </Relations>"]


def _label(label: Label) -> str:
    return f"value={quoteattr(label.name)} background={quoteattr(label.colour)}"


def _hotkey(key: str) -> str:
    return f" hotkey={quoteattr(key)}" if key else ""
