"""Passwords of operators: argon2id as RFC 9106 has it for little memory, two at a time so that logins cannot eat it."""

from __future__ import annotations

import asyncio
import unicodedata
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from .errors import Malformed

CHARACTERS_MIN: Final = 12
_CHARACTERS_MAX: Final = 1024
SIDE_BY_SIDE: Final = 2


class Passwords:
    """Makes and checks hashes; belongs to one event loop."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher()
        self._turn = asyncio.Semaphore(SIDE_BY_SIDE)
        self._nobody: str | None = None

    async def make(self, password: str) -> str:
        """Return a hash; raises `Malformed` for a password that is too short or too long."""
        if not CHARACTERS_MIN <= len(password) <= _CHARACTERS_MAX:
            raise Malformed(f"a password has {CHARACTERS_MIN} to {_CHARACTERS_MAX} characters")
        async with self._turn:
            return await asyncio.to_thread(self._hasher.hash, _normalise(password))

    async def check(self, password: str, kept: str | None) -> bool:
        """Say whether it is the one; takes as long for a user that there is not."""
        if kept is None and self._nobody is None:
            self._nobody = await self.make("nobody has this password")
        async with self._turn:
            is_right = await asyncio.to_thread(self._verify, password[:_CHARACTERS_MAX], kept or str(self._nobody))
        return is_right and kept is not None

    def is_outdated(self, kept: str) -> bool:
        """Say whether it was made with weaker parameters than today's."""
        return self._hasher.check_needs_rehash(kept)

    def _verify(self, password: str, kept: str) -> bool:
        try:
            return self._hasher.verify(kept, _normalise(password))
        except (VerificationError, InvalidHashError):
            return False


def _normalise(password: str) -> bytes:
    """The same characters are the same password, however a keyboard makes them."""
    return unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")
