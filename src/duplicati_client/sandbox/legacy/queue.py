"""The legacy API's view of what happens now: state, progress, tasks, notifications, live log, command lines."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

from ..clock import with_offset
from ..engine.logs import LEVELS
from ..engine.model import Backup
from ..engine.timespan import read_size, read_timespan
from .replies import marked_json, reported

if TYPE_CHECKING:
    from ..engine.engine import Engine
    from ..engine.queue import Task
    from ..web.serve import Reply
    from .routes import Ask, Module

LONG_POLL_MAX_MS = 2_147_483_647
STATE_ORDER = (
    "ProgramState", "UpdatedVersion", "UpdaterState", "UpdateReady", "UpdateDownloadProgress", "ActiveTask",
    "SchedulerQueueIds", "ProposedSchedule", "HasWarning", "HasError", "SuggestedStatusIcon", "EstimatedPauseEnd",
    "LastEventID", "LastDataUpdateID", "LastNotificationUpdateID",
)  # fmt: skip
COMMANDS = (
    "help", "example", "examples", "find", "list", "delete", "backup", "restore", "repair", "purge",
    "list-broken-files", "purge-broken-files", "compact", "create-report", "compare", "test", "verify", "test-filters",
    "test-filter", "affected", "vacuum", "system-info", "systeminfo", "send-mail",
)  # fmt: skip


def show_backup(backup: Backup, *, is_short: bool = False) -> dict[str, Any]:
    """Show a backup with everything it holds, secrets in clear; lists leave the lists out (2.0.8.1 138, 139)."""
    return {
        "ID": backup.backup_id,
        "Name": backup.name,
        "Description": backup.description,
        "Tags": backup.tags,
        "TargetURL": backup.target_url,
        "DBPath": backup.db_path,
        "Sources": None if is_short else backup.sources,
        "Settings": None if is_short else backup.settings,
        "Filters": None if is_short else backup.filters,
        "Metadata": backup.metadata,
        "IsTemporary": backup.is_temporary,
    }


def show_state(engine: Engine) -> dict[str, Any]:
    """Show the server's state in the legacy order of members."""
    state = engine.state() | {"UpdateReady": False, "UpdateDownloadProgress": 0.0}
    if engine.pause_ends_at:
        state["EstimatedPauseEnd"] = with_offset(engine.pause_ends_at)
    return {name: state[name] for name in STATE_ORDER}


async def tell_state(ask: Ask) -> Reply:
    """Answer `serverstate`, at once or by long poll (2.0.8.1 long-poll:543-554)."""
    if ask.form.get("longpoll", "").lower() in {"true", "1", "on", "yes"}:
        if not ask.form.get("lasteventid", "").lstrip("-").isdigit():
            return reported(400, "When activating long poll, the request must include the last event id")
        seconds = read_timespan(ask.form.get("duration")) or 0
        if not 10 < seconds < LONG_POLL_MAX_MS / 1000:
            text = "Invalid duration, must be at least 10 seconds, and less than 2147483647 milliseconds"
            return reported(400, text)
        await ask.engine.wait_event(int(ask.form["lasteventid"]), seconds)
    return marked_json(show_state(ask.engine))


async def change_state(ask: Ask) -> Reply:
    """Pause or resume (2.0.8.1 pause-and-resume:495-520)."""
    action = ask.key(0).lower()
    if action == "resume":
        ask.engine.resume()
    elif action == "pause":
        text = ask.form.get("duration") or ""
        seconds = read_timespan(text)
        if seconds is None:
            return reported(400, f"Failed to parse the segment: {text[:3]}, invalid integer")
        if seconds < 0:
            message = "The added or subtracted value results in an un-representable DateTime.\nParameter name: value"
            return reported(400, message)
        ask.engine.pause(seconds or None)
    else:
        return reported(404, "No such action")
    return marked_json({"Status": "OK"})


async def tell_progress(ask: Ask) -> Reply:
    """Answer `progressstate`."""
    progress = ask.engine.progress()
    if progress is None:
        return reported(404, "No active backup")
    return marked_json(progress | {"OverallProgress": float(progress["OverallProgress"])})


async def list_tasks(ask: Ask) -> Reply:
    """Answer `tasks`: the running task and the waiting ones (2.0.8.1 slow-run-and-queue:312, 380)."""
    return marked_json([_show_task(ask.engine, task) for task in ask.engine.tasks()])


def _show_task(engine: Engine, task: Task) -> dict[str, Any]:
    is_active = task is engine.queue.active
    options = task.backup.options() if task.backup else {}
    upload, download = (read_size(options.get(f"throttle-{way}")) or 0 for way in ("upload", "download"))
    shown: dict[str, Any] = {"Operation": "CustomRunner" if task.backup is None else task.kind}
    if task.backup is not None:
        shown["Backup"] = show_backup(task.backup)
    return shown | {
        "ExtraOptions": None,
        "FilterStrings": None,
        "BackupID": task.backup_id,
        "TaskID": task.task_id,
        "OriginalUploadSpeed": upload if is_active else 0,
        "OriginalDownloadSpeed": download if is_active else 0,
    }


