"""The seam between work and databases: work asks by the name of a query, a database knows the text and the driver.

Work is a generator that yields queries and is sent their rows, so that it is written once: SQLite runs it in its one
writing thread, many together in a commit; PostgreSQL runs it on a connection of its pool.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Mapping, Sequence
from importlib import resources
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

T = TypeVar("T")

Row = Mapping[str, Any]
Rows = Sequence[Row]


class Query(NamedTuple):
    """A query by name with its parameters, or with `many` a statement for each of them, which gives no rows.

    One that `stands_alone` comes before all others, and once it has changed something the work changes nothing more: it
    may be committed by itself. Doing it twice does no harm.
    """

    name: str
    parameters: Mapping[str, Any] = {}
    many: Sequence[Mapping[str, Any]] | None = None
    stands_alone: bool = False


Work = Generator[Query, Rows, T]

ANNOUNCE = "announce"
"""The query that tells everybody, once the work is durable, that something changed: a task, an access, settings."""


class Change(NamedTuple):
    """What `ANNOUNCE` told: tasks of a daemon changed (one, or several: 0), who may come in, or the settings."""

    topic: str
    daemon_id: str
    number: int = 0


class Steps(Generic[T]):
    """A work on its way: `query` is what it asks now, None once it is over and has its `value`."""

    def __init__(self, work: Work[T], changes: list[Change]) -> None:
        self.query: Query | None = None
        self._work, self._changes = work, changes
        self._value: list[T] = []
        self._take(lambda: next(work))

    @property
    def value(self) -> T:
        """What it came to, once it is over."""
        return self._value[0]

    def answer(self, rows: Rows) -> None:
        """Go on with the rows that were asked for."""
        self._take(lambda: self._work.send(rows))

    def _take(self, step: Callable[[], Query]) -> None:
        try:
            self.query = step()
            while self.query.name == ANNOUNCE:
                self._changes.append(Change(**self.query.parameters))
                self.query = self._work.send(())
        except StopIteration as end:
            self.query = None
            self._value.append(end.value)


class Database(Protocol):
    """A database; every method may be called from any task of one event loop."""

    async def write(self, work: Callable[[], Work[T]]) -> T:
        """Do all of it or nothing; it is durable on return. May be called anew by itself, so `work` makes it anew."""

    async def read(self, work: Callable[[], Work[T]]) -> T:
        """Do what changes nothing."""

    def hear(self, listener: Callable[[Change], None]) -> None:
        """Call back in the event loop after each change, here or by another replica; some may be missed."""

    async def open(self) -> None:
        """Connect, and bring the tables to what this release needs; raises `StoreUnusable`."""

    async def close(self) -> None:
        """Finish what runs and let go."""


class UniqueViolated(Exception):
    """There is a row with this key already; the work that wanted another was undone."""


def one(rows: Rows) -> Row | None:
    """Return the only row there is, or None."""
    return rows[0] if rows else None


_NAME = re.compile(r"^-- name: ([a-z_]+)$", re.MULTILINE)
_PARAMETER = re.compile(r"(?<![:\w]):([a-z_]+)")  # not the `::` of a cast


def load_queries(dialect: str) -> dict[str, str]:
    """Read the texts by name; those in a folder of the dialect's name come before the common ones."""
    folder = resources.files(__package__) / "sql"
    found: dict[str, str] = {}
    for place in (folder, folder / dialect):
        for file in place.iterdir() if place.is_dir() else ():
            if file.name.endswith(".sql"):
                found.update(_split(file.read_text(encoding="utf-8")))
    return found


def replace_parameters(text: str, write: Callable[[str], str]) -> str:
    """Return a query with each `:name` as a driver wants it."""
    return _PARAMETER.sub(lambda match: write(match[1]), text)


def _split(text: str) -> dict[str, str]:
    parts = _NAME.split(text)
    return {name: body.strip().rstrip(";") for name, body in zip(parts[1::2], parts[2::2], strict=True)}
