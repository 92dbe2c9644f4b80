"""What is told of a task, as a line for people; tells nobody."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..protocol.result import Status
from .entries import Entry, Step
from .intake import id_of


def describe_task(key: str, entry: Entry | None) -> str:
    """Return what a task is called: its id and, where that is known, its operation."""
    content = (entry.steps.get(Step.RECEIVED, {}).get("Content") if entry is not None else None) or {}
    what = f" ({content['Operation']})" if "Operation" in content else ""
    return f"task {id_of(key)}{what}"


def describe_end(entry: Entry | None) -> tuple[str, str]:
    """Return how a task has ended, and the level of an event that tells of it."""
    outcome: Mapping[str, Any] = entry.steps.get(Step.OUTCOME, {}) if entry is not None else {}
    data = outcome.get("Data") or {}
    what = data.get("Outcome") or data.get("Code")
    why = data.get("Reason") or data.get("Message")
    text = f"{outcome.get('Status')}{f', {what}' if what else ''}{f': {why}' if why else ''}"
    return text, "info" if outcome.get("Status") == Status.COMPLETED else "warning"
