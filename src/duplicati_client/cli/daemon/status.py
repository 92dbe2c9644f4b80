"""`daemon status`: how a daemon is, asked of itself, or read from what a dead one has left."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ... import __version__
from .. import exits
from ..daemonoptions import CONFIG, find_config_file
from ..output.columns import Column, Listing
from ..output.pages import Field, Page, Section
from ..verbs import Verb

if TYPE_CHECKING:
    from ...daemon.config import DaemonConfig
    from ...daemon.storage import PathFolder
    from ..call import Call

VERB = Verb(
    "daemon status",
    "daemon status [options]",
    "Show how the daemon is: connection, tasks, results that are not confirmed, policy, disk, servers, last events. "
    "It asks the running daemon; of one that does not run it shows what its files say.",
    options=(CONFIG,),
    examples=(
        ("duplicati daemon status", "for a person; the exit status says whether all is well"),
        ("duplicati daemon status --output json", "for monitoring"),
    ),
    statuses=(0, 69, 74, 75, 76, 77, 78),
)
SERVERS = (
    Column("alias", "SERVER", "id", 0, about="alias of the Duplicati server"),
    Column("state", "STATE", "text", 0, about="what its worker does"),
    Column("tasks_count", "TASKS", "number", 2, about="how many it has"),
    Column("message", "MESSAGE", "text", 3, about="why it cannot be worked with"),
)
RUNNING = (
    Column("task_id", "TASK", "id", 0, about="the task server's id of it"),
    Column("state", "STATE", "text", 0, about="how far it is"),
    Column("phase", "PHASE", "text", 2, about="what the server does"),
    Column("percent", "%", "number", 1, about="how much of it is done"),
)
WEAKER = (
    Column("promise", "PROMISE", "id", 0, about="its number on the sheet of promises"),
    Column("text", "WEAKER AT LEVEL 0", "text", 0, about="what holds instead"),
)
EVENTS = (
    Column("at", "WHEN", "time", 0, about="when it happened"),
    Column("level", "LEVEL", "text", 2, about="info, warning or error"),
    Column("text", "WHAT", "text", 0, about="what happened"),
)
_STATUSES = {
    "not-running": 69,
    "away": 69,
    "server": 69,
    "storage-failed": 74,
    "disk-full": 74,
    "journal-damaged": 74,
    "conflict": 75,
    "held": 75,
    "not-taken": 76,
    "not-understood": 76,
    "refused": 77,
    "policy": 78,
    "clock": 0,
}
_EVENTS_COUNT = 5
# What there is to say of a daemon that never ran.
_NOTHING: Mapping[str, Any] = {
    **dict.fromkeys(("version", "pid", "started_at", "at", "task_server", "results", "policy", "storage")),
    **{"clock_offset_seconds": None, "plain_count": 0, "held": [], "servers": [], "events": []},
}


def perform(call: Call) -> int:
    """Show it; the exit status is the highest of what is wrong."""
    from ...daemon import control  # noqa: PLC0415 - not for --help
    from ...daemon.config import load  # noqa: PLC0415
    from ..asking import make_printer  # noqa: PLC0415

    config = load(find_config_file(call))
    snapshot = control.ask(config.state_folder, "status") or read_left(config)
    make_printer(call).print_page(make_page(snapshot))
    return exits.worst([_STATUSES.get(problem["code"], 70) for problem in snapshot["problems"]])


def read_left(config: DaemonConfig) -> dict[str, Any]:
    """Return what the files of a daemon say that does not answer: its last snapshot, and the tasks in its journal."""
    from ...daemon import inspection  # noqa: PLC0415 - not for --help
    from ...daemon.entries import Step  # noqa: PLC0415

    with inspection.opened(config.state_folder) as folder:
        left = _read_snapshot(folder)
        steps = [entry.step for entry in inspection.read_entries(folder).values()]
    since = f"; it was seen last at {left['at']}" if left.get("at") else ""
    tasks = {
        "open_count": sum(step is not Step.CONFIRMED for step in steps),
        "ended_count": sum(step is Step.OUTCOME for step in steps),
    }
    problem = {"code": "not-running", "text": f"no daemon answers{since}"}
    told = {**_NOTHING, "name": config.name, "config": config.path, **left}
    return told | {"state": "not-running", "tasks": tasks, "running": [], "problems": [problem]}


def _read_snapshot(folder: PathFolder | None) -> dict[str, Any]:
    """Return the last one that was written; one of another release may have other members, and is as good as none."""
    from ...daemon.snapshot import STATUS_FILE  # noqa: PLC0415 - not for --help

    try:
        left = json.loads((folder.read(STATUS_FILE) if folder is not None else None) or b"{}")
    except ValueError:
        return {}
    return left if isinstance(left, dict) and left.get("version") == __version__ else {}


def make_page(snapshot: Mapping[str, Any]) -> Page:
    """Return the page."""
    problems = [Field("problem", problem["text"], mark="refused") for problem in snapshot["problems"]]
    head = [
        Field("daemon", snapshot["name"]),
        Field("state", snapshot["state"]),
        Field("since", _read_time(snapshot.get("started_at")) if snapshot["state"] == "running" else None, "time"),
        Field("configuration", snapshot["config"]),
    ]
    sections = [Section("", [*head, *problems])]
    sections.append(Section("Task server", _tell_contact(snapshot), _list_weaker(snapshot)))
    sections.append(Section("Tasks", _tell_tasks(snapshot), _list_running(snapshot)))
    sections.append(Section("This machine", _tell_machine(snapshot)))
    servers = [[server.get(column.name) for column in SERVERS] for server in snapshot.get("servers", [])]
    if servers:
        sections.append(Section("Servers", (), Listing("servers", SERVERS, servers)))
    events = [(_read_time(e["at"]), e["level"], e["text"]) for e in snapshot.get("events", [])[-_EVENTS_COUNT:]]
    if events:
        sections.append(Section("Last events", (), Listing("events", EVENTS, events)))
    return Page("daemon", dict(snapshot), sections)


def _tell_contact(snapshot: Mapping[str, Any]) -> Sequence[Field]:
    contact = snapshot.get("task_server") or {}
    levels = {0: "0: the plain protocol", 1: "1"}
    offset = snapshot.get("clock_offset_seconds")
    is_off = offset is not None and abs(offset) >= 60
    return (
        Field("address", contact.get("url")),
        Field("connection", contact.get("state")),
        Field("why", contact.get("message")),
        Field("level", levels.get(contact.get("level", -1))),
        Field("last answer", _read_time(contact.get("answered_at")), "time"),
        Field("heartbeat", _read_time(contact.get("beat_at")), "time"),
        Field("clock", f"{offset:+.0f} s from this machine's" if is_off else None),
        Field(
            "not encrypted", "yes: everybody on the way can read and change it" if snapshot.get("plain_count") else None
        ),
    )


def _list_weaker(snapshot: Mapping[str, Any]) -> Listing | None:
    weaker = (snapshot.get("task_server") or {}).get("weaker")
    return Listing("weaker", WEAKER, [(one["promise"], one["text"]) for one in weaker]) if weaker else None


def _tell_tasks(snapshot: Mapping[str, Any]) -> Sequence[Field]:
    results = snapshot.get("results") or {}
    return (
        Field("open", snapshot["tasks"]["open_count"], "number"),
        Field("to be confirmed", results.get("pending_count", snapshot["tasks"]["ended_count"]), "number"),
        Field("not taken", results.get("slow_count") or None, "number"),
        Field("held", len(snapshot.get("held", [])) or None, "number"),
    )


def _list_running(snapshot: Mapping[str, Any]) -> Listing | None:
    rows = [
        (one["task_id"], one["state"], one["phase"], None if one["fraction"] is None else round(one["fraction"] * 100))
        for one in snapshot["running"]
    ]
    return Listing("running", RUNNING, rows) if rows else None


def _tell_machine(snapshot: Mapping[str, Any]) -> Sequence[Field]:
    policy, storage = snapshot.get("policy") or {}, snapshot.get("storage") or {}
    digest = policy.get("digest")
    return (
        Field("policy", f"{policy.get('preset')} ({digest[:12]})" if digest else None),
        Field("state folder", storage.get("folder")),
        Field("room left", storage.get("free_bytes"), "size"),
    )


def _read_time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
