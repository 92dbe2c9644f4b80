"""A terminal taken over for a while, and given back as it was in every ending; what is drawn on it comes from others.

Where the system has no such terminals (Windows) importing this fails with `ImportError`.
"""

from __future__ import annotations

import os
import select
import signal
import termios
from contextlib import suppress
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any, Self

from .console import ReaderGone
from .output.frame import Frame

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .console import Console

# Another screen, no cursor, no wrapping at the edge; and all of it back, colours too.
_TAKE = b"\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[2J"
_GIVE_BACK = b"\x1b[?2026l\x1b[0m\x1b[?7h\x1b[?25h\x1b[?1049l"
_FATAL = (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
_USUAL_SIZE = os.terminal_size((80, 24))


class Killed(BaseException):
    """A signal has asked the program to end; the terminal is given back on the way, then `die` obeys."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number

    def die(self) -> None:
        """End as if the signal had never been caught, so that whoever sent it sees so."""
        signal.signal(self.number, signal.SIG_DFL)
        os.kill(os.getpid(), self.number)


class Screen:
    """The screen of a terminal, to be used in a `with` block by the main thread; `wake` may be called by any."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._output, self._keys, self._encoding = console.screen_files()
        self._frame = Frame()
        self._before: list[Any] | None = None
        self._handlers: dict[int, Callable[[int, FrameType | None], object] | int | None] = {}
        self._heard, self._waker = os.pipe()
        for end in (self._heard, self._waker):
            os.set_blocking(end, False)
        self._old_wakeup = -1
        self._is_taken = False

    def __enter__(self) -> Self:
        try:
            self._console.hold_talk()
            self._catch_signals()
            self._take()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def size(self) -> os.terminal_size:
        """Columns and rows; a terminal that does not know them (a serial line) counts as 80 by 24."""
        try:
            size = os.get_terminal_size(self._output)
        except OSError:
            return _USUAL_SIZE
        return size if size.columns > 0 and size.lines > 0 else _USUAL_SIZE

    def draw(self, lines: Sequence[str]) -> None:
        """Show these lines, each narrower than the screen; raises `ReaderGone` if the terminal is gone."""
        text = self._frame.draw(lines)
        if text:
            self._write(text.encode(self._encoding, "backslashreplace"))

    def wait(self, seconds: float) -> bool:
        """Wait for a key, a resize, `wake` or the time, whichever is first; True if the person wants to leave."""
        files = [self._heard] if self._keys is None else [self._heard, self._keys]
        ready, _, _ = select.select(files, [], [], max(0.0, seconds))
        if self._heard in ready and signal.SIGWINCH in self._drain():
            self._frame.forget()
        return self._keys in ready and self._read_keys()

    def wake(self) -> None:
        """End the present `wait`, or the next one."""
        with suppress(OSError):  # full, which wakes as well, or closed
            os.write(self._waker, b"\0")

    def close(self) -> None:
        """Give the terminal back; safe to repeat."""
        if not self._handlers:
            self._console.release_talk()
            return
        for number in self._handlers:
            signal.signal(number, signal.SIG_IGN)  # a second Ctrl-C must not leave the half of it
        self._give_back()
        signal.set_wakeup_fd(self._old_wakeup)  # its pipe stays open: a thread may still want to wake
        handlers, self._handlers = self._handlers, {}
        for number, handler in handlers.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        self._console.release_talk()

    def _catch_signals(self) -> None:
        self._old_wakeup = signal.set_wakeup_fd(self._waker, warn_on_full_buffer=False)
        self._handlers[signal.SIGINT] = signal.getsignal(signal.SIGINT)
        for number in _FATAL:
            if signal.getsignal(number) != signal.SIG_IGN:  # nohup
                self._handlers[number] = signal.signal(number, _raise_killed)
        self._handlers[signal.SIGWINCH] = signal.signal(signal.SIGWINCH, lambda number, frame: None)
        self._handlers[signal.SIGTSTP] = signal.signal(signal.SIGTSTP, self._suspend)

    def _take(self) -> None:
        if self._keys is not None:
            self._before = termios.tcgetattr(self._keys)
            mode = termios.tcgetattr(self._keys)
            mode[3] &= ~(termios.ECHO | termios.ICANON)
            mode[6][termios.VMIN], mode[6][termios.VTIME] = 1, 0
            termios.tcsetattr(self._keys, termios.TCSANOW, mode)
        self._is_taken = True
        self._write(_TAKE)

    def _give_back(self) -> None:
        if self._is_taken:
            self._is_taken = False
            with suppress(termios.error):
                termios.tcflow(self._output, termios.TCOON)  # stopped by Ctrl-S it would never take the rest
            with suppress(ReaderGone):
                self._write(_GIVE_BACK)
        before, self._before = self._before, None
        if before is not None and self._keys is not None:
            with suppress(termios.error):
                termios.tcflush(self._keys, termios.TCIFLUSH)
                termios.tcsetattr(self._keys, termios.TCSANOW, before)

    def _suspend(self, number: int, frame: FrameType | None) -> None:
        """Stop as Ctrl-Z does everywhere, with the terminal given back meanwhile."""
        self._give_back()
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTSTP)
        signal.signal(signal.SIGTSTP, self._suspend)
        self._take()
        self._frame.forget()

    def _write(self, data: bytes) -> None:
        try:
            while data:
                data = data[os.write(self._output, data) :]
        except OSError as exc:
            raise ReaderGone from exc

    def _drain(self) -> bytes:
        try:
            return os.read(self._heard, 4096)
        except BlockingIOError:
            return b""

    def _read_keys(self) -> bool:
        try:
            typed = os.read(self._keys or 0, 1024)
        except OSError:
            return True
        if typed == b"\x0c":
            self._frame.forget()
        # Nothing to read means a closed terminal; what begins with an escape is an arrow or a mouse, not a letter.
        return not typed or (not typed.startswith(b"\x1b") and bool(set(typed) & set(b"qQ\x03\x04")))


def _raise_killed(number: int, frame: FrameType | None) -> None:
    raise Killed(number)
