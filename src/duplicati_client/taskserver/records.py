"""What the task server knows, as records: tasks, daemons, codes, operators, tokens; times are aware and in UTC."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, Generic, NamedTuple, TypeVar

T = TypeVar("T")


class TaskState(StrEnum):
    """How far a task is; `OPEN` ones may still be carried out, all others are over."""

    PENDING = "pending"
    OFFERED = "offered"
    ACCEPTED = "accepted"
    COMPLETED = "completed"
    ERROR = "error"
    REFUSED = "refused"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


OPEN = (TaskState.PENDING, TaskState.OFFERED, TaskState.ACCEPTED)


class Draft(NamedTuple):
    """A task that an operator gives: `content` is what the protocol calls a task, without `ID` and `Attempt`."""

    daemon_id: str
    content: Mapping[str, Any]
    expires_at: datetime | None = None


class Key(NamedTuple):
    """What tells a repeated request from a new one: the sender's own text, and a digest of all that was asked."""

    text: str
    digest: str


class Task(NamedTuple):
    """A task as it is kept; `number` is its id for the daemon, never used again for that daemon.

    `progress` is what the last heartbeat said of it, `result` the data of its end, `version` changes with every
    change and is what an ETag is made of. `is_cancel_wanted` once somebody asked that it be stopped.
    """

    daemon_id: str
    number: int
    content: Mapping[str, Any]
    state: TaskState
    attempt: int
    offers_count: int
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    offered_at: datetime | None
    lease_ends_at: datetime | None
    accepted_at: datetime | None
    ended_at: datetime | None
    is_cancel_wanted: bool
    outcome: str | None
    progress: Mapping[str, Any] | None
    result: Mapping[str, Any] | None
    version: int


class KeptResult(NamedTuple):
    """A result as it came, and what was made of it (`Recorded` of the protocol)."""

    daemon_id: str
    task_id: str
    attempt: int | None
    status: str
    recorded: str
    received_at: datetime
    data: Mapping[str, Any]


class Attention(NamedTuple):
    """What waits for a daemon: tasks to fetch now, and tasks that it was offered and has not answered."""

    has_pending: bool
    has_offered: bool


class DaemonState(StrEnum):
    """Whether a daemon may come in."""

    WAITING = "waiting"
    """Until an operator approves it."""
    ACTIVE = "active"
    REVOKED = "revoked"


class Sighting(NamedTuple):
    """The last request of a daemon: the process it came from, None at level 0, and when, in monotonic seconds."""

    instance: str | None
    at: float


class Daemon(NamedTuple):
    """A daemon that enrolled, or a plain one of level 0; `facts` and `inventory` are its own words, untrusted.

    `instance` is the process that came last; with `has_conflict` two came by turns, and none is handed anything.
    """

    daemon_id: str
    name: str
    state: DaemonState
    level: int
    labels: Mapping[str, str]
    facts: Mapping[str, Any]
    created_at: datetime
    seen_at: datetime | None
    instance: str | None
    has_conflict: bool
    inventory: Mapping[str, Any] | None
    inventory_at: datetime | None
    health: str | None
    version: int


class Code(NamedTuple):
    """An enrolment code, known by its digest alone; `uses_left` falls with each use."""

    code_id: str
    created_at: datetime
    created_by: str
    expires_at: datetime
    uses_left: int
    name: str | None
    labels: Mapping[str, str]
    needs_approval: bool


class Role(StrEnum):
    """What an operator may do, each more than the one before."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMINISTRATOR = "administrator"


class User(NamedTuple):
    """A person; `scope` is what labels a daemon must have to exist for them, empty for all daemons."""

    name: str
    role: Role
    scope: Mapping[str, str]
    created_at: datetime
    is_disabled: bool
    version: int


class Token(NamedTuple):
    """An operator's key, known by its digest alone; it can do what its role and scope say, and its user may."""

    token_id: str
    user: str
    role: Role
    scope: Mapping[str, str]
    note: str
    created_at: datetime
    expires_at: datetime | None
    used_at: datetime | None


class AuditEntry(NamedTuple):
    """What an operator did, or what was noticed; `sum` covers it and the entry before."""

    number: int
    at: datetime
    actor: str
    action: str
    subject: str
    details: Mapping[str, Any]
    sum: str


class Page(NamedTuple, Generic[T]):
    """A part of a listing; `next` is where the one after it begins, None at the end."""

    items: list[T]
    next: str | None
