"""Whether what was asked of a Duplicati server took effect, by the traces it leaves; starts and changes nothing.

A number of a server task proves nothing: numbers start again with the server. What was there before is noted, durably,
before anything is asked for; afterwards the difference tells.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

from .. import errors
from ..outcome import MetadataSign, NoticeSign, RowSign
from ..sdk import answers, evidence
from ..sdk.activity import ServerState, ServerTask
from ..sdk.client import Duplicati
from ..sdk.followed import Baseline, StartedTask, read_baseline, tasks_of

_EARLIER = timedelta(seconds=2)
_LONG_BEFORE = timedelta(hours=12)
_ROWS_COUNT = 20
_NOTICES_COUNT = 50
# The queue's words for operations where they are not those of the log.
_LOG_NAMES = {"Verify": "Test"}


class What(StrEnum):
    """What a probe has found."""

    WATCH = "watch"
    """It runs or waits: follow it."""
    ADOPT = "adopt"
    """It is over and has left traces that began after the intent: judge them."""
    WAIT = "wait"
    """Something else of this backup is in the way, or its log cannot be read: look again later."""
    ABSENT = "absent"
    """No trace, and the server is the one that was asked: the request never arrived."""
    LOST = "lost"
    """No trace, and the server was restarted since: it lost what it had taken, before that had an effect."""


class Found(NamedTuple):
    """What a probe has found; `started` is what to follow where there is something."""

    what: What
    started: StartedTask | None = None


def note_baseline(server: Duplicati, backup_id: str, operation: str) -> tuple[Baseline, dict[str, Any]]:
    """Return what there is now, as it is and as the journal keeps it: without the server's own words."""
    baseline = read_baseline(server.channel, backup_id, operation)
    return baseline, encode_baseline(baseline, server.state.read_clock())


def encode_baseline(baseline: Baseline, at: datetime | None) -> dict[str, Any]:
    """Write a baseline as plain values; `at` is the server's time."""
    rows = None if baseline.rows is None else [_encode_row(row) for row in baseline.rows[:_ROWS_COUNT]]
    metadata = baseline.metadata
    return {
        "At": _write(at),
        "Counters": _count(baseline.state),
        "Progress": baseline.last_progress_task_id,
        "Rows": rows,
        "Metadata": metadata and [_write(m) for m in (metadata.started_at, metadata.finished_at, metadata.error_at)],
        "Notices": [
            [notice.notification_id, _write(notice.at), evidence.fold_message(notice.message)]
            for notice in baseline.notices[:_NOTICES_COUNT]
        ],
    }


def decode_baseline(kept: Mapping[str, Any]) -> Baseline:
    """Read what `encode_baseline` wrote."""
    rows, metadata = kept.get("Rows"), kept.get("Metadata")
    return Baseline(
        rows=None if rows is None else tuple(_decode_row(row) for row in rows),
        metadata=None if metadata is None else _decode_metadata(metadata),
        notices=tuple(
            NoticeSign(number, "", "", folded, _read(at), is_thrown=False) for number, at, folded in kept["Notices"]
        ),
        state=ServerState.read({"LastEventID": (kept.get("Counters") or (0,))[0]}),
        last_progress_task_id=kept.get("Progress"),
    )


def probe(
    server: Duplicati, backup_id: str, operation: str, kept: Mapping[str, Any], submitted: Mapping[str, Any] | None
) -> Found:
    """Find out what became of what was asked for. `kept` is its baseline, `submitted` what was noted of its number.

    Raises what the server's answers raise; then nothing is known.
    """
    baseline = decode_baseline(kept)
    state, since = server.state.get(), _read(kept.get("At"))
    is_new_process = _is_restarted(state, kept, submitted)
    number = None if submitted is None or is_new_process else submitted.get("ServerTask")
    task = None if number is None else _find_task(server, int(number), backup_id, since, state)
    if task is not None and not task.has_ended:
        return _watch(task, backup_id, operation, baseline)
    queued = tasks_of(state, backup_id)
    if queued:
        return _find_in_queue(server, queued, backup_id, operation, baseline)
    now = read_baseline(server.channel, backup_id, operation)
    before = _complete(baseline, now, since)
    if now.rows is None or before.rows is None:
        return Found(What.WAIT)
    is_new = _has_traces(operation, None, before, now)
    if is_new and (_has_traces(operation, since, before, now) or _is_set_back(server, since)):
        return Found(What.ADOPT, StartedTask(backup_id, operation, None, is_absorbed=False, baseline=before))
    if task is not None:
        return _watch(task, backup_id, operation, baseline)
    return Found(What.LOST if is_new_process else What.ABSENT)


