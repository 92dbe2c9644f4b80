"""Follow what a verb has started to what came of it, with a limit on the patience."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import NamedTuple

from .. import errors
from ..sdk.activity import Progress
from ..sdk.client import Duplicati
from ..sdk.followed import Ended, Note, StartedTask
from ..sdk.models import Backup
from .deeds import describe_deed
from .masking import hide_text

_DETAIL_CHARACTERS = 2000
_DONE = ("success", "warning", "error")  # of what was cut off the counts tell too little

__all__ = ["Ended", "Note", "Progress", "StartedTask", "explain_absorption", "follow", "is_waiting"]


def explain_absorption(started: StartedTask) -> str | None:
    """Say what a person should know when no run was added; None when one was."""
    if not started.is_absorbed:
        return None
    number = f"task {started.task_id}" if started.task_id is not None else "a task"
    return f"something of this backup runs or waits already ({number}): the server added no run, this follows that task"


def is_waiting(started: StartedTask) -> bool:
    """Say whether something ran or waited before it, so that it may be long before anything is seen of it."""
    state = started.baseline.state
    return not started.is_absorbed and (state.active is not None or bool(state.waiting))


def follow(
    server: Duplicati,
    started: StartedTask,
    *,
    timeout_seconds: float | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Progress | Note | Ended | None]:
    """Yield what happens, `Ended` last; raises `WaitTimedOut` when the time is up. The work goes on in any case."""
    ends_at = None if timeout_seconds is None else clock() + timeout_seconds
    for item in server.follow(started):
        yield _hide_secrets(item) if isinstance(item, Ended) else item
        if ends_at is not None and clock() >= ends_at and not isinstance(item, Ended):
            number = "" if started.task_id is None else f" (task {started.task_id})"
            raise errors.WaitTimedOut(
                f"not over after {timeout_seconds:g} s; the work goes on{number}", hint="duplicati list tasks"
            )


class Ending(NamedTuple):
    """How what was asked for has ended, by name; `operation` is the verb, `outcome` an outcome's word.

    `deed` says in a sentence what looking after a backup has done.
    """

    operation: str
    task_id: int | None
    backup_id: str
    name: str
    outcome: str
    reason: str
    detail: str | None
    signs: tuple[str, ...]
    started_at: datetime | None
    finished_at: datetime | None
    duration_seconds: float | None
    deed: str | None = None


def describe_end(verb: str, backup: Backup, ended: Ended) -> Ending:
    """Return the end as it is told."""
    verdict, took = ended.verdict, None
    if ended.started_at is not None and ended.finished_at is not None:
        took = (ended.finished_at - ended.started_at).total_seconds()
    return Ending(
        operation=verb,
        task_id=ended.task_id,
        backup_id=backup.backup_id,
        name=backup.name,
        outcome=str(verdict.outcome),
        reason=verdict.reason,
        detail=verdict.detail,
        signs=verdict.signs,
        started_at=ended.started_at,
        finished_at=ended.finished_at,
        duration_seconds=took,
        deed=describe_deed(ended.result) if verdict.outcome in _DONE else None,
    )


def _hide_secrets(ended: Ended) -> Ended:
    """Hide what the server's own words may quote: addresses with passwords in them."""
    detail = ended.verdict.detail
    if detail is None:
        return ended
    return ended._replace(verdict=ended.verdict._replace(detail=hide_text(detail)[:_DETAIL_CHARACTERS]))
