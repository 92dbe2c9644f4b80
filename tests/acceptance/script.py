"""Read acceptance scripts: text with commands and what they must print; running them is the runner's work."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

SCRIPTS = Path(__file__).parent / "scripts"


class Step(NamedTuple):
    """One command and what it must do."""

    line: int
    command: str
    stdout: tuple[str, ...]
    stderr: tuple[str, ...] | None  # None: anything; empty: nothing at all
    statuses: tuple[int, ...]
    absent: tuple[str, ...] = ()  # texts that must be nowhere


class Script(NamedTuple):
    """A scenario: what it is about, what it needs on the server, and its steps in order."""

    name: str
    about: str
    needs: tuple[str, ...]
    steps: tuple[Step, ...]


class ScriptInvalid(Exception):
    """A script breaks the grammar of tests/acceptance/README.md."""


def load_scripts(folder: Path = SCRIPTS) -> list[Script]:
    return [parse_script(path.stem, path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.txt"))]


def parse_script(name: str, text: str) -> Script:
    lines = list(enumerate(text.splitlines(), 1))
    about = [line[1:].strip() for _, line in lines if line.startswith("#") and not line.startswith("# needs:")]
    needs = [need.strip() for _, line in lines if line.startswith("# needs:") for need in line[8:].split(",")]
    steps: list[Step] = []
    for number, line in lines:
        if line.startswith("$ "):
            steps.append(Step(number, line[2:].strip(), (), None, (0,)))
        elif line.strip() and not line.startswith("#"):
            if not steps:
                raise ScriptInvalid(f"{name}:{number}: an expectation before the first command")
            steps[-1] = _with_expectation(steps[-1], line.rstrip())
    if not steps or not about:
        raise ScriptInvalid(f"{name}: a script has a line that says what it is about, and commands")
    return Script(name, about[0], tuple(needs), tuple(steps))


def _with_expectation(step: Step, line: str) -> Step:
    if status := re.fullmatch(r"\[([\d, ]+)\]", line):
        return step._replace(statuses=tuple(int(part) for part in status[1].split(",")))
    if line == "!":
        return step._replace(stderr=())
    if line.startswith("~ "):
        return step._replace(absent=(*step.absent, line[2:]))
    if line.startswith("! "):
        return step._replace(stderr=(*(step.stderr or ()), line[2:]))
    return step._replace(stdout=(*step.stdout, line))


def expand(text: str, variables: Mapping[str, str]) -> str:
    """Replace `$NAME` and `$NAME[key]` by their values; an unknown name is an error of the script."""

    def value(found: re.Match[str]) -> str:
        try:
            return variables[found[1]]
        except KeyError:
            raise ScriptInvalid(f"nothing sets ${found[1]}") from None

    return re.sub(r"\$([A-Za-z_]+(?:\[\w+\])?)", value, text)


def pattern_of(expected: tuple[str, ...], variables: Mapping[str, str]) -> re.Pattern[str]:
    """Build the pattern that a whole output must match: `...` is any text (alone: any lines), `<re>` an expression."""
    return re.compile("".join(_line_pattern(line, variables) for line in expected))


def plain(output: str) -> str:
    """Return output as it is compared: no empty lines, no space at the ends, one space where columns are padded."""
    lines = (" ".join(line.split()) for line in output.splitlines())
    return "".join(f"{line}\n" for line in lines if line)


def _line_pattern(line: str, variables: Mapping[str, str]) -> str:
    if line.strip() == "...":
        return r"(?:[^\n]*\n)*?"
    parts = re.split(r"(\.\.\.|<[^<>]*(?:<\w+>[^<>]*)*>)", " ".join(line.split()))
    return "".join(_part_pattern(part, variables) for part in parts) + r"\n"


def _part_pattern(part: str, variables: Mapping[str, str]) -> str:
    if part == "...":
        return r"[^\n]*?"
    if part.startswith("<") and part.endswith(">"):
        return f"(?:{part[1:-1]})"
    return re.escape(expand(part, variables))
