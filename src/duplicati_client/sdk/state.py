"""What a server does now."""

from __future__ import annotations

from .. import errors
from .activity import ServerState
from .channel import Channel, Query


class States:
    """The server's state: active task, queue, pause, next runs."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    def get(self) -> ServerState:
        """Read it now."""
        return ServerState.read(self._channel.get("api/v1/serverstate", "the server's state", max_bytes=1024 * 1024))

    def wait(self, after: ServerState, *, seconds: int = 30) -> ServerState:
        """Long poll: return when the server's event number differs from `after`'s, or the time is up.

        `seconds` is 11 to 3600: 2.0.8.1 wants more than 10 (long-poll:543). A progress alone is no event.
        """
        if not 11 <= seconds <= 3600:
            raise errors.InvalidValue("a long poll lasts from 11 to 3600 seconds")
        query: Query = {"longpoll": True, "lastEventId": after.event_id, "duration": f"{seconds}s"}
        raw = self._channel.get(
            "api/v1/serverstate",
            "the server's state",
            query=query,
            max_bytes=1024 * 1024,
            deadline_seconds=seconds + 15,
        )
        return ServerState.read(raw)
