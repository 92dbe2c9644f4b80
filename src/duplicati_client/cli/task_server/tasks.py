"""`task-server tasks`: lists the tasks of the daemons, shows one, gives one anew."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from ... import errors
from ..options import Option
from ..output.columns import Column, Listing
from ..output.pages import Field, Page, Section
from ..verbs import Verb

if TYPE_CHECKING:
    from datetime import datetime

    from ...fleet.models import FleetTask
    from ..call import Call

_STATES = (
    "open",
    "ended",
    "pending",
    "offered",
    "accepted",
    "completed",
    "error",
    "refused",
    "cancelled",
    "expired",
)

VERB = Verb(
    "task-server tasks",
    "task-server tasks [show|reassign DAEMON/ID] [options]",
    "List the newest tasks, and what came of them.",
    (
        ("show DAEMON/ID", "one task with its data"),
        ("reassign DAEMON/ID", "offer an open task again; what still comes of it from before is not applied"),
    ),
    (
        Option("daemon", "only those of one daemon", metavar="NAME", places="o"),
        Option("state", "only those in a state", "choice", "STATE", choices=_STATES, places="o"),
        Option("limit", "how many at most", "number", "N", default=50, places="o"),
    ),
    (
        ("duplicati task-server tasks --state open", "what is not over"),
        ("duplicati task-server tasks --state error --daemon nas", "what went wrong there"),
        ("duplicati task-server tasks show nas/7", "one of them"),
    ),
    (0, 64, 66, 69, 77),
)
COLUMNS = (
    Column("task", "TASK", "id", 0, about="its daemon and its number there"),
    Column("operation", "OPERATION", "text", 0, about="what is to be done"),
    Column("about", "ABOUT", "text", 1, about="what it is about"),
    Column("state", "STATE", "text", 0, about="how far it is"),
    Column("outcome", "OUTCOME", "outcome", 1, about="how it went, if it was carried out"),
    Column("created_at", "GIVEN", "time", 2, about="when it was given"),
    Column("ended_at", "ENDED", "time", 3, about="when it was over"),
    Column("created_by", "BY", "text", 4, about="who gave it"),
    Column("attempt", "ATTEMPT", "number", is_shown=False, about="how often it was given to its daemon"),
    Column("is_cancel_wanted", "CANCEL", "flag", is_shown=False, about="whether somebody asked that it be stopped"),
)


class Row(NamedTuple):
    """A task in a listing."""

    task: str
    operation: str
    about: str
    state: str
    outcome: str | None
    created_at: datetime | None
    ended_at: datetime | None
    created_by: str
    attempt: int
    is_cancel_wanted: bool


def perform(call: Call) -> int:
    """List them, or do what is said with one."""
    from ..asking import make_printer  # noqa: PLC0415
    from .opening import open_fleet  # noqa: PLC0415

    fleet = open_fleet(call)
    match call.words:
        case ():
            found = fleet.list_tasks(call.value("daemon"), call.value("state"), int(call.value("limit")))
            make_printer(call).print_listing(Listing("fleet-tasks", COLUMNS, [make_row(task) for task in found]))
        case ("show", which):
            show(call, fleet.get_task(*read_task_name(which)))
        case ("reassign", which):
            task = fleet.reassign_task(*read_task_name(which))
            call.console.say(f"{task.name} is {task.state} again, attempt {task.attempt}")
        case _:
            raise errors.UsageInvalid(f"what is {' '.join(call.words)}?", hint=f"duplicati {VERB.usage}")
    return 0


def read_task_name(text: str) -> tuple[str, int]:
    """Return daemon and number of `DAEMON/ID`; raises `UsageInvalid`."""
    daemon, slash, number = text.rpartition("/")
    if not slash or not daemon or not number.isascii() or not number.isdecimal() or len(number) > 18:
        raise errors.UsageInvalid(f"a task is named DAEMON/ID, not {text[:80]!a}", hint="duplicati task-server tasks")
    return daemon, int(number)


def make_row(task: FleetTask) -> Row:
    """Return a task as a row."""
    return Row(
        task=task.name,
        operation=str(task.content.get("Operation", "")),
        about=_name_resources(task.content.get("Resources")),
        state=task.state,
        outcome=task.outcome,
        created_at=task.created_at,
        ended_at=task.ended_at,
        created_by=task.created_by,
        attempt=task.attempt,
        is_cancel_wanted=task.is_cancel_wanted,
    )


def _name_resources(value: Any) -> str:
    items = value if isinstance(value, list) else []
    return ", ".join(str(item.get("Name", item.get("ID", ""))) for item in items if isinstance(item, dict))


def show(call: Call, task: FleetTask) -> None:
    """Show one with its data."""
    from ..asking import make_printer  # noqa: PLC0415

    row = make_row(task)
    fields = [Field(name.replace("_", " "), value) for name, value in row._asdict().items() if value is not None]
    if task.progress and task.is_open:
        fields.append(Field("progress", json.dumps(task.progress)))
    if task.data is not None:
        fields.append(Field("data", json.dumps(task.data, ensure_ascii=False)))
    item = {**row._asdict(), "content": task.content, "progress": task.progress, "data": task.data}
    make_printer(call).print_page(Page("fleet-task", item, (Section("", fields),), row.task))
