"""Watch a server: what runs and waits, how the last runs went, what comes next, what is new; it draws nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

from .. import errors
from ..outcome import Evidence, Outcome, TaskSign, judge
from ..sdk import events, evidence
from ..sdk.activity import Progress, QueuedTask, ServerState, ServerTask
from ..sdk.client import Duplicati
from ..sdk.models import Backup
from .list import BackupSummary, list_notifications, summarise_backups
from .masking import hide_text
from .view import Absence, Change, EndedTask, NextRun, Queued, Running, View

LAST_RUNS_COUNT = 10
NOTIFICATIONS_COUNT = 20
# A busy server changes its data all the time; what has ended is looked at without waiting.
_REFRESH_SECONDS = 15.0
_RETRY_SECONDS = (1, 1, 2, 3, 5)
# What a run leaves behind may come a moment after its task is called over.
_SETTLE_LOOKS_COUNT, _SETTLE_SECONDS = 6, 0.5
_READING_ENDS = 0.9
_SHORTEST_SECONDS = 2.0
_ROW_STEP = timedelta(seconds=5)
# Times of metadata are whole seconds, and clocks are compared over a network.
_END_STEP = timedelta(seconds=2)
_REASON_CHARACTERS = 300
_ROW_NAMES = {"Verify": "Test"}
_NO_SIGN = (None, None, None)
_NEVER = datetime.fromtimestamp(0, UTC)


__all__ = ["Change", "View", "follow"]

Listen = Callable[[Duplicati], Iterator[events.Event | None]]


def follow(
    server: Duplicati,
    *,
    is_patient: bool = False,
    listen: Listen = Duplicati.events,
    clock: Callable[[], float] = time.time,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Change | None]:
    """Yield what changes, for ever, and None every second or two so that the caller can look at its own clock.

    An absence of the server is waited out, without an end; where `is_patient`, also one at the start. Raises what only
    somebody can mend: a refused login, certificate or value.
    """
    yield from _Watcher(server, clock, sleep).follow(listen, is_patient=is_patient)


class _Watcher:
    """Holds what is known of one server."""

    def __init__(self, server: Duplicati, clock: Callable[[], float], sleep: Callable[[float], None]) -> None:
        self._server = server
        self._clock = clock
        self._sleep = sleep
        self._view = View(server.url)
        self._state: ServerState | None = None
        self._names: dict[str, str] = {}
        self._signatures: dict[str, tuple[datetime | None, ...]] = {}
        self._summaries: dict[str, BackupSummary] = {}
        self._is_stale = True
        self._refreshed_at = 0.0
        self._ended: dict[str, tuple[EndedTask, ServerTask]] = {}
        self._lost: EndedTask | None = None
        self._told_id: int | None = None
        self._first_fraction: tuple[int, float, float] | None = None
        self._is_restarted = False
        self._first_at: datetime | None = None

    def follow(self, listen: Listen, *, is_patient: bool) -> Iterator[Change | None]:
        attempt = 0
        while True:
            try:
                yield from self._begin()
                attempt = 0
                for event in listen(self._server):
                    yield from self._take(event)
            except errors.DuplicatiClientError as exc:
                is_known = self._state is not None or is_patient
                if not is_known or not (exc.is_retryable or isinstance(exc, errors.NotUnderstood)):
                    raise
                yield from self._stay_away(exc, _RETRY_SECONDS[min(attempt, len(_RETRY_SECONDS) - 1)])
                attempt += 1

    def _begin(self) -> Iterator[Change]:
        """Read everything, at the start and after each absence, for nothing is told twice."""
        self._is_restarted = False
        system = self._server.system
        if self._view.version == "" and system.server_time_at is not None:
            offset = round(system.server_time_at.timestamp() - self._clock(), 1) + 0.0
            self._view = self._view._replace(clock_offset_seconds=offset)
        self._view = self._view._replace(version=system.version)
        self._first_at = self._first_at or self._server_now()
        state = self._server.state.get()
        changes = [*self._note_state(state), *self._refresh()]
        since_at = self._view.away_since_at
        if since_at is not None:
            away_seconds = round(self._clock() - since_at.timestamp(), 1)
            absence = Absence(since_at, self._view.away_reason or "", away_seconds, self._is_restarted)
            self._view = self._view._replace(away_since_at=None, away_reason=None)
            yield Change("back", self._view, absence)
        for change in changes:
            yield change._replace(view=self._view)
        yield Change("state", self._view)

    def _stay_away(self, exc: errors.DuplicatiClientError, seconds: int) -> Iterator[Change | None]:
        if self._view.away_since_at is None:
            since_at = datetime.fromtimestamp(self._clock(), UTC).replace(microsecond=0)
            reason = hide_text(exc.message)[:_REASON_CHARACTERS]
            self._view = self._view._replace(away_since_at=since_at, away_reason=reason)
            yield Change("away", self._view, Absence(since_at, reason))
        for _ in range(seconds):
            self._sleep(1.0)
            yield None

    def _take(self, event: events.Event | None) -> Iterator[Change | None]:
        before = self._view
        if isinstance(event, events.ProgressMade):
            yield from self._note_progress(event.progress)
        elif isinstance(event, events.TaskEnded):
            yield from self._note_end(event.task)
        elif isinstance(event, events.StateChanged):
            yield from self._note_state(event.state)
        elif isinstance(event, events.Fallback):
            yield Change("note", self._view, event.reason)
        if self._is_stale and self._clock() - self._refreshed_at >= _REFRESH_SECONDS:
            yield from self._refresh()
        if _without_progress(before) != _without_progress(self._view):
            yield Change("state", self._view)
        yield None

    def _note_progress(self, progress: Progress) -> Iterator[Change]:
        running = self._view.running
        if running is None or progress.task_id != running.task_id or progress == running.progress:
            return
        running = running._replace(progress=progress, left_seconds=self._estimate_left(progress))
        self._view = self._view._replace(running=running)
        yield Change("progress", self._view, running)

    def _estimate_left(self, progress: Progress) -> float | None:
        """Return seconds, from how quick it was since it was first seen; None where that says nothing."""
        now, fraction, task_id = self._clock(), progress.fraction, progress.task_id
        if fraction is None or task_id is None or fraction >= _READING_ENDS:
            return None
        if self._first_fraction is None or self._first_fraction[0] != task_id:
            self._first_fraction = (task_id, fraction, now)
        _, first, first_at = self._first_fraction
        if fraction <= first or now - first_at < _SHORTEST_SECONDS:
            return None
        return round((1 - fraction) * (now - first_at) / (fraction - first), 1)

    def _note_state(self, state: ServerState) -> Iterator[Change]:
        before, self._state = self._state, state
        if before is not None and state.event_id < before.event_id:
            self._note_restart()
        if before is None or _counters(before) != _counters(state):
            self._is_stale = True
        if before is None or (before.active, before.waiting) != (state.active, state.waiting):
            yield from self._note_queue(state)
        pause_ends_at = state.pause_ends_at if state.is_paused else None
        self._view = self._view._replace(
            is_paused=state.is_paused, pause_ends_at=pause_ends_at, next_runs=self._next_runs(state)
        )

    def _note_restart(self) -> None:
        """Forget the numbers of tasks: the server counts again from the start."""
        running = self._view.running
        if running is not None:
            reason = "The server was restarted while it ran."
            names = (running.task_id, running.backup_id, running.backup_name, running.operation)
            self._lost = EndedTask(*names, str(Outcome.UNKNOWN), reason, running.started_at, None)
        self._is_restarted, self._told_id, self._is_stale = True, None, True
        self._view = self._view._replace(running=None, waiting=())

    def _note_queue(self, state: ServerState) -> Iterator[Change]:
        was, self._view = self._view.running, self._view._replace(running=None, waiting=())
        tasks = {task.task_id: task for task in self._server.tasks.list()}
        active = state.active
        if was is not None and (active is None or active.task_id != was.task_id) and was.task_id != self._told_id:
            yield from self._find_end(was)
        if active is not None and active.task_id != self._told_id:
            same = was is not None and was.task_id == active.task_id
            running = was if same else self._make_running(active, tasks.get(active.task_id))
            self._view = self._view._replace(running=running)
        waiting = tuple(self._make_queued(queued, tasks.get(queued.task_id)) for queued in state.waiting)
        self._view = self._view._replace(waiting=waiting)

    def _make_queued(self, queued: QueuedTask, task: ServerTask | None) -> Queued:
        name = self._names.get(queued.backup_id or "")
        return Queued(queued.task_id, queued.backup_id, name, task.operation if task else None)

    def _make_running(self, queued: QueuedTask, task: ServerTask | None) -> Running:
        # What waited has been started just now, also where the server tells no times (before 2.2).
        started_at = task.started_at if task else None
        if started_at is None and self._refreshed_at:
            started_at = self._server_now()
        return Running(*self._make_queued(queued, task), started_at=started_at)

    def _server_now(self) -> datetime:
        now = self._clock() + (self._view.clock_offset_seconds or 0.0)
        return datetime.fromtimestamp(now, UTC).replace(microsecond=0)

    def _find_end(self, was: Running) -> Iterator[Change]:
        """Look for the end of a task that has left the queue and of which nothing was told."""
        try:
            task = self._server.tasks.get(was.task_id)
        except errors.NotFound:
            task = ServerTask(was.task_id, "", was.backup_id, was.operation, was.started_at, None, None, {})
        yield from self._note_end(task, was)

    def _note_end(self, task: ServerTask, was: Running | None = None) -> Iterator[Change]:
        if task.task_id == self._told_id:
            return
        was = was or self._view.running
        seen = was if was is not None and was.task_id == task.task_id else None
        self._told_id = task.task_id
        if self._view.running is not None and self._view.running.task_id == task.task_id:
            self._view = self._view._replace(running=None)
        backup_id = task.backup_id or (seen.backup_id if seen else None)
        ended = EndedTask(
            task_id=task.task_id,
            backup_id=backup_id,
            backup_name=self._names.get(backup_id or ""),
            operation=task.operation or (seen.operation if seen else None),
            outcome=str(Outcome.UNKNOWN),
            reason=f"The server calls it {task.status.lower()}." if task.status else "The server has forgotten it.",
            started_at=task.started_at or (seen.started_at if seen else None),
            finished_at=task.finished_at,
        )
        if ended.operation in (None, "Backup") and backup_id is not None:
            self._ended[backup_id] = (ended, task)  # the refresh finds out how the run went
        else:
            yield Change("ended", self._view, self._judge(ended, task))
        yield from self._refresh()

    def _judge(self, ended: EndedTask, task: ServerTask) -> EndedTask:
        """Say how something else than a run went, by its own row of the log."""
        rows = None
        try:
            if ended.backup_id is not None:
                found = self._server.logs.of_backup(ended.backup_id, count=10)
                rows = evidence.row_signs([row.raw for row in found])
        except (errors.Busy, errors.NotFound, errors.ServerFailed):
            pass
        since = ended.started_at
        if rows is not None and since is not None:
            rows = tuple(row for row in rows if row.began_at is not None and row.began_at > since - _ROW_STEP)
        if not rows or since is None:
            return ended
        # The queue names few operations in the log's words, and in some releases none at all.
        told = [row.main_operation for row in rows if not row.main_operation.startswith("List")]
        operation = _ROW_NAMES.get(ended.operation, ended.operation) if ended.operation else next(iter(told), "")
        sign = TaskSign(task.status, task.error_message, task.started_at, task.finished_at)
        verdict = judge(Evidence(operation, self._server.release, task=sign, rows=rows))
        ended = ended._replace(operation=ended.operation or operation or None)
        return ended._replace(outcome=str(verdict.outcome), reason=hide_text(verdict.reason))

    def _refresh(self) -> Iterator[Change]:
        """Read backups and notifications anew, and how those runs went that are new."""
        is_first = not self._refreshed_at
        self._is_stale, self._refreshed_at = False, self._clock()
        backups = self._read_settled()
        self._names = {backup.backup_id: backup.name for backup in backups}
        yield from self._note_notifications(is_first=is_first)
        yield from self._note_runs(backups, is_first=is_first)

    def _read_settled(self) -> list[Backup]:
        """Read the backups; where a run has just ended, again until it shows what came of it, for a moment."""
        backups = self._server.backups.list()
        for _ in range(_SETTLE_LOOKS_COUNT):
            known = {backup_id: self._signatures.get(backup_id, _NO_SIGN) for backup_id in self._ended}
            if not any(known.get(backup.backup_id) == _sign(backup) for backup in backups):
                break
            self._sleep(_SETTLE_SECONDS)
            backups = self._server.backups.list()
        return backups

    def _note_runs(self, backups: Sequence[Backup], *, is_first: bool) -> Iterator[Change]:
        ended, self._ended = self._ended, {}
        lost, self._lost = self._lost, None
        recent = sorted((b for b in backups if any(_sign(b))), key=_when, reverse=True)[:LAST_RUNS_COUNT]
        moved = {b.backup_id for b in recent if self._signatures.get(b.backup_id) != _sign(b)}
        wanted = [backup for backup in backups if backup.backup_id in moved or backup.backup_id in ended]
        found = summarise_backups(self._server, wanted, with_queue=False) if wanted else []
        self._signatures |= {backup.backup_id: _sign(backup) for backup in wanted}
        known = {**self._summaries, **{summary.backup_id: summary for summary in found}}
        self._summaries = {backup_id: known[backup_id] for backup_id in known if backup_id in self._names}
        self._rename()
        if lost is not None and lost.backup_id not in moved:
            yield Change("ended", self._view, lost)
        for summary in () if is_first else found:
            pair = ended.get(summary.backup_id)
            is_told = summary.backup_id in moved or pair is None or _is_of(summary, pair[0], self._first_at)
            told = _tell_run(summary, pair and pair[0]) if is_told or pair is None else self._judge(*pair)
            yield Change("ended", self._view, told)

    def _note_notifications(self, *, is_first: bool) -> Iterator[Change]:
        found = sorted(list_notifications(self._server), key=lambda item: item.notification_id, reverse=True)
        shown = [item._replace(raw={}) for item in found[:NOTIFICATIONS_COUNT]]
        known = {(item.notification_id, item.created_at) for item in self._view.notifications}
        new = [] if is_first else [item for item in shown if (item.notification_id, item.created_at) not in known]
        self._view = self._view._replace(notifications=tuple(shown), notifications_count=len(found))
        for item in reversed(new):
            yield Change("notification", self._view, item)

    def _rename(self) -> None:
        """Put names to what was told by number, and the newest runs first."""
        view, names = self._view, self._names
        running = view.running and view.running._replace(backup_name=names.get(view.running.backup_id or ""))
        runs = sorted(self._summaries.values(), key=_ended_at, reverse=True)[:LAST_RUNS_COUNT]
        self._view = view._replace(
            running=running,
            waiting=tuple(item._replace(backup_name=names.get(item.backup_id or "")) for item in view.waiting),
            last_runs=tuple(runs),
            next_runs=self._next_runs(self._state),
        )

    def _next_runs(self, state: ServerState | None) -> tuple[NextRun, ...]:
        proposed = state.proposed if state is not None else {}
        runs = [NextRun(backup_id, self._names.get(backup_id), at) for backup_id, at in proposed.items()]
        return tuple(sorted(runs, key=lambda run: run.next_run_at))


def _counters(state: ServerState) -> tuple[object, ...]:
    return state.raw.get("LastDataUpdateID"), state.raw.get("LastNotificationUpdateID"), len(state.proposed)


def _without_progress(view: View) -> View:
    if view.running is None:
        return view
    return view._replace(running=view.running._replace(progress=None, left_seconds=None))


def _sign(backup: Backup) -> tuple[datetime | None, ...]:
    found = backup.metadata
    return found.last_started_at, found.last_finished_at, found.last_error_at


def _when(backup: Backup) -> datetime:
    return max((at for at in _sign(backup) if at is not None), default=_NEVER)


def _ended_at(summary: BackupSummary) -> datetime:
    return summary.last_finished_at or summary.last_started_at or _NEVER


def _is_of(summary: BackupSummary, task: EndedTask, first_at: datetime | None) -> bool:
    """Say whether what is told of a backup's last run is about this task and not about one before it.

    One whose start is not known ran at the first look, and may have left its traces just before.
    """
    if task.started_at is not None:
        return summary.last_started_at is not None and summary.last_started_at > task.started_at - _ROW_STEP
    finished_at = summary.last_finished_at
    return finished_at is not None and first_at is not None and finished_at > first_at - _END_STEP


def _tell_run(summary: BackupSummary, task: EndedTask | None) -> EndedTask:
    return EndedTask(
        task_id=task.task_id if task else None,
        backup_id=summary.backup_id,
        backup_name=summary.name,
        operation="Backup",
        outcome=summary.outcome,
        reason=hide_text(summary.reason),
        started_at=summary.last_started_at or (task.started_at if task else None),
        finished_at=summary.last_finished_at or (task.finished_at if task else None),
    )
