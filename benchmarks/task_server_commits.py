"""How much of a database's commits hand-out and results use: python -m benchmarks.task_server_commits.

As many rows are changed a commit by the task server's store and by a loop that does nothing else: the same change of a
row, found by its key, on the same tables and settings, with the same driver. SQLite has one writer, which takes
together whatever waits for it, so that a batch is so many callers at once; in PostgreSQL each caller commits on a
connection of its own, and the loop has as many. The hand-out gives a whole batch in one transaction on both.
"""

from __future__ import annotations

import argparse
import asyncio
import sqlite3
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from datetime import timedelta
from typing import Any, Final

from benchmarks.measuring import print_table
from benchmarks.task_server_stage import DATABASES, SQLITE, add_daemons, database, opened
from duplicati_client.protocol.result import Result, Status
from duplicati_client.taskserver.records import Draft
from duplicati_client.taskserver.store.opening import DatabaseStore

BATCHES: Final = (1, 16, 100)
ROUNDS = 3
ROWS_COUNT = 800
RATIO_MIN = 0.6
LEASE = timedelta(seconds=120)
TEXT = "x" * 100
DATA = {"Outcome": "success", "Text": TEXT}
WHICH = "version = version + 1 where daemon_id = %s and number = %s"
END = f"update tasks set state = 'completed', ended_at = %s, outcome = %s, result = %s, result_digest = %s, {WHICH}"
OFFER = f"update tasks set state = 'offered', offered_at = %s, lease_ends_at = %s, offers_count = 1, {WHICH}"
Rows = Sequence[tuple[Any, ...]]
Rate = Callable[[], Awaitable[float]]


def main(arguments: Sequence[str] = ()) -> int:
    """Print the table; the status is 1 if a limit was missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.task_server_commits", description=__doc__)
    parser.add_argument("--database", choices=DATABASES, action="append")
    kinds = parser.parse_args(arguments).database or DATABASES
    rows = []
    for kind in kinds:
        with database(kind) as place:
            ((daemon_id, _),) = add_daemons(place, 1)
            for batch in BATCHES:
                rows += _run(_measure(kind, place, daemon_id, batch))
    head = ["what", "database", "rows a commit", "rows a second", "raw", "ratio", "limit", ""]
    print_table(f"Hand-out and results beside raw commits, median of {ROUNDS} rounds in turns", head, rows)
    return int(any("MISSED" in row for row in rows))


def _run(work: Coroutine[Any, Any, list[list[str]]]) -> list[list[str]]:
    """Run it on the loop that serves, where there is that one."""
    try:
        import uvloop  # noqa: PLC0415 - not on Windows
    except ImportError:
        return asyncio.run(work)
    return uvloop.run(work)


async def _measure(kind: str, place: str, daemon_id: str, batch: int) -> list[list[str]]:
    async with opened(place) as store:
        fleet = _Fleet(store, daemon_id)
        raw = _RawSqlite(place) if kind == SQLITE else _RawPostgres(place)
        await raw.open(batch)
        measured: dict[str, list[float]] = {}
        ways: dict[str, Rate] = {
            "results": lambda: fleet.report(batch),
            "raw for results": lambda: fleet.end_raw(raw, batch, is_one_transaction=kind == SQLITE),
            "hand-out": lambda: fleet.hand_out(batch),
            "raw for hand-out": lambda: fleet.offer_raw(raw, batch),
        }
        for number in range(ROUNDS + 1):
            for name, way in ways.items():
                rate = await way()
                if number:
                    measured.setdefault(name, []).append(rate)
        await raw.close()
    return [_row(name, kind, batch, measured[name], measured[f"raw for {name}"]) for name in ("results", "hand-out")]


def _row(name: str, kind: str, batch: int, rates: Sequence[float], raw: Sequence[float]) -> list[str]:
    ratio = statistics.median(ours / theirs for ours, theirs in zip(rates, raw, strict=True))
    cells = [name, kind, str(batch), f"{statistics.median(rates):.0f}", f"{statistics.median(raw):.0f}"]
    return [*cells, f"{ratio:.2f}", f"{RATIO_MIN}", "kept" if ratio >= RATIO_MIN else "MISSED"]


class _Fleet:
    """Uses the store as routes do; gives the tasks first, which is not measured."""

    def __init__(self, store: DatabaseStore, daemon_id: str) -> None:
        self._tasks, self._daemon_id = store.tasks, daemon_id

    async def _give(self) -> list[int]:
        drafts = [Draft(self._daemon_id, {"Operation": "status"})] * 100
        made = [task for _ in range(ROWS_COUNT // 100) for task in await self._tasks.create(drafts, "benchmark")]
        return [task.number for task in made]

    async def report(self, batch: int) -> float:
        """Let so many daemons' results come at once until all rows are done; return rows a second."""
        numbers = iter(await self._give())

        async def come() -> None:
            for number in numbers:
                await self._tasks.record(self._daemon_id, Result(number, Status.COMPLETED, DATA, 1))

        started = time.perf_counter()
        await asyncio.gather(*(come() for _ in range(batch)))
        return ROWS_COUNT / (time.perf_counter() - started)

    async def hand_out(self, batch: int) -> float:
        """Hand out so many tasks at a time, page after page as a daemon asks for them; return tasks a second."""
        numbers = await self._give()
        after, is_more = 0, True
        started = time.perf_counter()
        while is_more:
            tasks, is_more = await self._tasks.hand_out(self._daemon_id, after, batch, LEASE)
            after = tasks[-1].number if tasks else after
        spent = time.perf_counter() - started
        await self._end(numbers)
        return ROWS_COUNT / spent

    async def end_raw(self, raw: Raw, batch: int, *, is_one_transaction: bool) -> float:
        """End tasks by bare updates, so many a commit; return rows a second."""
        rows = [(1, "success", TEXT, "digest", self._daemon_id, number) for number in await self._give()]
        return await raw.commit(END, rows, batch, is_one_transaction=is_one_transaction)

    async def offer_raw(self, raw: Raw, batch: int) -> float:
        """Offer tasks by bare updates, so many a commit; return rows a second."""
        numbers = await self._give()
        rate = await raw.commit(OFFER, [(1, 2, self._daemon_id, number) for number in numbers], batch)
        await self._end(numbers)
        return rate

    async def _end(self, numbers: Sequence[int]) -> None:
        results = [Result(number, Status.REFUSED, {}, 1) for number in numbers]
        await asyncio.gather(*(self._tasks.record(self._daemon_id, result) for result in results))


