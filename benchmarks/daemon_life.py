"""How long a daemon's start takes to its first poll, and its end after SIGTERM: python -m benchmarks.daemon_life."""

from __future__ import annotations

import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from benchmarks.daemon_journal import fill_journal
from benchmarks.daemon_server import task_server_process
from benchmarks.daemon_stage import DaemonProcess, Setting, daemon_process, has_proc, write_configuration
from benchmarks.measuring import print_table, verdict
from tests.sandbox_process import SandboxProcess, sandbox_process

ROUNDS = 3
TASKS_COUNT = 10_000
START_SECONDS_MAX, END_SECONDS_MAX = 5.0, 10.0
LONG_BACKUP = 5  # takes a minute


class Start(NamedTuple):
    """A start: how many tasks its journal holds, of which kind."""

    name: str
    tasks_count: int
    kind: str


class End(NamedTuple):
    """An end: the level of the task server, and whether that never answers results."""

    name: str
    level: int
    is_deaf: bool = False


STARTS = (
    Start("nothing in the journal", 0, "mixed"),
    Start("10,000 runs that wait", TASKS_COUNT, "waiting"),
    Start("10,000 reads to do", TASKS_COUNT, "reading"),
    Start("10,000 that wait, to do, ended", TASKS_COUNT, "mixed"),
)
ENDS = (
    End("a run in progress, level 0", 0),
    End("a run in progress, a poll held, level 1", 1),
    End("and results that are never answered, level 1", 1, is_deaf=True),
)


def main() -> int:
    """Print the tables; the status is 1 if a limit was missed."""
    if not has_proc():
        print("\nA daemon's start is measured on Linux only.")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        with sandbox_process(Path(folder)) as sandbox:
            starts = [_row_of_start(Path(folder), sandbox, start) for start in STARTS]
        ends = [_row_of_end(Path(folder), end) for end in ENDS]
    head = ["with", "journal KiB", "least s", "median s", "limit", "", "processor s"]
    print_table(f"From the start of a daemon to its first poll, {ROUNDS} times", head, starts)
    print_table(
        f"From SIGTERM to a daemon's end, {ROUNDS} times", ["with", "least s", "median s", "most s", "limit", ""], ends
    )
    return int(any("MISSED" in row for row in (*starts, *ends)))


def _row_of_start(folder: Path, sandbox: SandboxProcess, start: Start) -> list[str]:
    times, processor = [], []
    filled = folder / f"filled-{STARTS.index(start)}"
    size = fill_journal(filled, start.tasks_count, kind=start.kind)
    for number in range(ROUNDS):
        place = folder / f"start-{STARTS.index(start)}-{number}"
        with task_server_process(0) as tasks:
            config = write_configuration(place, Setting(tasks.url, sandbox.url, sandbox.password))
            shutil.copytree(filled, place / "state")
            started_at = time.monotonic()
            with daemon_process(config) as daemon:
                daemon.wait_until(lambda: "polled" in tasks.read()["At"], "a first poll")
                processor.append(daemon.read_processor_seconds())
                times.append(tasks.read()["At"]["polled"] - started_at)
    median = statistics.median(times)
    limit = [f"{START_SECONDS_MAX:.0f}", verdict(max(times), START_SECONDS_MAX)]
    return [start.name, str(size >> 10), f"{min(times):.2f}", f"{median:.2f}", *limit, f"{min(processor):.2f}"]


def _row_of_end(folder: Path, end: End) -> list[str]:
    times = [_end(folder / f"end-{ENDS.index(end)}-{number}", end) for number in range(ROUNDS)]
    cells = [f"{value:.2f}" for value in (min(times), statistics.median(times), max(times))]
    return [end.name, *cells, f"{END_SECONDS_MAX:.0f}", verdict(max(times), END_SECONDS_MAX)]


def _end(place: Path, end: End) -> float:
    place.mkdir()
    with task_server_process(end.level) as tasks, sandbox_process(place) as sandbox:
        config = write_configuration(place, Setting(tasks.url, sandbox.url, sandbox.password))
        with daemon_process(config) as daemon:
            tasks.give(1, "run", [{"Type": "backup", "ID": LONG_BACKUP}])
            daemon.wait_until(_is_submitted(daemon), "a run to be in progress")
            if end.is_deaf:
                tasks.be_deaf()
                tasks.give(100, "made-up")
                daemon.wait_until(lambda: tasks.read()["Requests"].get("result", 0) > 1, "a result to be sent")
            time.sleep(1.5)
            seconds = daemon.stop()
            assert daemon.process.returncode == 0, daemon.read_log()
            return seconds


def _is_submitted(daemon: DaemonProcess) -> Callable[[], bool]:
    journal = daemon.state_folder / "task-list.yml"
    return lambda: journal.exists() and b'"submitted"' in journal.read_bytes()


if __name__ == "__main__":
    sys.exit(main())
