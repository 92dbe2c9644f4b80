"""SQLite: one thread writes, all that wait for it in one commit; others read. For one task server on one machine.

A single row by its key is read in the loop itself: sooner done than a thread is woken.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from typing import Any, Final, NamedTuple, TypeVar

from ..errors import Overloaded, StoreUnusable
from .database import Change, Query, Rows, Steps, UniqueViolated, Work, load_queries
from .migrating import migrate

T = TypeVar("T")

_BATCH_COUNT: Final = 256
_READERS_COUNT = 2
_BUSY_MILLISECONDS = 5000
_OLDEST = (3, 35)
_WAITING_MAX: Final = 4096
"""How much may wait for the writer, or for a reader: more would only wait longer, in memory."""


_OF_THE_WORK = (sqlite3.DataError, sqlite3.ProgrammingError)
"""Failures of one work; all others are the database's, and so of the whole batch."""


class _Waiting(NamedTuple):
    """Work that waits for the writer, and who waits for it."""

    work: Callable[[], Work[Any]]
    loop: asyncio.AbstractEventLoop
    done: asyncio.Future[Any]


_Ended = tuple[asyncio.Future[Any], Any, BaseException | None]


class Sqlite:
    """A `Database` in one file; `now` gives milliseconds since 1970."""

    def __init__(self, path: str, now: Callable[[], int]) -> None:
        self.path = path
        self._now = now
        self._queries = load_queries("sqlite")
        self._waiting: SimpleQueue[_Waiting | None] = SimpleQueue()  # None: nothing comes after it
        self._is_closing = False
        self._listeners: list[Callable[[Change], None]] = []
        self._writer = threading.Thread(target=self._write_all, name="sqlite-writer", daemon=True)
        self._readers = ThreadPoolExecutor(_READERS_COUNT, "sqlite-reader")
        # All connections are open from the start: files may be few later.
        self._written: sqlite3.Connection
        self._near: sqlite3.Connection
        self._resting: list[sqlite3.Connection] = []
        self._reading_count = 0

    async def open(self) -> None:
        """Bring the tables up to date and start the writer; raises `StoreUnusable`."""
        if sqlite3.sqlite_version_info < _OLDEST:
            raise StoreUnusable(f"SQLite {sqlite3.sqlite_version} is too old", hint="3.35 or later is needed")
        await asyncio.to_thread(migrate, f"sqlite:///{self.path}")
        try:
            self._written, self._near, *self._resting = [self._connect() for _ in range(2 + _READERS_COUNT)]
        except sqlite3.Error as exc:
            raise StoreUnusable(f"the database cannot be opened: {exc}") from exc
        self._writer.start()

    async def close(self) -> None:
        """Finish what waits, then let go."""
        self._is_closing = True
        self._waiting.put(None)
        if self._writer.ident is not None:
            await asyncio.to_thread(self._writer.join)
            self._near.close()
        await asyncio.to_thread(self._readers.shutdown)
        while self._resting:
            self._resting.pop().close()

    def hear(self, listener: Callable[[Change], None]) -> None:
        self._listeners.append(listener)

    async def write(self, work: Callable[[], Work[T]]) -> T:
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()
        if self._is_closing:
            raise StoreUnusable("the task server is stopping")
        if self._waiting.qsize() >= _WAITING_MAX:
            raise Overloaded("too much waits for the database already")
        self._waiting.put(_Waiting(work, loop, done))
        return await done

    async def read(self, work: Callable[[], Work[T]]) -> T:
        if self._is_closing:
            raise StoreUnusable("the task server is stopping")
        if self._reading_count >= _WAITING_MAX:
            raise Overloaded("too much waits for the database already")
        try:
            steps = self._begin_reading(work)
            return steps.value if steps.query is None else await self._read_in_thread(steps)
        except sqlite3.Error as exc:
            raise StoreUnusable(f"the database cannot be read: {exc}") from exc

    # --- the writing thread ---------------------------------------------------------------------------

    def _write_all(self) -> None:
        try:
            while batch := self._take():
                self._write_batch(self._written, batch)
        finally:
            self._written.close()

    def _take(self) -> list[_Waiting]:
        """Wait for work and return what waits by then; nothing once it is time to end."""
        batch: list[_Waiting] = []
        while len(batch) < _BATCH_COUNT and (not batch or not self._waiting.empty()):
            waiting = self._waiting.get()
            if waiting is None:
                self._waiting.put(None)
                break
            batch.append(waiting)
        return batch

    def _write_batch(self, connection: sqlite3.Connection, batch: list[_Waiting]) -> None:
        """Do all works and commit once; a failed commit fails them all. The loop is told of all of them at once."""
        changes: list[Change] = []
        try:
            ended = self._write_together(connection, batch, changes) or self._write_apart(connection, batch, changes)
        except sqlite3.Error as exc:
            if connection.in_transaction:
                connection.rollback()
            failure = StoreUnusable(f"the database cannot be written: {exc}")
            ended, changes = [(waiting.done, None, failure) for waiting in batch], []
        batch[0].loop.call_soon_threadsafe(self._settle_all, ended, list(dict.fromkeys(changes)))

    def _write_together(
        self, connection: sqlite3.Connection, batch: list[_Waiting], changes: list[Change]
    ) -> list[_Ended] | None:
        """Do them with nothing between; None, and nothing done, if one failed after it had changed something."""
        ended: list[_Ended] = []
        connection.execute("begin immediate")
        for waiting in batch:
            before, told = connection.total_changes, len(changes)
            try:
                ended.append((waiting.done, self._finish(connection, Steps(waiting.work(), changes)), None))
            except Exception as exc:  # whoever waits for it gets it
                if _is_of_the_database(exc):
                    raise
                if connection.total_changes != before:
                    connection.rollback()
                    changes.clear()
                    return None
                del changes[told:]
                ended.append((waiting.done, None, exc))
        connection.execute("commit")
        return ended

    def _write_apart(
        self, connection: sqlite3.Connection, batch: list[_Waiting], changes: list[Change]
    ) -> list[_Ended]:
        """Do each under a savepoint of its own, so that one that fails is undone alone."""
        ended: list[_Ended] = []
        connection.execute("begin immediate")
        for waiting in batch:
            told = len(changes)
            connection.execute("savepoint work")
            try:
                ended.append((waiting.done, self._finish(connection, Steps(waiting.work(), changes)), None))
            except Exception as exc:  # whoever waits for it gets it
                if _is_of_the_database(exc):
                    raise
                connection.execute("rollback to work")
                del changes[told:]
                ended.append((waiting.done, None, exc))
            connection.execute("release work")
        connection.execute("commit")
        return ended

    def _settle_all(self, ended: list[_Ended], changes: list[Change]) -> None:
        for done, value, exception in ended:
            _settle(done, value, exception)
        self._tell(changes)

    def _tell(self, changes: list[Change]) -> None:
        for change in changes:
            for listener in self._listeners:
                listener(change)

    # --- reading --------------------------------------------------------------------------------------

    def _begin_reading(self, work: Callable[[], Work[T]]) -> Steps[T]:
        """Ask what stands alone at once; whatever comes after it is for a thread."""
        steps = Steps(work(), [])
        while steps.query is not None and steps.query.stands_alone:
            steps.answer(self._ask(self._near, steps.query))
        return steps

    async def _read_in_thread(self, steps: Steps[T]) -> T:
        self._reading_count += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._readers, self._read, steps)
        finally:
            self._reading_count -= 1

    def _read(self, steps: Steps[T]) -> T:
        connection = self._resting.pop()
        try:
            connection.execute("begin")
            return self._finish(connection, steps)
        finally:
            if connection.in_transaction:
                connection.rollback()
            self._resting.append(connection)

    # --- both -----------------------------------------------------------------------------------------

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
        connection.row_factory = sqlite3.Row
        for pragma in ("journal_mode=wal", "synchronous=full", "foreign_keys=on", f"busy_timeout={_BUSY_MILLISECONDS}"):
            connection.execute(f"pragma {pragma}")
        return connection

    def _finish(self, connection: sqlite3.Connection, steps: Steps[T]) -> T:
        while steps.query is not None:
            steps.answer(self._ask(connection, steps.query))
        return steps.value

    def _ask(self, connection: sqlite3.Connection, query: Query) -> Rows:
        text, now = self._queries[query.name], {"now": self._now()}
        try:
            if query.many is not None:
                connection.executemany(text, [{**now, **parameters} for parameters in query.many])
                return ()
            return [dict(row) for row in connection.execute(text, {**now, **query.parameters})]
        except sqlite3.IntegrityError as exc:
            raise UniqueViolated(str(exc)) from exc


def _is_of_the_database(exc: Exception) -> bool:
    """Say whether it means that nothing can be written, and not that one work cannot be done."""
    return isinstance(exc, sqlite3.DatabaseError) and not isinstance(exc, _OF_THE_WORK)


def _settle(done: asyncio.Future[Any], value: Any, exception: BaseException | None) -> None:
    if done.cancelled():
        return
    if exception is not None:
        done.set_exception(exception)
    else:
        done.set_result(value)
