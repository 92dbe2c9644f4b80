"""What a state folder and a daemon's memory grow to over 100,000 tasks: python -m benchmarks.daemon_folder [TASKS].

Journal, history, intake and reporter are those of the daemon, with real files in a process of their own; the policy,
the worker and the task server are stood in for, so that it takes minutes instead of a day. Appended lines do not wait
for the disk, which changes no file's size. One task in 200 is a read that gives 256 KiB, one in three is refused, the
others are runs.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.daemon_journal import HastyFolder
from benchmarks.daemon_stage import has_proc, read_peak_mebibytes
from benchmarks.measuring import PYTHON, print_table, verdict
from duplicati_client.daemon.entries import Step
from duplicati_client.daemon.events import Events
from duplicati_client.daemon.history import History
from duplicati_client.daemon.intake import Intake, Verdict
from duplicati_client.daemon.journal import Journal
from duplicati_client.daemon.pace import Pace
from duplicati_client.daemon.policy import Decision
from duplicati_client.daemon.reporter import Reporter
from duplicati_client.protocol.result import DATA_BYTES, Result
from duplicati_client.protocol.task import Task, read_task

TASKS_COUNT = 100_000
FOLDER_MEBIBYTES_MAX = 256.0
MEMORY_MEBIBYTES_MAX = 128.0
OPEN_COUNT = 1_000
LARGE_EACH, REFUSED_EACH = 200, 3
TASKS_A_SECOND = 100.0
"""How fast the clock of the stood-in world goes: faster than a daemon gets tasks done, so that less is tidied."""
MIB = 1024 * 1024
_START_AT = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
_DIGEST = "0" * 64


def main(count: int = TASKS_COUNT) -> int:
    """Print the table; the status is 1 if a limit was missed."""
    if not has_proc():
        print("\nA state folder is measured on Linux only.")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        command = [PYTHON, "-m", "benchmarks.daemon_folder", "--child", folder, str(count)]
        told = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
        again = json.loads(subprocess.run([*command[:-1], "0"], check=True, stdout=subprocess.PIPE).stdout)
    rows = [_row(f"{count:,} tasks", told), _row("the next start", again)]
    head = ["after", "tasks/s", "folder MiB", "limit", "", "memory MiB", "limit", "", *sorted(told["files"])]
    print_table("State folder and memory at their largest; each file at the end in KiB", head, rows)
    return int(any("MISSED" in row for row in rows))


def _row(name: str, told: Mapping[str, Any]) -> list[str]:
    folder, memory = told["folder"], told["memory"]
    limits = [f"{folder:.0f}", f"{FOLDER_MEBIBYTES_MAX:.0f}", verdict(folder, FOLDER_MEBIBYTES_MAX)]
    limits += [f"{memory:.0f}", f"{MEMORY_MEBIBYTES_MAX:.0f}", verdict(memory, MEMORY_MEBIBYTES_MAX)]
    return [name, f"{told['rate']:.0f}", *limits, *(f"{told['files'][file] >> 10}" for file in sorted(told["files"]))]


class _Confirming:
    """Stands for the link: whatever is posted is confirmed."""

    def post(self, result: Result) -> None:
        result.encode()


class _World:
    """A daemon without threads and servers, and what its folder and its memory grew to."""

    def __init__(self, path: str) -> None:
        self.seconds = 0.0
        self.largest_bytes = 0
        self._path = Path(path)
        folder = HastyFolder(path)
        self._journal, self._history = Journal(folder, self.now), History(folder, self.now)
        events = Events(lambda event: None, self.now, self.clock)
        link: Any = _Confirming()
        pace = Pace(lambda low, high: high)
        self._reporter = Reporter(self._journal, self._history, link, folder, events, pace, self.clock, self.now)
        self._intake = Intake(self._journal, self._history, _judge, ["main"], self._reporter)
        self._open: deque[tuple[str, int]] = deque()

    def clock(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return datetime.fromtimestamp(_START_AT + self.seconds, UTC)

    def live(self, count: int) -> None:
        """Let so many tasks come and go, as many at a time as may be open."""
        for number in range(1, count + 1):
            self.seconds += 1 / TASKS_A_SECOND
            self._take(number)
            if len(self._open) >= OPEN_COUNT:
                self._end(*self._open.popleft())
            while self._reporter.send_next():
                pass
            if number % 100 == 0:
                self._measure()
        while self._open:
            self._end(*self._open.popleft())
        while self._reporter.send_next():
            pass
        self._measure()

    def measure_files(self) -> dict[str, int]:
        return {entry.name: entry.stat().st_size for entry in self._path.iterdir()}

    def _measure(self) -> None:
        self.largest_bytes = max(self.largest_bytes, sum(self.measure_files().values()))

    def _take(self, number: int) -> None:
        taken = self._intake.take(_make_task(number), at=self.now(), has_levels=True)
        assert taken.key is not None
        self._reporter.report(taken.key)
        if taken.is_to_perform:
            self._open.append((taken.key, number))
        else:
            self._reporter.tell_end(taken.key)

    def _end(self, key: str, number: int) -> None:
        self._journal.record(key, Step.INTENT, {"Attempt": 1})
        data = _make_items() if number % LARGE_EACH == 0 else {"Outcome": "success", "BackupID": "1", "Seconds": 1.5}
        self._journal.record(key, Step.OUTCOME, {"Status": "completed", "Data": data})
        self._reporter.tell_end(key)


def _judge(task: Task) -> Verdict:
    is_refused = int(task.task_id) % REFUSED_EACH == 0
    reason = "no rule allows it" if is_refused else ""
    decision = Decision(not is_refused, "prohibited" if is_refused else "", "built-in:unlisted", reason)
    return Verdict(decision, _DIGEST)


def _make_task(number: int) -> Any:
    return read_task({"ID": number, "Operation": "run", "Resources": [{"Type": "backup", "ID": 1 + number % 5}]})


def _make_items() -> dict[str, Any]:
    """Return the data of a read that is as long as one may be: lines of a log."""
    item = {"At": "2026-11-24T12:00:00Z", "Level": "Warning", "Message": "a file could not be read " + "x" * 70}
    return {"Items": [item] * (DATA_BYTES // (len(json.dumps(item)) + 1)), "Truncated": True}


def _be_child(path: str, count: int) -> None:
    started = time.monotonic()
    world = _World(path)
    world.live(count)
    world_files = world.measure_files()
    rate = count / (time.monotonic() - started)
    told = {"rate": rate, "folder": world.largest_bytes / MIB, "memory": read_peak_mebibytes(), "files": world_files}
    print(json.dumps(told))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        _be_child(sys.argv[2], int(sys.argv[3]))
        sys.exit(0)
    sys.exit(main(*map(int, sys.argv[1:])))
