"""Typed views of what a task server answers; whatever does not fit is `NotUnderstood`, and never believed in part."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from .. import errors

OPEN_STATES = frozenset({"pending", "offered", "accepted"})


class FleetTask(NamedTuple):
    """A task at the task server. `data` is None in listings, and until it is over."""

    daemon_id: str
    daemon_name: str
    number: int
    content: Mapping[str, Any]
    state: str
    attempt: int
    created_at: datetime | None
    created_by: str
    accepted_at: datetime | None
    ended_at: datetime | None
    is_cancel_wanted: bool
    outcome: str | None
    progress: Mapping[str, Any] | None
    data: Mapping[str, Any] | None

    @property
    def name(self) -> str:
        """What it is called at the task server."""
        return f"{self.daemon_name}/{self.number}"

    @property
    def is_open(self) -> bool:
        """Say whether it may still be carried out."""
        return self.state in OPEN_STATES


class FleetDaemon(NamedTuple):
    """A daemon as the task server knows it. `presence` is `online`, `late`, `lost`, `never` or `revoked`."""

    daemon_id: str
    name: str
    state: str
    level: int
    labels: Mapping[str, str]
    facts: Mapping[str, Any]
    seen_at: datetime | None
    presence: str
    has_conflict: bool
    health: str | None
    inventory: Mapping[str, Any] | None
    inventory_at: datetime | None


class FleetCode(NamedTuple):
    """An enrolment code; `text` is what a daemon needs, known only when it is made."""

    code_id: str
    text: str | None
    created_by: str
    expires_at: datetime | None
    uses_left: int
    name: str | None
    labels: Mapping[str, str]
    needs_approval: bool


class FleetUser(NamedTuple):
    """An operator."""

    name: str
    role: str
    scope: Mapping[str, str]
    is_disabled: bool


class FleetToken(NamedTuple):
    """An operator's key; `text` is known only when it is made."""

    token_id: str
    text: str | None
    user: str
    role: str
    scope: Mapping[str, str]
    note: str
    created_at: datetime | None
    expires_at: datetime | None
    used_at: datetime | None


class FleetAudit(NamedTuple):
    """An entry of the audit log."""

    number: int
    at: datetime | None
    actor: str
    action: str
    subject: str
    details: Mapping[str, Any]


class Operator(NamedTuple):
    """Who we are there, and what server it is."""

    user: str
    role: str
    scope: Mapping[str, str]
    expires_at: datetime | None
    version: str
    epoch: str


def read_task(value: Any) -> FleetTask:
    """Read a task."""
    item = read_object(value)
    return FleetTask(
        daemon_id=take(item, "Daemon", str),
        daemon_name=take(item, "DaemonName", str),
        number=take(item, "ID", int),
        content=take(item, "Task", dict),
        state=take(item, "State", str),
        attempt=take(item, "Attempt", int),
        created_at=_time(item, "CreatedAt"),
        created_by=take(item, "CreatedBy", str),
        accepted_at=_time(item, "AcceptedAt"),
        ended_at=_time(item, "EndedAt"),
        is_cancel_wanted=take(item, "CancelWanted", bool),
        outcome=_perhaps(item, "Outcome", str),
        progress=_perhaps(item, "Progress", dict),
        data=_perhaps(item, "Data", dict),
    )


def read_daemon(value: Any) -> FleetDaemon:
    """Read a daemon."""
    item = read_object(value)
    return FleetDaemon(
        daemon_id=take(item, "ID", str),
        name=take(item, "Name", str),
        state=take(item, "State", str),
        level=take(item, "Level", int),
        labels=_labels(item, "Labels"),
        facts=take(item, "Facts", dict),
        seen_at=_time(item, "SeenAt"),
        presence=take(item, "Presence", str),
        has_conflict=take(item, "Conflict", bool),
        health=_perhaps(item, "Health", str),
        inventory=_perhaps(item, "Inventory", dict),
        inventory_at=_time(item, "InventoryAt"),
    )


def read_code(value: Any) -> FleetCode:
    """Read an enrolment code."""
    item = read_object(value)
    return FleetCode(
        code_id=take(item, "ID", str),
        text=_perhaps(item, "Code", str),
        created_by=take(item, "CreatedBy", str),
        expires_at=_time(item, "ExpiresAt"),
        uses_left=take(item, "UsesLeft", int),
        name=_perhaps(item, "Name", str),
        labels=_labels(item, "Labels"),
        needs_approval=take(item, "Approve", bool),
    )


def read_user(value: Any) -> FleetUser:
    """Read a user."""
    item = read_object(value)
    return FleetUser(
        take(item, "Name", str), take(item, "Role", str), _labels(item, "Scope"), take(item, "Disabled", bool)
    )


def read_token(value: Any) -> FleetToken:
    """Read a token."""
    item = read_object(value)
    return FleetToken(
        token_id=take(item, "ID", str),
        text=_perhaps(item, "Token", str),
        user=take(item, "User", str),
        role=take(item, "Role", str),
        scope=_labels(item, "Scope"),
        note=take(item, "Note", str),
        created_at=_time(item, "CreatedAt"),
        expires_at=_time(item, "ExpiresAt"),
        used_at=_time(item, "UsedAt"),
    )


def read_audit(value: Any) -> FleetAudit:
    """Read an entry of the audit log."""
    item = read_object(value)
    return FleetAudit(
        number=take(item, "Number", int),
        at=_time(item, "At"),
        actor=take(item, "Actor", str),
        action=take(item, "Action", str),
        subject=take(item, "Subject", str),
        details=take(item, "Details", dict),
    )


def read_operator(value: Any) -> Operator:
    """Read who we are."""
    item = read_object(value)
    server = take(item, "Server", dict)
    return Operator(
        user=take(item, "User", str),
        role=take(item, "Role", str),
        scope=_labels(item, "Scope"),
        expires_at=_time(item, "ExpiresAt"),
        version=take(server, "Version", str),
        epoch=take(server, "Epoch", str),
    )


def read_object(value: Any) -> Mapping[str, Any]:
    """Return an object; raises `NotUnderstood` for anything else."""
    if not isinstance(value, dict):
        raise errors.NotUnderstood("the task server's answer is no object")
    return value


def take(item: Mapping[str, Any], name: str, kind: type[Any]) -> Any:
    """Return a member of a type; raises `NotUnderstood` where it is missing or of another."""
    value = item.get(name)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise errors.NotUnderstood(f"the task server's answer has no {name} as it should")
    return value


def _perhaps(item: Mapping[str, Any], name: str, kind: type[Any]) -> Any:
    return None if item.get(name) is None else take(item, name, kind)


def _labels(item: Mapping[str, Any], name: str) -> dict[str, str]:
    return {key: value for key, value in take(item, name, dict).items() if isinstance(value, str)}


def _time(item: Mapping[str, Any], name: str) -> datetime | None:
    text = _perhaps(item, name, str)
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise errors.NotUnderstood(f"the task server's answer has no time as {name}")
    return at
