"""What a long listing costs in time and memory, and whether the cost is linear: python -m benchmarks.listing."""

from __future__ import annotations

import http.client
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from benchmarks.canned_server import canned_server
from benchmarks.measuring import PROGRAM, print_table, private_home, verdict
from tests.sandbox_process import SandboxProcess, sandbox_process

ROUNDS = 5
COUNTS = (1, 1_000, 5_000, 10_000)
MICROSECONDS_A_ROW_MAX = 20.0
MEBIBYTES_MAX = 64.0
FORMATS = ("table", "json", "ids")


class Cost(NamedTuple):
    """What one listing cost as a cold process, and what the server alone took of it."""

    seconds: float
    server_seconds: float
    mebibytes: float


def main() -> int:
    """Print the table; the status is 1 if a limit was missed."""
    is_missed = False
    with tempfile.TemporaryDirectory() as folder, sandbox_process(Path(folder)) as sandbox:
        for form in FORMATS:
            costs = {count: _measure(sandbox, count, form) for count in COUNTS}
            rows = [_row(count, costs) for count in COUNTS]
            print_table(
                f"list backups --output {form}: cold, median of {ROUNDS}; a row above one backup and the server",
                ["backups", "ms", "server ms", "us a row", "limit", "", "peak MiB", "limit", ""],
                rows,
            )
            is_missed |= any("MISSED" in row for row in rows)
    return int(is_missed)


def _row(count: int, costs: Mapping[int, Cost]) -> list[str]:
    cost, single = costs[count], costs[1]
    cells = [f"{count:,}", f"{cost.seconds * 1000:.0f}", f"{cost.server_seconds * 1000:.1f}", "", "", ""]
    if count > 1:
        own = (cost.seconds - cost.server_seconds) - (single.seconds - single.server_seconds)
        per_row = own / (count - 1) * 1e6
        cells[3:] = [f"{per_row:.1f}", f"{MICROSECONDS_A_ROW_MAX:.0f}", verdict(per_row, MICROSECONDS_A_ROW_MAX)]
    return [*cells, f"{cost.mebibytes:.0f}", f"{MEBIBYTES_MAX:.0f}", verdict(cost.mebibytes, MEBIBYTES_MAX)]


def _measure(sandbox: SandboxProcess, count: int, form: str) -> Cost:
    with canned_server(sandbox.url, count) as url, private_home() as environment:
        login = [PROGRAM, "login", url, "--password-file", str(sandbox.password_file)]
        subprocess.run(login, env=environment, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        runs = [_run([PROGRAM, "list", "backups", "--output", form], environment) for _ in range(ROUNDS)]
        server = statistics.median(_read_listing(url) for _ in range(ROUNDS))
    return Cost(statistics.median(run[0] for run in runs), server, max(run[1] for run in runs))


def _run(command: Sequence[str], environment: Mapping[str, str]) -> tuple[float, float]:
    """Return seconds and peak memory in MiB of a process of its own."""
    started = time.perf_counter()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return seconds, usage.ru_maxrss / (2**20 if sys.platform == "darwin" else 1024)


def _read_listing(url: str) -> float:
    """Return the seconds for asking for the listing and reading it without looking at it."""
    started = time.perf_counter()
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
    connection.request("GET", "/api/v1/backups")
    connection.getresponse().read()
    connection.close()
    return time.perf_counter() - started


if __name__ == "__main__":
    sys.exit(main())
