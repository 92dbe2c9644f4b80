"""Follow one server task to its own log row: what it is doing, and all the signs of how it went."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import datetime

from .. import errors
from . import events, features
from .activity import Progress, ServerState, ServerTask
from .channel import Channel
from .concluding import SAME_START, Conclusion, Seen
from .followed import Item, Note, StartedTask, read_traces, tasks_of
from .patience import Patience, patience_seconds
from .progress import ProgressReader
from .state import States
from .tasks import Tasks

Listen = Callable[[Channel], Iterator[events.Event | None]]

_TASK_POLL_SECONDS = 5.0
_QUICK_ASKS_COUNT = 10
_PAUSED = Note("the server is paused: this goes on when it is resumed")


class Following:
    """Follows what was started. `clock` is monotonic seconds; `listen` gives a server's events."""

    def __init__(
        self,
        channel: Channel,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        listen: Listen = events.follow,
    ) -> None:
        self._channel = channel
        self._patience = Patience(clock, sleep)
        self._listen = listen

    def follow(self, started: StartedTask) -> Iterator[Item | None]:
        """Yield progress and notes, then `Ended`; None at least every second so that the caller can stop waiting.

        Goes on through token expiry, lost connections and a restart of the server. Raises `Unreachable` when the
        server stays away for ten minutes, and whatever a refused login raises.
        """
        yield from _Follower(self._channel, started, self._patience).follow(self._listen)


