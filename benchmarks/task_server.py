"""Everything that is measured of the task server, one after the other: python -m benchmarks.task_server."""

from __future__ import annotations

import sys

from benchmarks import (
    task_server_commits,
    task_server_held,
    task_server_poll,
    task_server_roundtrip,
    task_server_size,
    task_server_storm,
)

PROGRAMS = (
    task_server_poll,
    task_server_held,
    task_server_commits,
    task_server_size,
    task_server_roundtrip,
    task_server_storm,
)


def main() -> int:
    """Print every table; the status is 1 if a limit was missed."""
    return max([program.main() for program in PROGRAMS])


if __name__ == "__main__":
    sys.exit(main())
