"""Whether there is room for a new task: on the disk, in the journal, among what is open; takes none itself."""

from __future__ import annotations

from contextlib import suppress

from .config import DaemonConfig
from .journal import Journal
from .storage import Folder, find_floor

_OPEN_BYTES_MAX = 8 * 1024 * 1024


class Room:
    """Says why no new task can be taken."""

    def __init__(self, journal: Journal, folder: Folder, config: DaemonConfig) -> None:
        self._journal, self._folder, self._config = journal, folder, config

    def find_obstacle(self) -> str | None:
        """Return why no new task can be taken now, None if one can."""
        if not self._journal.revive():
            return "nothing can be made durable"
        if self.is_below_floor():
            return "the disk is nearly full"
        return self.find_fullness()

    def find_fullness(self) -> str | None:
        """Return how much is open, if that is as much as may be."""
        journal = self._journal
        if journal.open_count >= self._config.in_flight_count:
            return f"{journal.open_count} are open, as many as may be (in_flight under [limits])"
        if journal.open_bytes >= _OPEN_BYTES_MAX:
            return f"{journal.open_count} are open and hold {journal.open_bytes >> 20} MiB, as much as may be"
        return None

    def count_free(self) -> int:
        """Return how many more tasks may be open."""
        return self._config.in_flight_count - self._journal.open_count

    def is_half_free(self) -> bool:
        """Say whether so few are open that it will not soon be full again."""
        return self._journal.open_count * 2 < self._config.in_flight_count

    def is_below_floor(self) -> bool:
        """Say whether the disk of the state folder has too little room for new work."""
        with suppress(OSError):
            free_bytes, total_bytes = self._folder.room()
            return free_bytes < find_floor(total_bytes, self._config.floor_bytes)
        return True
