"""The rules of CONTRIBUTING.md that a program can judge: sizes, names and opening sentences."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from tests.architecture.project import SOURCE

MODULE_LINES_MAX = 400
FUNCTION_LINES_MAX = 50
FUNCTION_LINES_USUAL = 30
SHARE_OF_USUAL_MIN = 0.9
NAMES_THAT_SAY_NOTHING = {"utils", "util", "common", "helpers", "helper", "base", "core", "manager", "misc"}
MODULES = sorted(path for path in SOURCE.rglob("*.py") if path.stat().st_size)


class Function(NamedTuple):
    name: str
    lines: int


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_module_opens_with_a_sentence_and_stays_short(path):
    text = path.read_text(encoding="utf-8")
    assert (ast.get_docstring(ast.parse(text)) or "").partition("\n\n")[0].rstrip().endswith((".", "`"))
    lines_count = len(text.splitlines())
    assert lines_count <= MODULE_LINES_MAX


def test_module_names_say_what_a_module_is_for():
    assert [path for path in MODULES if path.stem in NAMES_THAT_SAY_NOTHING] == []


def test_no_function_is_long_and_nine_in_ten_are_short():
    functions = list(_functions())
    assert [function for function in functions if function.lines > FUNCTION_LINES_MAX] == []
    usual = [function for function in functions if function.lines <= FUNCTION_LINES_USUAL]
    assert len(usual) >= SHARE_OF_USUAL_MIN * len(functions)


def _functions() -> Iterator[Function]:
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                yield Function(f"{path.relative_to(SOURCE)}:{node.lineno} {node.name}", lines)
