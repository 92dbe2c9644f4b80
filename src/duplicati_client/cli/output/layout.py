"""Draw one thing as a page of labelled values for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..text import measure, neutralise, neutralise_lines, wrap
from .cells import format_value
from .table import colour, render_listing

if TYPE_CHECKING:
    from .pages import Field, Page, Section
    from .table import Look

_INDENT = "  "
# Letters, so that they can be shown everywhere; as wide as each other.
_MARKS = {"ok": "ok", "warning": "! ", "refused": "x ", "skipped": "- ", "not-reached": "  "}


def render_page(page: Page, look: Look) -> str:
    """Return the page, each line ended; values that are unknown are left out, long ones are wrapped."""
    parts = [part for section in page.sections if (part := _render_section(section, look))]
    return "\n".join(parts)


def _render_section(section: Section, look: Look) -> str:
    fields = [field for field in section.fields if field.value is not None and field.value != ""]
    indent = _INDENT if section.title else ""
    lines = [_bold(neutralise(section.title), look)] if section.title else []
    label_width = max((measure(neutralise(field.label)) for field in fields), default=0)
    for field in fields:
        lines += _render_field(field, indent, label_width, look)
    text = "".join(f"{line}\n" for line in lines)
    if section.table is not None and section.table.rows:
        narrower = look._replace(width=look.width - len(indent)) if look.width else look
        text += "".join(f"{indent}{line}\n" for line in render_listing(section.table, narrower).splitlines())
    return text if fields or (section.table is not None and section.table.rows) else ""


def _render_field(field: Field, indent: str, label_width: int, look: Look) -> list[str]:
    label = neutralise(field.label)
    head = f"{indent}{label}{' ' * (label_width - measure(label))}  "
    mark = f"{_MARKS[field.mark]}  " if field.mark else ""
    values = field.value if isinstance(field.value, (list, tuple)) else (field.value,)
    head_width = measure(mark + head)
    room = max(look.width - head_width, 12) if look.width else None
    head = colour(mark, field.mark, look) + head
    lines = []
    for value in values:
        for line in neutralise_lines(format_value(field.kind, value, look.now)).split("\n"):
            for shown in [line] if room is None else wrap(line, room):
                lines.append(head + (colour(shown, shown, look) if field.kind == "outcome" else shown))
                head = " " * head_width
    return lines


def _bold(text: str, look: Look) -> str:
    return f"\x1b[1m{text}\x1b[0m" if look.is_coloured else text
