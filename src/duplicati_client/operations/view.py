"""What is known of a watched server, and what can change of it, as data; nothing is asked here."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from ..sdk.activity import Progress
from ..sdk.models import Notification
from .list import BackupSummary


class Queued(NamedTuple):
    """A task that waits."""

    task_id: int
    backup_id: str | None
    backup_name: str | None
    operation: str | None


class Running(NamedTuple):
    """The task that runs. `progress` is None until the server tells of it, `started_at` is by the server's clock."""

    task_id: int
    backup_id: str | None
    backup_name: str | None
    operation: str | None
    started_at: datetime | None
    progress: Progress | None = None
    left_seconds: float | None = None


class NextRun(NamedTuple):
    """When a backup runs by itself."""

    backup_id: str
    backup_name: str | None
    next_run_at: datetime


class View(NamedTuple):
    """A server as it is known to be; while it is away, as it was. Newest runs and notifications come first.

    `clock_offset_seconds` is the server's clock minus ours, None where it does not tell the time.
    """

    url: str
    version: str = ""
    is_paused: bool = False
    pause_ends_at: datetime | None = None
    running: Running | None = None
    waiting: tuple[Queued, ...] = ()
    last_runs: tuple[BackupSummary, ...] = ()
    next_runs: tuple[NextRun, ...] = ()
    notifications: tuple[Notification, ...] = ()
    notifications_count: int = 0
    clock_offset_seconds: float | None = None
    away_since_at: datetime | None = None
    away_reason: str | None = None

    @property
    def is_idle(self) -> bool:
        """Say whether the server is known to have nothing to do."""
        return self.running is None and not self.waiting and self.away_since_at is None


class EndedTask(NamedTuple):
    """A task that is over, and how it went; the number is None for a run that was over before it was seen."""

    task_id: int | None
    backup_id: str | None
    backup_name: str | None
    operation: str | None
    outcome: str
    reason: str
    started_at: datetime | None
    finished_at: datetime | None


class Absence(NamedTuple):
    """The server does not answer, or answers again; `is_restarted` if its numbers have begun anew since."""

    since_at: datetime
    reason: str
    away_seconds: float | None = None
    is_restarted: bool = False


class Change(NamedTuple):
    """Something is different now. `event` is `state`, `progress`, `ended`, `notification`, `away`, `back` or `note`.

    `state` comes first, and again whenever anything but the progress has changed; `view` holds all that is known.
    """

    event: str
    view: View
    detail: Running | EndedTask | Notification | Absence | str | None = None
