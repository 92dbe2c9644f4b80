"""Reads the blocks of code in the project's pages, and the commands in them; runs nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
_FENCE = re.compile(
    r"^(?P<indent> *)```(?P<language>[\w-]*)[^\n]*\n(?P<body>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL
)
_INLINE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_FILE = re.compile(r"^<!-- file: (\S+) -->\n+```[\w-]+\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_COMMENT = re.compile(r"<!-- (?P<name>\w+): (?P<value>.*?) -->")


class Fence(NamedTuple):
    """A block of code: where it begins, and its language."""

    line: int
    language: str
    body: str


class File(NamedTuple):
    """A file that a page shows after `<!-- file: NAME -->`, so that its commands can use it."""

    name: str
    body: str


class Step(NamedTuple):
    """A command that a page shows, and what it says the terminal shows then."""

    line: int
    command: str
    shown: tuple[str, ...]


def pages() -> list[Path]:
    """Return every page that the site shows, and the README."""
    found = [*sorted((ROOT / "docs").rglob("*.md")), ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
    return [
        *found,
        ROOT / "tests/acceptance/README.md",
        ROOT / "tests/conformance/README.md",
        ROOT / "tests/recordings/README.md",
        ROOT / "changes/README.md",
    ]


def pages_with_commands() -> list[Path]:
    return [page for page in pages() if any(fence.language == "console" for fence in read_fences(page))]


def read_fences(page: Path) -> list[Fence]:
    text = page.read_text(encoding="utf-8")
    return [
        Fence(text.count("\n", 0, found.start()) + 1, found["language"], _unindent(found["body"], found["indent"]))
        for found in _FENCE.finditer(text)
    ]


def read_steps(page: Path) -> list[Step | File]:
    """Return the commands of a page's console blocks and the files that it shows, in order."""
    files = {body: name for name, body in _FILE.findall(page.read_text(encoding="utf-8"))}
    found: list[Step | File] = []
    for fence in read_fences(page):
        if fence.language == "console":
            found += _steps(fence)
        elif fence.body in files:
            found.append(File(files[fence.body], fence.body))
    return found


def read_inline_code(page: Path) -> list[str]:
    return _INLINE.findall(_FENCE.sub("", page.read_text(encoding="utf-8")))


def read_comment(page: Path, name: str) -> str | None:
    """Return what a page says to its tests in a comment, which no reader sees; the last one of that name."""
    return next(reversed(read_comments(page, name)), None)


def read_comments(page: Path, name: str) -> list[str]:
    found = _COMMENT.finditer(page.read_text(encoding="utf-8"))
    return [comment["value"] for comment in found if comment["name"] == name]


def _steps(fence: Fence) -> Iterator[Step]:
    command, at, shown = "", 0, []
    for number, line in enumerate(fence.body.splitlines(), fence.line + 1):
        if line.startswith("$ "):
            if command:
                yield Step(at, command, tuple(shown))
            command, at, shown = line[2:], number, []
        elif command.endswith("\\"):
            command += "\n" + line.removeprefix("> ")
        else:
            shown.append(line)
    assert command, f"a console block without a command: line {fence.line}"
    yield Step(at, command, tuple(shown))


def _unindent(body: str, indent: str) -> str:
    return "".join(line.removeprefix(indent) for line in body.splitlines(keepends=True))
