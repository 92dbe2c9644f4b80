"""What it costs to load the libraries a command line could be built on: python -m benchmarks.imports."""

from __future__ import annotations

import importlib.util
import sys

from benchmarks.measuring import PYTHON, median_milliseconds, print_table, private_home

ROUNDS = 25
NEEDED = "socket, json, typing, tomllib, datetime, enum, threading, urllib.parse"
CHOICES = (
    NEEDED,
    f"{NEEDED}, argparse",
    f"{NEEDED}, dataclasses",
    f"{NEEDED}, http.client",
    f"{NEEDED}, h11",
    f"{NEEDED}, asyncio",
    f"{NEEDED}, click",
    f"{NEEDED}, click, msgspec",
    f"{NEEDED}, click, msgspec, http.client",
    "ssl",
    "yaml",
    "rich.console",
    "websockets.sync.client",
)
BARE = "pass"


def main() -> int:
    """Print the table; what is not installed here is left out and named."""
    missing = {name for choice in CHOICES for name in choice.split(", ") if not _is_installed(name)}
    chosen = [choice for choice in CHOICES if not missing.intersection(choice.split(", "))]
    commands = {BARE: [PYTHON, "-c", "pass"]} | {choice: [PYTHON, "-c", f"import {choice}"] for choice in chosen}
    with private_home() as environment:
        medians = median_milliseconds(commands, environment=environment, rounds=ROUNDS)
    rows = [
        [name.replace(NEEDED, "needed"), f"{value:.1f}", f"{value / medians[BARE]:.2f}"]
        for name, value in medians.items()
    ]
    print_table(f"Cold process importing …, median of {ROUNDS}, interleaved", ["imports", "ms", "ratio"], rows)
    print(f"needed: {NEEDED}")
    if missing:
        print(f"not installed here: {', '.join(sorted(missing))}")
    return 0


def _is_installed(name: str) -> bool:
    return importlib.util.find_spec(name.partition(".")[0]) is not None


if __name__ == "__main__":
    sys.exit(main())
