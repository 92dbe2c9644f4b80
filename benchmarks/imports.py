"""What it costs to load the libraries a command line could be built on: python -m benchmarks.imports."""

from __future__ import annotations

import importlib.util
import sys

from benchmarks.measuring import PYTHON, median_milliseconds, print_table, private_home

ROUNDS = 25
CHOICES = (
    "argparse",
    "argparse, http.client, json",
    "argparse, http.client, json, typing",
    "argparse, http.client, json, dataclasses",
    "argparse, http.client, json, asyncio",
    "click",
    "click, http.client",
    "click, http.client, msgspec",
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
    rows = [[name, f"{value:.1f}", f"{value / medians[BARE]:.2f}"] for name, value in medians.items()]
    print_table(f"Cold process importing …, median of {ROUNDS}, interleaved", ["imports", "ms", "ratio"], rows)
    if missing:
        print(f"not installed here: {', '.join(sorted(missing))}")
    return 0


def _is_installed(name: str) -> bool:
    return importlib.util.find_spec(name.partition(".")[0]) is not None


if __name__ == "__main__":
    sys.exit(main())
