"""The table of docs/architecture.md says what the linter enforces, no more and no less."""

from __future__ import annotations

from typing import Any

from tests.architecture.project import PACKAGE, imports_of_package, names_in, parts, settings, table_below


def test_every_part_has_a_row_in_the_table():
    assert parts() - set(_table()) == set()


def test_table_names_only_parts_that_have_a_row():
    assert set().union(*_table().values()) - set(_table()) == set()


def test_table_and_linter_agree_on_every_pair_of_parts():
    table, contracts = _table(), settings()["tool"]["importlinter"]["contracts"]
    said = {(source, target) for source in parts() for target in table[source] & parts()}
    enforced = {
        (source, target)
        for source in parts()
        for target in parts() - {source}
        if not any(_forbids(contract, source, target) for contract in contracts)
    }
    assert said == enforced


def test_every_import_is_in_the_table_also_those_for_types_alone():
    table = _table()
    astray = [
        found
        for found in imports_of_package()
        if (source := found.module.partition(".")[0])
        and (target := _part_of(found.target)) not in {None, source}
        and target not in table[source]
    ]
    assert astray == []


def test_no_part_can_reach_itself_through_the_table():
    table = _table()
    reached = {part: set(allowed) for part, allowed in table.items()}
    for _ in table:
        reached = {part: seen.union(*(reached[other] for other in seen)) for part, seen in reached.items()}
    assert [part for part, seen in reached.items() if part in seen] == []


def _table() -> dict[str, set[str]]:
    rows = table_below("docs/architecture.md", "Who may import whom")
    return {names_in(part).pop(): names_in(allowed) for part, allowed in rows}


def _part_of(target: str) -> str | None:
    """Return the part that an import reaches; None outside the package and for the package's own names."""
    names = target.split(".")
    return names[1] if names[0] == PACKAGE and len(names) > 1 and names[1] in parts() else None


def _forbids(contract: dict[str, Any], source: str, target: str) -> bool:
    if contract["type"] == "forbidden":
        return (
            f"{PACKAGE}.{source}" in contract["source_modules"]
            and f"{PACKAGE}.{target}" in contract["forbidden_modules"]
        )
    heights = {
        name.strip().strip("()"): height
        for height, layer in enumerate(reversed(contract["layers"]))
        for name in layer.split("|")
    }
    return source in heights and target in heights and heights[target] >= heights[source]
