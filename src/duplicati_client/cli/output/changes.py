"""Tell the changes of a watched server one by one: an object for programs, a line for people; it draws no screen."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, Any

from .cells import format_duration, format_second, format_time_of
from .pages import StreamRecord
from .progress import describe, describe_phase, make_progress_item

if TYPE_CHECKING:
    from ...operations.view import Absence, Change, EndedTask, Running, View
    from ...sdk.models import Notification

_LINE_SECONDS = 30.0
_PHASE_SECONDS = 5.0
# What a message of the log begins with, where the time and the notification's title have said it already.
_LOG_HEAD = re.compile(r"[0-9: +-]{15,35} - \[[^\]]{1,200}\]: ")


class ChangeTeller:
    """Turns the changes of one server into records; people get progress now and then, at a new phase sooner."""

    def __init__(self) -> None:
        self._phase: tuple[int, str] | None = None
        self._told_at: datetime | None = None

    def make_record(self, change: Change, at: datetime) -> StreamRecord:
        """Return the record of a change that came at this time."""
        item = {"at": at, **make_item(change)}
        text = self._describe(change, at)
        return StreamRecord(change.event, item, f"{format_second(at)}  {text}" if text else None)

    def _describe(self, change: Change, at: datetime) -> str | None:
        if change.event != "progress":
            return describe_change(change, at)
        running: Any = change.detail
        phase = (running.task_id, running.progress.phase)
        rest_seconds = _LINE_SECONDS if phase == self._phase else _PHASE_SECONDS
        if self._told_at is not None and (at - self._told_at).total_seconds() < rest_seconds:
            return None
        self._phase, self._told_at = phase, at
        return describe_change(change, at)


def make_item(change: Change) -> dict[str, Any]:
    """Return what programs get of a change."""
    detail = change.detail
    if change.event == "state":
        return _make_state_item(change.view)
    if change.event == "progress":
        return _make_running_item(detail)
    if change.event == "notification":
        return _drop_raw(detail)
    if change.event == "note":
        return {"text": detail}
    item: dict[str, Any] = detail._asdict() if detail is not None and not isinstance(detail, str) else {}
    return item


def _make_state_item(view: View) -> dict[str, Any]:
    item = view._asdict()
    del item["away_since_at"], item["away_reason"]
    item["running"] = view.running and _make_task_item(view.running)
    item["notifications"] = [_drop_raw(notification) for notification in view.notifications]
    return item


def _make_task_item(running: Running) -> dict[str, Any]:
    item = running._asdict()
    del item["progress"], item["left_seconds"]
    return item


def _make_running_item(running: Any) -> dict[str, Any]:
    item = make_progress_item(running.progress, "")
    del item["name"]
    return {**_make_task_item(running), **item, "left_seconds": running.left_seconds}


def _drop_raw(notification: Any) -> dict[str, Any]:
    item: dict[str, Any] = notification._asdict()
    del item["raw"]
    return item


def describe_change(change: Change, now: datetime) -> str | None:
    """Return a line for people, None for what they are not told."""
    detail: Any = change.detail
    if change.event == "state":
        return describe_state(change.view, now)
    if change.event == "progress":
        return describe_running(detail, now, change.view)
    if change.event == "ended":
        return describe_ended(detail)
    if change.event == "notification":
        return f"{detail.kind.lower()}: {summarise_notification(detail)}"
    if change.event in ("away", "back"):
        return _describe_absence(detail)
    return None


def name_task(backup_name: str | None, backup_id: str | None, operation: str | None) -> str:
    """Return what a person calls a task: the name of its backup, and what is done to it unless it is a run."""
    name = backup_name or (f"backup {backup_id}" if backup_id else "")
    deed = operation.lower() if operation and operation != "Backup" else ""
    return f"{name} ({deed})" if name and deed else name or deed or "a task"


def describe_state(view: View, now: datetime) -> str:
    """Return what the server does, in a line."""
    running = view.running
    parts = []
    if view.is_paused:
        until = view.pause_ends_at
        parts.append(f"paused until {format_time_of(until, now)}" if until else "paused")
    if running is not None:
        name = name_task(running.backup_name, running.backup_id, running.operation)
        parts.append(f"running {name} (task {running.task_id})")
    elif not view.is_paused:
        parts.append("nothing runs")
    if view.waiting:
        names = [name_task(item.backup_name, item.backup_id, item.operation) for item in view.waiting]
        parts.append(f"waiting: {', '.join(names)}")
    if view.next_runs and running is None:
        first = view.next_runs[0]
        parts.append(f"next: {first.backup_name or first.backup_id} at {format_time_of(first.next_run_at, now)}")
    return "; ".join(parts)


def describe_running(running: Running, now: datetime, view: View) -> str:
    """Return how far the running task is, in a line."""
    name = name_task(running.backup_name, running.backup_id, running.operation)
    elapsed = elapsed_seconds(running, now, view) or 0.0
    if running.progress is None:
        return f"{name}  {describe_phase('')}"
    return describe(running.progress, name, elapsed)


def elapsed_seconds(running: Running, now: datetime, view: View) -> float | None:
    """Return how long a task has been running; None where nobody saw it start."""
    if running.started_at is None:
        return None
    passed = (now - running.started_at).total_seconds() + (view.clock_offset_seconds or 0.0)
    return max(0.0, passed)


def describe_ended(ended: EndedTask) -> str:
    """Return how a task went, in a line."""
    took = ""
    if ended.started_at is not None and ended.finished_at is not None:
        took = f" after {format_duration((ended.finished_at - ended.started_at).total_seconds())}"
    name = name_task(ended.backup_name, ended.backup_id, ended.operation)
    return f"{name}: {ended.outcome}{took}. {ended.reason}"


def summarise_notification(notification: Notification) -> str:
    """Return title and message in one text, without the log's own time and tag."""
    words = (notification.title, _LOG_HEAD.sub("", notification.message, count=1))
    return ": ".join(word for word in words if word)


def _describe_absence(absence: Absence) -> str:
    if absence.away_seconds is None:
        return f"away: {absence.reason}"
    restarted = ", restarted" if absence.is_restarted else ""
    return f"back after {format_duration(absence.away_seconds)}{restarted}"
