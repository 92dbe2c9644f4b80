"""What `--output json` writes, as data: each kind of document and each kind of line, field by field, from the types.

Fields come from the records of the operations and from the columns of the listings. Where a verb puts a document
together by hand, the few names that it adds or leaves out are said here.
"""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, Union, get_args, get_origin, get_type_hints

from docs.generate.markdown import code, table
from docs.generate.meanings import MEANINGS
from docs.generate.status import MEANINGS as STATUS_MEANINGS
from docs.generate.status import DaemonStatus
from duplicati_client.cli import contexts, listings
from duplicati_client.cli.daemon import allowances, checking, judging, proofs, records, taskrows
from duplicati_client.cli.output.columns import Column, Failure
from duplicati_client.operations import describe, dismiss, edit, logs, pause, queue, status, stop, view
from duplicati_client.operations import list as listing
from duplicati_client.operations import set as setting
from duplicati_client.operations.doctor import report
from duplicati_client.sdk import activity, models

_SCALARS = {str: "text", int: "integer", float: "number", bool: "boolean", datetime: "time"}
_OF_COLUMN = {"time": "time", "size": "integer", "number": "integer", "seconds": "number", "flag": "boolean"}
_UNITS = {"_at": "RFC 3339 with offset", "_bytes": "bytes", "_seconds": "seconds", "_per_second": "bytes a second"}
# Records and kinds that have the names of a listing.
_LISTED_AS = {
    **{"BackupSummary": "backups", "TaskSummary": "tasks", "PastRun": "runs", "Step": "steps", "line": "logs"},
    **{"description": "backups", "Notification": "notifications", "notification": "notifications"},
    **{"dismissed": "notifications"},
}
# What the server said itself; it is for the library and never written.
_RAW = "raw"


class Field(NamedTuple):
    """One name of a shape: `path` is `a.b` for a name in an object, `a[].b` for one in a list of objects.

    `type` is text, integer, number, boolean, time, object, `list of …`, or `any` for what is the server's own.
    """

    path: str
    type: str
    is_nullable: bool
    meaning: str

    @property
    def unit(self) -> str:
        """The unit that the end of the name says, if it does."""
        return next((unit for end, unit in _UNITS.items() if self.path.endswith(end)), "")


class Shape(NamedTuple):
    """A kind of document, or of a line; `commands` write it. `part` is where its fields are: items, item, or line.

    An `is_open` one holds names that are not ours to promise.
    """

    name: str
    part: str
    commands: str
    fields: tuple[Field, ...]
    is_open: bool = False


Names = Mapping[str, Any]  # types by name, as a record's annotations are


def _hints_of(record: type) -> dict[str, Any]:
    # A value of a definition, whose type is imported for the type checker alone.
    return get_type_hints(record, localns={"Value": Any})


def _names_of(record: type, *, without: Sequence[str] = ()) -> dict[str, Any]:
    return {name: kind for name, kind in _hints_of(record).items() if name not in (_RAW, *without)}


def _list(kind: str, commands: str, record: type | None = None, nullable: Sequence[str] = ()) -> Shape:
    hints = _hints_of(record) if record is not None else {}
    fields = [_read_column(kind, column, hints, column.name in nullable) for column in listings.columns_of(kind)]
    return Shape(kind, "items", commands, tuple(fields))


def _read_column(kind: str, column: Column, hints: Names, is_nullable: bool) -> Field:
    written, may_be_null = _OF_COLUMN.get(column.kind, "text"), is_nullable
    if column.name in hints:
        inner, may_be_null = _strip_none(hints[column.name])
        written = _SCALARS[inner]
    return Field(column.name, written, may_be_null, column.about or _explain(kind, column.name))


def _page(kind: str, commands: str, names: Names, *, is_open: bool = False, owner: str = "") -> Shape:
    return Shape(kind, "item", commands, tuple(_flatten(owner or kind, names)), is_open)


def _line(event: str, commands: str, names: Names) -> Shape:
    return Shape(event, "line", commands, tuple(_flatten(event, names)))


def _flatten(owner: str, names: Names, prefix: str = "") -> Iterator[Field]:
    for name, hint in names.items():
        inner, is_nullable = _strip_none(hint)
        path = f"{prefix}{name}"
        written, record, mark = _describe(inner)
        yield Field(path, written, is_nullable, _explain(owner, name))
        if record is not None:
            yield from _flatten(record.__name__, _names_of(record), f"{path}{mark}.")


