"""Write only the ids of a listing, one a line, to be given to the next command."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ... import errors

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .columns import Listing
    from .pages import Page, StreamRecord
    from .table import Look


def render_listing(listing: Listing, look: Look) -> str:
    """Return the first column that is an id, one line each, after `SERVER/` if several servers were asked."""
    kinds = [column.kind for column in listing.columns]
    names = [column.name for column in listing.columns]
    if "id" not in kinds:
        raise errors.UsageInvalid(f"{listing.kind} have no ids", hint="choose another --output")
    index = kinds.index("id")
    if names[0] == "server":
        return _write(f"{row[0]}/{row[index]}" for row in listing.rows)
    return _write(str(row[index]) for row in listing.rows)


def render_page(page: Page, look: Look) -> str:
    """Return the one id."""
    if page.item_id is None:
        raise errors.UsageInvalid(f"a {page.kind} has no id", hint="choose another --output")
    return _write([page.item_id])


def render_record(record: StreamRecord, look: Look) -> str:
    """Return the id of a result, nothing for what is none."""
    return _write([record.record_id]) if record.record_id is not None else ""


def _write(ids: Iterable[str]) -> str:
    """Refuse an id that would be more than a line, because it would be read as several."""
    lines = []
    for text in ids:
        if not text or not text.isprintable():
            raise errors.NotUnderstood("the server gave an id that is not one line", hint="use --output json")
        lines.append(f"{text}\n")
    return "".join(lines)
