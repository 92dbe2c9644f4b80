"""Keep a server from beginning anything new, and say what is true afterwards."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import NamedTuple

from .. import errors
from ..sdk.activity import ServerState
from ..sdk.client import Duplicati
from .clock import by_our_clock, read_offset

_LOOKS_COUNT = 4
_LOOK_SECONDS = 1.0
_SAME_END_SECONDS = 5.0
# The request may have taken effect; what the server says of itself afterwards decides.
LOST_ANSWERS = (errors.ConnectionLost, errors.DeadlineExceeded)


class Pausing(NamedTuple):
    """Whether the server is paused now, and was before; times are by our clock, None for no end.

    `are_transfers_halted` is known only where it was asked for and something runs: no byte was seen to move.
    """

    is_paused: bool
    pause_ends_at: datetime | None
    was_paused: bool
    was_ending_at: datetime | None
    is_pause_kept: bool
    are_transfers_halted: bool | None
    running_task_id: int | None
    waiting_task_ids: tuple[int, ...]


def pause(
    server: Duplicati,
    seconds: float | None = None,
    *,
    transfers: bool = False,
    clock: Callable[[], float] = time.time,
    sleep: Callable[[float], None] = time.sleep,
) -> Pausing:
    """Pause for so many seconds, or (None) until `resume`; raises `Busy` if somebody else has resumed it meanwhile.

    A pause that there is gets the new end. Nothing is sent where the server is paused so already.
    """
    before = server.state.get()
    asked_at = clock()
    if not before.is_paused or before.pause_ends_at is not None or seconds is not None or transfers:
        with suppress(*LOST_ANSWERS):
            server.state.pause(seconds, transfers=transfers)
    after = server.state.get()
    has_lapsed = seconds is not None and clock() - asked_at >= seconds
    if not after.is_paused and not has_lapsed:
        raise errors.Busy(
            "the server is not paused: it was resumed or restarted at the same time",
            hint="duplicati status, and pause it again if it should be",
        )
    found = describe(server, before, after, None if seconds is None else asked_at + seconds, clock)
    halted = _are_transfers_halted(server, sleep) if transfers and after.is_paused and after.active else None
    return found._replace(are_transfers_halted=halted)


def describe(
    server: Duplicati, before: ServerState, after: ServerState, expected_end: float | None, clock: Callable[[], float]
) -> Pausing:
    """Tell of a pause by our clock; the server's is asked only where it would end at another moment than expected."""
    ends = [state.pause_ends_at for state in (before, after) if state.is_paused and state.pause_ends_at]
    is_right = all(expected_end is not None and _is_same(end, expected_end) for end in ends)
    offset = None if is_right else read_offset(server, clock)
    return Pausing(
        is_paused=after.is_paused,
        pause_ends_at=by_our_clock(after.pause_ends_at, offset) if after.is_paused else None,
        was_paused=before.is_paused,
        was_ending_at=by_our_clock(before.pause_ends_at, offset) if before.is_paused else None,
        is_pause_kept=server.state.is_pause_kept,
        are_transfers_halted=None,
        running_task_id=after.active.task_id if after.active else None,
        waiting_task_ids=tuple(task.task_id for task in after.waiting),
    )


def _is_same(end: datetime, expected: float) -> bool:
    return abs(end.timestamp() - expected) < _SAME_END_SECONDS


def _are_transfers_halted(server: Duplicati, sleep: Callable[[float], None]) -> bool:
    """Look until two looks a second apart are alike; the server does not say it (2.3.1.0 control:46-50)."""
    seen = _read_transfer(server)
    for _ in range(_LOOKS_COUNT):
        sleep(_LOOK_SECONDS)
        before, seen = seen, _read_transfer(server)
        if seen == before:
            return True
    return False


def _read_transfer(server: Duplicati) -> tuple[object, ...]:
    progress = server.progress.get()
    raw = progress.raw if progress else {}
    return tuple(raw.get(name) for name in ("TaskID", "BackendAction", "BackendPath", "BackendFileProgress"))