def _describe(hint: Any) -> tuple[str, type | None, str]:
    """Return the type in words, and the record whose names follow, if any, with the mark of a list."""
    if hint in _SCALARS:
        return _SCALARS[hint], None, ""
    if isinstance(hint, type) and hasattr(hint, "_fields"):
        return "object", hint, ""
    if get_origin(hint) in (tuple, list, Sequence):
        written, record, _ = _describe(_strip_none(get_args(hint)[0])[0])
        return f"list of {written}", record, "[]"
    if get_origin(hint) in (dict, Mapping):
        return f"object of {_describe(get_args(hint)[1])[0]}", None, ""
    return "any", None, ""


def _strip_none(hint: Any) -> tuple[Any, bool]:
    if get_origin(hint) not in (Union, types.UnionType):
        return hint, hint is Any
    rest = [part for part in get_args(hint) if part is not type(None)]
    return (rest[0] if len(rest) == 1 else Any), len(rest) < len(get_args(hint))


def _explain(owner: str, name: str) -> str:
    """Return what a name means: in its owner alone, as a column of the listing of such records, or everywhere."""
    columns = {column.name: column.about for column in listings.columns_of(_LISTED_AS.get(owner, ""))}
    own = MEANINGS.get(f"{owner}.{name}") or STATUS_MEANINGS.get(f"{owner}.{name}")
    return own or columns.get(name) or MEANINGS.get(name, "")


_BACKUP_NAMES = {"backup_id": str, "name": str}
_TASK_NAMES = {"operation": str, "task_id": int | None, **_BACKUP_NAMES}
_PROGRESS_NAMES = _names_of(activity.Progress, without=["overall_fraction"]) | {"fraction": float | None}
_RUNNING_NAMES = _names_of(view.Running, without=["progress", "left_seconds"])
_FOLLOWED = "run, verify, repair, compact, vacuum"
_LOGIN_NAMES = {"context": str, "url": str, "version": str, "generation": str, "is_remembered": bool}
_ID_NAMES = {"task_id": str, "id_type": str}
_JOURNAL_TASK_NAMES = _ID_NAMES | {"state": str, "is_uncertain": bool, "records": tuple[records.RecordItem, ...]}
_JOURNAL_CHECK_NAMES = {"is_sound": bool, "open_count": int}
_JOURNAL_CHECK_NAMES |= {
    "files": tuple[checking.FileItem, ...],
    "doubts": tuple[checking.DoubtItem, ...],
    "has_lost": bool,
}
_REPAIRED_NAMES = {"copies": tuple[str, ...], "doubts": tuple[checking.DoubtItem, ...], "has_lost": bool}
_SERVICE_NAMES = {"path": str, "is_installed": bool, "is_active": bool}
_POLICY_NAMES = {"file": str, "preset": str, "digest": str, "is_in_force": bool | None}
_POLICY_NAMES |= {"operations": tuple[allowances.Allowance, ...], "policy": Any}
_INIT_NAMES = {"path": str, "name": str, "state_folder": str, "task_server": str, "servers": Mapping[str, str]}
_INIT_NAMES |= {"preset": str, "password_files": tuple[str, ...], "commands": tuple[str, ...]}
_CHECK_NAMES = {"file": str, "verdict": str, "proofs": tuple[proofs.Proof, ...]}
_VERDICT_NAMES = {"digest": str, "preset": str, "tasks": tuple[judging.Judged, ...]}
_AT: Names = {"at": datetime}


class _WatchedTask(NamedTuple):
    """A running task where a watched server is shown whole."""

    task_id: int
    backup_id: str | None
    backup_name: str | None
    operation: str | None
    started_at: datetime | None


def _documents() -> list[Shape]:
    description = _names_of(listing.BackupSummary) | _names_of(describe.BackupDescription, without=["summary"])
    diagnosis = {"url": str, "verdict": str, "layer": str | None, "code": str | None}
    return [
        _list("backups", "list backups", listing.BackupSummary),
        _list("tasks", "list tasks", queue.TaskSummary),
        _list("versions", "list versions", models.Version),
        _list("logs", "list logs, logs", logs.LogLine),
        _list("notifications", "list notifications", models.Notification),
        _list("settings", "list settings"),
        _list("contexts", "list contexts", contexts.ContextSummary),
        _list("diagnoses", "doctor of several servers", nullable=["layer", "code", "message", "hint"]),
        _list("steps", "doctor in csv and ids", report.Step),
        _list("values", "config explain", nullable=["value", "variable", "key"]),
        _list("scripts", "completion install, completion uninstall"),
        _list("daemon-tasks", "daemon tasks", taskrows.TaskRow),
        _list("round", "daemon once", nullable=["operation", "alias", "outcome", "message"]),
        _list("journal-records", "daemon journal show", records.RecordRow),
        _page("journal-task", "daemon journal show TASK", _JOURNAL_TASK_NAMES),
        _page("journal-check", "daemon journal check", _JOURNAL_CHECK_NAMES),
        _page("daemon", "daemon status", _names_of(DaemonStatus), owner="DaemonStatus"),
        _page("service", "daemon service status", _SERVICE_NAMES),
        _page("daemon-configuration", "daemon init", _INIT_NAMES),
        _page("daemon-check", "daemon check", _CHECK_NAMES),
        _page("policy", "daemon policy show", _POLICY_NAMES),
        _page("verdicts", "daemon policy check", _VERDICT_NAMES),
        _page("status", "status", _names_of(status.Status)),
        _page("description", "describe", description),
        _page("diagnosis", "doctor", diagnosis | {"steps": tuple[report.Step, ...]}),
        _page("login", "login", _LOGIN_NAMES),
        _page("plan", "login --params", {"commands": tuple[str, ...], "remarks": tuple[str, ...]}),
        _page("error", "any verb asked of several servers", _names_of(Failure)),
        _page("configuration", "config", {"path": str | None}, is_open=True),
        *(_page(kind, f"get {kind}", {}, is_open=True) for kind in ("backup", "task", "notification", "setting")),
    ]


