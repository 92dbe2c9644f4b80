"""An operation performed through a daemon: given as a task and followed to its end; says not how that is shown."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from secrets import token_hex
from typing import Any, Final, NamedTuple

from .. import errors
from .client import Fleet, Given
from .models import FleetDaemon, FleetTask

TAKE_SECONDS: Final = 60.0
"""How long a task may wait for a daemon that is there, before it is withdrawn."""
LOOK_SECONDS: Final = 10.0
AWAY: Final = ("lost", "never", "revoked")
_RETRY_SECONDS: Final = (1.0, 2.0, 3.0, 5.0)
_LOST_ANSWERS = (errors.Unreachable, errors.Overloaded)


class Remark(NamedTuple):
    """Something that a person who waits should know."""

    text: str


class Clock(NamedTuple):
    """Seconds that only run forward, and how they are waited for."""

    read: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


class Performer:
    """Has one daemon perform operations; may be used by one thread at a time."""

    def __init__(self, fleet: Fleet, daemon: FleetDaemon, clock: Clock | None = None) -> None:
        self._fleet = fleet
        self._daemon = daemon
        self._clock = clock or Clock()

    def give(self, content: Mapping[str, Any]) -> FleetTask:
        """Give a task once, though the request for it may be repeated when its answer is lost.

        Raises `Unreachable` for a daemon that is not there, `NotAllowed` for one that may not come: nothing is given.
        """
        self._check_presence()
        key = token_hex(16)
        for pause_seconds in _RETRY_SECONDS:
            with suppress(*_LOST_ANSWERS):
                return self._create(content, key)
            self._clock.sleep(pause_seconds)
        return self._create(content, key)

    def _create(self, content: Mapping[str, Any], key: str) -> FleetTask:
        tasks = self._fleet.create(Given(self._daemon.daemon_id), content, key)
        if len(tasks) != 1:
            raise errors.NotUnderstood("the task server gave another number of tasks than one")
        return tasks[0]

    def _check_presence(self) -> None:
        daemon = self._daemon
        if daemon.state != "active":
            raise errors.NotAllowed(f"the daemon {daemon.name} is {daemon.state}", hint="duplicati task-server daemons")
        if daemon.presence in AWAY:
            raise errors.Unreachable(f"the daemon {daemon.name} is not there: {tell_seen(daemon)}", hint=self._hint)

    @property
    def _hint(self) -> str:
        return f"duplicati task-server send {self._daemon.name} …, to leave a task there until it comes"

    def follow(
        self, task: FleetTask, *, take_seconds: float = TAKE_SECONDS, look_seconds: float = LOOK_SECONDS
    ) -> Iterator[FleetTask | Remark | None]:
        """Yield the task after each change until it is over, None at least every `look_seconds`, and remarks.

        One that the daemon does not take in time is withdrawn, and `Unreachable` raised: nothing was done then. A task
        server that is away is waited for, since the daemon goes on without it.
        """
        ends_at = self._clock.read() + take_seconds
        for seen in watch(self._fleet, task, max(1, math.ceil(look_seconds)), self._clock):
            yield seen
            task = seen if isinstance(seen, FleetTask) else task
            if task.is_open and task.state != "accepted" and self._clock.read() >= ends_at:
                self._withdraw(task)
                ends_at = self._clock.read() + take_seconds

    def _withdraw(self, task: FleetTask) -> None:
        """Take a task back that nobody has begun; one that was begun at this very moment goes on."""
        if self._fleet.cancel_task(task.daemon_id, task.number).state == "cancelled":
            seen = tell_seen(self._fleet.get_daemon(self._daemon.daemon_id))
            raise errors.Unreachable(
                f"the daemon {self._daemon.name} did not take it in time, {seen}; it was withdrawn, nothing was done",
                hint=self._hint,
            )


def watch(fleet: Fleet, task: FleetTask, wait_seconds: int, clock: Clock) -> Iterator[FleetTask | Remark | None]:
    """Look again and again until it is over; an absence of the task server is told once, and that it is back."""
    version: str | None = None
    away_since: float | None = None
    failures_count = 0
    while True:
        try:
            seen, version = fleet.look_at_task(task.daemon_id, task.number, version, wait_seconds)
        except _LOST_ANSWERS as exc:
            if away_since is None:
                away_since = clock.read()
                yield Remark(f"{exc.message}; trying again, the daemon goes on without it")
            clock.sleep(_RETRY_SECONDS[min(failures_count, len(_RETRY_SECONDS) - 1)])
            failures_count += 1
            yield None
            continue
        if away_since is not None:
            yield Remark(f"the task server is back after {round(clock.read() - away_since)} s")
            away_since, failures_count = None, 0
        yield seen
        if seen is not None and not seen.is_open:
            return


def tell_seen(daemon: FleetDaemon) -> str:
    """Say when a daemon was here last."""
    if daemon.seen_at is None:
        return "it has never come"
    return f"it came last {tell_age(datetime.now(UTC) - daemon.seen_at)} ago"


def tell_age(age: timedelta) -> str:
    """Write a time span in its largest unit."""
    seconds = max(0, int(age.total_seconds()))
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
