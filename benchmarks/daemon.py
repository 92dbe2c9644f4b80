"""Everything that is measured of the daemon but its journal, one after the other: python -m benchmarks.daemon."""

from __future__ import annotations

import sys
from collections.abc import Callable

from benchmarks import daemon_backlog, daemon_folder, daemon_idle, daemon_life, daemon_memory, daemon_roundtrip

PROGRAMS = (daemon_life, daemon_roundtrip, daemon_idle, daemon_backlog, daemon_memory, daemon_folder)


def main() -> int:
    """Print every table; the status is 1 if a limit was missed."""
    measures: list[Callable[[], int]] = [program.main for program in PROGRAMS]
    return max([measure() for measure in measures])


if __name__ == "__main__":
    sys.exit(main())
