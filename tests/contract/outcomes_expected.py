"""Read the table of what really happened in each recording; it was written by reading them, not by the product."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from operations_recorded import Recorded

from recordings import RELEASES

TABLE = Path(__file__).with_name("outcomes_expected.md")


class Expectation(NamedTuple):
    """What happened in one recording; `mark` is `+` for a good end, `-` for any other, `?` where nobody can say."""

    release: str
    file: str
    note: str
    mark: str
    what_happened: str
    outcome: str


def read_expectations() -> dict[tuple[str, str, str], Expectation]:
    """Read the table, by release, file and note."""
    found: dict[tuple[str, str, str], Expectation] = {}
    for row in _rows():
        file, note, mark, what, *outcomes = row.cells
        for release, outcome in zip(row.releases, outcomes, strict=True):
            if outcome != ".":
                key = (release, file, note)
                assert key not in found, f"twice in the table: {key}"
                found[key] = Expectation(*key, mark, what, outcome)
    return found


def key_of(recorded: Recorded) -> tuple[str, str, str]:
    return recorded.start.release, recorded.start.file, recorded.start.note


class _Row(NamedTuple):
    releases: list[str]
    cells: list[str]


def _rows() -> list[_Row]:
    rows, releases = [], []
    for line in TABLE.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not line.startswith("|") or set(line) <= set("|- "):
            continue
        if cells[0] == "file":
            releases = [cell for cell in cells if cell in RELEASES]
        else:
            rows.append(_Row(releases, cells))
    return rows
