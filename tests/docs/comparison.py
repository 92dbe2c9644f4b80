"""Compares what a terminal shows with what a page shows: the same words, whatever the numbers and times."""

from __future__ import annotations

import re
from collections.abc import Sequence

_MONTH = re.compile(r"\b(\d{1,2}) (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\b")
_STATUS = re.compile(r"\d{1,3}")


def is_as_shown(output: str, shown: Sequence[str], *, is_beginning: bool = False) -> bool:
    """Say whether output, or its beginning, is as shown; `…` there stands for any text, alone for any lines."""
    pattern = re.compile("".join(_line_pattern(line) for line in _lines("\n".join(shown))))
    text = "".join(f"{line}\n" for line in _lines(output))
    return bool(pattern.match(text) if is_beginning else pattern.fullmatch(text))


def _lines(text: str) -> list[str]:
    lines = (" ".join(line.split()) for line in text.replace("\r", "\n").splitlines())
    return [_mask(line) for line in lines if line]


def _mask(line: str) -> str:
    """Hide numbers and checksums, but not a lone number: that is an exit status."""
    if _STATUS.fullmatch(line):
        return line
    return re.sub(r"\b[0-9a-f]{64}\b|\d+(?:[.,:]\d+)*", "#", _MONTH.sub(r"\1 Mon", line))


def _line_pattern(line: str) -> str:
    if line in ("…", "..."):
        return r"(?:[^\n]*\n)*?"
    return "[^\\n]*?".join(re.escape(part) for part in re.split(r"…|\.\.\.", line)) + r"\n"
