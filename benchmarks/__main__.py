"""Run every measurement, one after the other: python -m benchmarks."""

from __future__ import annotations

import sys

from benchmarks import (
    completing,
    daemon,
    distance,
    following,
    imports,
    journal,
    listing,
    startup,
    task_server,
    verbs,
    watching,
)


def main() -> int:
    """Print every table; the status is 1 if a target was missed."""
    programs = (
        startup,
        verbs,
        completing,
        imports,
        listing,
        following,
        watching,
        journal,
        daemon,
        distance,
        task_server,
    )
    return max([program.main() for program in programs])


if __name__ == "__main__":
    sys.exit(main())
