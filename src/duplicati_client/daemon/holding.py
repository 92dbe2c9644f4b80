"""Tasks that must not be done twice, kept back while the task server may offer once more what was done already."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from .. import errors
from .events import Events
from .intake import is_unrepeatable
from .link import Link


class Holding:
    """Holds tasks until the epoch of the task server's store is known to be the one it was, or the owner says so."""

    def __init__(self, link: Link, events: Events, hand_over: Callable[[str], None]) -> None:
        self._link, self._events, self._hand_over = link, events, hand_over
        self._keys: list[str] = []
        self._is_told = False

    def take(self, key: str, operation: str) -> bool:
        """Keep a task back if it has to be; say whether that was so."""
        if not is_unrepeatable(operation) or not self._is_needed():
            return False
        self._keys.append(key)
        self._tell()
        return True

    def remove(self, key: str) -> bool:
        """Let go of a task; say whether it was here."""
        with suppress(ValueError):
            self._keys.remove(key)
            return True
        return False

    def list_held(self) -> list[str]:
        """Return the keys of those that wait for the owner's word, and not just for the first contact."""
        return list(self._keys) if self._link.epoch is not None and self._is_needed() else []

    def note_contact(self) -> None:
        """Let all go on where the task server turns out to be as it was before."""
        if self._keys and self._is_needed():
            self._tell()
        elif self._keys:
            self._let_go()

    def release(self) -> int:
        """Take the task server's epoch for the right one and let all go on; return how many."""
        if self._link.epoch is not None:
            with suppress(errors.InputOutputFailed):  # memory has it, and a full disk is told of by the journal
                self._link.identity.keep_epoch(self._link.epoch)
        return self._let_go()

    def _is_needed(self) -> bool:
        known = self._link.identity.known.epoch
        return known is not None and self._link.level != 0 and self._link.epoch != known

    def _let_go(self) -> int:
        keys, self._keys, self._is_told = self._keys, [], False
        for key in keys:
            self._hand_over(key)
        return len(keys)

    def _tell(self) -> None:
        """Tell of it once the task server has shown that it was restored; before that nobody can do anything."""
        if self._link.epoch is None or self._is_told:
            return
        self._is_told = True
        text = "the task server was restored: what must not be done twice waits for: duplicati daemon resume"
        self._events.tell("held", text, "warning")
