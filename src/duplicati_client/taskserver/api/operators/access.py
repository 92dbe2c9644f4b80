"""Sessions, users and tokens of operators."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from litestar import Response, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import UNSET

from .... import __version__
from ...errors import NotAllowed, TokenUnknown, UserUnknown
from ...operators import Operator, make_token_id
from ...parts import Parts
from ...records import Role, Token, User
from ..gate import read_client
from .bodies import (
    Login,
    Me,
    NewToken,
    NewUser,
    Part,
    ServerTold,
    Session,
    TokenMade,
    TokenTold,
    UserChange,
    UserTold,
)
from .conditions import AnyRequest, read_if_match, write_etag
from .writing import tell_token, tell_user


@post("/api/v1/sessions", status_code=201)
async def log_in(request: AnyRequest, parts: NamedDependency[Parts], data: JSONBody[Login]) -> Session:
    """Give a token for twelve hours to whoever knows a user's password; who fails often has to wait."""
    token, text = await parts.operators.log_in(data.user, data.password, read_client(request.scope))
    return Session(token=text, expires_at=token.expires_at, user=token.user, role=token.role.value)


@delete("/api/v1/sessions/current", status_code=204)
async def log_out(parts: NamedDependency[Parts], operator: NamedDependency[Operator]) -> None:
    """End the token that is shown."""
    await parts.store.access.revoke_token(operator.token.token_id, operator.user)


@get("/api/v1/me")
async def me(parts: NamedDependency[Parts], operator: NamedDependency[Operator]) -> Me:
    """Say who asks, and what server this is."""
    return Me(
        user=operator.user,
        role=operator.role.value,
        scope={name: value for scope in operator.scopes for name, value in scope.items()},
        token_id=operator.token.token_id,
        expires_at=operator.token.expires_at,
        server=ServerTold(version=__version__, epoch=parts.epoch),
    )


@get("/api/v1/users")
async def list_users(parts: NamedDependency[Parts], operator: NamedDependency[Operator]) -> Part[UserTold]:
    """List all users."""
    operator.require_all(Role.ADMINISTRATOR)
    return Part(items=[tell_user(user) for user in await parts.store.access.list_users()])


@post("/api/v1/users", status_code=201)
async def add_user(
    parts: NamedDependency[Parts], operator: NamedDependency[Operator], data: JSONBody[NewUser]
) -> UserTold:
    """Make a user."""
    operator.require_all(Role.ADMINISTRATOR)
    user = User(data.name, Role(data.role), data.scope, datetime.now(UTC), is_disabled=False, version=1)
    await parts.store.access.add_user(user, await parts.operators.passwords.make(data.password), operator.user)
    return tell_user(user)


@get("/api/v1/users/{name:str}")
async def read_user(
    parts: NamedDependency[Parts], operator: NamedDependency[Operator], name: FromPath[str]
) -> Response[UserTold]:
    """Show a user."""
    operator.require_all(Role.ADMINISTRATOR)
    return _answer(await _find_user(parts, name))


@patch("/api/v1/users/{name:str}")
async def change_user(
    request: AnyRequest,
    parts: NamedDependency[Parts],
    operator: NamedDependency[Operator],
    name: FromPath[str],
    data: JSONBody[UserChange],
) -> Response[UserTold]:
    """Change a user. Everybody may change their own password, if they know it; the rest is for administrators.

    Another password ends the user's tokens, but for the one that is shown.
    """
    if not _is_own_password(operator, name, data):
        operator.require_all(Role.ADMINISTRATOR)
    user = await _find_user(parts, name)
    if operator.role is not user.role:
        operator.require_all(Role.ADMINISTRATOR)  # a token that may do less than its user must not become that user
    changed = user._replace(
        role=user.role if data.role is UNSET else Role(data.role),
        scope=user.scope if data.scope is UNSET else data.scope,
        is_disabled=user.is_disabled if data.disabled is UNSET else data.disabled,
        version=read_if_match(request) or user.version,
    )
    password = None
    if data.password is not UNSET:
        if name == operator.user:
            old = "" if data.old_password is UNSET else data.old_password
            await parts.operators.confirm(user, old, read_client(request.scope))
        password = await parts.operators.passwords.make(data.password)
    stored = await parts.store.access.change_user(changed, password, operator.user, operator.token.token_id)
    if stored is None:
        raise UserUnknown("there is no such user")
    return _answer(stored)


