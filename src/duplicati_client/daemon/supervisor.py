"""What systemd hears of the daemon: that it is ready, lives, stops; nothing where no systemd listens."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from contextlib import suppress


class Supervisor:
    """Tells the one who started this program how it is; every method does nothing where nobody listens."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._address = environ.get("NOTIFY_SOCKET", "")
        self.watchdog_seconds = _read_watchdog(environ)

    def say_ready(self, status: str) -> None:
        """Tell that the start is over."""
        self._send(f"READY=1\nSTATUS={status}")

    def say_alive(self, status: str) -> None:
        """Tell that it works; to be repeated within half of `watchdog_seconds`."""
        self._send(f"WATCHDOG=1\nSTATUS={status}")

    def say_stopping(self) -> None:
        """Tell that the end has begun."""
        self._send("STOPPING=1")

    def _send(self, text: str) -> None:
        if not self._address or not hasattr(socket, "AF_UNIX"):
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.sendto(text.encode(), address)


def _read_watchdog(environ: Mapping[str, str]) -> float | None:
    """Return the seconds between two signs of life that systemd allows, None if it wants none from this process."""
    microseconds = environ.get("WATCHDOG_USEC", "")
    if environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()) or not microseconds.isdecimal():
        return None
    return int(microseconds) / 1_000_000 or None
