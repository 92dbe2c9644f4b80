"""Words for what a daemon's files hold: how far a task is, what it is about, what a record says; secrets are hidden."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from ... import errors
from ...daemon.entries import Entry, Step, read_fields
from ...operations.masking import hide_definition, hide_text
from ...protocol.task import HIDDEN, hide_secrets
from ..output.columns import Column

NUMBER, TEXT = "number", "text"
_STATES = {
    Step.RECEIVED: "to be judged",
    Step.DECIDED: "accepted, not begun",
    Step.INTENT: "begun",
    Step.SUBMITTED: "given to the server",
    Step.CONFIRMED: "confirmed",
}
# Where a record may be missing.
_STATES_IN_DOUBT = {
    Step.RECEIVED: "received, or further",
    Step.DECIDED: "accepted, or further",
    Step.INTENT: "begun, or further",
}
# What the workers of a running daemon say of theirs.
_LIVE_STATES = {
    "waiting": "waits for its turn",
    "waiting-for-duplicati": "waits for the server",
    "waiting-for-slot": "waits for the backup",
    "uncertain": "its outcome is looked for",
    "storage-failed": "waits for the disk",
    "held": "held back",
}
_BORDER = re.compile(r"(?<=[a-z])(?=[A-Z])")
_DIGEST_CHARACTERS = 12
_VALUE_CHARACTERS = 2000
_LINE_CHARACTERS = 300


def name_task(key: str) -> tuple[str, str]:
    """Return a task's id as text, and of which type it is; 7 and "7" are two."""
    return key[2:], NUMBER if key.startswith("i:") else TEXT


def is_mistakable(task_id: str, id_type: str) -> bool:
    """Say whether an id is text that looks like a number."""
    return id_type == TEXT and task_id.lstrip("-").isdecimal()


def show_too(columns: Sequence[Column], names: Collection[str]) -> Sequence[Column]:
    """Let these columns be shown to people, too."""
    return [column._replace(is_shown=True) if column.name in names else column for column in columns]


def call_task(key: str) -> str:
    """Return a task's id as it can be put into a sentence."""
    task_id, id_type = name_task(key)
    return f'"{task_id}"' if is_mistakable(task_id, id_type) else task_id


def read_time(text: object) -> datetime | None:
    """Read a time of a record, None for what is none."""
    try:
        at = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return at.replace(tzinfo=UTC) if at is not None and at.tzinfo is None else at


def tell_state(entry: Entry, live: str | None = None) -> str:
    """Say how far a task is; `live` is what its worker says, where a daemon runs that has one."""
    outcome = entry.steps.get(Step.OUTCOME)
    if outcome is not None:
        return tell_end(outcome.get("Status"), outcome.get("Data"))
    if entry.step is Step.DECIDED and entry.steps[Step.DECIDED].get("Verdict") == "refuse":
        return "refused, to be ended"
    if live:
        return _LIVE_STATES.get(live, live)
    return (_STATES_IN_DOUBT if entry.is_uncertain else _STATES).get(entry.step) or _STATES[entry.step]


def tell_end(status: object, data: object) -> str:
    """Say how a task has ended."""
    told = data if isinstance(data, Mapping) else {}
    what = told.get("Outcome") if status == "completed" else told.get("Code")
    return f"{status}: {what}" if isinstance(what, str) else str(status)


def tell_reason(data: object) -> str | None:
    """Return why a task was refused or could not be done."""
    told = data if isinstance(data, Mapping) else {}
    reason = told.get("Reason") or told.get("Message")
    return hide_text(reason) if isinstance(reason, str) else None


def tell_operation(content: object) -> str | None:
    """Return what a task wants done."""
    operation = content.get("Operation") if isinstance(content, Mapping) else None
    return operation if isinstance(operation, str) else None


def tell_resources(content: object) -> str | None:
    """Return what a task is about, in a few words."""
    resources = content.get("Resources") if isinstance(content, Mapping) else None
    if not isinstance(resources, list):
        return None
    named = [resource for resource in resources if isinstance(resource, Mapping)]
    words = [
        f"{one.get('Type', '')} {one['ID'] if 'ID' in one else one.get('Name', '')}".strip()[:_LINE_CHARACTERS]
        for one in named
    ]
    return hide_text(", ".join(words)) or None


def hide(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a record says beside its frame, in plain values without secrets."""
    fields = read_fields(record)
    if fields.get("Content") is not None:
        content = fields["Content"]
        fields["Content"] = hide_secrets(content) if isinstance(content, dict) else HIDDEN
    try:
        return {name: hide_definition(value, frozenset()) for name, value in fields.items()}
    except errors.NotUnderstood:
        return dict.fromkeys(fields, HIDDEN)


def explain(record: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what a record says beside its frame as labelled texts."""
    return [(label, text) for label, text in _list_fields(hide(record)) if text]


def summarise(record: Mapping[str, Any]) -> str:
    """Return what a record says in one line."""
    if "Status" in record:
        end, reason = tell_end(record["Status"], record.get("Data")), tell_reason(record.get("Data"))
        return f"{end}; {reason}" if reason else end
    return _cut("; ".join(f"{label} {text}" for label, text in explain(record)), _LINE_CHARACTERS)


def _list_fields(fields: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in fields.items():
        if name == "Content" and isinstance(value, dict):
            yield "operation", tell_operation(value) or ""
            yield "about", tell_resources(value) or ""
            yield from _list_fields({k: v for k, v in value.items() if k not in ("ID", "Operation", "Resources")})
        elif name == "Data" and isinstance(value, dict):
            yield from _list_fields(value)
        elif name == "Baseline" and isinstance(value, dict):
            yield "there before", _tell_baseline(value)
        elif name in ("Digest", "Policy") and isinstance(value, str):
            yield _label(name), value[:_DIGEST_CHARACTERS]
        else:
            yield _label(name), _tell_value(value)


def _tell_baseline(baseline: Mapping[str, Any]) -> str:
    counts = {name: len(value) for name, value in baseline.items() if isinstance(value, list)}
    rows, notices = counts.get("Rows"), counts.get("Notices", 0)
    log = "a log that could not be read" if rows is None else f"{rows} in the log"
    counters = baseline.get("Counters")
    event = counters[0] if isinstance(counters, list) and counters else "unknown"
    return f"{log}, {notices} notifications, event {event}"


def _label(name: str) -> str:
    return _BORDER.sub(" ", name).lower()


def _tell_value(value: object) -> str:
    if value is None or value in ({}, []):
        return ""
    if isinstance(value, str):
        return _cut(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list) and not any(isinstance(item, dict | list) for item in value):
        return _cut(", ".join(map(_tell_value, value)))
    return _cut(json.dumps(value, ensure_ascii=False))


def _cut(text: str, characters: int = _VALUE_CHARACTERS) -> str:
    return text if len(text) <= characters else f"{text[: characters - 4]} ..."
