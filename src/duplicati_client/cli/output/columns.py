"""Columns as data: which fields a kind of thing has, how each is shown, and which go first when room is short."""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter
from typing import Any, NamedTuple

SCHEMA = "duplicati-client/1"


class Column(NamedTuple):
    """One field of a listing.

    `name` is its stable name in machine formats, in --columns, --sort and --filter. `kind` is text, id, time (aware
    datetime), size (bytes), seconds, number, outcome or flag. The column with the highest `priority` is dropped
    first on a narrow terminal, 0 is never dropped. What is not `is_shown` appears in machine formats and on request.
    `about` says in a few words what the value is: for the page of names, and where a shell offers the columns.
    """

    name: str
    title: str
    kind: str = "text"
    priority: int = 5
    is_shown: bool = True
    about: str = ""


class Failure(NamedTuple):
    """One server of several that gave no answer: the error's code and words, and the exit status of it alone."""

    server: str
    code: str
    message: str
    hint: str | None
    status: int


class Listing(NamedTuple):
    """Many things of one kind; each row holds one value a column, None where nothing is known.

    `errors` tells of the servers without an answer where several were asked; None where it was one.
    """

    kind: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Any]]
    errors: Sequence[Failure] | None = None

    def shown(self) -> Listing:
        """Return the columns that people see if they do not choose."""
        if all(column.is_shown for column in self.columns):
            return self
        return self.narrowed([at for at, column in enumerate(self.columns) if column.is_shown])

    def narrowed(self, chosen: Sequence[int]) -> Listing:
        """Return only the columns at these places, in this order."""
        columns = [self.columns[at] for at in chosen]
        if len(chosen) == 1:
            return self._replace(columns=columns, rows=[(row[chosen[0]],) for row in self.rows])
        return self._replace(columns=columns, rows=list(map(itemgetter(*chosen), self.rows)))
