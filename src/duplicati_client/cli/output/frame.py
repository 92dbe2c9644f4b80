"""Redraw a screen: what to write so that it shows these lines and no others; it knows no terminal and no content."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

# A terminal that knows synchronised output shows what is between as one picture; the others ignore both.
_BEGIN, _END = "\x1b[?2026h", "\x1b[?2026l"
_ERASE_LINE, _ERASE_BELOW = "\x1b[K", "\x1b[J"


class Frame:
    """Remembers what the screen shows. Nothing is ever erased before its successor is written: that would flicker."""

    def __init__(self) -> None:
        self._shown: list[str] | None = None

    def forget(self) -> None:
        """Believe nothing of what the screen shows: it was resized, or others have written on it."""
        self._shown = None

    def draw(self, lines: Sequence[str]) -> str:
        """Return what to write, in one piece, and nothing where nothing differs.

        The lines must be shorter than the screen is wide, by a column at least: erasing the rest of a line that is
        full takes its last character away.
        """
        before = self._shown
        self._shown = list(lines)
        if before is None:
            drawn = _ERASE_LINE.join(f"\x1b[{row};1H{line}" for row, line in enumerate(lines or [""], 1))
            return f"{_BEGIN}{drawn}{_ERASE_BELOW}{_END}"
        blanks = [""] * max(0, len(before) - len(lines))
        changed = [
            f"\x1b[{row};1H{line}{_ERASE_LINE}"
            for row, line in enumerate([*lines, *blanks], 1)
            if row > len(before) or line != before[row - 1]
        ]
        return f"{_BEGIN}{''.join(changed)}{_END}" if changed else ""
