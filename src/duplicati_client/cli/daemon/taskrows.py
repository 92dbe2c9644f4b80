"""Makes the rows of `daemon tasks` from what a daemon's files hold, and from what a running one says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from ...daemon import control
from ...daemon.entries import Entry, Step
from ...daemon.history import Tombstone
from ...protocol.task import key_of
from .wording import (
    is_mistakable,
    name_task,
    read_time,
    tell_end,
    tell_operation,
    tell_reason,
    tell_resources,
    tell_state,
)


class TaskRow(NamedTuple):
    """A task as it is listed, column by column."""

    task_id: str
    id_type: str
    operation: str | None
    resources: str | None
    alias: str | None
    state: str
    changed_at: datetime | None
    is_uncertain: bool
    is_result_pending: bool
    attempts_count: int
    reason: str | None
    received_at: datetime | None
    step: str


def list_open(entries: Mapping[str, Entry], states: Mapping[str, str]) -> list[TaskRow]:
    """Return those that are not confirmed, in order of arrival; `states` are what a running daemon says of some."""
    return [_make_row(entry, states.get(key)) for key, entry in entries.items() if entry.step is not Step.CONFIRMED]


def list_past(entries: Mapping[str, Entry], past: Iterable[Tombstone]) -> list[TaskRow]:
    """Return those that are confirmed, the newest first and each once: some are still in the task list.

    `past` has the oldest first; a later one about the same task counts.
    """
    rows: dict[str, TaskRow] = {}
    for told in past:
        rows.pop(told.key, None)
        rows[told.key] = _make_past_row(told)
    for key, entry in entries.items():
        if entry.step is Step.CONFIRMED:
            rows.pop(key, None)
            rows[key] = _make_row(entry, None)
    return list(reversed(rows.values()))


def ask_states(folder: str) -> dict[str, str]:
    """Return what a running daemon says of its tasks, by key; nothing if none answers."""
    answer = control.ask(folder, "status") or {}
    states = {key_of(one["task_id"]): str(one["state"]) for one in answer.get("running", ())}
    return states | {str(key): "held" for key in answer.get("held", ())}


def find_needed(rows: Sequence[TaskRow]) -> list[str]:
    """Return the columns that are worth their room now: ids that could be mistaken, doubts, results, second tries."""
    needs = {
        "id_type": any(is_mistakable(row.task_id, row.id_type) for row in rows),
        "is_uncertain": any(row.is_uncertain for row in rows),
        "is_result_pending": any(row.is_result_pending for row in rows),
        "attempts_count": any(row.attempts_count > 1 for row in rows),
    }
    return [name for name, is_needed in needs.items() if is_needed]


def _make_row(entry: Entry, live: str | None) -> TaskRow:
    task_id, id_type = name_task(entry.key)
    received, outcome = entry.steps.get(Step.RECEIVED, {}), entry.steps.get(Step.OUTCOME, {})
    content, attempt = received.get("Content"), entry.steps.get(Step.INTENT, {}).get("Attempt")
    return TaskRow(
        task_id=task_id,
        id_type=id_type,
        operation=tell_operation(content),
        resources=tell_resources(content),
        alias=_as_text(received.get("Server")),
        state=tell_state(entry, live),
        changed_at=read_time(entry.changed_at),
        is_uncertain=entry.is_uncertain,
        is_result_pending=entry.step is Step.OUTCOME,
        attempts_count=attempt if isinstance(attempt, int) else 0,
        reason=tell_reason(outcome.get("Data")),
        received_at=read_time(entry.received_at),
        step=entry.step.value,
    )


def _make_past_row(told: Tombstone) -> TaskRow:
    task_id, id_type = name_task(told.key)
    return TaskRow(
        task_id=task_id,
        id_type=id_type,
        operation=told.operation,
        resources=_tell_backup(told.data),
        alias=told.server,
        state=tell_end(told.status, told.data),
        changed_at=told.confirmed_at,
        is_uncertain=False,
        is_result_pending=False,
        attempts_count=0,
        reason=tell_reason(told.data),
        received_at=None,
        step="history",
    )


def _tell_backup(data: Mapping[str, Any] | None) -> str | None:
    """Return what a result says it was about; the history keeps nothing else of that."""
    backup_id = _as_text((data or {}).get("BackupID"))
    return f"backup {backup_id}" if backup_id else None


def _as_text(value: object) -> str | None:
    return value if isinstance(value, str) else None
