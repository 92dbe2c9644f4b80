"""Write only the ids of a listing, one a line, to be given to the next command."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ... import errors

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .columns import Listing


def render_listing(listing: Listing) -> str:
    """Return the first column that is an id, one line each, after `SERVER/` if several servers were asked."""
    kinds = [column.kind for column in listing.columns]
    names = [column.name for column in listing.columns]
    if "id" not in kinds:
        raise errors.UsageInvalid(f"{listing.kind} have no ids", hint="choose another --output")
    index = kinds.index("id")
    if names[0] == "server":
        return render_ids(f"{row[0]}/{row[index]}" for row in listing.rows)
    return render_ids(str(row[index]) for row in listing.rows)


def render_ids(ids: Iterable[str]) -> str:
    """Return a line each; an id that would be more than a line is refused, because it would be read as several."""
    lines = []
    for text in ids:
        if not text or not text.isprintable():
            raise errors.NotUnderstood("the server gave an id that is not one line", hint="use --output json")
        lines.append(f"{text}\n")
    return "".join(lines)
