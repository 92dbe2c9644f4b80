"""What operators send and get, as types: the framework checks by them, and the OpenAPI document is made of them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Generic, Literal, TypeVar

from msgspec import UNSET, Meta, Struct, UnsetType

from ...settings import BOUNDS

T = TypeVar("T")

Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$")]
Labels = Annotated[
    dict[
        Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,62}$")],
        Annotated[str, Meta(pattern=r"^[A-Za-z0-9._@/ -]{0,63}$")],
    ],
    Meta(max_length=32),
]
RoleName = Literal["viewer", "operator", "administrator"]
LifeSeconds = Annotated[int, Meta(ge=60, le=10 * 366 * 86400)]
Note = Annotated[str, Meta(max_length=200)]


def write_name(name: str) -> str:
    """Return a member's name as the protocol writes names: `DaemonID` for `daemon_id`."""
    return "".join("ID" if part == "id" else part.capitalize() for part in name.split("_"))


class Sent(Struct, rename=write_name, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """A body that comes in; members that nobody knows are refused."""


class Told(Struct, rename=write_name, frozen=True, kw_only=True):
    """An answer."""


class Part(Told, Generic[T], frozen=True, kw_only=True):
    """A page of a listing; `Next` is the cursor of the one after it."""

    items: list[T]
    next: str | None = None


# --- sessions, users, tokens ----------------------------------------------------------------------------


class Login(Sent, frozen=True, kw_only=True):
    user: Annotated[str, Meta(max_length=64)]
    password: Annotated[str, Meta(max_length=1024)]


class Session(Told, frozen=True, kw_only=True):
    token: str
    expires_at: datetime | None
    user: str
    role: RoleName


class ServerTold(Told, frozen=True, kw_only=True):
    version: str
    epoch: str


class Me(Told, frozen=True, kw_only=True):
    user: str
    role: RoleName
    scope: dict[str, str]
    token_id: str
    expires_at: datetime | None
    server: ServerTold


class NewUser(Sent, frozen=True, kw_only=True):
    name: Name
    password: Annotated[str, Meta(min_length=12, max_length=1024)]
    role: RoleName = "viewer"
    scope: Labels = {}


class UserChange(Sent, frozen=True, kw_only=True):
    old_password: Annotated[str, Meta(max_length=1024)] | UnsetType = UNSET
    password: Annotated[str, Meta(min_length=12, max_length=1024)] | UnsetType = UNSET
    role: RoleName | UnsetType = UNSET
    scope: Labels | UnsetType = UNSET
    disabled: bool | UnsetType = UNSET


class UserTold(Told, frozen=True, kw_only=True):
    name: str
    role: RoleName
    scope: dict[str, str]
    created_at: datetime
    disabled: bool
    version: int


class NewToken(Sent, frozen=True, kw_only=True):
    note: Note = ""
    role: RoleName | UnsetType = UNSET
    scope: Labels = {}
    life_seconds: LifeSeconds | None = None


class TokenTold(Told, frozen=True, kw_only=True):
    id: str
    user: str
    role: RoleName
    scope: dict[str, str]
    note: str
    created_at: datetime
    expires_at: datetime | None
    used_at: datetime | None


class TokenMade(TokenTold, frozen=True, kw_only=True):
    token: str


# --- daemons and codes ----------------------------------------------------------------------------------


class NewDaemon(Sent, frozen=True, kw_only=True):
    name: Name
    labels: Labels = {}


class DaemonChanged(Sent, frozen=True, kw_only=True):
    name: Name | UnsetType = UNSET
    labels: Labels | UnsetType = UNSET


class DaemonTold(Told, frozen=True, kw_only=True):
    id: str
    name: str
    state: Literal["waiting", "active", "revoked"]
    level: int
    labels: dict[str, str]
    facts: dict[str, Any]
    created_at: datetime
    seen_at: datetime | None
    presence: Literal["online", "late", "lost", "never", "revoked"]
    conflict: bool
    health: str | None
    inventory: dict[str, Any] | None
    inventory_at: datetime | None
    version: int


class DaemonMade(Told, frozen=True, kw_only=True):
    daemon: DaemonTold
    token: str
    path: str


class NewCode(Sent, frozen=True, kw_only=True):
    uses: Annotated[int, Meta(ge=1, le=100_000)] = 1
    name: Name | None = None
    labels: Labels = {}
    life_seconds: LifeSeconds = 3600
    approve: bool = False


class CodeTold(Told, frozen=True, kw_only=True):
    id: str
    created_at: datetime
    created_by: str
    expires_at: datetime
    uses_left: int
    name: str | None
    labels: dict[str, str]
    approve: bool


class CodeMade(CodeTold, frozen=True, kw_only=True):
    code: str


# --- tasks ----------------------------------------------------------------------------------------------


class NewTask(Sent, frozen=True, kw_only=True):
    task: dict[str, Any]
    daemon: Annotated[str, Meta(max_length=64)] | None = None
    selector: Labels | None = None


class TaskTold(Told, frozen=True, kw_only=True):
    daemon: str
    daemon_name: str
    id: int
    task: dict[str, Any]
    state: Literal["pending", "offered", "accepted", "completed", "error", "refused", "cancelled", "expired"]
    attempt: int
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    offered_at: datetime | None
    accepted_at: datetime | None
    ended_at: datetime | None
    cancel_wanted: bool
    outcome: str | None
    progress: dict[str, Any] | None
    data: dict[str, Any] | None
    version: int


class KeptTold(Told, frozen=True, kw_only=True):
    task_id: str
    attempt: int | None
    status: str
    recorded: str
    received_at: datetime
    data: dict[str, Any]


# --- the server itself ----------------------------------------------------------------------------------


class AuditTold(Told, frozen=True, kw_only=True):
    number: int
    at: datetime
    actor: str
    action: str
    subject: str
    details: dict[str, Any]
    sum: str


class AuditChecked(Told, frozen=True, kw_only=True):
    sound: bool
    first_wrong: int | None
    first: int


def _bound(name: str) -> Meta:
    return Meta(ge=BOUNDS[name].least, le=BOUNDS[name].most, description=BOUNDS[name].about)


class SettingsChange(Sent, frozen=True, kw_only=True):
    poll_seconds: Annotated[int, _bound("poll_seconds")] | UnsetType = UNSET
    lease_seconds: Annotated[int, _bound("lease_seconds")] | UnsetType = UNSET
    tasks_days: Annotated[int, _bound("tasks_days")] | UnsetType = UNSET
    results_days: Annotated[int, _bound("results_days")] | UnsetType = UNSET
    audit_days: Annotated[int, _bound("audit_days")] | UnsetType = UNSET
    open_tasks_max: Annotated[int, _bound("open_tasks_max")] | UnsetType = UNSET
    requests_per_minute: Annotated[int, _bound("requests_per_minute")] | UnsetType = UNSET
    body_kibibytes: Annotated[int, _bound("body_kibibytes")] | UnsetType = UNSET


class SettingsTold(Told, frozen=True, kw_only=True):
    poll_seconds: int
    lease_seconds: int
    tasks_days: int
    results_days: int
    audit_days: int
    open_tasks_max: int
    requests_per_minute: int
    body_kibibytes: int
    version: int
