"""Who was here when: noted in memory at each request, and in the store a few seconds later, many at once."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from .records import Sighting
from .store.interface import DaemonStore

FLUSH_SECONDS: Final = 5.0


class Presence:
    """Notes who came; belongs to one event loop. `clock` is monotonic seconds, of which the store counts back."""

    def __init__(self, daemons: DaemonStore, clock: Callable[[], float] = time.monotonic) -> None:
        self._daemons, self._clock = daemons, clock
        self._seen: dict[int, dict[str, tuple[str | None, float]]] = {0: {}, 1: {}}
        self._instances: dict[str, str | None] = {}
        self._contested: set[str] = set()

    def is_known(self, daemon_id: str, instance: str | None, level: int) -> bool:
        """Note one who came before as the same process, with no question to the store; False if it is another."""
        if daemon_id in self._contested or daemon_id not in self._instances:
            return False
        if instance is not None and self._instances[daemon_id] != instance:
            return False
        self._seen[level][daemon_id] = (instance, self._clock())
        return True

    async def note(self, daemon_id: str, instance: str | None, level: int) -> bool:
        """Note who came; False if two come by turns."""
        if self.is_known(daemon_id, instance, level):
            return True
        contested = await self._daemons.touch({daemon_id: Sighting(instance, self._clock())}, level)
        self._instances[daemon_id] = instance
        self._contested = (self._contested - {daemon_id}) | contested
        return not contested

    async def flush(self) -> None:
        """Keep what was noted; learns of conflicts that other replicas noticed."""
        for level, seen in self._seen.items():
            if seen:
                self._seen[level] = {}
                sightings = {daemon_id: Sighting(*found) for daemon_id, found in seen.items()}
                self._contested |= await self._daemons.touch(sightings, level)
