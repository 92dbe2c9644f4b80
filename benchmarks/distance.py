"""What a verb takes through a task server and a daemon, beside the same one directly: python -m benchmarks.distance."""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.measuring import print_table
from tests.distance_stage import Scene, distance_stage

ROUNDS = 15
COMMANDS = ("list backups", "get backup 1", "describe 1", "status")


def main() -> int:
    """Print the table; there is no limit, for the way is three requests and two syncs longer."""
    with tempfile.TemporaryDirectory() as folder, distance_stage(Path(folder), ("modern",)) as scene:
        rows = [_measure(scene, command) for command in COMMANDS]
    print_table("Through a task server and a daemon", ["command", "directly, ms", "far away, ms", "ratio"], rows)
    return 0


def _measure(scene: Scene, command: str) -> list[str]:
    times: dict[str, list[float]] = {"modern": [], "office/modern": []}
    for _ in range(ROUNDS):
        for context, taken in times.items():
            started_at = time.perf_counter()
            scene.terminal.tell(*command.split(), "--context", context)
            taken.append((time.perf_counter() - started_at) * 1000)
    near, far = (statistics.median(taken[1:]) for taken in times.values())
    return [command, f"{near:.0f}", f"{far:.0f}", f"{far / near:.2f}"]


if __name__ == "__main__":
    sys.exit(main())
