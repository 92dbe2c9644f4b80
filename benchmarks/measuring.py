"""Time cold processes interleaved and print tables; what is measured is said by the programs."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

PYTHON = sys.executable
PROGRAM = str(Path(sys.executable).parent / "duplicati")


@contextmanager
def private_home() -> Iterator[dict[str, str]]:
    """Yield an environment whose home is an empty folder, removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="duplicati-bench-") as home:
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "DUPLICATI", "PYTHON"))
        }
        yield kept | {"HOME": home}


def median_milliseconds(
    commands: Mapping[str, Sequence[str]], *, environment: Mapping[str, str], rounds: int
) -> dict[str, float]:
    """Return the median wall-clock time of each command as a cold process.

    A round runs each command once, so that a busy moment of the machine falls on all of them alike. One round before is
    not counted: it writes the .pyc files and fills the cache of the disk.
    """
    times: dict[str, list[float]] = {name: [] for name in commands}
    for round_number in range(rounds + 1):
        for name, command in commands.items():
            seconds = _seconds(command, environment)
            if round_number:
                times[name].append(seconds * 1000)
    return {name: statistics.median(values) for name, values in times.items()}


def print_table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print one table: the first column to the left, numbers to the right."""
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    print(f"\n{title}\n")
    for row in [head, ["-" * width for width in widths], *rows]:
        cells = [
            cell.ljust(width) if not column else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        print("  ".join(cells).rstrip())


def verdict(measured: float, limit: float) -> str:
    """Say whether a measurement keeps its limit."""
    return "kept" if measured <= limit else "MISSED"


def _seconds(command: Sequence[str], environment: Mapping[str, str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, env=environment, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started
