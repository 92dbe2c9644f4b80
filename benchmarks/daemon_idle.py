"""What a daemon that has nothing to do takes of the processor: python -m benchmarks.daemon_idle [SECONDS].

The daemons run side by side, each with a task server of its own that has no tasks.
"""

from __future__ import annotations

import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from benchmarks.daemon_journal import fill_journal
from benchmarks.daemon_server import task_server_process
from benchmarks.daemon_stage import Setting, daemon_process, has_proc, write_configuration
from benchmarks.measuring import print_table, verdict
from duplicati_client.daemon.config import POLL_SECONDS
from tests.sandbox_process import SandboxProcess, sandbox_process

WINDOW_SECONDS = 60.0
SETTLE_SECONDS = 5.0
CORE_PERCENT_MAX = 0.2


class Way(NamedTuple):
    """A daemon at rest: level of its task server, how often it polls, its servers, and tasks whose time is to come."""

    name: str
    level: int
    poll_seconds: int | None = None
    servers_count: int = 1
    waiting_count: int = 0


class Cost(NamedTuple):
    """What a second of rest took."""

    core_percent: float
    polls_a_minute: float
    milliseconds_a_poll: float


WAYS = (
    Way("as it is, level 0", 0),
    Way("as it is, level 1: polls are held", 1),
    Way("20 servers, level 1", 1, servers_count=20),
    Way("900 tasks wait for their time, level 1", 1, waiting_count=900),
    Way("a poll a second, level 0", 0, poll_seconds=1),
)
FASTEST = WAYS[-1]


def main(window_seconds: float = WINDOW_SECONDS) -> int:
    """Print the table; the status is 1 if a limit was missed."""
    if not has_proc():
        print("\nA daemon at rest is measured on Linux only.")
        return 0
    with (
        tempfile.TemporaryDirectory() as folder,
        sandbox_process(Path(folder)) as sandbox,
        ThreadPoolExecutor(len(WAYS)) as pool,
    ):
        measured = pool.map(lambda way: _measure(Path(folder), sandbox, way, window_seconds), WAYS)
        costs = dict(zip(WAYS, measured, strict=True))
    rows = [_row(way.name, cost) for way, cost in costs.items() if way is not FASTEST]
    rows.append(_row("by what a poll takes, level 0", _scale(costs)))
    head = ["daemon", "% of a core", "limit", "", "polls a minute", "ms a poll"]
    print_table(f"A daemon with nothing to do, for {window_seconds:.0f} s", head, rows)
    return int(any("MISSED" in row for row in rows))


def _scale(costs: dict[Way, Cost]) -> Cost:
    """Return what polling at the usual interval takes, by what a poll takes of a daemon that polls each second."""
    fastest = costs[FASTEST]
    seconds_a_poll = fastest.milliseconds_a_poll / 1000
    return Cost(seconds_a_poll / POLL_SECONDS * 100, 60 / POLL_SECONDS, fastest.milliseconds_a_poll)


def _row(name: str, cost: Cost) -> list[str]:
    limit = [f"{CORE_PERCENT_MAX}", verdict(cost.core_percent, CORE_PERCENT_MAX)]
    return [name, f"{cost.core_percent:.3f}", *limit, f"{cost.polls_a_minute:.1f}", f"{cost.milliseconds_a_poll:.2f}"]


def _measure(folder: Path, sandbox: SandboxProcess, way: Way, window_seconds: float) -> Cost:
    setting = Setting("", sandbox.url, sandbox.password, way.poll_seconds, servers_count=way.servers_count)
    with task_server_process(way.level) as tasks:
        place = folder / str(WAYS.index(way))
        config = write_configuration(place, setting._replace(task_server_url=tasks.url))
        fill_journal(place / "state", way.waiting_count, kind="waiting")
        with daemon_process(config) as daemon:
            daemon.wait_until(lambda: "polled" in tasks.read()["At"], "a first poll")
            time.sleep(SETTLE_SECONDS)
            count, used, started = tasks.read()["Requests"]["status"], daemon.read_processor_seconds(), time.monotonic()
            time.sleep(window_seconds)
            used, seconds = daemon.read_processor_seconds() - used, time.monotonic() - started
            count = tasks.read()["Requests"]["status"] - count
    return Cost(used / seconds * 100, count / seconds * 60, used / max(1, count) * 1000)


if __name__ == "__main__":
    sys.exit(main(*map(float, sys.argv[1:])))