def _lines() -> list[Shape]:
    ended = {"outcome": str, "reason": str, "detail": str | None, "signs": tuple[str, ...], "deed": str | None}
    ended |= {"started_at": datetime | None, "finished_at": datetime | None, "duration_seconds": float | None}
    left = _names_of(dismiss.Dismissal, without=["dismissed"]) | {"dismissed_count": int}
    watched = _names_of(view.View, without=["away_since_at", "away_reason"]) | {"running": _WatchedTask | None}
    moving = _RUNNING_NAMES | _PROGRESS_NAMES | {"left_seconds": float | None}
    return [
        _line("started", _FOLLOWED, _TASK_NAMES | {"is_absorbed": bool}),
        _line("progress", f"{_FOLLOWED} with --wait", _PROGRESS_NAMES | {"name": str}),
        _line("note", f"{_FOLLOWED} with --wait", _BACKUP_NAMES | {"text": str}),
        _line("ended", f"{_FOLLOWED} with --wait", _TASK_NAMES | ended),
        _line("asked", "stop, abort", _names_of(stop.Asked)),
        _line("state", "pause, resume", _names_of(pause.Pausing)),
        _line("dismissed", "dismiss", _names_of(models.Notification)),
        _line("left", "dismiss", left),
        *(_line(event, "edit, set backup", _names_of(edit.Edited)) for event in ("changed", "unchanged")),
        _line("would-change", "set backup --dry-run", _names_of(edit.Edited)),
        *(
            _line(event, "set settings", _names_of(setting.SettingsChanged))
            for event in ("changed", "would-change", "unchanged")
        ),
        *(_line(event, "daemon journal repair", _REPAIRED_NAMES) for event in ("repaired", "sound")),
        _line("imported", "daemon journal import", _ID_NAMES | {"operation": str | None, "resources": str | None}),
        _line("line", "logs --follow", _names_of(logs.LogLine)),
        *(_line(event, "logs --follow", _names_of(logs.Break)) for event in ("away", "back", "gap")),
        _line("state", "watch", _AT | watched),
        _line("progress", "watch", _AT | moving),
        _line("ended", "watch", _AT | _names_of(view.EndedTask)),
        _line("notification", "watch", _AT | _names_of(models.Notification)),
        _line("note", "watch", _AT | {"text": str}),
        *(_line(event, "watch", _AT | _names_of(view.Absence)) for event in ("away", "back")),
    ]


DOCUMENTS = _documents()
LINES = _lines()


def documents() -> str:
    """Return a section a kind of document: who writes it, and its names."""
    return "\n\n".join(_write(shape.name, [shape]) for shape in DOCUMENTS)


def lines() -> str:
    """Return a section a kind of line; events of one command that have the same names share one."""
    groups: dict[tuple[str, tuple[Field, ...]], list[Shape]] = {}
    for shape in LINES:
        groups.setdefault((shape.commands, shape.fields), []).append(shape)
    return "\n\n".join(_write(", ".join(shape.name for shape in group), group) for group in groups.values())


def _write(title: str, shapes: Sequence[Shape]) -> str:
    shape = shapes[0]
    parts = [f"### {shape.commands}: {title}"]
    if shape.is_open:
        parts.append("The server's own JSON, secrets hidden." if not shape.fields else "And what the file holds.")
    rows = [
        (code(field.path), field.type + (" or null" if field.is_nullable else ""), field.unit, field.meaning)
        for field in shape.fields
    ]
    return "\n\n".join([*parts, *([table(("name", "type", "unit", "meaning"), rows)] if rows else [])])
