"""`task-server send`: gives a task to a daemon, or to all with some labels, and may wait for what comes of it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from ... import errors
from .. import exits
from ..options import Option
from ..resource import write_resource
from ..verbs import PLURALS, Verb
from .labels import read_labels

if TYPE_CHECKING:
    from ...fleet.client import Fleet
    from ...fleet.models import FleetTask
    from ..call import Call

_FILE_BYTES = 256 * 1024
_STATUSES = {
    "refused": exits.NOT_ALLOWED,
    "cancelled": exits.status_of_outcome("interrupted"),
    "expired": exits.NOT_DONE,
}

VERB = Verb(
    "task-server send",
    "task-server send [DAEMON] OPERATION [TYPE] [SELECTOR …] [options]",
    "Give a task as it is: an operation of the catalogue with what it is about, or a file with a task in JSON. It "
    "prints the task's name; with --wait, what came of it.",
    (
        ("DAEMON", "a daemon by name or id; with --label, none"),
        ("OPERATION …", "as on the command line: run backup Documents"),
    ),
    (
        Option("file", "a file with the task in JSON, - for stdin", metavar="FILE", places="o"),
        Option("label", "to every daemon that has this label", metavar="NAME=VALUE", is_repeatable=True, places="o"),
        Option("set", "a parameter of the operation", metavar="NAME=VALUE", is_repeatable=True, places="o"),
        Option("alias", "which of the daemon's Duplicati servers", metavar="ALIAS", places="o"),
        Option("wait", "wait until it is over, and tell what came of it", "flag", places="o"),
    ),
    (
        ("duplicati task-server send nas run backup Documents --wait", "and the exit status says how it went"),
        ("duplicati task-server send --label site=berlin verify Documents", "on every machine there"),
        ("duplicati task-server send nas --file task.json", "a task from a file"),
    ),
    (0, 2, 3, 4, 5, 6, 64, 65, 66, 69, 75, 76, 77),
)


def perform(call: Call) -> int:
    """Give it."""
    from ...fleet.client import Given  # noqa: PLC0415
    from .opening import open_fleet  # noqa: PLC0415

    labels = read_labels(call.value("label")) if call.value("label") else None
    words = list(call.words)
    daemon = None if labels is not None else _take_daemon(words)
    content = _read_file(call) if call.value("file") else _read_words(call, words)
    fleet = open_fleet(call)
    tasks = fleet.create(Given(daemon, labels), content)
    for task in tasks:
        call.console.write(f"{task.name}\n")
    call.console.flush()
    if not call.flag("wait"):
        return 0
    return exits.merge([_wait(call, fleet, task) for task in tasks])


def _take_daemon(words: list[str]) -> str:
    if not words:
        raise errors.UsageInvalid("to which daemon?", hint=f"duplicati {VERB.usage}")
    return words.pop(0)


def _read_words(call: Call, words: list[str]) -> dict[str, Any]:
    """Return the task that the words say, in the order of the command line."""
    if not words:
        raise errors.UsageInvalid("what is to be done?", hint="an operation, such as run backup Documents, or --file")
    operation, *rest = words
    kind = "backup"
    singular = {plural: name for name, plural in PLURALS.items()}
    if rest and (rest[0] in PLURALS or rest[0] in singular):
        kind = singular.get(rest[0], rest[0])
        rest = rest[1:]
        if not rest:
            return _add_parameters(call, {"Operation": operation, "Resources": [write_resource(kind, None)]})
    resources = [write_resource(kind, word) for word in rest]
    return _add_parameters(call, {"Operation": operation, **({"Resources": resources} if resources else {})})


def _add_parameters(call: Call, content: dict[str, Any]) -> dict[str, Any]:
    from ...protocol.catalogue import CATALOGUE  # noqa: PLC0415

    operation = CATALOGUE.get(content["Operation"])
    kinds = {parameter.name: parameter.kind for parameter in operation.parameters} if operation else {}
    parameters = {
        name: _read_value(name, text, kinds.get(name, str)) for name, text in read_labels(call.value("set")).items()
    }
    server = {"Server": call.value("alias")} if call.value("alias") else {}
    return {**content, **server, **({"Parameters": parameters} if parameters else {})}


def _read_value(name: str, text: str, kind: type) -> Any:
    if kind is bool:
        return text.lower() in ("true", "yes", "1", "on")
    try:
        return kind(text)
    except ValueError as exc:
        raise errors.InvalidValue(f"{name} is a number, not {text[:80]!a}") from exc


def _read_file(call: Call) -> dict[str, Any]:
    from ...protocol import codec  # noqa: PLC0415

    path = str(call.value("file"))
    try:
        if path == "-":
            data = sys.stdin.buffer.read(_FILE_BYTES)
        else:
            with open(path, "rb") as file:
                data = file.read(_FILE_BYTES)
    except OSError as exc:
        raise errors.InvalidValue(f"{path} cannot be read: {exc.strerror}") from exc
    try:
        value = codec.decode(data)
    except codec.Undecodable as exc:
        raise errors.InvalidValue(f"{path} holds no JSON: {exc.message}") from exc
    if not isinstance(value, dict) or codec.find_refused(value) is not None:
        raise errors.InvalidValue(f"{path} holds no task")
    return {name: member for name, member in value.items() if name not in ("ID", "Attempt")}


def _wait(call: Call, fleet: Fleet, task: FleetTask) -> int:
    """Follow a task to its end, through an absence of the task server; return the status that stands for it."""
    from ...fleet.client import WAIT_SECONDS  # noqa: PLC0415
    from ...fleet.performing import Clock, Remark, watch  # noqa: PLC0415

    name = task.name
    for seen in watch(fleet, task, WAIT_SECONDS, Clock(sleep=call.process.sleep)):
        if isinstance(seen, Remark):
            call.console.say(seen.text)
        elif seen is not None:
            task = seen
            call.console.detail(f"{name} is {task.state}")
    data = task.data or {}
    message = data.get("Message") or data.get("Reason") or data.get("Because")
    outcome = f": {task.outcome}" if task.outcome else ""
    call.console.say(f"{name} is {task.state}{outcome}{f'. {message}' if isinstance(message, str) else ''}")
    return _find_status(task)


def _find_status(task: FleetTask) -> int:
    """Return what the command would have ended with, had it been typed there."""
    from ..distance.rebuilding import rebuild_error  # noqa: PLC0415

    if task.state == "completed":
        return exits.status_of_outcome(task.outcome) if task.outcome else 0
    if task.state == "error":
        return exits.status_of_error(rebuild_error(task.data or {}))
    return _STATUSES.get(task.state, exits.status_of_outcome("unknown"))
