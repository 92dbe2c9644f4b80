"""Tables and fences in Markdown; knows nothing of what they are about."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

# What is typed as it stands: options, variables, and keys of the configuration.
_CODE = re.compile(r"(?<![\w-])(--[a-z][a-z-]*|DUPLICATI_CLIENT_[A-Z_]+|[a-z]+_[a-z_]+)\b")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table without the columns that are empty in every row."""
    cells = [list(row) for row in rows]
    kept = [at for at in range(len(head)) if any(row[at] for row in cells)]
    lines = [[head[at] for at in kept], ["---"] * len(kept), *([row[at] for at in kept] for row in cells)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def text(words: str) -> str:
    """Return plain words as they are shown in a cell or a line, whatever signs are in them; options become code."""
    parts = _CODE.split(words)
    return "".join(code(part) if at % 2 else _escape(part) for at, part in enumerate(parts))


def _escape(words: str) -> str:
    for sign in "\\|<>*_[]":
        words = words.replace(sign, f"\\{sign}")
    return words


def code(words: str) -> str:
    """Return words in the type of code; empty words give nothing."""
    return f"`{words.replace('|', chr(92) + '|')}`" if words else ""


def fence(language: str, body: str) -> str:
    """Return a block of code."""
    return f"```{language}\n{body.rstrip()}\n```"
