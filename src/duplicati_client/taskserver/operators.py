"""Who an operator is and what they may do: roles, the labels that daemons must have, logins and their delays."""

from __future__ import annotations

import asyncio
import math
import secrets
from collections import OrderedDict
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from . import credentials
from .errors import DaemonUnknown, LoginRefused, NotAllowed, PasswordRefused, TokenRefused, TooManyLogins
from .guesses import NETWORK_FREE_COUNT, WITHIN, find_delay
from .identity import BELIEVED_SECONDS, read_token
from .origin import name_site
from .passwords import SIDE_BY_SIDE, Passwords
from .records import Daemon, Role, Token, User
from .store.database import Change
from .store.interface import EVERY, Store

SESSION_LIFE: Final = timedelta(hours=12)
_FREE_FAILURES: Final = {"user": 5, "network": NETWORK_FREE_COUNT}
_KNOWN_MAX: Final = 1000
_SESSION: Final = "s-"
"""How the id of a session's token begins."""
_RANKS: Final = {role: rank for rank, role in enumerate(Role)}


class Operator(NamedTuple):
    """Somebody with a token; `scopes` are the labels that a daemon must all have to exist for them."""

    user: str
    role: Role
    scopes: tuple[Mapping[str, str], ...]
    token: Token

    @property
    def labels(self) -> set[tuple[str, str]]:
        """What a daemon must all have to exist for them; nobody's has two values of one name."""
        return {label for scope in self.scopes for label in scope.items()}

    def sees(self, daemon: Daemon) -> bool:
        """Say whether this daemon exists for them."""
        return daemon.labels.items() >= self.labels

    @property
    def ends_at(self) -> datetime | None:
        """When tokens that they make have to end: with their own, unless it is of a session, which a password began."""
        return None if self.token.token_id.startswith(_SESSION) else self.token.expires_at

    @property
    def is_scoped(self) -> bool:
        """Say whether there may be daemons that they do not see."""
        return any(self.scopes)

    def require(self, role: Role) -> None:
        """Raise `NotAllowed` unless they have this role or more."""
        if _RANKS[self.role] < _RANKS[role]:
            raise NotAllowed(f"this needs the role {role.value}, and this token has the role {self.role.value}")

    def require_all(self, role: Role) -> None:
        """Raise `NotAllowed` unless they have this role over all daemons."""
        self.require(role)
        if self.is_scoped:
            raise NotAllowed("this needs a role over all daemons, and this token is for some of them")


class Operators:
    """Finds operators by their tokens and lets them log in; belongs to one event loop, whose clock `clock` is."""

    def __init__(self, store: Store, clock: Callable[[], float]) -> None:
        self._store, self._clock = store, clock
        self._believed: OrderedDict[str, tuple[Operator, float]] = OrderedDict()
        self.passwords = Passwords()
        self._turns = asyncio.Semaphore(SIDE_BY_SIDE)

    async def identify(self, headers: Mapping[str, str]) -> Operator:
        """Return who asks; raises `TokenRefused` in the same words whatever is wrong."""
        token = read_token(headers.get("authorization", ""))
        if token is None or not credentials.is_sound(credentials.Kind.OPERATOR, token):
            raise TokenRefused("an operator's token is needed")
        digest = credentials.digest(token)
        known = self._believed.get(digest)
        if known is not None and self._clock() < known[1]:
            return known[0]
        found = await self._store.access.find_token(digest)
        if found is None:
            raise TokenRefused("an operator's token is needed")
        operator = _join(*found)
        self._believed[digest] = (operator, self._clock() + BELIEVED_SECONDS)
        if len(self._believed) > _KNOWN_MAX:
            self._believed.popitem(last=False)
        return operator

    def hear(self, change: Change) -> None:
        """Believe nothing any more once somebody's right to come in has changed."""
        if change.topic == "access":
            self._believed.clear()

    async def log_in(self, name: str, password: str, network: str) -> tuple[Token, str]:
        """Return a token for a session and its text; raises `LoginRefused`, `TooManyLogins`."""
        user, kept = await self._check(name, password, network)
        if user is None:
            raise LoginRefused("wrong user or password")
        if kept is not None and self.passwords.is_outdated(kept):
            await self._store.access.change_user(user, await self.passwords.make(password), "server", EVERY)
        return await self.add_token(Operator(user.name, user.role, (), _NOBODYS), _make_session(user))

    async def confirm(self, user: User, password: str, network: str) -> None:
        """Make sure that it is the user who wants another password; raises `PasswordRefused`, `TooManyLogins`.

        The first administrator has none before setting one.
        """
        found = await self._store.access.get_user(user.name)
        if found is not None and found[1] is None:
            return
        known, _ = await self._check(user.name, password, network)
        if known is None:
            raise PasswordRefused("OldPassword is not the password there is")

    async def _check(self, name: str, password: str, network: str) -> tuple[User | None, str | None]:
        """Return whose password it is and its hash, no user if it is wrong; who fails often has to wait.

        Whoever waits for a turn is judged by the failures of all before: else many at once would be as many guesses.
        """
        keys = {"user": f"user:{name}", "network": f"network:{name_site(network)}"}
        async with self._turns:
            await self._refuse_haste(keys)
            found = await self._store.access.get_user(name)
            user, kept = found if found is not None else (None, None)
            if not await self.passwords.check(password, kept) or user is None or user.is_disabled:
                await self._store.access.note_failure(keys.values())
                return None, None
            await self._store.access.forget_failures([keys["user"]])
            return user, kept

    async def add_token(self, operator: Operator, token: Token) -> tuple[Token, str]:
        """Keep a token and return its text, told only now."""
        text = credentials.make(credentials.Kind.OPERATOR)
        await self._store.access.add_token(token, credentials.digest(text), operator.user)
        return token, text

    async def _refuse_haste(self, keys: Mapping[str, str]) -> None:
        """Let who failed often wait longer each time, five minutes at most; nobody is locked out."""
        counted = await self._store.access.count_failures(keys.values(), WITHIN)
        for kind, key in keys.items():
            count, last_at = counted.get(key, (0, datetime.now(UTC)))
            left = find_delay(count, _FREE_FAILURES[kind]) - (datetime.now(UTC) - last_at).total_seconds()
            if left > 0:
                refused = TooManyLogins(f"too many failed logins; try again in {left:.0f} s")
                refused.retry_after_seconds = math.ceil(left)
                raise refused

    async def find_daemon(self, operator: Operator, selector: str) -> Daemon:
        """Return a daemon by id or name; raises `DaemonUnknown`, also for one that they do not see."""
        daemon = await self._store.daemons.get(selector) or await self._store.daemons.get_by_name(selector)
        if daemon is None or not operator.sees(daemon):
            raise DaemonUnknown("there is no such daemon")
        return daemon


def make_token_id(kind: str = "t-") -> str:
    """Return a new id, which is no secret."""
    return kind + secrets.token_hex(6)


_NOBODYS = Token("", "", Role.VIEWER, {}, "", datetime(1970, 1, 1, tzinfo=UTC), None, None)


def _make_session(user: User) -> Token:
    now = datetime.now(UTC)
    return Token(
        token_id=make_token_id(_SESSION),
        user=user.name,
        role=user.role,
        scope={},
        note="session",
        created_at=now,
        expires_at=now + SESSION_LIFE,
        used_at=None,
    )


def _join(token: Token, user: User) -> Operator:
    """A token can do no more than its user, whatever it was made for."""
    role = min(token.role, user.role, key=_RANKS.__getitem__)
    return Operator(user.name, role, (user.scope, token.scope), token)