class _RawSqlite:
    def __init__(self, place: str) -> None:
        self._connection = sqlite3.connect(place, isolation_level=None)
        for pragma in ("journal_mode=wal", "synchronous=full", "busy_timeout=5000"):
            self._connection.execute(f"pragma {pragma}")

    async def open(self, batch: int) -> None:
        """Nothing waits for it."""

    async def commit(self, text: str, rows: Rows, batch: int, *, is_one_transaction: bool = True) -> float:
        """Change rows, so many a commit; return rows a second."""
        assert is_one_transaction
        written = text.replace("%s", "?")
        started = time.perf_counter()
        for first in range(0, len(rows), batch):
            self._connection.execute("begin immediate")
            for row in rows[first : first + batch]:
                self._connection.execute(written, row)
            self._connection.execute("commit")
        return len(rows) / (time.perf_counter() - started)

    async def close(self) -> None:
        self._connection.close()


class _RawPostgres:
    def __init__(self, place: str) -> None:
        self._place = place
        self._connections: list[Any] = []

    async def open(self, batch: int) -> None:
        """Connect as often as the store may."""
        from psycopg import AsyncConnection  # noqa: PLC0415 - an extra

        for _ in range(min(batch, 16)):
            self._connections.append(await AsyncConnection.connect(self._place, autocommit=True))

    async def commit(self, text: str, rows: Rows, batch: int, *, is_one_transaction: bool = True) -> float:
        """Change rows, a batch in one transaction or each in its own on all connections; return rows a second."""
        started = time.perf_counter()
        if is_one_transaction:
            for first in range(0, len(rows), batch):
                async with self._connections[0].transaction(), self._connections[0].cursor() as cursor:
                    await cursor.executemany(text, rows[first : first + batch])
        else:
            left = iter(rows)

            async def work(connection: Any) -> None:
                for row in left:
                    await connection.execute(text, row)

            await asyncio.gather(*(work(connection) for connection in self._connections))
        return len(rows) / (time.perf_counter() - started)

    async def close(self) -> None:
        for connection in self._connections:
            await connection.close()


Raw = _RawSqlite | _RawPostgres


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
