"""Run a backup, and follow the run to what came of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from .. import errors
from ..sdk.activity import Progress
from ..sdk.client import Duplicati
from ..sdk.models import Backup
from ..sdk.runs import Note, RunEnded, StartedRun
from .masking import hide_text

Ended = RunEnded
_DETAIL_CHARACTERS = 2000

__all__ = ["Ended", "Note", "Progress", "StartedRun", "explain_absorption", "follow", "start"]


def start(server: Duplicati, backup: Backup, *, skip_queue: bool = False) -> StartedRun:
    """Ask for the run; see `Runs.start` for what a repeat does."""
    return server.runs.start(backup.backup_id, skip_queue=skip_queue)


def explain_absorption(started: StartedRun) -> str | None:
    """Say what a person should know when no run was added; None when one was."""
    if not started.is_absorbed:
        return None
    number = f"task {started.task_id}" if started.task_id is not None else "a task"
    return f"something of this backup runs or waits already ({number}): the server added no run, this follows that task"


def follow(
    server: Duplicati,
    started: StartedRun,
    *,
    timeout_seconds: float | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Progress | Note | Ended | None]:
    """Yield what happens, `Ended` last; raises `WaitTimedOut` when the time is up. The run goes on in any case."""
    ends_at = None if timeout_seconds is None else clock() + timeout_seconds
    for item in server.runs.follow(started):
        yield _hide_secrets(item) if isinstance(item, RunEnded) else item
        if ends_at is not None and clock() >= ends_at and not isinstance(item, RunEnded):
            number = "" if started.task_id is None else f" (task {started.task_id})"
            raise errors.WaitTimedOut(
                f"not over after {timeout_seconds:g} s; the run goes on{number}", hint="duplicati list tasks"
            )


def _hide_secrets(ended: RunEnded) -> RunEnded:
    """Hide what the server's own words may quote: addresses with passwords in them."""
    detail = ended.verdict.detail
    if detail is None:
        return ended
    return ended._replace(verdict=ended.verdict._replace(detail=hide_text(detail)[:_DETAIL_CHARACTERS]))
