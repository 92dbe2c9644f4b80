"""How the daemon's threads begin, and what they wait with, so that both can be had under another clock; starts none."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import NamedTuple, Protocol


class Thread(Protocol):
    """A thread that was started."""

    def is_alive(self) -> bool:
        """Say whether it has not ended."""

    def join(self, timeout: float | None = None) -> None:
        """Wait for its end, so many seconds at most."""


def start(name: str, work: Callable[[], None]) -> Thread:
    """Do something in a thread that does not keep the program from ending."""
    thread = threading.Thread(target=work, name=name, daemon=True)
    thread.start()
    return thread


class Threads(NamedTuple):
    """`make_turn` gives what threads take turns with, `make_flag` what one raises for the others.

    `make_gate` gives what one shuts for the others, and what lets one through at a time.
    """

    start: Callable[[str, Callable[[], None]], Thread] = start
    make_turn: Callable[[], threading.Condition] = threading.Condition
    make_flag: Callable[[], threading.Event] = threading.Event
    make_gate: Callable[[], threading.Lock] = threading.Lock


THREADS = Threads()
