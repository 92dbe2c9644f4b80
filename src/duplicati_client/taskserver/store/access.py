"""Operators in a database: users with the hashes of their passwords, tokens by digest, failures to log in."""

from __future__ import annotations

import secrets
from collections.abc import Collection
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

from ..errors import LastAdministrator, NameTaken, Overloaded, StoreUnusable, VersionChanged
from ..records import Role, Token, User
from .audit import append
from .columns import known_time, read_json, read_time, write_json, write_span, write_time
from .daemons import announce_access
from .database import Database, Query, Row, UniqueViolated, Work, one
from .interface import EVERY

_USE_KNOWN: Final = timedelta(minutes=1)


class Access:
    """Implements `AccessStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add_user(self, user: User, password: str | None, by: str) -> None:
        try:
            await self._database.write(partial(_add_user, user, password, by))
        except UniqueViolated as exc:
            raise NameTaken(f"there is a user {user.name} already") from exc

    async def get_user(self, name: str) -> tuple[User, str | None] | None:
        return await self._database.read(partial(_get_user, name))

    async def list_users(self) -> list[User]:
        return await self._database.read(_list_users)

    async def change_user(self, user: User, password: str | None, by: str, spared: str | None = None) -> User | None:
        return await self._database.write(partial(_change_user, user, password, by, spared))

    async def remove_user(self, name: str, by: str) -> bool:
        return await self._database.write(partial(_remove_user, name, by))

    async def add_token(self, token: Token, digest: str, by: str) -> None:
        await self._database.write(partial(_add_token, token, digest, by))

    async def find_token(self, digest: str) -> tuple[Token, User] | None:
        found = await self._database.read(partial(_find_token, digest))
        if found is not None and _is_use_news(found[0]):
            with suppress(StoreUnusable, Overloaded):  # whoever only reads may, also where nothing can be written
                await self._database.write(partial(_use_token, digest))
        return found

    async def list_tokens(self, user: str | None) -> list[Token]:
        return await self._database.read(partial(_list_tokens, user))

    async def revoke_token(self, token_id: str, by: str) -> bool:
        return await self._database.write(partial(_revoke_token, token_id, by))

    async def note_failure(self, keys: Collection[str]) -> None:
        await self._database.write(partial(_note_failure, keys))

    async def count_failures(self, keys: Collection[str], within: timedelta) -> dict[str, tuple[int, datetime]]:
        return await self._database.read(partial(_count_failures, keys, within))

    async def forget_failures(self, keys: Collection[str]) -> None:
        await self._database.write(partial(_forget_failures, keys))


# --- users ----------------------------------------------------------------------------------------------


def _add_user(user: User, password: str | None, by: str) -> Work[None]:
    yield Query(
        "add_user",
        {"name": user.name, "password": password, "role": user.role.value, "scope": write_json(user.scope)},
    )
    yield from append(by, "user.add", user.name, {"Role": user.role.value, "Scope": dict(user.scope)})


def _get_user(name: str) -> Work[tuple[User, str | None] | None]:
    row = one((yield Query("get_user", {"name": name}, stands_alone=True)))
    return None if row is None else (_read_user(row), row["password"])


def _list_users() -> Work[list[User]]:
    return [_read_user(row) for row in (yield Query("list_users"))]


def _change_user(user: User, password: str | None, by: str, spared: str | None) -> Work[User | None]:
    yield from _keep_an_administrator(user.name, stays=user.role is Role.ADMINISTRATOR and not user.is_disabled)
    row = one(
        (
            yield Query(
                "change_user",
                {
                    "name": user.name,
                    "password": password,
                    "role": user.role.value,
                    "scope": write_json(user.scope),
                    "is_disabled": int(user.is_disabled),
                    "version": user.version,
                },
            )
        )
    )
    if row is None:
        if (yield Query("get_user", {"name": user.name})):
            raise VersionChanged("somebody else changed this user meanwhile", hint="read it again")
        return None
    if password is not None and spared != EVERY:
        yield Query("remove_other_tokens", {"user_name": user.name, "token_id": spared or ""})
    told = {"Role": user.role.value, "Scope": dict(user.scope), "Disabled": user.is_disabled}
    yield from append(by, "user.change", user.name, {**told, "Password": password is not None})
    yield announce_access("")
    return _read_user(row)


def _remove_user(name: str, by: str) -> Work[bool]:
    yield from _keep_an_administrator(name, stays=False)
    yield Query("remove_tokens_of_user", {"user_name": name})
    if not (yield Query("remove_user", {"name": name})):
        return False
    yield from append(by, "user.remove", name, {})
    yield announce_access("")
    return True


def _keep_an_administrator(name: str, *, stays: bool) -> Work[None]:
    """Raise `LastAdministrator` if nobody else may do everything; holds them all, so that no two leave at once."""
    rows = yield Query("lock_administrators")
    names = {row["name"] for row in rows}
    if not stays and names == {name}:
        raise LastAdministrator(f"{name} is the last administrator", hint="make another one first")


def _read_user(row: Row) -> User:
    return User(
        name=row["name"],
        role=Role(row["role"]),
        scope=read_json(row["scope"]) or {},
        created_at=known_time(row["created_at"]),
        is_disabled=bool(row["is_disabled"]),
        version=row["version"],
    )


# --- tokens ---------------------------------------------------------------------------------------------


def _add_token(token: Token, digest: str, by: str) -> Work[None]:
    yield Query("forget_tokens")
    yield Query(
        "add_token",
        {
            "token_id": token.token_id,
            "digest": digest,
            "user_name": token.user,
            "role": token.role.value,
            "scope": write_json(token.scope),
            "note": token.note,
            "expires_at": write_time(token.expires_at),
        },
    )
    told = {"User": token.user, "Role": token.role.value, "Scope": dict(token.scope), "Note": token.note}
    yield from append(by, "token.add", token.token_id, told)


def _find_token(digest: str) -> Work[tuple[Token, User] | None]:
    row = one((yield Query("find_token", {"digest": digest}, stands_alone=True)))
    if row is None:
        return None
    user = one((yield Query("get_user", {"name": row["user_name"]}, stands_alone=True)))
    if user is None or user["is_disabled"]:
        return None
    return _read_token(row), _read_user(user)


def _is_use_news(token: Token) -> bool:
    return token.used_at is None or datetime.now(UTC) - token.used_at > _USE_KNOWN


def _use_token(digest: str) -> Work[None]:
    yield Query("use_token", {"digest": digest})


def _list_tokens(user: str | None) -> Work[list[Token]]:
    query = Query("list_tokens") if user is None else Query("list_tokens_of_user", {"user_name": user})
    return [_read_token(row) for row in (yield query)]


def _revoke_token(token_id: str, by: str) -> Work[bool]:
    if not (yield Query("remove_token", {"token_id": token_id})):
        return False
    yield from append(by, "token.revoke", token_id, {})
    yield announce_access("")
    return True


def _read_token(row: Row) -> Token:
    return Token(
        token_id=row["token_id"],
        user=row["user_name"],
        role=Role(row["role"]),
        scope=read_json(row["scope"]) or {},
        note=row["note"],
        created_at=known_time(row["created_at"]),
        expires_at=read_time(row["expires_at"]),
        used_at=read_time(row["used_at"]),
    )


# --- failures -------------------------------------------------------------------------------------------


def _note_failure(keys: Collection[str]) -> Work[None]:
    yield Query("note_failure", many=[{"failure_id": secrets.token_hex(8), "subject": key} for key in sorted(keys)])


def _count_failures(keys: Collection[str], within: timedelta) -> Work[dict[str, tuple[int, datetime]]]:
    found = {}
    for key in keys:
        row = one((yield Query("count_failures", {"subject": key, "within": write_span(within)})))
        if row is not None and row["found"]:
            found[key] = (row["found"], known_time(row["last_at"]))
    return found


def _forget_failures(keys: Collection[str]) -> Work[None]:
    yield Query("forget_failures", many=[{"subject": key} for key in sorted(keys)])
