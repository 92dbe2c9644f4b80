"""Signals as something that can be waited for: handlers only leave a note, so nothing is interrupted half done."""

from __future__ import annotations

import os
import select
import signal
import socket
from typing import TYPE_CHECKING

from .. import exits

if TYPE_CHECKING:
    from types import FrameType

_ENDING = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGINT", "SIGBREAK") if hasattr(signal, name))
_RELOADING: int | None = getattr(signal, "SIGHUP", None)


class Signals:
    """Takes over the signals of a process; for its main thread. A second one that asks for the end ends it at once."""

    def __init__(self) -> None:
        self.is_ending = False
        self._is_reload_wanted = False
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)
        signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        for number in _ENDING:
            signal.signal(number, self._end)
        if _RELOADING is not None:
            signal.signal(_RELOADING, self._reload)

    def wait(self, seconds: float) -> bool:
        """Wait for a signal at most that long; say whether the end is wanted."""
        if not self.is_ending and select.select([self._reader], [], [], seconds)[0]:
            try:
                self._reader.recv(4096)
            except BlockingIOError:
                return self.is_ending
        return self.is_ending

    def take_reload(self) -> bool:
        """Say whether files are to be read anew, once for each time it was asked for."""
        is_wanted, self._is_reload_wanted = self._is_reload_wanted, False
        return is_wanted

    def _end(self, number: int, frame: FrameType | None) -> None:
        if self.is_ending:
            os._exit(exits.INTERRUPTED_BY_USER)
        self.is_ending = True

    def _reload(self, number: int, frame: FrameType | None) -> None:
        self._is_reload_wanted = True
