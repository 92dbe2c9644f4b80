"""What a long listing costs in time and memory, and whether the cost is linear: python -m benchmarks.listing.

The cost of a row is the processor time of the command (not the server's) between listings of different length, so that
start-up and the logs that are read for a limited number of backups fall out.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.canned_server import canned_server
from benchmarks.measuring import PROGRAM, print_table, private_home, verdict
from tests.sandbox_process import SandboxProcess, sandbox_process

ROUNDS = 5
COUNTS = (1_000, 2_500, 5_000, 10_000)
MICROSECONDS_A_ROW_MAX = 20.0
MEBIBYTES_MAX = 64.0
FORMATS = ("table", "json", "ids")


class Cost(NamedTuple):
    """What one listing cost as a cold process: from start to end, of the processor, and of memory."""

    seconds: float
    processor_seconds: float
    mebibytes: float


def main() -> int:
    """Print the table; the status is 1 if a limit was missed."""
    is_missed = False
    with tempfile.TemporaryDirectory() as folder, sandbox_process(Path(folder)) as sandbox:
        for form in FORMATS:
            costs = {count: _measure(sandbox, count, form) for count in COUNTS}
            rows = [_row(count, costs) for count in COUNTS]
            print_table(
                f"list backups --output {form}: cold, median of {ROUNDS}; a row beyond the first 1,000",
                ["backups", "ms", "processor ms", "us a row", "limit", "", "peak MiB", "limit", ""],
                rows,
            )
            is_missed |= any("MISSED" in row for row in rows)
    return int(is_missed)


def _row(count: int, costs: Mapping[int, Cost]) -> list[str]:
    cost, first = costs[count], costs[COUNTS[0]]
    cells = [f"{count:,}", f"{cost.seconds * 1000:.0f}", f"{cost.processor_seconds * 1000:.0f}", "", "", ""]
    if cost is not first:
        per_row = (cost.processor_seconds - first.processor_seconds) / (count - COUNTS[0]) * 1e6
        cells[3:] = [f"{per_row:.1f}", f"{MICROSECONDS_A_ROW_MAX:.0f}", verdict(per_row, MICROSECONDS_A_ROW_MAX)]
    return [*cells, f"{cost.mebibytes:.0f}", f"{MEBIBYTES_MAX:.0f}", verdict(cost.mebibytes, MEBIBYTES_MAX)]


def _measure(sandbox: SandboxProcess, count: int, form: str) -> Cost:
    with canned_server(sandbox.url, count) as url, private_home() as environment:
        login = [PROGRAM, "login", url, "--password-file", str(sandbox.password_file)]
        subprocess.run(login, env=environment, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        runs = [_run([PROGRAM, "list", "backups", "--output", form], environment) for _ in range(ROUNDS)]
    return Cost(
        statistics.median(run.seconds for run in runs),
        statistics.median(run.processor_seconds for run in runs),
        max(run.mebibytes for run in runs),
    )


def _run(command: Sequence[str], environment: Mapping[str, str]) -> Cost:
    started = time.perf_counter()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    mebibytes = usage.ru_maxrss / (2**20 if sys.platform == "darwin" else 1024)
    return Cost(seconds, usage.ru_utime + usage.ru_stime, mebibytes)


if __name__ == "__main__":
    sys.exit(main())
