"""How far the running task is."""

from __future__ import annotations

from .. import errors
from .activity import Progress
from .channel import Channel


class ProgressReader:
    """The progress of the running task, or of the last one."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    def get(self) -> Progress | None:
        """Read it; None before the first task of this start of the server. Stale when idle: compare `task_id`."""
        try:
            raw = self._channel.get("api/v1/progressstate", "the progress", max_bytes=1024 * 1024)
        except (errors.NotFound, errors.EndpointMissing):
            return None
        return Progress.read(raw)
