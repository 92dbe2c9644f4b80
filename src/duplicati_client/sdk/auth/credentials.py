"""What a person may give to get in; nothing of it is ever stored by this library."""

from __future__ import annotations

from collections.abc import Callable


class Credentials:
    """At most one is needed. A signin token lives five minutes, a pre-auth token as long as the server's option.

    `find_password` is asked for the password, at most once, when a login needs one and `password` is None: a keyring
    that has to be unlocked is not touched while a session lives.
    """

    def __init__(
        self,
        password: str | None = None,
        signin_token: str | None = None,
        forever_token: str | None = None,
        preauth_token: str | None = None,
        *,
        find_password: Callable[[], str | None] | None = None,
    ) -> None:
        self.signin_token = signin_token
        self.forever_token = forever_token
        self.preauth_token = preauth_token
        self._password = password
        self._find_password = find_password

    @property
    def password(self) -> str | None:
        """The password, looked for now if need be; raises what its place raises."""
        if self._password is None and self._find_password is not None:
            self._password = self._find_password()
            self._find_password = None
        return self._password

    @property
    def known(self) -> tuple[str, ...]:
        """Every secret in here that has been given or found: what no message may repeat."""
        return tuple(filter(None, (self._password, self.signin_token, self.forever_token, self.preauth_token)))

    def __repr__(self) -> str:
        return "Credentials(…)"
