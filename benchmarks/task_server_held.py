"""What held polls cost, and how soon a task reaches the daemon that waits: python -m benchmarks.task_server_held.

Each of 5,000 daemons has a poll held. A task is given to one of them, and the time counts from the operator's request
until that daemon has its 303. Beside it is the round trip of a poll that finds nothing, on the same server while all
others are held.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import sys
import time
from collections.abc import Sequence

from benchmarks.daemon_stage import has_proc
from benchmarks.measuring import print_table, verdict
from benchmarks.task_server_stage import (
    DATABASES,
    SQLITE,
    Connection,
    TaskServer,
    add_daemons,
    database,
    read_memory_mebibytes,
    task_server,
)

POLLS_COUNT = 5000
REACHED_COUNT = 300
MEBIBYTES_MAX = 512.0
EXTRA_MILLISECONDS_MAX = 50.0
HELD_SECONDS = 50
_AT_ONCE = 100
_PAUSE_SECONDS = 0.1
TASK = {"Operation": "status", "Resources": []}


def main(arguments: Sequence[str] = ()) -> int:
    """Print the table; the status is 1 if a limit was missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.task_server_held", description=__doc__)
    parser.add_argument("--database", choices=DATABASES, default=SQLITE)
    parser.add_argument("--polls", type=int, default=POLLS_COUNT)
    options = parser.parse_args(arguments)
    if not has_proc():
        print("\nHeld polls are measured on Linux only.")
        return 0
    with database(options.database) as place:
        daemons = add_daemons(place, options.polls + 1)
        with task_server(place) as server:
            before = read_memory_mebibytes(server.process.pid)
            idle, reached, memory = asyncio.run(_measure(server, daemons))
    extra = _p99(reached) - statistics.median(idle)
    rows = [
        ["memory, MiB", f"{before:.0f}", f"{memory:.0f}", f"{MEBIBYTES_MAX:.0f}", verdict(memory, MEBIBYTES_MAX)],
        ["median, ms", f"{statistics.median(idle):.1f}", f"{statistics.median(reached):.1f}", "", ""],
        ["p99, ms", f"{_p99(idle):.1f}", f"{_p99(reached):.1f}", "", ""],
        ["p99 over an idle round trip, ms", "", f"{extra:.1f}", f"{EXTRA_MILLISECONDS_MAX:.0f}",
         verdict(extra, EXTRA_MILLISECONDS_MAX)],
    ]  # fmt: skip
    title = f"{options.polls} held polls on {options.database}; a task given to one of them, {len(reached)} times"
    print_table(title, ["", "idle", "held", "limit", ""], rows)
    return int(any("MISSED" in row for row in rows))


def _p99(values: Sequence[float]) -> float:
    return sorted(values)[int(len(values) * 0.99)]


async def _measure(server: TaskServer, daemons: Sequence[tuple[str, str]]) -> tuple[list[float], list[float], float]:
    """Return milliseconds of idle polls and of reaching a held one, and the most memory that was resident."""
    _, spare = daemons[-1]
    held = [(daemon_id, Connection(server.place, token)) for daemon_id, token in daemons[:-1]]
    gate = asyncio.Semaphore(_AT_ONCE)

    async def connect(connection: Connection) -> None:
        async with gate:
            await connection.ask("GET", "/api/tasks/status")

    await asyncio.gather(*(connect(connection) for _, connection in held))
    waiting = {}
    for number, (daemon_id, connection) in enumerate(held):
        poll = connection.ask("GET", "/api/tasks/status", Prefer=f"wait={HELD_SECONDS}")
        waiting[daemon_id] = asyncio.create_task(poll)
        if number % _AT_ONCE == 0:  # a fleet does not come in one instant
            await asyncio.sleep(_PAUSE_SECONDS)
    await _wait_until_held(server, len(waiting))
    idle_poll, operator = Connection(server.place, spare), Connection(server.place, server.token, level=0)
    idle, reached = [], []
    for daemon_id in random.Random(7).sample([daemon_id for daemon_id, _ in held], min(REACHED_COUNT, len(held))):
        started = time.perf_counter()
        assert (await idle_poll.ask("GET", "/api/tasks/status", If_None_Match='"x"')).status == 304
        idle.append((time.perf_counter() - started) * 1000)
        started = time.perf_counter()
        made = asyncio.create_task(operator.ask("POST", "/api/v1/tasks", {"Daemon": daemon_id, "Task": TASK}))
        answer = await waiting.pop(daemon_id)
        reached.append((time.perf_counter() - started) * 1000)
        assert (answer.status, (await made).status) == (303, 201), (answer, made)
        await asyncio.sleep(_PAUSE_SECONDS / 5)
    ended = sum(task.done() for task in waiting.values())
    assert not ended, f"{ended} polls were not held"
    memory = read_memory_mebibytes(server.process.pid, "VmHWM")
    for task in waiting.values():
        task.cancel()
    return idle, reached, memory


async def _wait_until_held(server: TaskServer, count: int) -> None:
    asking = Connection(server.place, server.token, level=0)
    while True:
        told = (await asking.ask("GET", "/metrics")).body.decode()
        if f"held_polls {count}\n" in told:
            return
        await asyncio.sleep(0.1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
