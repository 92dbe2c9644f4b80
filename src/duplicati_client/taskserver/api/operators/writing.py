"""Records as answers: each is told one way, with what may hold secrets hidden."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from ....protocol.task import hide_secrets
from ...records import AuditEntry, Code, Daemon, DaemonState, KeptResult, Task, Token, User
from .bodies import AuditTold, CodeTold, DaemonTold, KeptTold, TaskTold, TokenTold, UserTold

_LATE: Final = timedelta(seconds=150)
_LOST: Final = timedelta(minutes=15)


def tell_task(task: Task, daemon_name: str) -> TaskTold:
    """Tell of a task; its parameters may hold secrets, and those are hidden."""
    return TaskTold(
        daemon=task.daemon_id,
        daemon_name=daemon_name,
        id=task.number,
        task=hide_secrets(task.content),
        state=task.state.value,
        attempt=task.attempt,
        created_at=task.created_at,
        created_by=task.created_by,
        expires_at=task.expires_at,
        offered_at=task.offered_at,
        accepted_at=task.accepted_at,
        ended_at=task.ended_at,
        cancel_wanted=task.is_cancel_wanted,
        outcome=task.outcome,
        progress=dict(task.progress) if task.progress is not None else None,
        data=dict(task.result) if task.result is not None else None,
        version=task.version,
    )


def tell_daemon(daemon: Daemon, *, has_inventory: bool = True) -> DaemonTold:
    """Tell of a daemon; a listing leaves the inventories out, which may be long."""
    return DaemonTold(
        id=daemon.daemon_id,
        name=daemon.name,
        state=daemon.state.value,
        level=daemon.level,
        labels=dict(daemon.labels),
        facts=dict(daemon.facts),
        created_at=daemon.created_at,
        seen_at=daemon.seen_at,
        presence=_judge_presence(daemon, datetime.now(UTC)),
        conflict=daemon.has_conflict,
        health=daemon.health,
        inventory=dict(daemon.inventory) if has_inventory and daemon.inventory is not None else None,
        inventory_at=daemon.inventory_at,
        version=daemon.version,
    )


def _judge_presence(daemon: Daemon, now: datetime) -> Literal["online", "late", "lost", "never", "revoked"]:
    if daemon.state is DaemonState.REVOKED:
        return "revoked"
    if daemon.seen_at is None or daemon.state is DaemonState.WAITING:
        return "never"
    silence = now - daemon.seen_at
    return "online" if silence < _LATE else "late" if silence < _LOST else "lost"


def tell_kept(kept: KeptResult) -> KeptTold:
    """Tell of a result that was kept for the record."""
    return KeptTold(
        task_id=kept.task_id,
        attempt=kept.attempt,
        status=kept.status,
        recorded=kept.recorded,
        received_at=kept.received_at,
        data=dict(kept.data),
    )


def tell_code(code: Code) -> CodeTold:
    """Tell of a code, without its text, which nobody has."""
    return CodeTold(
        id=code.code_id,
        created_at=code.created_at,
        created_by=code.created_by,
        expires_at=code.expires_at,
        uses_left=code.uses_left,
        name=code.name,
        labels=dict(code.labels),
        approve=code.needs_approval,
    )


def tell_user(user: User) -> UserTold:
    """Tell of a user."""
    return UserTold(
        name=user.name,
        role=user.role.value,
        scope=dict(user.scope),
        created_at=user.created_at,
        disabled=user.is_disabled,
        version=user.version,
    )


def tell_token(token: Token) -> TokenTold:
    """Tell of a token, without its text, which nobody has."""
    return TokenTold(
        id=token.token_id,
        user=token.user,
        role=token.role.value,
        scope=dict(token.scope),
        note=token.note,
        created_at=token.created_at,
        expires_at=token.expires_at,
        used_at=token.used_at,
    )


def tell_audit(entry: AuditEntry) -> AuditTold:
    """Tell of an entry of the audit log."""
    return AuditTold(
        number=entry.number,
        at=entry.at,
        actor=entry.actor,
        action=entry.action,
        subject=entry.subject,
        details=dict(entry.details),
        sum=entry.sum,
    )
