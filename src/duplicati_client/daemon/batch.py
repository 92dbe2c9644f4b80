"""Lines of the journal that become durable together, and how threads wait for that; writes nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import threading

_GOING_SECONDS = 0.05


class Batch:
    """Lines that become durable together, with one time: who adds the first writes for all, the others wait.

    They go on one after the other, for all at once would only be in each other's way, and what they add next is not
    written before the last of them has gone: else a disk that is quick would be given each line alone.
    """

    def __init__(self, make_gate: Callable[[], threading.Lock], before: Batch | None) -> None:
        """`before` is the one that has to be over first; None once this one is being written."""
        self.lines: list[bytes] = []
        self.at = ""
        self.before = before
        self.failure: str | None = None
        self.is_over = False
        self._waiting_count = 0
        self._gate, self._exit = make_gate(), make_gate()
        self._gate.acquire()
        self._exit.acquire()

    @property
    def is_left(self) -> bool:
        """Say whether it is over and nobody waits for that any more."""
        return self.is_over and not self._waiting_count

    def end(self, failure: str | None = None) -> None:
        """Let those that wait go on."""
        self.failure, self._waiting_count, self.is_over = failure, max(0, len(self.lines) - 1), True
        if not self._waiting_count:
            self._exit.release()
        self._gate.release()

    def wait(self) -> None:
        """Wait for the end, as one of those whose lines it has."""
        with self._gate:
            self._waiting_count -= 1
            if not self._waiting_count:
                self._exit.release()

    def wait_for_end(self) -> None:
        """Wait for the end, as somebody else."""
        with self._gate:
            pass

    def wait_until_left(self) -> None:
        """Wait for the end, and a moment for the others to go; one that was interrupted never does."""
        self.wait_for_end()
        self._exit.acquire(timeout=_GOING_SECONDS)
