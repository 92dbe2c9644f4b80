"""What a person may give to get in; nothing of it is ever stored by this library."""

from __future__ import annotations

from typing import NamedTuple


class Credentials(NamedTuple):
    """At most one is needed. A signin token lives five minutes, a pre-auth token as long as the server's option."""

    password: str | None = None
    signin_token: str | None = None
    forever_token: str | None = None
    preauth_token: str | None = None

    def __repr__(self) -> str:
        return "Credentials(…)"
