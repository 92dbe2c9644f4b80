"""The sheet of promises has each of them once, and each names tests that exist."""

from __future__ import annotations

import ast
import re
from functools import cache

import pytest

from duplicati_client.daemon.health import WEAKNESSES
from tests.docs.fences import ROOT

PAGE = ROOT / "docs" / "reference" / "promises.md"
_SECTION = re.compile(r"^### (G\d+)\. .+?\n(.*?)(?=^##)", re.MULTILINE | re.DOTALL)
_TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
# What the design promises a behaviour for, in words of the rows.
CONDITIONS = (
    "the task server is down for days",
    "restarts in the middle of a backup",
    "set back to an older copy",
    "Duplicati is killed or restarted in mid-run",
    "Duplicati is down",
    "its password was changed",
    "the disk is nearly full, full, or read-only",
    "its disk is full",
    "the journal ends in the middle of a line, or cannot be read",
    "a second daemon starts on the folder",
    "two machines have one identity",
    "SIGTERM",
    "SIGHUP",
    "the process is killed",
    "the power goes",
    "the machine sleeps",
    "the clocks of both machines are apart",
    "the clock jumps",
    "the network parts, or a connection is open at one end only",
    "endless, or drips",
    "compressed",
    "NaN, members twice, deep nesting, endless numbers, half letters",
    "a portal, a proxy or a page answers",
    "redirects",
    "`Retry-After` is nonsense",
    "10,000 tasks wait",
    "an id comes with two tasks",
    "ids are `7` and",
    "letters of any script",
    "the policy is missing or broken",
    "the token ends",
    "the token is revoked",
    "a task is offered again",
    "a result arrives twice",
    "a result is refused",
    "a result is too large",
    "somebody edits the journal",
    "a task is hostile",
)
_ROW = re.compile(r"^\| (.+?) \| .+? \| (.+) \|$", re.MULTILINE)


def read_promises() -> list[tuple[str, list[tuple[str, str]]]]:
    text = PAGE.read_text(encoding="utf-8")
    return [(name, _TEST.findall(section)) for name, section in _SECTION.findall(text)]


@cache
def read_functions(path: str) -> frozenset[str]:
    """Return the names of a module's functions, none if there is no such module."""
    file = ROOT / path
    tree = ast.parse(file.read_text(encoding="utf-8") if file.exists() else "")
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef))


def exists(path: str, name: str) -> bool:
    return name in read_functions(path)


def test_sheet_has_all_promises_in_their_order():
    assert [name for name, _ in read_promises()] == [f"G{number}" for number in range(1, 17)]


def test_every_promise_names_tests_and_all_of_them_exist():
    assert [name for name, tests in read_promises() if not tests] == []
    named = _TEST.findall(PAGE.read_text(encoding="utf-8"))
    assert [f"{path}::{name}" for path, name in named if not exists(path, name)] == []


def read_conditions() -> list[tuple[str, str]]:
    """Return what may happen, each with the cell of its tests."""
    table = PAGE.read_text(encoding="utf-8").partition("## What happens when")[2].partition("## At level 0")[0]
    return [row for row in _ROW.findall(table) if row[0] not in ("when", "---")]


def test_everything_that_may_happen_names_a_test():
    assert [when for when, tests in read_conditions() if not _TEST.findall(tests)] == []


@pytest.mark.parametrize("condition", CONDITIONS)
def test_condition_has_its_row(condition: str):
    assert [when for when, _ in read_conditions() if condition in when] != []


def test_test_that_does_not_exist_is_found():
    assert not exists("tests/docs/test_promises.py", "test_nothing")
    assert not exists("tests/docs/test_nowhere.py", "test_sheet_has_all_promises_in_their_order")


def test_what_is_weaker_at_level_0_is_a_promise_of_the_sheet():
    assert {weakness.promise for weakness in WEAKNESSES} <= {name for name, _ in read_promises()}