async def tell_task(ask: Ask) -> Reply:
    """Answer `task/{id}`."""
    if not ask.key(0).isdigit():
        return reported(400, "Invalid request")
    task = ask.engine.task(int(ask.key(0)))
    if task is None:
        return reported(404, "No such task found")
    if task.status in {"Running", "Waiting"}:
        return marked_json({"Status": task.status})
    return marked_json({"Status": task.status, "ErrorMessage": task.error_message, "Exception": task.exception})


async def command_task(ask: Ask) -> Reply:
    """Stop or abort a task; a finished one is unknown (2.0.8.1 slow-run-and-queue:374, stop-and-abort:423)."""
    task = ask.engine.task(int(ask.key(0))) if ask.key(0).isdigit() else None
    if task is None or task not in ask.engine.tasks():
        return reported(404, "No such task")
    command = ask.key(1).lower()
    if command in {"stopaftercurrentfile", "stopnow"}:
        ask.engine.stop(task.task_id)
    elif command == "abort":
        ask.engine.abort(task.task_id)
    else:
        return reported(404, "Invalid or missing task id")
    return marked_json({"Status": "OK"})


async def list_notices(ask: Ask) -> Reply:
    """Answer `notifications`."""
    return marked_json(ask.engine.notices.items)


async def tell_notice(ask: Ask) -> Reply:
    """Answer `notification/{id}`."""
    notice = ask.engine.notices.find(int(ask.key(0))) if ask.key(0).isdigit() else None
    return reported(404, "No such notification") if notice is None else marked_json(notice)


async def dismiss_notice(ask: Ask) -> Reply:
    """Remove a notification."""
    if not ask.key(0).isdigit() or not ask.engine.dismiss(int(ask.key(0))):
        return reported(404, "No such notification")
    return marked_json({"Status": "OK"})


async def read_logs(ask: Ask) -> Reply:
    """Answer `logdata/poll`, and `logdata/log` for every other key (2.0.8.1 reading-the-server:82-84)."""
    page_size = int(ask.form.get("pagesize") or 100)
    if ask.key(0).lower() == "poll":
        level = ask.form.get("level") or "Profiling"
        name = LEVELS[int(level)] if level.isdigit() else next(item for item in LEVELS if item.lower() == level.lower())
        return marked_json(ask.engine.live_log.read(name, int(ask.form.get("id") or 0), page_size))
    offset = ask.form.get("offset")
    return marked_json(ask.engine.server_log.read(int(offset) if offset else None, page_size))


async def tell_command_line(ask: Ask) -> Reply:
    """Answer `commandline`: the commands there are, or the output of one that was started."""
    if not ask.key(0):
        return marked_json(COMMANDS)
    options = _find_command_line(ask)
    if options is None:
        return marked_json(None, status=404, reason="Error")
    page_size, offset = int(ask.form.get("pagesize") or 10), int(ask.form.get("offset") or 0)
    lines = options["lines"]
    return marked_json(
        {
            "Pagesize": page_size,
            "Offset": offset,
            "Count": len(lines),
            "Items": lines[offset : offset + page_size],
            "Finished": bool(options.get("is_finished")),
            "Started": bool(options.get("is_started")),
        }
    )


async def start_command_line(ask: Ask) -> Reply:
    """Queue a command line, or end one."""
    if ask.key(1).lower() == "abort":
        options = _find_command_line(ask)
        if options is None:
            return marked_json(None, status=404, reason="Error")
        ask.engine.abort(options["task_id"])
        return marked_json({"Status": "OK"})
    options = {"arguments": json.loads(ask.data), "lines": [], "run_id": str(uuid.uuid4())}
    task_id = ask.engine.enqueue("CommandLine", None, options=options)
    task = ask.engine.task(task_id)
    if task is not None:
        task.options["task_id"] = task_id
        ask.command_lines[options["run_id"]] = task.options
    return marked_json({"ID": options["run_id"]})


def _find_command_line(ask: Ask) -> dict[str, Any] | None:
    return ask.command_lines.get(ask.key(0))


MODULES: dict[str, dict[str, Module]] = {
    "serverstate": {"GET": tell_state, "POST": change_state},
    "progressstate": {"GET": tell_progress},
    "tasks": {"GET": list_tasks},
    "task": {"GET": tell_task, "POST": command_task},
    "notifications": {"GET": list_notices},
    "notification": {"GET": tell_notice, "DELETE": dismiss_notice},
    "logdata": {"GET": read_logs},
    "commandline": {"GET": tell_command_line, "POST": start_command_line},
}
