"""Which connections may stay: as many as there are file descriptors for; who rests the longest goes first.

A connection rests while no request of it is being answered: it has sent nothing yet, half of a request's head, or waits
with nothing to ask. So thousands that are opened and never used cost those that are used nothing but a new connection.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Final, Protocol

_OPEN_MAX: Final = 20_000
_OTHERS_COUNT: Final = 200
"""File descriptors for everything but connections."""


class Connection(Protocol):
    """What can be hung up on."""

    def abort(self) -> None:
        """End it at once."""


class Crowd:
    """All connections of a task server; belongs to one event loop."""

    def __init__(self, most: int, note: Callable[[], None]) -> None:
        """Have so many at most; `note` is called for each that has to go."""
        self._most, self._note = most, note
        self._open: set[Connection] = set()
        self._resting: dict[Connection, None] = {}

    def enter(self, connection: Connection) -> None:
        """Take one in, which rests; if there are too many, one has to go, and be it this one."""
        self._open.add(connection)
        self._resting[connection] = None
        if len(self._open) > self._most:
            self._note()
            other = next(iter(self._resting))
            self.leave(other)  # at once: many come before the first of them has gone
            other.abort()

    def rest(self, connection: Connection) -> None:
        """Note that nothing is asked there now."""
        self._resting.pop(connection, None)
        if connection in self._open:
            self._resting[connection] = None

    def work(self, connection: Connection) -> None:
        """Note that something is asked there."""
        self._resting.pop(connection, None)

    def leave(self, connection: Connection) -> None:
        """Note that it has ended."""
        self._open.discard(connection)
        self._resting.pop(connection, None)


def find_room() -> int:
    """Let this process have as many file descriptors as it may, and return how many connections that makes.

    Half of them are for connections of which nothing is known yet, because they have not agreed on a key.
    """
    limit = 2 * (_OPEN_MAX + _OTHERS_COUNT)
    with suppress(ImportError, OSError, ValueError):  # not on Windows; not if somebody forbids it
        import resource  # noqa: PLC0415 - not on Windows

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft != resource.RLIM_INFINITY and (soft < limit or hard == resource.RLIM_INFINITY):
            soft = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        limit = limit if soft == resource.RLIM_INFINITY else min(limit, soft)
    return max(min(_OPEN_MAX, (limit - _OTHERS_COUNT) // 2), 50)
