"""How far a server's clock is off, so that its times can be told by ours."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta

from .. import errors
from ..sdk.client import Duplicati

# What a request may take; less than that cannot be told from a clock that is right.
_TOLERANCE_SECONDS = 5.0


def read_offset(server: Duplicati, clock: Callable[[], float] = time.time) -> float | None:
    """Return the server's clock minus ours in seconds, None where the server does not say what time it is."""
    asked_at = clock()
    told_at = None
    with suppress(errors.DuplicatiClientError):  # what was done is told all the same
        told_at = server.state.read_clock()
    return None if told_at is None else told_at.timestamp() - (asked_at + clock()) / 2


def by_our_clock(at: datetime | None, offset_seconds: float | None) -> datetime | None:
    """Return when something is by our clock that the server's clock dates; small differences are left alone."""
    if at is None or offset_seconds is None or abs(offset_seconds) < _TOLERANCE_SECONDS:
        return at
    return at - timedelta(seconds=offset_seconds)