def _watch(task: ServerTask, backup_id: str, operation: str, baseline: Baseline) -> Found:
    return Found(What.WATCH, StartedTask(backup_id, operation, task.task_id, is_absorbed=False, baseline=baseline))


def _count(state: ServerState) -> list[int]:
    """Return the counters that begin anew with the server, each at a pace of its own."""
    names = ("LastEventID", "LastDataUpdateID", "LastNotificationUpdateID")
    return [answers.number(state.raw, name) or 0 for name in names]


def _is_restarted(state: ServerState, kept: Mapping[str, Any], submitted: Mapping[str, Any] | None) -> bool:
    """Say whether the server is another process than the one that was asked: one counter that went back is enough."""
    if any(now < then for now, then in zip(_count(state), kept.get("Counters") or (), strict=False)):
        return True
    return state.event_id < int((submitted or {}).get("EventID") or 0)


def _find_task(
    server: Duplicati, number: int, backup_id: str, since: datetime | None, state: ServerState
) -> ServerTask | None:
    """Return the task if the number still is its: the server knows it, and nothing it says of it is another's."""
    try:
        task = server.tasks.get(number)
    except errors.TaskForgotten:
        return None
    queued = next((q for q in (state.active, *state.waiting) if q is not None and q.task_id == number), None)
    owner = queued.backup_id if queued is not None else task.backup_id
    return task if owner in (None, backup_id) and _is_since(task.started_at, since) else None


def _find_in_queue(server: Duplicati, queued: list[int], backup_id: str, operation: str, baseline: Baseline) -> Found:
    """Return the one in the queue that is, or has absorbed, what was asked for; else what is in the way."""
    for number in queued:
        try:
            told = server.tasks.get(number).operation
        except errors.TaskForgotten:
            told = None
        told = _LOG_NAMES.get(told, told) if told is not None else None
        if told is None:
            progress = server.progress.get()
            is_shown = progress is not None and progress.task_id == number
            told = operation if not is_shown or progress is None or progress.phase.startswith(operation) else ""
        if told == operation:
            started = StartedTask(backup_id, operation, number, is_absorbed=False, baseline=baseline)
            return Found(What.WATCH, started)
    return Found(What.WAIT)


def _complete(baseline: Baseline, now: Baseline, since: datetime | None) -> Baseline:
    """Where the log could not be read before, its rows' times tell which of them are older."""
    if baseline.rows is not None or now.rows is None or since is None:
        return baseline
    return baseline._replace(rows=tuple(row for row in now.rows if not _is_since(row.began_at, since)))


def _has_traces(operation: str, since: datetime | None, before: Baseline, now: Baseline) -> bool:
    """Say whether there is a new row of the operation, a new notice or a new error.

    Metadata that moved prove nothing: a dry run and an abort move them too.
    """
    rows = evidence.new_rows(before.rows or (), now.rows or ())
    own = [row for row in rows if row.main_operation == operation and _is_new(row.began_at, since)]
    notices = [n for n in evidence.new_notices(before.notices, now.notices) if _is_since(n.at, since)]
    error_at = now.metadata.error_at if now.metadata is not None else None
    known_error_at = before.metadata.error_at if before.metadata is not None else None
    is_new_error = error_at is not None and error_at != known_error_at and _is_new(error_at, since)
    return bool(own or notices or is_new_error)


def _is_set_back(server: Duplicati, since: datetime | None) -> bool:
    """Say whether the server's clock shows an earlier time than it did: then it dates back what is new, too."""
    at = server.state.read_clock()
    return at is not None and not _is_since(at, since)


def _is_new(at: datetime | None, since: datetime | None) -> bool:
    """Say whether what was not there before has come since: one from long before is dated by a clock that was set."""
    return _is_since(at, since) or (at is not None and since is not None and since - at > _LONG_BEFORE)


def _is_since(at: datetime | None, since: datetime | None) -> bool:
    return at is None or since is None or at >= since.replace(microsecond=0) - _EARLIER


def _encode_row(row: RowSign) -> list[Any]:
    return [row.row_id, row.main_operation, _write(row.began_at)]


def _decode_row(kept: list[Any]) -> RowSign:
    row_id, operation, began_at = kept
    return RowSign(
        row_id=row_id,
        main_operation=operation,
        parsed_result="Unknown",
        is_interrupted=False,
        is_partial=False,
        is_dry_run=False,
        began_at=_read(began_at),
        ended_at=None,
        warnings_count=0,
        errors_count=0,
        first_problem=None,
    )


def _decode_metadata(kept: list[Any]) -> MetadataSign:
    started_at, finished_at, error_at = map(_read, kept)
    return MetadataSign(started_at, finished_at, error_at, None)


def _write(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _read(text: object) -> datetime | None:
    return datetime.fromisoformat(text) if isinstance(text, str) else None
