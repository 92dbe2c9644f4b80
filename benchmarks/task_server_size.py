"""What polls, fetches, results and lists cost in a large store and a small one: python -m benchmarks.task_server_size.

The small one has 1,000 tasks, the large one 1,000,000 that are finished and 100,000 that are open, of which the daemon
that is asked for has as many open ones as in the small store, and 5,000 times as many finished ones as the others have
on average. Both are asked in turns, through the store, so that nothing of HTTP hides a difference.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sqlite3
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack
from datetime import timedelta
from typing import Any, Final, NamedTuple

from benchmarks.measuring import print_table, verdict
from benchmarks.task_server_stage import DATABASES, SQLITE, add_daemons, database, opened
from duplicati_client.protocol.result import Result, Status
from duplicati_client.taskserver.records import OPEN, Draft
from duplicati_client.taskserver.store.interface import TaskQuery
from duplicati_client.taskserver.store.opening import DatabaseStore

ROUNDS = 60
DAEMONS_COUNT = 1000
RATIO_MAX = 1.5
OPEN_COUNT = 200
ASKED_FINISHED_SHARE = 0.2
LEASE = timedelta(seconds=120)
COLUMNS: Final = (
    "daemon_id", "number", "content", "state", "attempt", "offers_count", "created_at", "created_by", "expires_at",
    "ended_at", "is_cancel_wanted", "outcome", "result", "result_digest", "version",
)  # fmt: skip


class Size(NamedTuple):
    """How many tasks a store has."""

    finished: int
    open: int


SMALL = Size(800, OPEN_COUNT)


class Fleet(NamedTuple):
    """A store with the daemon that is asked for."""

    store: DatabaseStore
    daemon_id: str


def main(arguments: Sequence[str] = ()) -> int:
    """Print the table; the status is 1 if a limit was missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.task_server_size", description=__doc__)
    parser.add_argument("--database", choices=DATABASES, action="append")
    parser.add_argument("--finished", type=int, default=1_000_000)
    parser.add_argument("--open", type=int, default=100_000)
    options = parser.parse_args(arguments)
    large = Size(options.finished, options.open)
    rows = [row for kind in options.database or DATABASES for row in _measure(kind, large)]
    title = f"{large.finished:,} finished and {large.open:,} open tasks beside {sum(SMALL):,}, ms, median of {ROUNDS}"
    print_table(title, ["what", "database", "small", "large", "ratio", "limit", ""], rows)
    return int(any("MISSED" in row for row in rows))


def _measure(kind: str, large: Size) -> list[list[str]]:
    with ExitStack() as stack:
        places = []
        for size in (SMALL, large):
            place = stack.enter_context(database(kind))
            daemons = [daemon_id for daemon_id, _ in add_daemons(place, DAEMONS_COUNT if size is large else 2)]
            _fill(kind, place, daemons, size)
            places.append((place, daemons[0]))
        times = asyncio.run(_ask(places))
    rows = []
    for what, (small, big) in times.items():
        less, more = statistics.median(small), statistics.median(big)
        ratio = f"{more / less:.2f}"
        rows.append([what, kind, f"{less:.2f}", f"{more:.2f}", ratio, f"{RATIO_MAX}", verdict(more / less, RATIO_MAX)])
    return rows


def _rows(daemons: Sequence[str], size: Size) -> Iterator[tuple[Any, ...]]:
    """Make the tasks: the finished ones first, and `OPEN_COUNT` of the open ones are the first daemon's."""
    now = time.time_ns() // 1_000_000
    content = json.dumps({"Operation": "run", "Resources": [{"Type": "backup", "ID": 3}]})
    result = json.dumps({"Outcome": "success", "Text": "x" * 200})
    numbers = dict.fromkeys(daemons, 0)
    own_finished = int(size.finished * ASKED_FINISHED_SHARE)
    for index in range(size.finished + size.open):
        is_open = index >= size.finished
        place = index - size.finished if is_open else index
        is_own = place < (OPEN_COUNT if is_open else own_finished)
        daemon_id = daemons[0] if is_own else daemons[1 + index % (len(daemons) - 1)]
        numbers[daemon_id] += 1
        at = now - 86_400_000 + index // 20
        state = "pending" if is_open else "completed"
        ended = (None, None, None, None) if is_open else (at + 5, "success", result, "digest")
        ended_at, outcome, data, digest = ended
        yield (daemon_id, numbers[daemon_id], content, state, 1, 0, at, "benchmark", None, ended_at, 0, outcome, data,
               digest, 1)  # fmt: skip


