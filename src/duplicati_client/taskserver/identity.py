"""Who a daemon is, by what it shows: a bearer token, a name with a token, or a segment of its own in the base URL.

The token alone says who; what was found is believed for five seconds, so that a revocation is noticed by then.
"""

from __future__ import annotations

import base64
from binascii import Error
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from ..protocol.exchange import INSTANCE_HEADER, LEVEL_HEADER
from . import credentials
from .errors import TokenRefused
from .records import Daemon
from .store.database import Change
from .store.interface import DaemonStore

BELIEVED_SECONDS: Final = 5.0
_KNOWN_MAX: Final = 20_000
_INSTANCE_CHARACTERS: Final = 64


class Caller(NamedTuple):
    """A daemon that asks: `level` is what it speaks, `digest` stands for its token, which may be past its life."""

    daemon: Daemon
    digest: str
    is_expired: bool
    level: int
    instance: str | None


class _Believed(NamedTuple):
    found: tuple[Daemon, bool]
    ends_at: float


class Identities:
    """Finds daemons by their tokens; belongs to one event loop, whose clock `clock` is."""

    def __init__(self, daemons: DaemonStore, clock: Callable[[], float]) -> None:
        self._daemons, self._clock = daemons, clock
        self._believed: OrderedDict[str, _Believed] = OrderedDict()

    def recall(self, digest: str) -> Daemon | None:
        """Return whose token has this digest without asking, None if that is not known or it is past its life."""
        known = self._believed.get(digest)
        return known.found[0] if known is not None and self._clock() < known.ends_at and not known.found[1] else None

    async def identify(self, headers: Mapping[str, str], segment: str | None) -> Caller:
        """Return who asks; raises `TokenRefused` in the same words whatever is wrong."""
        token = segment or read_token(headers.get("authorization", ""))
        if token is None or not credentials.is_sound(credentials.Kind.DAEMON, token):
            raise TokenRefused("a daemon's token is needed")
        digest = credentials.digest(token)
        daemon, is_expired = await self._find(digest)
        level = 1 if headers.get(LEVEL_HEADER.lower()) == "1" else 0
        instance = headers.get(INSTANCE_HEADER.lower()) if level else None
        return Caller(daemon, digest, is_expired, level, instance[:_INSTANCE_CHARACTERS] if instance else None)

    async def _find(self, digest: str) -> tuple[Daemon, bool]:
        known = self._believed.get(digest)
        if known is not None and self._clock() < known.ends_at:
            return known.found
        found = await self._daemons.find_by_token(digest)
        if found is None:
            self._believed.pop(digest, None)
            raise TokenRefused("a daemon's token is needed")
        self._believed[digest] = _Believed(found, self._clock() + BELIEVED_SECONDS)
        self._believed.move_to_end(digest)
        if len(self._believed) > _KNOWN_MAX:
            self._believed.popitem(last=False)
        return found

    def hear(self, change: Change) -> None:
        """Believe nothing any more once somebody's right to come in has changed."""
        if change.topic == "access":
            self._believed.clear()


def read_token(authorization: str) -> str | None:
    """Return the token of an `Authorization` header: `Bearer`, or the password of `Basic`."""
    scheme, _, rest = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return rest.strip()
    if scheme.lower() != "basic":
        return None
    try:
        return base64.b64decode(rest.strip(), validate=True).decode("ascii").partition(":")[2]
    except (Error, ValueError):
        return None
