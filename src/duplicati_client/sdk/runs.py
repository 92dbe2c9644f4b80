"""Start a run and follow it to its own log row: what it is doing, and all the signs of how it went."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from typing import NamedTuple, TypeVar

from .. import errors
from ..outcome import Evidence, MetadataSign, NoticeSign, RowSign, TaskSign, Verdict, judge
from . import events, evidence
from .activity import Progress, ServerState, ServerTask
from .backups import Backups
from .channel import Channel
from .logs import Logs
from .models import LogRow
from .notifications import Notifications
from .progress import ProgressReader
from .state import States
from .tasks import Tasks

Found = TypeVar("Found")

OPERATION = "Backup"
_ROWS_COUNT = 50
_TASK_POLL_SECONDS = 5.0
_QUICK_ASKS_COUNT = 10
# How long a server may be away (restart, network) before following ends with an error.
_PATIENCE_SECONDS = 600.0
# A failure or a proxy's page may be gone a moment later; one that stays has no answer to this question.
_FAILURE_PATIENCE_SECONDS = 15.0
_RELEASE_WITH_TASK_TIMES = (2, 2)
# TaskStarted moves a little in a task's first moments (2.3.1.0 restart:35); a restart moves it further.
_SAME_START = timedelta(seconds=5)


class Baseline(NamedTuple):
    """What was there before the run was asked for; `rows` is None where the log could not be read."""

    rows: tuple[RowSign, ...] | None
    metadata: MetadataSign | None
    notices: tuple[NoticeSign, ...]
    state: ServerState
    last_progress_task_id: int | None


class StartedRun(NamedTuple):
    """A run the server has taken. `task_id` may stay None for a quick run of the legacy generation.

    `is_absorbed`: something of this backup ran or waited already, and no run was added; the number is that task's.
    """

    backup_id: str
    task_id: int | None
    is_absorbed: bool
    baseline: Baseline
    asked_at: datetime | None = None


class Note(NamedTuple):
    """Something that a person following should be told; `is_detail` for those who want to know more."""

    text: str
    is_detail: bool = False


class RunEnded(NamedTuple):
    """The end: the verdict, and the times and row it rests on where there are any."""

    verdict: Verdict
    task_id: int | None
    started_at: datetime | None
    finished_at: datetime | None
    row_id: int | None


Item = Progress | Note | RunEnded

_PAUSED = Note("the server is paused: the run goes on when it is resumed")


class Runs:
    """Starting and following runs of backups. `clock` is monotonic seconds; `listen` gives a server's events."""

    def __init__(
        self,
        channel: Channel,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        listen: Callable[[Channel], Iterator[events.Event | None]] = events.follow,
    ) -> None:
        self._channel = channel
        self._clock = clock
        self._sleep = sleep
        self._listen = listen

    def start(self, backup_id: str, *, skip_queue: bool = False) -> StartedRun:
        """Note what is there, then ask for the run. Repeating is harmless while the first one runs or waits."""
        baseline = self._read_baseline(backup_id)
        queued = _tasks_of(baseline.state, backup_id)
        task_id = Backups(self._channel).run(backup_id, skip_queue=skip_queue)
        if task_id is None:
            task_id = self._find_task(backup_id, baseline)
        is_absorbed = task_id in queued if task_id is not None else bool(queued)
        return StartedRun(backup_id, task_id, is_absorbed, baseline)

    def follow(self, run: StartedRun) -> Iterator[Item | None]:
        """Yield progress and notes, then `RunEnded`; None at least every second so that the caller can stop waiting.

        Goes on through token expiry, lost connections and a restart of the server. Raises `Unreachable` when the
        server stays away for ten minutes, and whatever a refused login raises.
        """
        follower = _Follower(self._channel, run, self._clock, self._sleep)
        yield from follower.follow(self._listen)

    def _read_baseline(self, backup_id: str) -> Baseline:
        state = States(self._channel).get()
        backup = Backups(self._channel).get(backup_id)
        notices = evidence.notice_signs([n.raw for n in Notifications(self._channel).list()], backup_id)
        progress = ProgressReader(self._channel).get() if self._channel.is_legacy else None
        return Baseline(
            rows=_read_newest_rows(self._channel, backup_id),
            metadata=evidence.metadata_sign(dict(backup.metadata.raw), OPERATION),
            notices=notices,
            state=state,
            last_progress_task_id=progress.task_id if progress else None,
        )

    def _find_task(self, backup_id: str, baseline: Baseline) -> int | None:
        """Find the number that the legacy generation does not give: in the queue, or in the progress it left."""
        for _ in range(3):
            found = _tasks_of(States(self._channel).get(), backup_id)
            if found:
                return found[0]
            progress = ProgressReader(self._channel).get()
            is_new = progress is not None and progress.task_id != baseline.last_progress_task_id
            if progress is not None and is_new and progress.backup_id == backup_id:
                return progress.task_id
            self._sleep(0.1)
        return None