def _fill(kind: str, place: str, daemons: Sequence[str], size: Size) -> None:
    marks = ", ".join(("?" if kind == SQLITE else "%s",) * len(COLUMNS))
    next_number = (
        "update daemons set next_number = 1 + "
        "(select coalesce(max(number), 0) from tasks where tasks.daemon_id = daemons.daemon_id)"
    )
    if kind == SQLITE:
        connection = sqlite3.connect(place)
        connection.executemany(f"insert into tasks ({', '.join(COLUMNS)}) values ({marks})", _rows(daemons, size))
        connection.execute(next_number)
        connection.commit()
        connection.close()
        return
    import psycopg  # noqa: PLC0415 - an extra

    with psycopg.connect(place, autocommit=True) as filled:
        with filled.transaction(), filled.cursor() as cursor:
            with cursor.copy(f"copy tasks ({', '.join(COLUMNS)}) from stdin") as copy:
                for row in _rows(daemons, size):
                    copy.write_row(row)
            cursor.execute(next_number)
        filled.execute("vacuum analyze")


async def _ask(places: Sequence[tuple[str, str]]) -> dict[str, tuple[list[float], list[float]]]:
    """Ask both stores the same in turns; return the milliseconds of both."""
    times: dict[str, tuple[list[float], list[float]]] = {}
    async with AsyncExitStack() as stack:
        fleets = [Fleet(await stack.enter_async_context(opened(place)), daemon_id) for place, daemon_id in places]
        for number in range(ROUNDS + 3):
            for what, ask in ASKED.items():
                for place, fleet in enumerate(fleets if number % 2 else fleets[::-1]):
                    started = time.perf_counter()
                    await ask(fleet)
                    spent = (time.perf_counter() - started) * 1000
                    if number >= 3:
                        times.setdefault(what, ([], []))[place if number % 2 else 1 - place].append(spent)
    return times


async def _poll(fleet: Fleet) -> None:
    assert (await fleet.store.tasks.attend(fleet.daemon_id)).has_pending


async def _fetch(fleet: Fleet) -> None:
    tasks, _ = await fleet.store.tasks.hand_out(fleet.daemon_id, 0, 2, LEASE)
    assert len(tasks) == 2


async def _report(fleet: Fleet) -> None:
    (task,) = await fleet.store.tasks.create([Draft(fleet.daemon_id, {"Operation": "status"})], "benchmark")
    await fleet.store.tasks.record(fleet.daemon_id, Result(task.number, Status.COMPLETED, {"Outcome": "success"}, 1))


async def _list(fleet: Fleet) -> None:
    assert len((await fleet.store.tasks.find(TaskQuery(limit=100))).items) == 100


async def _list_open(fleet: Fleet) -> None:
    assert (await fleet.store.tasks.find(TaskQuery(states=OPEN, limit=50))).items


async def _list_own(fleet: Fleet) -> None:
    assert len((await fleet.store.tasks.find(TaskQuery([fleet.daemon_id], limit=100))).items) == 100


async def _tidy(fleet: Fleet) -> None:
    await fleet.store.tasks.tidy(timedelta(days=90), 500)


ASKED: Final[dict[str, Callable[[Fleet], Awaitable[None]]]] = {
    "poll": _poll,
    "fetch of two": _fetch,
    "create and result": _report,
    "list of all": _list,
    "list of open ones": _list_open,
    "list of a daemon's": _list_own,
    "tidying up": _tidy,
}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
