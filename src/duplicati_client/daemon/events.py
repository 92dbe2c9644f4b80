"""What the daemon has to tell: one line each for a person, the last of them for `daemon status`; nothing is decided."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

_KEPT_COUNT = 20
_REPEAT_SECONDS = 3600.0
_TEXT_CHARACTERS = 400
_NAMES_COUNT = 1000  # of what was told, so that a hostile server cannot make the memory of it grow


class Event(NamedTuple):
    """Something that happened; `level` is info, warning or error, `key` the task's where it is about one."""

    at: datetime
    level: str
    code: str
    text: str
    key: str | None = None


class Events:
    """Hears of events from any thread, hands each to `write`, and remembers the last."""

    def __init__(self, write: Callable[[Event], None], now: Callable[[], datetime], clock: Callable[[], float]) -> None:
        self._write = write
        self._now = now
        self._clock = clock
        self._lock = threading.Lock()
        self._told_at: dict[str, float] = {}
        self._last: deque[Event] = deque(maxlen=_KEPT_COUNT)

    def tell(self, code: str, text: str, level: str = "info", key: str | None = None) -> None:
        """Tell of something."""
        event = Event(at=self._now(), level=level, code=code, text=_neutralise(text), key=key)
        with self._lock:
            self._last.append(event)
            self._write(event)

    def warn(self, code: str, text: str, key: str | None = None, level: str = "warning") -> None:
        """Tell of something that may go on for days: the same once an hour, until `forget` is called."""
        name = f"{code} {key}" if key else code
        with self._lock:
            at = self._clock()
            told_at = self._told_at.get(name)
            if told_at is not None and at - told_at < _REPEAT_SECONDS:
                return
            if len(self._told_at) >= _NAMES_COUNT:
                self._told_at.clear()
            self._told_at[name] = at
        self.tell(code, text, level, key)

    def forget(self, code: str) -> bool:
        """Say whether something was warned of, and is over now; the next time it is told at once."""
        with self._lock:
            return self._told_at.pop(code, None) is not None

    def last(self) -> list[Event]:
        """Return the last events, the oldest first."""
        with self._lock:
            return list(self._last)


def _neutralise(text: str) -> str:
    """Make what others may have written one line of harmless characters."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text[:_TEXT_CHARACTERS])[:_TEXT_CHARACTERS]
