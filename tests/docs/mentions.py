"""Finds the calls of this program in a page, in whatever fence or inline code, and parts them into words."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from tests.docs.fences import read_fences, read_inline_code

_CALL = re.compile(r"(?<![\w./\\@-])(?:[\w~./\\:-]+[/\\])?(?:duplicati|duc)(?:\.exe)? +(?P<rest>[a-z-][^\n]*)")
# Up to a remark, or to what ends a command in a shell.
_COMMAND = re.compile(r"""(?:'[^']*'|"[^"]*"|(?<!\s)#|[^|;&<>()'"#])*""")


def read_calls(page: Path) -> Iterator[list[str]]:
    """Yield the words after the program's name of each call that a page shows."""
    for text in (*(fence.body.replace("\\\n", " ") for fence in read_fences(page)), *read_inline_code(page)):
        for found in _CALL.finditer(text):
            yield part(found["rest"])


def part(rest: str) -> list[str]:
    """Part the words of a call as a shell does, up to its end."""
    found = _COMMAND.match(rest)
    return shlex.split(found[0]) if found else []