class _Follower:
    """Watches one task; holds what was seen of it."""

    def __init__(self, channel: Channel, started: StartedTask, patience: Patience) -> None:
        self._channel = channel
        self._started = started
        self._patience = patience
        self._baseline = started.baseline
        self._is_behind = started.is_behind_own_backup
        self._task: ServerTask | None = None
        self._first_started_at: datetime | None = None
        self._last_phase: str | None = None
        self._is_lost = False
        self._state = started.baseline.state
        self._asked_task_at = patience.clock() - _TASK_POLL_SECONDS
        self._asks_count = 0
        self._away_since: float | None = None
        self._was_down = False

    def follow(self, listen: Listen) -> Iterator[Item | None]:
        if self._state.is_paused:
            yield _PAUSED
        while True:
            try:
                yield from self._follow_events(listen)
                break
            except errors.DuplicatiClientError as exc:
                yield from self._wait_out(exc)
        yield from self._conclude()

    def _follow_events(self, listen: Listen) -> Iterator[Item | None]:
        """Yield until the task is over or lost."""
        if self._away_since is not None:
            self._compare_state()
        if self._is_lost or self._is_over(force=True):
            return
        for event in listen(self._channel):
            self._away_since = None
            yield from self._tell(event)
            ended = isinstance(event, events.TaskEnded) and event.task.task_id == self._started.task_id
            # An end before the first event is told by the state alone, and so is one without a number.
            has_left = isinstance(event, events.StateChanged) and not self._is_queued()
            if self._is_lost or self._is_over(force=ended or has_left or self._has_begun()):
                return

    def _tell(self, event: events.Event | None) -> Iterator[Item | None]:
        if isinstance(event, events.ProgressMade) and self._is_own(event.progress):
            self._last_phase = event.progress.phase
            yield event.progress
        elif isinstance(event, events.Fallback):
            yield Note(event.reason, is_detail=True)
        elif isinstance(event, events.StateChanged):
            was_paused = self._state.is_paused
            self._note_state(event.state)
            yield _PAUSED if event.state.is_paused and not was_paused else None
        else:
            yield None

    def _note_state(self, state: ServerState) -> None:
        """Compare the server's counter of events: it starts again with the server (2.3.1.0 restart:23, 26)."""
        if state.event_id < self._state.event_id:
            state = States(self._channel).get()  # two pushed states may have overtaken one another
        self._is_lost = self._is_lost or state.event_id < self._state.event_id
        self._state = state

    def _is_queued(self) -> bool:
        number = self._started.task_id
        return number is not None and number in tasks_of(self._state, self._started.backup_id)

    def _has_begun(self) -> bool:
        """Say whether the task runs whose forerunners' traces are still to be told from its own."""
        active = self._state.active
        return self._is_behind and active is not None and active.task_id == self._started.task_id

    def _is_own(self, progress: Progress) -> bool:
        if self._started.task_id is not None:
            return progress.task_id == self._started.task_id and progress.backup_id in (None, self._started.backup_id)
        is_new = progress.task_id != self._started.baseline.last_progress_task_id
        return progress.backup_id == self._started.backup_id and is_new

    def _is_over(self, *, force: bool) -> bool:
        """Ask for the task, at most every few seconds unless something happened."""
        since_asked_seconds = self._patience.clock() - self._asked_task_at
        if since_asked_seconds < (self._shortest_seconds() if force else _TASK_POLL_SECONDS):
            return False
        self._asks_count += force
        self._asked_task_at = self._patience.clock()
        if self._started.task_id is None:
            return not tasks_of(States(self._channel).get(), self._started.backup_id)
        task = self._read_task()
        if task is None or self._is_another(task):
            self._is_lost = True
            return True
        self._task = task
        self._first_started_at = self._first_started_at or task.started_at
        if self._is_behind and task.status == "Running":
            self._pass_over_forerunners()
        return task.has_ended

    def _pass_over_forerunners(self) -> None:
        """Count what the backup's tasks before this one have left as known: its own traces come at its end."""
        metadata, notices = read_traces(self._channel, self._started.backup_id, self._started.operation)
        task = self._read_task()
        if task is not None and task.status == "Running":
            self._baseline = self._baseline._replace(metadata=metadata, notices=notices)
        self._is_behind = False

    def _shortest_seconds(self) -> float:
        """A server that tells of ends that are none must not be asked at each of its messages."""
        return 0.0 if self._asks_count < _QUICK_ASKS_COUNT else 1.0

    def _read_task(self) -> ServerTask | None:
        """Read the task; a number may be unknown for a moment between queue and start (API reference, 5.2)."""
        for attempt in range(3):
            try:
                return Tasks(self._channel).get(self._started.task_id or 0)
            except errors.TaskForgotten:
                self._patience.sleep(0.3 * (attempt + 1))
        return None

    def _is_another(self, task: ServerTask) -> bool:
        """Say whether the number stands for another task now: the server was restarted and counts again."""
        if self._first_started_at is not None and task.started_at is not None:
            return abs(task.started_at - self._first_started_at) > SAME_START
        queued = [self._state.active, *self._state.waiting]
        if any(t and t.task_id == task.task_id and t.backup_id != self._started.backup_id for t in queued):
            return True
        return self._first_started_at is not None and task.status == "Waiting"

    def _wait_out(self, exc: errors.DuplicatiClientError) -> Iterator[Item | None]:
        """Sit out an absence of the server."""
        longest_seconds = patience_seconds(exc)
        if not longest_seconds:
            raise exc
        if self._away_since is None:
            self._away_since = self._patience.clock()
            yield Note(f"{exc.message}; trying again")
        if self._patience.clock() - self._away_since > longest_seconds:
            raise exc
        self._patience.sleep(1.0)
        yield None
        self._was_down = self._was_down or isinstance(exc, errors.ConnectionRefused)

    def _compare_state(self) -> None:
        """Look, before a number is believed again, whether a server that was away is still the one it was."""
        self._note_state(States(self._channel).get())
        # Its numbers start again, and before 2.2 there are no times to tell two tasks of one number apart.
        if self._was_down and not features.has(self._channel, features.TASK_TIMES):
            self._is_lost = True

    def _conclude(self) -> Iterator[Item | None]:
        """Look a last time at what it was doing, then judge what it left."""
        if self._is_lost:
            yield Note("the server was restarted and no longer knows this task: its log decides")
        progress = yield from self._patience.read(ProgressReader(self._channel).get)
        if progress is not None and self._is_own(progress) and not self._is_lost:
            self._last_phase = progress.phase
            yield progress
        seen = Seen(self._baseline, self._task, self._first_started_at, self._last_phase, self._is_lost)
        yield (yield from Conclusion(self._channel, self._started, seen, self._patience).reach())
