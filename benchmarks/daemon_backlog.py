"""How fast a daemon works off what waits, and if that is linear: python -m benchmarks.daemon_backlog [FEW MANY].

All tasks wait at the start, at a task server that answers at once. The Duplicati server of those that read is a
sandbox, which is asked one question a task.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from benchmarks.daemon_server import TaskServerProcess, task_server_process
from benchmarks.daemon_stage import (
    DaemonProcess,
    Setting,
    daemon_process,
    has_proc,
    read_peak_mebibytes,
    write_configuration,
)
from benchmarks.measuring import print_table, verdict
from tests.sandbox_process import SandboxProcess, sandbox_process

# A task of the larger backlog may cost the processor so much more than one of the smaller.
RATIO_MAX = 1.5
DEADLINE_SECONDS = 600.0


class Kind(NamedTuple):
    """Tasks of one kind: how they end, and how many there are of them, few and many."""

    name: str
    operation: str
    end: str
    level: int
    counts: tuple[int, ...]


class Cost(NamedTuple):
    """What working off a backlog took, from the first poll to the last result."""

    seconds: float
    processor_seconds: float
    mebibytes: float


KINDS = (
    Kind("refused, level 1", "made-up", "refused", 1, (1_000, 10_000)),
    Kind("refused, level 0", "made-up", "refused", 0, (1_000, 10_000)),
    Kind("read, level 1", "logs", "completed", 1, (300, 3_000)),
)


def main(*counts: int) -> int:
    """Print the table, of as many tasks as wanted; the status is 1 if a limit was missed."""
    if not has_proc():
        print("\nA daemon's cost is measured on Linux only.")
        return 0
    rows = []
    with tempfile.TemporaryDirectory() as folder, sandbox_process(Path(folder)) as sandbox:
        for kind in KINDS:
            costs = {count: _measure(Path(folder), sandbox, kind, count) for count in counts or kind.counts}
            rows += [_row(kind, count, costs) for count in costs]
    head = ["backlog", "tasks", "seconds", "tasks/s", "processor ms a task", "ratio", "limit", "", "MiB"]
    print_table("Working off a backlog", head, rows)
    return int(any("MISSED" in row for row in rows))


def _row(kind: Kind, count: int, costs: Mapping[int, Cost]) -> list[str]:
    cost, first_count = costs[count], min(costs)
    each = {number: costs[number].processor_seconds / number for number in costs}
    cells = [kind.name, f"{count:,}", f"{cost.seconds:.1f}", f"{count / cost.seconds:.0f}", f"{each[count] * 1000:.2f}"]
    ratio = each[count] / each[first_count]
    limits = [f"{ratio:.2f}", f"{RATIO_MAX:.1f}", verdict(ratio, RATIO_MAX)] if count > first_count else ["", "", ""]
    return [*cells, *limits, f"{cost.mebibytes:.0f}"]


def _measure(folder: Path, sandbox: SandboxProcess, kind: Kind, count: int) -> Cost:
    with task_server_process(kind.level) as tasks:
        tasks.give(count, kind.operation)
        setting = Setting(tasks.url, sandbox.url, sandbox.password)
        config = write_configuration(folder / f"{kind.operation}-{kind.level}-{count}", setting)
        with daemon_process(config) as daemon:
            return _wait(daemon, tasks, kind, count)


def _wait(daemon: DaemonProcess, tasks: TaskServerProcess, kind: Kind, count: int) -> Cost:
    def is_over() -> bool:
        time.sleep(0.1)
        return bool(tasks.read()["Ends"].get(kind.end) == count)

    daemon.wait_until(lambda: "polled" in tasks.read()["At"], "a first poll")
    before = daemon.read_processor_seconds()
    daemon.wait_until(is_over, f"{count} tasks to end as {kind.end}", DEADLINE_SECONDS)
    used = daemon.read_processor_seconds() - before
    at = tasks.read()["At"]
    return Cost(at["ended"] - at["polled"], used, read_peak_mebibytes(daemon.process.pid))


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
