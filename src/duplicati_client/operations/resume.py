"""End a server's pause, and say what is true afterwards."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress

from .. import errors
from ..sdk.client import Duplicati
from .pause import LOST_ANSWERS, Pausing, describe

__all__ = ["Pausing", "resume"]


def resume(server: Duplicati, *, clock: Callable[[], float] = time.time) -> Pausing:
    """Let the queue go on; nothing is sent to a server that is not paused. Raises `Busy` if it is paused again."""
    before = server.state.get()
    if before.is_paused:
        with suppress(*LOST_ANSWERS):
            server.state.resume()
    after = server.state.get()
    if after.is_paused:
        raise errors.Busy(
            "the server is still paused, or somebody has paused it again",
            hint="duplicati status shows until when; duplicati resume tries again",
        )
    return describe(server, before, after, None, clock)
