"""Draw what changes as a person reads it: a field, what it was, what it becomes; for a terminal of any width."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .text import neutralise

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ..operations.changes import Change
    from ..operations.definition import Value

_COLOURS = {"-": "31", "+": "32"}


def draw_changes(changes: Sequence[Change], *, is_coloured: bool) -> str:
    """Return a line with the name of each field, and below it lines that begin with - and +."""
    lines = []
    for change in changes:
        lines.append(f"  {neutralise(change.field)}")
        for sign, text in _compare(change.before, change.after):
            line = f"{sign} {neutralise(text)}" if text else f"{sign} (empty)"
            lines.append(f"    \x1b[{_COLOURS[sign]}m{line}\x1b[0m" if is_coloured else f"    {line}")
    return "".join(f"{line}\n" for line in lines)


def _compare(before: Value | None, after: Value | None) -> Iterator[tuple[str, str]]:
    """Yield what goes and what comes; of a list or a text of several lines only the entries that differ."""
    old, new = _split(before), _split(after)
    if len(old) <= 1 and len(new) <= 1:
        yield from (("-", text) for text in old)
        yield from (("+", text) for text in new)
        return
    from difflib import SequenceMatcher  # noqa: PLC0415 - only lists need it

    for _, old_from, old_to, new_from, new_to in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if old[old_from:old_to] != new[new_from:new_to]:
            yield from (("-", text) for text in old[old_from:old_to])
            yield from (("+", text) for text in new[new_from:new_to])


def _split(value: Value | None) -> Sequence[str]:
    if value is None:
        return ()
    return value if isinstance(value, tuple) else value.split("\n")
