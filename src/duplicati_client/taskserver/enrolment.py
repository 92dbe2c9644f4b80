"""How a daemon comes in: a code becomes a token, a token its successor; keeps digests, hands out texts once."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

from . import credentials
from .errors import CodeRefused, Malformed, TokenRefused
from .identity import Caller
from .records import Code
from .store.interface import Arrival, Store

TOKEN_LIFE: Final = timedelta(days=90)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_FACTS_COUNT = 32
_FACT_CHARACTERS = 256


class Enrolled(NamedTuple):
    """A daemon that is in, with its token, told only now."""

    daemon_id: str
    token: str


class Invitation(NamedTuple):
    """What a code shall be good for; without a `name` a daemon chooses its own."""

    by: str
    life: timedelta
    uses: int = 1
    name: str | None = None
    labels: Mapping[str, str] = {}
    needs_approval: bool = False


async def invite(store: Store, invitation: Invitation) -> tuple[Code, str]:
    """Make a code, and return it with its text, which is told only now."""
    text, now = credentials.make(credentials.Kind.ENROLMENT), datetime.now(UTC)
    code = Code(
        code_id=f"c-{secrets.token_hex(6)}",
        created_at=now,
        created_by=invitation.by,
        expires_at=now + invitation.life,
        uses_left=invitation.uses,
        name=invitation.name,
        labels=invitation.labels,
        needs_approval=invitation.needs_approval,
    )
    await store.codes.add(code, credentials.digest(text))
    return code, text


async def enrol(store: Store, members: Mapping[str, Any]) -> Enrolled | None:
    """Take a code; None while an operator has to approve. Raises `CodeRefused`, `Malformed`, `NameTaken`."""
    code, name, facts = members.get("Code"), members.get("Name"), members.get("Facts", {})
    if not isinstance(code, str) or not isinstance(name, str) or not isinstance(facts, dict):
        raise Malformed("Code and Name are texts, Facts is an object")
    if not _NAME.fullmatch(name):
        raise Malformed("Name is letters, digits and . _ -, 64 at most")
    if not credentials.is_sound(credentials.Kind.ENROLMENT, code):
        raise CodeRefused("this code is not valid")
    token = credentials.make(credentials.Kind.DAEMON)
    arrival = Arrival(name, _cut_facts(facts), credentials.digest(token), TOKEN_LIFE)
    daemon = await store.codes.redeem(credentials.digest(code), arrival)
    if daemon is None:
        raise CodeRefused("this code is not valid")
    return Enrolled(daemon.daemon_id, token) if daemon.state == "active" else None


async def renew(store: Store, caller: Caller) -> str:
    """Return a successor for the token that was shown; both are valid until it is used."""
    token = credentials.make(credentials.Kind.DAEMON)
    if not await store.daemons.renew_token(
        caller.daemon.daemon_id, caller.digest, credentials.digest(token), TOKEN_LIFE
    ):
        raise TokenRefused("a daemon's token is needed")
    return token


def _cut_facts(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Keep short texts and numbers only: facts are shown, and come from anybody who has a code."""
    kept = {}
    for name, value in list(facts.items())[:_FACTS_COUNT]:
        if isinstance(value, str | int | float | bool):
            kept[name[:_FACT_CHARACTERS]] = value[:_FACT_CHARACTERS] if isinstance(value, str) else value
    return kept
