"""PostgreSQL: a pool of connections, a transaction each; replicas hear of each other's changes by NOTIFY."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final, NamedTuple, TypeVar

import psycopg
from psycopg import AsyncConnection
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool, PoolTimeout, TooManyRequests

from ..errors import Overloaded, StoreUnusable
from .database import Change, Query, Rows, Steps, UniqueViolated, Work, load_queries, replace_parameters
from .migrating import migrate

T = TypeVar("T")

_CHANNEL: Final = "duplicati_changes"
_NOTIFY: Final = "select pg_notify(%s, told) from unnest(%s::text[]) as told"
_NOW: Final = "(extract(epoch from statement_timestamp()) * 1000)::bigint"
_CONNECTIONS_MAX = 16
_WAITING_MAX = 4096
_WAIT_SECONDS = 10.0
_CONNECT_SECONDS = 5
_AWAY_SECONDS = 1.0
_TRY_SECONDS = 2.0
"""How long a lost connection is tried again without being asked for: the pause between two tries doubles."""
_STATEMENT_MILLISECONDS = 5000
_CLOSE_SECONDS = 1.0
_CANCEL_SECONDS = 0.2
_LISTEN_AGAIN_SECONDS = 1.0
_TOGETHER_SECONDS = 0.005
"""So long changes are gathered for the other replicas: a transaction for each would cost as much as the change."""
_OPTIONS = f"-c statement_timeout={_STATEMENT_MILLISECONDS} -c idle_in_transaction_session_timeout=30000"


class _Attempt:
    """One work on one connection; it is not tried again once it `may_be_committed`."""

    def __init__(self, connection: AsyncConnection[DictRow], texts: Mapping[str, _Text]) -> None:
        self.may_be_committed = False
        self._connection, self._texts = connection, texts

    async def perform(self, steps: Steps[T]) -> T:
        """Do it in one transaction; first queries that stand alone are one each, which spares journeys."""
        while steps.query is not None and steps.query.stands_alone:
            steps.answer(await self._ask(steps.query))
        if steps.query is not None:
            # What needs no answer travels with what does: the beginning, changes without rows, the commit.
            async with self._connection.pipeline(), self._connection.transaction():
                while steps.query is not None:
                    steps.answer(await self._ask(steps.query))
                self.may_be_committed = True
        return steps.value

    async def _ask(self, query: Query) -> Rows:
        text, has_rows = self._texts[query.name]
        async with self._connection.cursor() as cursor:
            if query.many is not None:
                await cursor.executemany(text, [_fit(parameters) for parameters in query.many])
                return ()
            await cursor.execute(text, _fit(query.parameters))
            return await cursor.fetchall() if has_rows else ()


class Postgres:
    """A `Database` by URL; any number of task servers may use it at once."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._queries = {
            name: _Text(_write_query(text), _has_rows(text)) for name, text in load_queries("postgres").items()
        }
        self._listeners: list[Callable[[Change], None]] = []
        self._listening: asyncio.Task[None] | None = None
        self._is_heard = asyncio.Event()
        self._own = secrets.token_hex(4)
        self._untold: list[Change] = []
        self._telling: asyncio.Task[None] | None = None
        self._is_away = False
        self._pool: AsyncConnectionPool[AsyncConnection[DictRow]] = AsyncConnectionPool(
            url,
            kwargs={
                "row_factory": dict_row,
                "options": _OPTIONS,
                "autocommit": True,
                "connect_timeout": _CONNECT_SECONDS,
            },
            connection_class=AsyncConnection[DictRow],
            min_size=1,
            max_size=_CONNECTIONS_MAX,
            timeout=_WAIT_SECONDS,
            max_waiting=_WAITING_MAX,
            reconnect_timeout=_TRY_SECONDS,
            reconnect_failed=self._note_absence,
            open=False,
        )

    async def open(self) -> None:
        """Bring the tables up to date and connect; raises `StoreUnusable`."""
        await asyncio.to_thread(migrate, "postgresql+psycopg://" + self._url.partition("://")[2])
        try:
            await self._pool.open(wait=True, timeout=_WAIT_SECONDS)
        except PoolTimeout as exc:
            raise StoreUnusable("the database cannot be reached") from exc
        self._listening = asyncio.create_task(self._listen())
        with suppress(TimeoutError):
            await asyncio.wait_for(self._is_heard.wait(), _WAIT_SECONDS)

    async def close(self) -> None:
        """Let go of all connections; what runs has ended before."""
        while self._listening is not None and not self._listening.done():
            self._listening.cancel()  # again: `asyncio.wait_for` may swallow one while it connects
            await asyncio.wait([self._listening], timeout=_CANCEL_SECONDS)
        if self._telling is not None:
            await asyncio.wait([self._telling], timeout=_CLOSE_SECONDS)
        await self._pool.close(_CLOSE_SECONDS)

    def hear(self, listener: Callable[[Change], None]) -> None:
        self._listeners.append(listener)

    async def write(self, work: Callable[[], Work[T]]) -> T:
        return await self._run(work)

    async def read(self, work: Callable[[], Work[T]]) -> T:
        return await self._run(work)

    async def _run(self, work: Callable[[], Work[T]]) -> T:
        changes: list[Change] = []
        value = await self._transact(work, changes)
        self._announce(changes)
        return value

    async def _transact(self, work: Callable[[], Work[T]], changes: list[Change]) -> T:
        """Do it in one transaction; once more, if the connection was lost before anything was committed.

        A connection is not tried out before it is used, which would cost a journey each time.
        """
        try:
            try:
                return await self._try(work, changes)
            except _Lost:
                changes.clear()
                await self._pool.check()
                return await self._try(work, changes)
        except psycopg.errors.UniqueViolation as exc:
            raise UniqueViolated(str(exc.diag.constraint_name)) from exc
        except TooManyRequests as exc:
            raise Overloaded("too much waits for the database already") from exc
        except (psycopg.Error, PoolTimeout, _Lost) as exc:
            raise StoreUnusable(f"the database cannot be used: {type(exc).__name__}") from exc

    async def _try(self, work: Callable[[], Work[T]], changes: list[Change]) -> T:
        """Do it; raises `_Lost` if it is certain that nothing came of it.

        While the database is away nobody waits for it as long as for a connection that others have.
        """
        patience = _AWAY_SECONDS if self._is_away else _WAIT_SECONDS
        async with self._pool.connection(patience) as connection:
            self._is_away = False
            attempt = _Attempt(connection, self._queries)
            try:
                return await attempt.perform(Steps(work(), changes))
            except psycopg.OperationalError as exc:
                if connection.closed and not attempt.may_be_committed:
                    raise _Lost from exc
                raise

    def _note_absence(self, _: object) -> None:
        self._is_away = True

    # --- what others change ---------------------------------------------------------------------------

    def _announce(self, changes: list[Change]) -> None:
        """Tell those here at once, and the others soon: within a transaction NOTIFY lets no two commit together."""
        found = list(dict.fromkeys(changes))
        for change in found:
            for listener in self._listeners:
                listener(change)
        self._untold += found
        if self._untold and (self._telling is None or self._telling.done()):
            self._telling = asyncio.create_task(self._tell_others())

    async def _tell_others(self) -> None:
        while self._untold:
            await asyncio.sleep(_TOGETHER_SECONDS)
            told, self._untold = list(dict.fromkeys(self._untold)), []
            payloads = [f"{change.topic} {change.daemon_id} {change.number} {self._own}" for change in told]
            with suppress(psycopg.Error, PoolTimeout, TooManyRequests):
                async with self._pool.connection() as connection, connection.pipeline(), connection.transaction():
                    await connection.execute("set local synchronous_commit = off")
                    await connection.execute(_NOTIFY, [_CHANNEL, payloads])

    async def _listen(self) -> None:
        """Hear notifications for ever; what comes while the connection is away is missed, and callers look again."""
        while True:
            with suppress(psycopg.Error, OSError):
                async with await AsyncConnection.connect(self._url, autocommit=True) as connection:
                    await connection.execute(f"listen {_CHANNEL}")
                    self._is_heard.set()
                    async for notification in connection.notifies():
                        self._tell(notification.payload)
            await asyncio.sleep(_LISTEN_AGAIN_SECONDS)

    def _tell(self, payload: str) -> None:
        topic, daemon_id, number, origin = payload.split(" ")
        if origin != self._own:
            for listener in self._listeners:
                listener(Change(topic, daemon_id, int(number)))


class _Lost(Exception):
    """The connection was lost before anything was committed on it."""


class _Text(NamedTuple):
    """A query in the driver's form, and whether it gives rows."""

    text: bytes
    has_rows: bool


def _fit(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return them without U+0000, which PostgreSQL keeps in no text: what a daemon said else would never be taken."""
    return {
        name: value.replace("\0", "\ufffd") if isinstance(value, str) else value for name, value in parameters.items()
    }


def _has_rows(text: str) -> bool:
    return "returning" in text or text.lstrip().startswith("select")


def _write_query(text: str) -> bytes:
    """Return a query in the driver's form; the time is the database's."""
    replaced = replace_parameters(text.replace("%", "%%"), lambda name: _NOW if name == "now" else f"%({name})s")
    return replaced.encode()
