"""Redrawing: what is written puts the lines on a screen, as little as possible of it, and nothing is erased first."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from duplicati_client.cli.output.frame import Frame

_PIECE = re.compile(r"\x1b\[\?2026[hl]|\x1b\[(\d+);1H|(\x1b\[K)|(\x1b\[J)|([^\x1b\r\n]+)")
COLUMNS, ROWS = 12, 6


class Terminal:
    """A screen that understands what a frame writes, and no more."""

    def __init__(self) -> None:
        self.rows = ["#" * COLUMNS] * ROWS

    def write(self, text: str) -> None:
        row = column = 0
        for piece in _PIECE.finditer(text):
            line, erase_line, erase_below, words = piece.groups()
            if line:
                row, column = int(line) - 1, 0
            elif erase_line:
                self.rows[row] = self.rows[row][:column].ljust(COLUMNS)
            elif erase_below:
                self.rows = [
                    *self.rows[:row],
                    self.rows[row][:column].ljust(COLUMNS),
                    *[" " * COLUMNS] * (ROWS - row - 1),
                ]
            elif words:
                self.rows[row] = self.rows[row][:column] + words + self.rows[row][column + len(words) :]
                column += len(words)
        assert "".join(piece.group() for piece in _PIECE.finditer(text)) == text


LINES = st.lists(st.text("ab ", max_size=COLUMNS - 1), max_size=ROWS)


@given(st.lists(LINES, max_size=6))
def test_screen_shows_the_last_lines_and_nothing_else_whatever_was_there(frames: list[list[str]]) -> None:
    terminal, frame = Terminal(), Frame()
    for lines in frames:
        terminal.write(frame.draw(lines))
        shown = [row.rstrip() for row in terminal.rows]
        assert shown == [line.rstrip() for line in lines] + [""] * (ROWS - len(lines))


def test_only_changed_lines_are_written_in_one_synchronised_piece() -> None:
    frame = Frame()
    frame.draw(["one", "two", "three"])
    assert frame.draw(["one", "TWO", "three"]) == "\x1b[?2026h\x1b[2;1HTWO\x1b[K\x1b[?2026l"


def test_nothing_is_written_where_nothing_differs() -> None:
    frame = Frame()
    frame.draw(["one"])
    assert frame.draw(["one"]) == ""


def test_after_a_resize_everything_is_written_again_without_clearing_before() -> None:
    frame = Frame()
    first = frame.draw(["one", "two"])
    frame.forget()
    assert frame.draw(["one", "two"]) == first
    assert "\x1b[2J" not in first
    assert first.index("one") < first.index("\x1b[J")