@delete("/api/v1/users/{name:str}", status_code=204)
async def remove_user(parts: NamedDependency[Parts], operator: NamedDependency[Operator], name: FromPath[str]) -> None:
    """Remove a user with all tokens."""
    operator.require_all(Role.ADMINISTRATOR)
    if not await parts.store.access.remove_user(name, operator.user):
        raise UserUnknown("there is no such user")


def _is_own_password(operator: Operator, name: str, data: UserChange) -> bool:
    is_password = data.password is not UNSET and data == UserChange(
        password=data.password, old_password=data.old_password
    )
    return is_password and name == operator.user and not operator.token.scope


async def _find_user(parts: Parts, name: str) -> User:
    found = await parts.store.access.get_user(name)
    if found is None:
        raise UserUnknown("there is no such user")
    return found[0]


def _answer(user: User) -> Response[UserTold]:
    return Response(tell_user(user), headers={"ETag": write_etag(user.version), "Cache-Control": "no-store"})


@get("/api/v1/tokens")
async def list_tokens(parts: NamedDependency[Parts], operator: NamedDependency[Operator]) -> Part[TokenTold]:
    """List the own tokens; an administrator sees everybody's."""
    is_all = operator.role is Role.ADMINISTRATOR and not operator.is_scoped
    tokens = await parts.store.access.list_tokens(None if is_all else operator.user)
    return Part(items=[tell_token(token) for token in tokens])


@post("/api/v1/tokens", status_code=201)
async def add_token(
    parts: NamedDependency[Parts], operator: NamedDependency[Operator], data: JSONBody[NewToken]
) -> TokenMade:
    """Make a token that can do no more than the one that is shown, and for no longer; its text is told only now.

    One that is made in a session may live longer.
    """
    role = operator.role if data.role is UNSET else Role(data.role)
    operator.require(role)
    now = datetime.now(UTC)
    wanted_at = None if data.life_seconds is None else now + timedelta(seconds=data.life_seconds)
    ends = [at for at in (wanted_at, operator.ends_at) if at is not None]
    wanted = Token(
        token_id=make_token_id(),
        user=operator.user,
        role=role,
        scope={**data.scope, **operator.scopes[1]},
        note=data.note,
        created_at=now,
        expires_at=min(ends, default=None),
        used_at=None,
    )
    token, text = await parts.operators.add_token(operator, wanted)
    told = tell_token(token)
    return TokenMade(**{name: getattr(told, name) for name in told.__struct_fields__}, token=text)


@delete("/api/v1/tokens/{token_id:str}", status_code=204)
async def revoke_token(
    parts: NamedDependency[Parts], operator: NamedDependency[Operator], token_id: FromPath[str]
) -> None:
    """End a token of one's own that can do no more than the one that is shown; an administrator may end everybody's."""
    is_all = operator.role is Role.ADMINISTRATOR and not operator.is_scoped
    known = await parts.store.access.list_tokens(None if is_all else operator.user)
    token = next((token for token in known if token.token_id == token_id), None)
    if token is None:
        raise TokenUnknown("there is no such token")
    if token_id != operator.token.token_id:
        operator.require(token.role)
        if operator.token.scope and token.scope != operator.token.scope:
            raise NotAllowed("this token is for other daemons")
    await parts.store.access.revoke_token(token_id, operator.user)


ROUTES: Final = [
    log_in,
    log_out,
    me,
    list_users,
    add_user,
    read_user,
    change_user,
    remove_user,
    list_tokens,
    add_token,
    revoke_token,
]
