"""How a server is, on one screen."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple

from ..sdk.activity import ServerState
from ..sdk.client import Duplicati
from .clock import by_our_clock
from .queue import TaskSummary, read_queue


class SessionStatus(NamedTuple):
    """How long this client gets in: the end of the present token, and whether it can renew it by itself."""

    access_ends_at: datetime | None
    is_renewable: bool


class Status(NamedTuple):
    """A server's state for a person or a monitor; `clock_offset_seconds` is its clock minus ours.

    `queue` holds the running task and then the waiting ones in order; `pause_ends_at` is by our clock.
    """

    url: str
    version: str
    version_name: str
    generation: str
    machine_name: str
    os: str
    user_name: str
    session: SessionStatus
    state: ServerState
    pause_ends_at: datetime | None
    queue: tuple[TaskSummary, ...]
    backups_count: int
    warnings_count: int
    errors_count: int
    clock_offset_seconds: float | None


def read_status(server: Duplicati, *, clock: Callable[[], float] = time.time) -> Status:
    """Read it; five requests."""
    state = server.state.get()
    asked_at = clock()
    system = server.system
    halfway = (asked_at + clock()) / 2
    kinds = [notification.kind for notification in server.notifications.list()]
    offset = system.server_time_at.timestamp() - halfway if system.server_time_at else None
    backups = server.backups.list()
    return Status(
        url=server.url,
        version=system.version,
        version_name=system.version_name,
        generation=server.generation,
        machine_name=system.machine_name,
        os=system.os,
        user_name=system.user_name,
        session=_read_session(server),
        state=state,
        pause_ends_at=by_our_clock(state.pause_ends_at, offset) if state.is_paused else None,
        queue=tuple(read_queue(server, state, backups)),
        backups_count=len(backups),
        warnings_count=kinds.count("Warning"),
        errors_count=kinds.count("Error"),
        clock_offset_seconds=offset,
    )


def _read_session(server: Duplicati) -> SessionStatus:
    session = server.session
    if session is None:
        return SessionStatus(None, False)
    ends_at = datetime.fromtimestamp(session.access_ends_at, UTC) if session.access_ends_at else None
    return SessionStatus(ends_at, session.refresh_token is not None)
