"""Columns as data: which fields a kind of thing has, how each is shown, and which go first when room is short."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

SCHEMA = "duplicati-client/1"


class Column(NamedTuple):
    """One field of a listing.

    `name` is its stable name in machine formats, in --columns, --sort and --filter. `kind` is text, id, time (aware
    datetime), size (bytes), seconds, number, outcome or flag. The column with the highest `priority` is dropped
    first on a narrow terminal, 0 is never dropped. What is not `is_shown` appears in machine formats and on request.
    """

    name: str
    title: str
    kind: str = "text"
    priority: int = 5
    is_shown: bool = True


class Listing(NamedTuple):
    """Many things of one kind; each row holds one value a column, None where nothing is known."""

    kind: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Any]]


class Field(NamedTuple):
    """A labelled value of a page; kinds as for `Column`."""

    label: str
    value: Any
    kind: str = "text"


class Section(NamedTuple):
    """A part of a page: fields, and a table below them."""

    title: str
    fields: Sequence[Field] = ()
    table: Listing | None = None


class Page(NamedTuple):
    """One thing: `item` is what programs get, `sections` what people see."""

    kind: str
    item: Mapping[str, Any]
    sections: Sequence[Section]


class StreamRecord(NamedTuple):
    """One line of a stream that goes on: `item` for programs, `text` for people (already one line)."""

    event: str
    item: Mapping[str, Any]
    text: str
