"""A server beside a daemon: what a verb wants is given to the daemon as a task, and waited for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ... import errors
from ...fleet.performing import AWAY, LOOK_SECONDS, TAKE_SECONDS, Clock, Performer, Remark, tell_age
from ..resource import write_resource
from .inventory import find_backups, list_aliases
from .rebuilding import rebuild, rebuild_error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from ...fleet.client import Fleet
    from ...fleet.models import FleetDaemon, FleetTask
    from ...sdk.client import Duplicati
    from ..context import Place
    from ..reach import Asked, T
    from ..talk import Talk

ANSWER_SECONDS = 120.0


class There:
    """One server beside a daemon, for one verb. `max_age_seconds` is how old what the task server knows may be."""

    def __init__(
        self,
        fleet: Fleet,
        place: Place,
        talk: Talk,
        *,
        max_age_seconds: float | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.fleet = fleet
        self.clock = clock or Clock()
        self._place = place
        self._talk = talk
        self._max_age_seconds = max_age_seconds

    @property
    def alias(self) -> str | None:
        """Which of the daemon's servers it is; None for the only one."""
        return self._place.alias

    @cached_property
    def daemon(self) -> FleetDaemon:
        """The daemon as it was when it was first asked for; raises `NotFound`, `UsageInvalid` for an open choice."""
        daemon = self.fleet.get_daemon(self._place.daemon)
        aliases = list_aliases(daemon)
        if self._place.alias is None and len(aliases) > 1:
            hint = ", ".join(f"{daemon.name}/{alias}" for alias in aliases)
            raise errors.UsageInvalid(f"there are several servers beside {daemon.name}", hint=hint)
        return daemon

    def forget(self) -> None:
        """Ask anew whether the daemon is there."""
        for name in ("daemon", "_performer"):
            self.__dict__.pop(name, None)

    def do(self, here: Callable[[Duplicati], T], there: Asked) -> T:
        """Have it done; both must come to the same. Raises what the operation raises, `NotAllowed` for a refusal."""
        return self.perform(there)  # type: ignore[no-any-return]

    def perform(self, asked: Asked) -> Any:
        """Have it done, and return what the operation would have returned here; raises what `do` raises."""
        known = self._find_known(asked)
        if known is not None:
            return known
        return rebuild(asked.operation, asked.resources[0][0] if asked.resources else None, self.fetch(asked))

    def fetch(self, asked: Asked) -> Mapping[str, Any]:
        """Have it done, and return the data of the result; raises what `do` raises."""
        task = self.give(asked)
        try:
            task = self._await_end(task)
        except KeyboardInterrupt:
            self.cancel(task)
            raise
        return self.conclude(task)

    def give(self, asked: Asked) -> FleetTask:
        """Give it as a task to a daemon that is there; raises `Unreachable` for one that is not."""
        try:
            task = self._performer.give(self._write(asked))
        except errors.RoleMissing as exc:
            hint = "--max-age 1d shows what it told last, if that is no older" if _is_of_backups(asked) else None
            raise errors.RoleMissing(f"{self.daemon.name} is asked by a task: {exc.message}", hint=hint) from exc
        self._talk.detail(f"given as the task {task.name}")
        return task

    def follow(self, task: FleetTask, *, look_seconds: float = LOOK_SECONDS) -> Iterator[FleetTask | None]:
        """Yield a task until it is over, None at least every `look_seconds`; what keeps it waiting is told."""
        for item in self._performer.follow(task, look_seconds=look_seconds):
            if isinstance(item, Remark):
                self._talk.say(item.text)
            else:
                yield item

    @cached_property
    def _performer(self) -> Performer:
        return Performer(self.fleet, self.daemon, self.clock)

    def cancel(self, task: FleetTask) -> None:
        """Ask for its end; raises nothing that would hide why."""
        try:
            self.fleet.cancel_task(task.daemon_id, task.number)
        except errors.DuplicatiClientError as exc:
            self._talk.complain(f"{task.name} could not be cancelled: {exc.message}", exc.hint)

    def conclude(self, task: FleetTask) -> Mapping[str, Any]:
        """Return the data of a task that is over; raises what failed there, as what it is."""
        if task.state != "completed":
            raise _explain(self.daemon, task)
        data = task.data or {}
        if data.get("Truncated") is True:
            self._talk.say(f"the answer of {self.daemon.name} was too long: some of it is missing")
        return data

    def _await_end(self, task: FleetTask) -> FleetTask:
        ends_at = self.clock.read() + TAKE_SECONDS + ANSWER_SECONDS
        for seen in self.follow(task):
            task = seen or task
            if task.is_open and self.clock.read() >= ends_at:
                hint = f"duplicati task-server tasks show {task.name}"
                raise errors.DeadlineExceeded(
                    f"{self.daemon.name} has not answered yet, and still works on it", hint=hint
                )
        return task

    def _find_known(self, asked: Asked) -> Any:
        """Return what the task server knows without asking, where that is wanted or all there is; else None."""
        if not _is_of_backups(asked):
            return None
        is_away = self.daemon.presence in AWAY
        if not is_away and self._max_age_seconds is None:
            return None
        found, at = find_backups(self.daemon, self._place.alias), self.daemon.inventory_at
        if found is None or at is None:
            return None
        age = datetime.now(UTC) - at
        limit = self._max_age_seconds
        if limit is not None and age > timedelta(seconds=limit):
            return None
        missing = f"{self.daemon.name} is not there: " if is_away else ""
        self._talk.say(f"{missing}this is what {self.daemon.name} told {tell_age(age)} ago")
        return found

    def _write(self, asked: Asked) -> dict[str, Any]:
        resources = [write_resource(kind, selector) for kind, selector in asked.resources]
        parameters = {name: value for name, value in asked.parameters.items() if value is not None}
        return {
            "Operation": asked.operation,
            **({"Resources": resources} if resources else {}),
            **({"Parameters": parameters} if parameters else {}),
            **({"Server": self._place.alias} if self._place.alias else {}),
        }


def _is_of_backups(asked: Asked) -> bool:
    """Say whether the inventory answers it, which the task server has."""
    return (asked.operation, tuple(asked.resources)) == ("list", (("backup", None),))


def _explain(daemon: FleetDaemon, task: FleetTask) -> errors.DuplicatiClientError:
    data = task.data or {}
    if task.state == "error":
        return rebuild_error(data)
    if task.state == "refused":
        reason = data.get("Reason")
        told = reason if isinstance(reason, str) else "it does not say why"
        return errors.NotAllowed(
            f"{daemon.name} refuses it: {told}", hint="its owner decides: duplicati daemon policy, on that machine"
        )
    if task.state == "cancelled":
        return errors.TaskCancelled(f"{task.name} was cancelled before it began")
    return errors.Busy(f"{task.name} is {task.state}: {daemon.name} did not take it in time")
