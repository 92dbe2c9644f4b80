"""Draw a listing as a table that fits the terminal; columns are dropped, then cut, before a line would wrap."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ..text import cut, measure, neutralise, pad
from .cells import RIGHT_ALIGNED, format_values

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from .columns import Column, Listing
    from .pages import Page, StreamRecord

_GAP = "  "
_NARROWEST = 4
# Where lines may be as long as they like, one long text must not widen all of them: it stands out of its column.
_WIDEST = 200
_ENDS_WITH_WORDS = frozenset({"text", "id"})

_COLOURS = {
    "success": "32",
    "warning": "33",
    "error": "31",
    "fatal": "1;31",
    "interrupted": "35",
    "running": "36",
    "queued": "36",
    "unknown": "2",
    "never": "2",
    "ok": "32",
    "refused": "1;31",
}


class Look(NamedTuple):
    """What the place of output can show.

    `width` None means that lines may be as long as they like; times are shown as seen from `now`.
    """

    width: int | None = None
    is_coloured: bool = False
    ellipsis: str = "…"
    is_terminal: bool = False
    now: datetime | None = None


def render_listing(listing: Listing, look: Look) -> str:
    """Return the table with its heading, each line ended; nothing at all for no rows."""
    if not listing.rows:
        return ""
    cells = [_neutralise_column(format_values(column.kind, values, look.now)) for column, values in _by_column(listing)]
    natural = [
        max(len(column.title), _measure_widest(texts)) for column, texts in zip(listing.columns, cells, strict=True)
    ]
    widths = _fit(listing.columns, natural, look.width)
    drawn = []
    for index, width in widths.items():
        column = listing.columns[index]
        is_cut = look.width is not None and width < natural[index]
        drawn.append(_draw_column(column, cells[index], width, look, is_cut=is_cut))
    lines = [line.rstrip() for line in map(_GAP.join, zip(*drawn, strict=True))]
    return "\n".join(lines) + "\n"


def render_page(page: Page, look: Look) -> str:
    """Return a page of labelled values."""
    from .layout import render_page as render  # noqa: PLC0415 - listings need none of it

    return render(page, look)


def render_record(record: StreamRecord, look: Look) -> str:
    """Return the line for people, if there is one, in the colour of an outcome that stands alone at its start."""
    return f"{neutralise(record.text)}\n" if record.text else ""


def colour(text: str, word: str, look: Look) -> str:
    """Colour a text as an outcome is coloured."""
    code = _COLOURS.get(word)
    return f"\x1b[{code}m{text}\x1b[0m" if code and look.is_coloured else text


def _by_column(listing: Listing) -> list[tuple[Column, tuple[object, ...]]]:
    return list(zip(listing.columns, zip(*listing.rows, strict=True), strict=True))


def _neutralise_column(texts: list[str]) -> list[str]:
    if "".join(texts).isprintable():
        return texts
    return [neutralise(text) for text in texts]


def _measure_widest(texts: list[str]) -> int:
    if "".join(texts).isascii():
        return max(map(len, texts))
    return max(map(measure, texts))


def _draw_column(column: Column, texts: list[str], width: int, look: Look, *, is_cut: bool) -> list[str]:
    is_right = column.kind in RIGHT_ALIGNED
    heading = pad(cut(column.title, width, look.ellipsis), width, is_right=is_right)
    if is_cut:
        texts = [cut(text, width, look.ellipsis) for text in texts]
    if "".join(texts).isascii():
        padded = [text.rjust(width) for text in texts] if is_right else [text.ljust(width) for text in texts]
    else:
        padded = [pad(text, width, is_right=is_right) for text in texts]
    if look.is_coloured:
        heading = f"\x1b[1m{heading}\x1b[0m"
        if column.kind == "outcome":
            padded = [colour(cell, cell.strip(), look) for cell in padded]
    return [heading, *padded]


def _fit(columns: Sequence[Column], natural: list[int], width: int | None) -> dict[int, int]:
    shown = list(range(len(columns)))
    if width is None:
        return {index: min(natural[index], _WIDEST) for index in shown}
    floors = [_floor(column, size, width) for column, size in zip(columns, natural, strict=True)]
    while _total(shown, floors) > width:
        last = max(shown, key=lambda index: (columns[index].priority, index))
        if columns[last].priority == 0 or len(shown) == 1:
            break
        shown.remove(last)
    widths = {index: floors[index] for index in shown}
    _share_out(widths, natural, width - _total(shown, floors))
    return widths


def _floor(column: Column, size: int, width: int) -> int:
    return min(size, max(12, width // 3)) if column.kind in _ENDS_WITH_WORDS else size


def _total(shown: list[int], sizes: list[int]) -> int:
    return sum(sizes[index] for index in shown) + len(_GAP) * (len(shown) - 1)


def _share_out(widths: dict[int, int], natural: list[int], spare: int) -> None:
    """Give spare columns to what was cut, or take missing ones from the widest."""
    while spare < 0:
        widest = max(widths, key=lambda index: widths[index])
        if widths[widest] <= _NARROWEST:
            return
        widths[widest] -= 1
        spare += 1
    for index, size in widths.items():
        more = min(spare, natural[index] - size)
        widths[index] = size + more
        spare -= more
