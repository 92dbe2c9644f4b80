"""Tells the task server what runs here, and hears what is to be stopped; stops nothing itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ..protocol.task import TaskID, key_of
from .answers import LinkFailed
from .link import Link
from .pace import Pace

if TYPE_CHECKING:
    import threading

BEAT_SECONDS = 30.0
"""A quarter of a lease, and half of the time in which two machines with one identity are to be noticed."""
BUSY_SECONDS = 5.0
"""While a task is under way: somebody may watch it, or want it to end."""
_RUNNING_COUNT = 200
# Whatever else a task waits for takes longer than the next beat.
_UNDER_WAY = ("running", "waiting-for-slot")


class Running(NamedTuple):
    """A task that is not over. `state` is its journal's word for it, such as `running` or `uncertain`."""

    task_id: TaskID
    state: str
    phase: str | None = None
    fraction: float | None = None
    bytes_count: int | None = None

    def encode(self) -> dict[str, Any]:
        """Write it as the protocol does, without what is not known."""
        members = {
            "ID": self.task_id,
            "State": self.state,
            "Phase": self.phase,
            "Fraction": self.fraction,
            "Bytes": self.bytes_count,
        }
        return {name: value for name, value in members.items() if value is not None}


class Due(NamedTuple):
    """When the next beat is due: after `hold_seconds` as soon as a task begins, or else so many more seconds.

    `is_heard`: the task server has answered this one.
    """

    hold_seconds: float
    seconds: float
    is_heard: bool = False


class Heartbeat:
    """Beats while the task server speaks level 1; used by one thread. `beginning` is raised by who begins a task."""

    def __init__(
        self,
        link: Link,
        pace: Pace,
        list_running: Callable[[], Sequence[Running]],
        cancel: Callable[[str], None],
        beginning: threading.Event,
    ) -> None:
        """`cancel` gets the key of a task, once for as long as the task server asks for it."""
        self.poll_after_seconds: float | None = None
        self.beginning = beginning
        self._link = link
        self._pace = pace
        self._list_running = list_running
        self._cancel = cancel
        self._cancelled: set[str] = set()

    def beat(self, state: str) -> Due:
        """Beat once and return when to do so again; a failure is left to the polls to tell of."""
        is_early = self.beginning.is_set()
        self.beginning.clear()
        if self._link.level != 1:
            return Due(BEAT_SECONDS, 0.0)
        under_way, others = _part(self._list_running())
        running = [one.encode() for one in (under_way + others)[:_RUNNING_COUNT]]
        try:
            beat = self._link.heartbeat(running, state)
        except LinkFailed as exc:
            return Due(self._pace.fail(exc), 0.0)
        self._pace.succeed()
        self.poll_after_seconds = beat.poll_after_seconds
        self._pass_on({key_of(task_id) for task_id in beat.cancel})
        # Many short tasks would otherwise make a storm of beats.
        hold_seconds = BUSY_SECONDS if is_early else 0.0
        return Due(hold_seconds, (BUSY_SECONDS if under_way else BEAT_SECONDS) - hold_seconds, is_heard=True)

    def _pass_on(self, asked: set[str]) -> None:
        for key in sorted(asked - self._cancelled):
            self._cancel(key)
        self._cancelled = asked


def _part(running: Sequence[Running]) -> tuple[list[Running], list[Running]]:
    """Return those that are under way, and the others: of very many only the first are told."""
    under_way = [one for one in running if one.state in _UNDER_WAY]
    return under_way, [one for one in running if one.state not in _UNDER_WAY]
