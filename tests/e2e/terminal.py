"""A real terminal with a real process behind it: what it shows, what is typed, and the modes it is left in."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

_PIECE = re.compile(r"\x1b\[([?0-9;]*)([A-Za-z])|([^\x1b\r\n]+)|(\r\n)|\x1b?[\s\S]")
_PATIENCE_SECONDS = 20.0


class Terminal:
    """The outer end of a pseudo-terminal, and enough of a screen to tell what a person would see on it."""

    def __init__(self, columns: int, rows: int) -> None:
        self.outer, self.inner = pty.openpty()
        self.modes_before = termios.tcgetattr(self.inner)
        self.written = ""
        self.is_alternate = False
        self.is_cursor_shown = True
        self.rows: dict[int, str] = {}
        self._row = self._column = 0
        self._columns = columns
        self.resize(columns, rows)

    def resize(self, columns: int, rows: int) -> None:
        """Change the size; the system tells the process in front, as with a window that is dragged."""
        self._columns, self.rows = columns, {}
        fcntl.ioctl(self.outer, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    @property
    def modes(self) -> list[Any]:
        """The modes as they are now."""
        return termios.tcgetattr(self.inner)

    @property
    def text(self) -> str:
        """What is to be seen."""
        return "\n".join(self.rows.get(row, "").rstrip() for row in range(max(self.rows, default=-1) + 1))

    def type(self, keys: bytes) -> None:
        os.write(self.outer, keys)

    def read(self, seconds: float) -> None:
        """Take what is written within this time."""
        ready, _, _ = select.select([self.outer], [], [], seconds)
        if ready:
            with suppress(OSError):
                self._show(os.read(self.outer, 65536).decode(errors="replace"))

    def wait_for(self, is_there: Callable[[], bool]) -> None:
        """Read until something is true of the terminal; fails with what it shows."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not is_there():
            assert time.monotonic() < deadline, f"it shows:\n{self.text}\nand was written: {self.written[-2000:]!r}"
            self.read(0.1)

    def close(self) -> None:
        for end in (self.outer, self.inner):
            with suppress(OSError):
                os.close(end)

    def _show(self, text: str) -> None:
        self.written += text
        for piece in _PIECE.finditer(text):
            numbers, command, words, new_line = piece.groups()
            if command:
                self._obey(numbers, command)
            elif new_line:
                self._row, self._column = self._row + 1, 0
            elif words:
                line = self.rows.get(self._row, "").ljust(self._column)
                end = self._column + len(words)
                assert not self.is_alternate or end <= self._columns, f"too long: {words}"
                self.rows[self._row] = line[: self._column] + words + line[end:]
                self._column = end

    def _obey(self, numbers: str, command: str) -> None:
        if numbers == "?1049":
            self.is_alternate, self.rows = command == "h", {}
        elif numbers == "?25":
            self.is_cursor_shown = command == "h"
        elif command == "H":
            row, _, column = numbers.partition(";")
            self._row, self._column = int(row or 1) - 1, int(column or 1) - 1
        elif command in "KJ":
            self.rows[self._row] = self.rows.get(self._row, "")[: self._column]
            if command == "J":
                self.rows = {row: line for row, line in self.rows.items() if row <= self._row}


@contextmanager
def process_in_terminal(
    command: Sequence[str], environment: Mapping[str, str], *, columns: int = 80, rows: int = 24
) -> Iterator[tuple[subprocess.Popen[bytes], Terminal]]:
    """Run a command as the leader of a session whose terminal this is, and leave nothing behind."""
    terminal = Terminal(columns, rows)
    with subprocess.Popen(
        command,
        stdin=terminal.inner,
        stdout=terminal.inner,
        stderr=terminal.inner,
        env={**environment, "TERM": "xterm-256color"},
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509 - there are no threads here
    ) as process:
        try:
            yield process, terminal
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
            process.wait()
            terminal.close()
