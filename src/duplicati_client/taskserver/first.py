"""What a new store begins with: an administrator, known by a token that is told once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from . import credentials
from .errors import NameTaken
from .operators import make_token_id
from .records import Role, Token, User
from .store.interface import Store

ADMINISTRATOR: Final = "admin"
_BY: Final = "first start"


async def add_administrator(store: Store, *, is_again: bool = False) -> str | None:
    """Make the administrator of a store that has no user, and return a token for them; None if there is one.

    If `is_again`, an administrator who never came in gets another: a start may have been killed before it told theirs.
    """
    users = await store.access.list_users()
    if users and not (is_again and await _is_untouched(store, users)):
        return None
    now = datetime.now(UTC)
    user = User(ADMINISTRATOR, Role.ADMINISTRATOR, {}, now, is_disabled=False, version=1)
    text = credentials.make(credentials.Kind.OPERATOR)
    token = Token(make_token_id(), user.name, user.role, {}, _BY, now, None, None)
    if not users:
        try:
            await store.access.add_user(user, None, _BY)
        except NameTaken:  # another server began at the same moment, and tells its token
            return None
    await store.access.add_token(token, credentials.digest(text), _BY)
    return text


async def _is_untouched(store: Store, users: Sequence[User]) -> bool:
    """Say whether there is nobody but an administrator who has no password and never showed a token."""
    if [user.name for user in users] != [ADMINISTRATOR]:
        return False
    found = await store.access.get_user(ADMINISTRATOR)
    has_password = found is not None and found[1] is not None
    tokens = await store.access.list_tokens(ADMINISTRATOR)
    return not has_password and all(token.note == _BY and token.used_at is None for token in tokens)
