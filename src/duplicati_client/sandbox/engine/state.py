"""The `serverstate` object: one view of an engine's queue, pause, schedules and unread notifications."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..clock import with_z

if TYPE_CHECKING:
    from .engine import Engine


def _icon(engine: Engine) -> str:
    if engine.queue.active:
        return "ActivePaused" if engine.is_paused else "Active"
    if engine.is_paused:
        return "Paused"
    if engine.notices.has("Error"):
        return "ReadyError"
    return "ReadyWarning" if engine.notices.has("Warning") else "Ready"


def _item(task_id: int | str, value: str | None) -> dict[str, Any]:
    return {"Item1": task_id, "Item2": value}


def state_of(engine: Engine) -> dict[str, Any]:
    """Return what `serverstate` answers, in the release's shape."""
    release, active = engine.release, engine.queue.active
    never = "0001-01-01T00:00:00" + ("Z" if release.has_v2 else "")
    waiting = [task for task in engine.queue.waiting if task.backup is not None or release.is_legacy]
    result: dict[str, Any] = {
        "ActiveTask": _item(active.task_id, active.backup_id) if active else None,
        "ProgramState": "Paused" if engine.is_paused else "Running",
        "SchedulerQueueIds": [_item(task.task_id, task.backup_id) for task in waiting],
        "ProposedSchedule": [_item(*pair) for pair in engine.configuration.proposed()],
        "HasWarning": engine.notices.has("Warning"),
        "HasError": engine.notices.has("Error"),
        "SuggestedStatusIcon": _icon(engine),
        "EstimatedPauseEnd": with_z(engine.pause_ends_at) if engine.pause_ends_at else never,
        "LastEventID": engine.events.event_id,
        "LastDataUpdateID": engine.events.data_update_id,
        "LastNotificationUpdateID": engine.events.notification_update_id,
        "UpdatedVersion": None,
        "UpdaterState": "Waiting",
    }
    if not release.is_legacy:
        result["UpdateDownloadLink"] = None
    result["UpdateDownloadProgress"] = 0
    if release.has_v2:
        result["Type"] = "legacystatus"
    return result
