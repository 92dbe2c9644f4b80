"""What a server does now, and whether it may begin anything."""

from __future__ import annotations

import math
from datetime import datetime

from .. import errors
from ..http import LIST_ANSWER_BYTES
from . import answers, features
from .activity import ServerState
from .channel import Channel, Query, add_query
from .evidence import read_time

# The server's timer takes 2^32 milliseconds at most; a longer pause is an internal error (LiveControls.cs).
LONGEST_PAUSE_SECONDS = 49 * 86400


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

    def pause(self, seconds: float | None = None, *, transfers: bool = False) -> None:
        """Let no task begin, for so many seconds or (None) until `resume`; a running one goes on.

        A pause that there is gets this end instead of its own. `transfers` halts those of the running task too, and
        lets halted ones go on if it is not given; before 2.2 it raises `NotSupported`. Raises `InvalidValue` for 0,
        which the server takes for a pause without an end (2.0.8.1 pause-and-resume:517), and for more than 49 days.
        """
        if seconds is not None and not 0 < seconds <= LONGEST_PAUSE_SECONDS:
            raise errors.InvalidValue(
                "a pause lasts from a second to 49 days", hint="without a duration it lasts until the server is resumed"
            )
        if transfers:
            features.require(self._channel, features.PAUSE_TRANSFERS)
        duration = None if seconds is None else f"{math.ceil(seconds)}s"
        self._change("pause", {"duration": duration, "pauseTransfers": True if transfers else None})

    def resume(self) -> None:
        """End a pause; safe to repeat, also while the server is not paused (2.0.8.1 pause-and-resume:505)."""
        self._change("resume", {})

    @property
    def is_pause_kept(self) -> bool:
        """Say whether a pause outlasts a restart of this server."""
        return features.has(self._channel, features.KEEP_PAUSE)

    def read_clock(self) -> datetime | None:
        """Read what time it is for the server, now; its description is large, so ask only when it matters."""
        raw = self._channel.get("api/v1/systeminfo", "the server's clock", max_bytes=LIST_ANSWER_BYTES)
        return read_time(answers.member(raw, "ServerTime"))

    def _change(self, verb: str, query: Query) -> None:
        path, what = f"api/v1/serverstate/{verb}", f"the {verb} of the server"
        if self._channel.is_legacy:
            form = {name: str(value) for name, value in query.items() if value is not None}
            self._channel.post(path, what, form=form)
        else:
            self._channel.post(add_query(path, query), what)
