"""Say how work on a server went, from all the signs it left; reads nothing and asks nobody."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from datetime import datetime


class Outcome(StrEnum):
    """How work went, as far as the server's signs prove it."""

    SUCCESS = "success"
    WARNING = "warning"
    ERROR = "error"
    FATAL = "fatal"
    INTERRUPTED = "interrupted"
    UNKNOWN = "unknown"


class TaskSign(NamedTuple):
    """What the server's queue said of the task, last of all.

    Releases before 2.2 give no times; whoever follows a task there may put the server's own `Date` of the answer
    that first showed it running into `started_at`.
    """

    status: str
    error_message: str | None
    started_at: datetime | None
    finished_at: datetime | None


class RowSign(NamedTuple):
    """A result row of the backup's log."""

    row_id: int
    main_operation: str
    parsed_result: str
    is_interrupted: bool
    is_partial: bool
    is_dry_run: bool
    began_at: datetime | None
    ended_at: datetime | None
    warnings_count: int
    errors_count: int
    first_problem: str | None


class NoticeSign(NamedTuple):
    """A notification that names the backup. `is_thrown` tells an operation that threw from one that noted problems."""

    notification_id: int
    kind: str
    title: str
    message: str
    at: datetime | None
    is_thrown: bool = False


class MetadataSign(NamedTuple):
    """When the operation last started and finished, and the last error of any operation; whole seconds."""

    started_at: datetime | None
    finished_at: datetime | None
    error_at: datetime | None
    error_message: str | None


class Evidence(NamedTuple):
    """Everything a client can know about one task when it has ended.

    `rows` are those above the highest row id noted before the start, of any operation; `notices` those of this backup
    that are new since then or renewed under their old id. `before` and `after` are None where metadata were not read.
    `last_phase` counts only if `progressstate` gave it with the number of this very task. `asked` is `stop` or `abort`
    if this client asked for it. `is_dry_run` is what the definition says, None where nobody looked.
    """

    operation: str
    release: tuple[int, ...]
    task: TaskSign | None = None
    is_task_lost: bool = False
    rows: tuple[RowSign, ...] = ()
    before: MetadataSign | None = None
    after: MetadataSign | None = None
    notices: tuple[NoticeSign, ...] = ()
    last_phase: str | None = None
    asked: str | None = None
    is_dry_run: bool | None = None


class Verdict(NamedTuple):
    """An outcome, why, by which signs, and the server's own words (first line) where it had some."""

    outcome: Outcome
    reason: str
    signs: tuple[str, ...]
    detail: str | None
