"""Enrolment codes in a database; each use of one is a single conditional change."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from functools import partial

from ..errors import NameTaken
from ..records import Code, Daemon, DaemonState
from .audit import append
from .columns import known_time, read_json, write_json, write_span, write_time
from .daemons import add_daemon, read_daemon
from .database import Database, Query, Row, UniqueViolated, Work, one
from .interface import Arrival


class Codes:
    """Implements `CodeStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, code: Code, digest: str) -> None:
        await self._database.write(partial(_add, code, digest))

    async def redeem(self, digest: str, arrival: Arrival) -> Daemon | None:
        try:
            return await self._database.write(partial(_redeem, digest, arrival))
        except UniqueViolated as exc:
            raise NameTaken(
                f"another daemon is called {arrival.name}", hint="choose another name, or revoke that one first"
            ) from exc

    async def find(self) -> list[Code]:
        return await self._database.read(_find)

    async def revoke(self, code_id: str, by: str) -> bool:
        return await self._database.write(partial(_revoke, code_id, by))

    async def forget(self, kept: timedelta, limit: int) -> int:
        return await self._database.write(partial(_forget, kept, limit))


def _add(code: Code, digest: str) -> Work[None]:
    yield Query(
        "add_code",
        {
            "code_id": code.code_id,
            "digest": digest,
            "created_by": code.created_by,
            "expires_at": write_time(code.expires_at),
            "uses_left": code.uses_left,
            "name": code.name,
            "labels": write_json(code.labels),
            "needs_approval": int(code.needs_approval),
        },
    )
    told = {"Uses": code.uses_left, "Labels": dict(code.labels), "Approve": code.needs_approval}
    yield from append(code.created_by, "code.add", code.code_id, told)


def _redeem(digest: str, arrival: Arrival) -> Work[Daemon | None]:
    arrived = _mark(digest, arrival.name)
    known = one((yield Query("find_arrived_daemon", {"code_digest": arrived})))
    if known is not None:
        return (yield from _admit(known, arrived, arrival))
    code = one((yield Query("use_code", {"digest": digest})))
    if code is None:
        yield from _note_spent(digest, arrival.name)
        return None
    state = DaemonState.WAITING if code["needs_approval"] else DaemonState.ACTIVE
    name, labels = code["name"] or arrival.name, read_json(code["labels"]) or {}
    made = add_daemon(name, state, labels, arrival.facts)
    if state is DaemonState.WAITING:
        made["code_digest"] = arrived
    yield Query("take_name", made)
    row = one((yield Query("add_daemon", made)))
    if state is DaemonState.ACTIVE:
        yield _give_token(made["daemon_id"], arrival)
    yield from append(f"code:{code['code_id']}", "daemon.enrol", made["daemon_id"], {"Name": name, "State": state})
    return None if row is None else read_daemon(row)


def _mark(digest: str, name: str) -> str:
    """Return what a daemon that waits is known by: what it calls itself need not be what it is called here."""
    return hashlib.sha256(f"{digest} {name}".encode()).hexdigest()


def _note_spent(digest: str, name: str) -> Work[None]:
    """Tell once of a code that is shown after its last use: somebody else may have had it before."""
    spent = one((yield Query("note_spent_code", {"digest": digest})))
    if spent is not None:
        yield from append("server", "code.found-used", spent["code_id"], {"Name": name})


def _admit(known: Row, arrived: str, arrival: Arrival) -> Work[Daemon | None]:
    """Give a daemon that was approved its token, once; the code is not asked again."""
    if known["state"] == DaemonState.WAITING:
        return read_daemon(known)
    admitted = one((yield Query("admit_approved_daemon", {"daemon_id": known["daemon_id"], "code_digest": arrived})))
    if admitted is None:
        return None
    yield _give_token(known["daemon_id"], arrival)
    return read_daemon(admitted)


def _give_token(daemon_id: str, arrival: Arrival) -> Query:
    life = write_span(arrival.life)
    return Query(
        "add_daemon_token", {"digest": arrival.token, "daemon_id": daemon_id, "life": life, "successor_of": None}
    )


def _find() -> Work[list[Code]]:
    rows = yield Query("list_codes")
    return [
        Code(
            code_id=row["code_id"],
            created_at=known_time(row["created_at"]),
            created_by=row["created_by"],
            expires_at=known_time(row["expires_at"]),
            uses_left=row["uses_left"],
            name=row["name"],
            labels=read_json(row["labels"]) or {},
            needs_approval=bool(row["needs_approval"]),
        )
        for row in rows
    ]


def _revoke(code_id: str, by: str) -> Work[bool]:
    if not (yield Query("revoke_code", {"code_id": code_id})):
        return False
    yield from append(by, "code.revoke", code_id, {})
    return True


def _forget(kept: timedelta, limit: int) -> Work[int]:
    old = {"kept": write_span(kept), "limit": limit}
    gone = [
        *(yield Query("forget_codes", old)),
        *(yield Query("forget_daemon_tokens", old)),
        *(yield Query("forget_old_failures", {"limit": limit})),
    ]
    return len(gone)
