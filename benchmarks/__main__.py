"""Run every measurement, one after the other: python -m benchmarks."""

from __future__ import annotations

import sys

from benchmarks import following, imports, listing, startup


def main() -> int:
    """Print every table; the status is 1 if a target was missed."""
    return max([program.main() for program in (startup, imports, listing, following)])


if __name__ == "__main__":
    sys.exit(main())
