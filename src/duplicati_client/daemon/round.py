"""Cron mode: one round of a daemon, which ends when nothing can be done now; what is left is for the next round."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from .answers import LinkFailed
from .entries import Entry, Step
from .loop import Daemon

_LOOK_SECONDS = 0.05


class Round(NamedTuple):
    """What came of it: the tasks that have ended, how many are left, and why the task server could not be asked."""

    ended: list[Entry]
    left_count: int
    pending_count: int
    failure: LinkFailed | None


def perform(daemon: Daemon, max_duration_seconds: float | None, is_told_to_end: Callable[[float], bool]) -> Round:
    """Do a round; `is_told_to_end` waits so many seconds and says whether a signal has come."""
    clock = daemon.parts.clock
    ends_at = None if max_duration_seconds is None else clock() + max_duration_seconds
    daemon.is_remembering = True
    daemon.begin()
    failure = daemon.take_once()
    while not _is_at_rest(daemon) and not is_told_to_end(_LOOK_SECONDS):
        if ends_at is not None and clock() >= ends_at:
            break
    daemon.stop()
    entries = daemon.parts.journal.entries
    return Round(
        ended=daemon.ended,
        left_count=sum(entry.step not in (Step.OUTCOME, Step.CONFIRMED) for entry in entries.values()),
        pending_count=sum(daemon.parts.reporter.count_pending()[:1]),
        failure=failure,
    )


def _is_at_rest(daemon: Daemon) -> bool:
    is_resting = all(worker.is_resting() for worker in daemon.workers.values())
    return (is_resting and daemon.parts.reporter.is_done()) or daemon.crash is not None
