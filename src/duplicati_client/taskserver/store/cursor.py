"""Cursors of paged listings: the place of the last row, opaque to whoever hands it back."""

from __future__ import annotations

import base64
import json
from typing import TypeVar

from ..errors import CursorInvalid

P = TypeVar("P", bound=tuple[int | str, ...])
_CHARACTERS_MAX = 1024


def write_cursor(place: tuple[int | str, ...]) -> str:
    """Return a text that a URL takes as it is."""
    return base64.urlsafe_b64encode(json.dumps(place, separators=(",", ":")).encode()).decode().rstrip("=")


def read_cursor(cursor: str | None, start: P) -> P:
    """Return the place, or `start` without a cursor; raises `CursorInvalid` unless its parts are of the same types."""
    if cursor is None:
        return start
    place = _decode(cursor)
    if place is None or [type(part) for part in place] != [type(part) for part in start]:
        raise CursorInvalid("this cursor is none that a page gave")
    return type(start)(place)


def _decode(cursor: str) -> list[int | str] | None:
    if len(cursor) > _CHARACTERS_MAX:
        return None
    try:
        place = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, RecursionError):
        return None
    return place if isinstance(place, list) and all(map(_is_of_ours, place)) else None


def _is_of_ours(part: object) -> bool:
    """Say whether a database takes it: names and ids are printable ASCII."""
    return (
        abs(part) < 2**63 if isinstance(part, int) else isinstance(part, str) and part.isascii() and part.isprintable()
    )
