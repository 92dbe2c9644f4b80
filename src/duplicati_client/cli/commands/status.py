"""`status`: which server this is, and what it is doing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...operations.queue import RUNNING, WAITING
from ...operations.status import Status, read_status
from ..asking import Answer, ask
from ..output.pages import Field, Page, Section
from ..pausing import tell_end
from ..reach import Asked
from ..verbs import Verb

if TYPE_CHECKING:
    from ...operations.queue import TaskSummary
    from ..call import Call

_CLOCK_TOLERANCE_SECONDS = 60

VERB = Verb(
    "status",
    "status [options]",
    "Show which server this is, its version, the session, the queue, and what wants attention.",
    examples=(
        ("duplicati status", "of the current context"),
        ("duplicati status --all", "of every server side by side"),
    ),
    statuses=(0, 69, 77),
)


def perform(call: Call) -> int:
    """Show it, for every server that is meant."""
    return ask(call, lambda reach, talk: Answer(make_page(reach.do(read_status, Asked("status")))))


def make_page(status: Status) -> Page:
    """Return the page for one server."""
    state = status.state
    item = status._asdict() | {"state": _make_state_item(status), "queue": [task._asdict() for task in status.queue]}
    server = (
        Field("server", status.url),
        Field("version", _tell_version(status)),
        Field("generation", status.generation),
        Field("machine", " ".join(part for part in (status.machine_name, status.os) if part)),
        Field("user", status.user_name),
        Field("clock", _tell_clock(status.clock_offset_seconds)),
        Field("newer version", state.updated_version),
    )
    activity = (
        Field("session", _tell_session(status)),
        Field("state", "paused" if state.is_paused else "running tasks" if state.active else "ready"),
        Field("paused", tell_end(status.pause_ends_at) if state.is_paused else None),
        Field("running", [_tell_task(task) for task in status.queue if task.status == RUNNING] or None),
        Field("waiting", [_tell_task(task) for task in status.queue if task.status == WAITING] or None),
        Field("backups", status.backups_count),
        Field("unread", f"{_count(status.errors_count, 'error')}, {_count(status.warnings_count, 'warning')}"),
    )
    return Page("status", item, (Section("", server), Section("Now", activity)))


def _make_state_item(status: Status) -> dict[str, object]:
    state = status.state._asdict()
    state.pop("raw")
    return state


def _tell_version(status: Status) -> str:
    name = status.version_name.strip(" -")
    return name if status.version in name else f"{status.version} {name}".rstrip()


def _tell_session(status: Status) -> str:
    session = status.session
    if session.access_ends_at is None:
        return "logged in"
    return "logged in, renewed by itself" if session.is_renewable else "logged in, until its token ends"


def _tell_clock(offset_seconds: float | None) -> str | None:
    if offset_seconds is None or abs(offset_seconds) < _CLOCK_TOLERANCE_SECONDS:
        return None
    minutes = round(abs(offset_seconds) / 60)
    return f"{minutes} minutes {'ahead of' if offset_seconds > 0 else 'behind'} this machine's"


def _tell_task(task: TaskSummary) -> str:
    named = ": ".join(filter(None, (task.operation, task.backup_name or task.backup_id)))
    return f"task {task.task_id}" + (f" ({named})" if named else "")


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