def _tasks_of(state: ServerState, backup_id: str) -> list[int]:
    """Numbers of the tasks of a backup: the running one, then the waiting ones."""
    queued = [state.active, *state.waiting]
    return [task.task_id for task in queued if task is not None and task.backup_id == backup_id]


def _read_newest_rows(channel: Channel, backup_id: str) -> tuple[RowSign, ...] | None:
    try:
        rows = Logs(channel).of_backup(backup_id, count=_ROWS_COUNT)
    except (errors.DatabaseLocked, errors.ServerFailed):
        return None
    return evidence.row_signs([row.raw for row in rows])


def _patience_seconds(exc: errors.DuplicatiClientError) -> float:
    """Say how long a failure in mid-run is worth sitting out; 0 for one that only somebody can mend."""
    if isinstance(exc, errors.NotUnderstood):
        return _FAILURE_PATIENCE_SECONDS
    return _PATIENCE_SECONDS if exc.is_retryable else 0.0


class _Follower:
    """Watches one task; holds what was seen of it."""

    def __init__(
        self, channel: Channel, run: StartedRun, clock: Callable[[], float], sleep: Callable[[float], None]
    ) -> None:
        self._channel = channel
        self._run = run
        self._clock = clock
        self._sleep = sleep
        self._task: ServerTask | None = None
        self._first_started_at: datetime | None = None
        self._last_phase: str | None = None
        self._is_lost = False
        self._state = run.baseline.state
        self._asked_task_at = clock() - _TASK_POLL_SECONDS
        self._asks_count = 0
        self._away_since: float | None = None
        self._was_down = False

    def follow(self, listen: Callable[[Channel], Iterator[events.Event | None]]) -> Iterator[Item | None]:
        if self._state.is_paused:
            yield _PAUSED
        while True:
            try:
                yield from self._follow_events(listen)
                break
            except errors.DuplicatiClientError as exc:
                yield from self._wait_out(exc)
                if self._is_lost:
                    break
        yield from self._conclude()

    def _follow_events(self, listen: Callable[[Channel], Iterator[events.Event | None]]) -> Iterator[Item | None]:
        """Yield until the task is over or lost."""
        if self._is_over(force=True):
            return
        for event in listen(self._channel):
            self._away_since = None
            yield from self._tell(event)
            ended = isinstance(event, events.TaskEnded) and event.task.task_id == self._run.task_id
            # An end before the first event is told by the state alone, and so is one without a number.
            has_left = isinstance(event, events.StateChanged) and not self._is_queued()
            if self._is_lost or self._is_over(force=ended or has_left):
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
        number = self._run.task_id
        return number is not None and number in _tasks_of(self._state, self._run.backup_id)

    def _is_own(self, progress: Progress) -> bool:
        if self._run.task_id is not None:
            return progress.task_id == self._run.task_id and progress.backup_id in (None, self._run.backup_id)
        is_new = progress.task_id != self._run.baseline.last_progress_task_id
        return progress.backup_id == self._run.backup_id and is_new

    def _is_over(self, *, force: bool) -> bool:
        """Ask for the task, at most every few seconds unless something happened."""
        since_asked_seconds = self._clock() - self._asked_task_at
        if since_asked_seconds < (self._shortest_seconds() if force else _TASK_POLL_SECONDS):
            return False
        self._asks_count += force
        self._asked_task_at = self._clock()
        if self._run.task_id is None:
            return not _tasks_of(States(self._channel).get(), self._run.backup_id)
        task = self._read_task()
        if task is None or self._is_another(task):
            self._is_lost = True
            return True
        self._task = task
        self._first_started_at = self._first_started_at or task.started_at
        return task.has_ended

    def _shortest_seconds(self) -> float:
        """A server that tells of ends that are none must not be asked at each of its messages."""
        return 0.0 if self._asks_count < _QUICK_ASKS_COUNT else 1.0

    def _read_task(self) -> ServerTask | None:
        """Read the task; a number may be unknown for a moment between queue and start (API reference, 5.2)."""
        for attempt in range(3):
            try:
                return Tasks(self._channel).get(self._run.task_id or 0)
            except errors.TaskForgotten:
                self._sleep(0.3 * (attempt + 1))
        return None

    def _is_another(self, task: ServerTask) -> bool:
        """Say whether the number stands for another task now: the server was restarted and counts again."""
        if self._first_started_at is not None and task.started_at is not None:
            return abs(task.started_at - self._first_started_at) > _SAME_START
        queued = [self._state.active, *self._state.waiting]
        if any(t and t.task_id == task.task_id and t.backup_id != self._run.backup_id for t in queued):
            return True
        return self._first_started_at is not None and task.status == "Waiting"

    def _wait_out(self, exc: errors.DuplicatiClientError) -> Iterator[Item | None]:
        """Sit out an absence of the server; events restart with it, so its counters are compared afterwards."""
        patience_seconds = _patience_seconds(exc)
        if not patience_seconds:
            raise exc
        if self._away_since is None:
            self._away_since = self._clock()
            yield Note(f"{exc.message}; trying again")
        if self._clock() - self._away_since > patience_seconds:
            raise exc
        self._sleep(1.0)
        yield None
        self._was_down = self._was_down or isinstance(exc, errors.ConnectionRefused)
        with suppress(errors.Unreachable, errors.Busy, errors.NotUnderstood):
            self._note_state(States(self._channel).get())
            # Its numbers start again, and before 2.2 there are no times to tell two tasks of one number apart.
            if self._was_down and self._channel.release < _RELEASE_WITH_TASK_TIMES:
                self._is_lost = True

    def _conclude(self) -> Iterator[Item | None]:
        """Gather the signs and judge; the log may be locked by the next task for a while (2.3.1)."""
        if self._is_lost:
            yield Note("the server was restarted and no longer knows this task: its log decides")
        progress = yield from self._patiently(ProgressReader(self._channel).get)
        if progress is not None and self._is_own(progress) and not self._is_lost:
            self._last_phase = progress.phase
            yield progress
        rows = yield from self._read_rows()
        verdict = judge((yield from self._gather(rows)))
        row = self._own_row(rows or ())
        yield RunEnded(
            verdict=verdict,
            task_id=self._run.task_id,
            started_at=(row.began_at if row else None) or self._first_started_at,
            finished_at=(row.ended_at if row else None) or (self._task.finished_at if self._task else None),
            row_id=row.row_id if row else None,
        )

    def _read_rows(self) -> Generator[Item | None, None, tuple[RowSign, ...] | None]:
        """Read the new rows of the log; None when it stays unreadable."""
        started_at = self._clock()
        is_told = False
        while self._clock() - started_at < _PATIENCE_SECONDS:
            try:
                found = yield from self._patiently(self._read_log)
                return self._select_new([row.raw for row in found])
            except errors.DatabaseLocked:
                if not is_told:
                    is_told = True
                    yield Note("the log is in use by another task of this backup; waiting for it")
                self._sleep(1.0)
                yield None
            except (errors.NotFound, errors.NotUnderstood):
                return None
        return None

    def _read_log(self) -> list[LogRow]:
        return Logs(self._channel).of_backup(self._run.backup_id, count=_ROWS_COUNT)

    def _select_new(self, raw_rows: object) -> tuple[RowSign, ...] | None:
        rows, before = evidence.row_signs(raw_rows), self._run.baseline.rows
        if before is not None:
            return evidence.new_rows(before, rows)
        # Which rows are old is not known; times tell, and without them none may be believed.
        return rows if self._first_started_at is not None else None

    def _gather(self, rows: tuple[RowSign, ...] | None) -> Generator[None, None, Evidence]:
        backup_id = self._run.backup_id
        after, is_dry_run = yield from self._read_after()
        notices = yield from self._patiently(lambda: [n.raw for n in Notifications(self._channel).list()])
        return Evidence(
            operation=OPERATION,
            release=self._channel.release,
            task=self._task_sign(),
            is_task_lost=self._is_lost,
            rows=rows,
            before=self._run.baseline.metadata,
            after=after,
            notices=evidence.new_notices(self._run.baseline.notices, evidence.notice_signs(notices, backup_id)),
            last_phase=self._last_phase,
            is_dry_run=is_dry_run,
        )

    def _task_sign(self) -> TaskSign | None:
        task = self._task
        if task is None:
            return None
        return TaskSign(task.status, task.error_message, task.started_at or self._first_started_at, task.finished_at)

    def _own_row(self, rows: tuple[RowSign, ...]) -> RowSign | None:
        """Choose the row whose times are shown: the new one nearest to the start that was seen."""
        own = [row for row in rows if row.main_operation == OPERATION]
        began_at = self._task.started_at if self._task else None
        if began_at is None:
            return None if self._is_lost else min(own, key=lambda row: row.row_id, default=None)
        near = [row for row in own if row.began_at and abs(row.began_at - began_at) < _SAME_START]
        return min(near, key=lambda row: row.row_id, default=None)

    def _read_after(self) -> Generator[None, None, tuple[MetadataSign | None, bool | None]]:
        try:
            backup = yield from self._patiently(lambda: Backups(self._channel).get(self._run.backup_id))
        except errors.NotFound:
            return None, None
        dry = {name.lstrip("-").lower(): value.lower() for name, value in backup.settings.items()}.get("dry-run")
        return evidence.metadata_sign(dict(backup.metadata.raw), OPERATION), dry is not None and dry != "false"

    def _patiently(self, read: Callable[[], Found]) -> Generator[None, None, Found]:
        """Repeat a reading while the server is away, as long as following is patient; the caller may stop waiting."""
        started_at = self._clock()
        while True:
            try:
                return read()
            except errors.DatabaseLocked:
                raise
            except errors.DuplicatiClientError as exc:
                if self._clock() - started_at >= _patience_seconds(exc):
                    raise
                self._sleep(1.0)
                yield None
