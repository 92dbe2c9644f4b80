"""The places where a password may be, in one order; they are looked at only when a login needs one, and ask nobody."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from stat import S_ISREG
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

from .. import errors
from .smallfile import read_small_file

if TYPE_CHECKING:
    from ..sdk.auth.credentials import Credentials
    from .call import Call
    from .context import Target
    from .keyring import Keyring

CREDENTIAL = "duplicati-password"
KEYRING = "keyring"
_READING = Lock()  # several servers share one stdin


class Place(NamedTuple):
    """Somewhere a password may be. `name` tells a person where; `read` returns None if there is none after all."""

    name: str
    read: Callable[[], str | None]


def find_password(call: Call, context: str | None, url: str | None) -> str | None:
    """Return the password of the first place that has one, or None; raises what a place that fails raises."""
    with _READING:
        for place in find_places(call, context, url):
            password = place.read()
            if password is not None:
                return password
    return None


def find_places(call: Call, context: str | None, url: str | None) -> Iterator[Place]:
    """Yield the places that this call would look at, in order; none is read before it is asked for."""
    if call.flag("password_stdin"):
        yield Place("stdin", lambda: _first_line(call.stdin_line, "stdin"))
    file, told = call.look_up("password_file", context), call.look_up("password", context)
    from_file = Place(f"file {file.value} ({file.origin})", lambda: _read_file(call, file.value))
    if file.value and file.origin == "option":
        yield from_file
    if told.value:
        yield Place(told.origin, lambda: str(told.value))
    if file.value and file.origin != "option":
        yield from_file
    credential = _find_credential(call, context)
    if credential is not None:
        yield Place(f"systemd credential {os.path.basename(credential)}", lambda: _read_file(call, credential))
    if url is not None and call.value("keyring", context):
        yield Place(KEYRING, lambda: _read_keyring(call, url))


class Keeper:
    """Puts a password into the keyring after a login, if that is wanted; opened before it, to fail before it.

    Raises `ExtraMissing` or `ConfigurationInvalid` where the keyring is wanted and there is none.
    """

    def __init__(self, call: Call, target: Target) -> None:
        self._call = call
        self._url = target.url
        self._is_wanted = bool(call.value("keyring", target.context))
        was_wanted = bool(call.configuration.contexts.get(str(target.context), {}).get("keyring"))
        self._keyring: Keyring | None = None
        if self._is_wanted:
            self._keyring = self._open()
        elif was_wanted:
            with suppress(errors.ExtraMissing, errors.ConfigurationInvalid):  # it holds nothing that we could reach
                self._keyring = self._open()

    def keep(self, credentials: Credentials) -> None:
        """Keep the password that was used, or forget the kept one if that is no longer wanted."""
        if self._keyring is None:
            return
        if not self._is_wanted:
            self._keyring.forget_password(self._url)
        elif credentials.password is not None and credentials.password != self._keyring.read_password(self._url):
            self._keyring.keep_password(self._url, credentials.password)
            self._call.console.say("the password is kept in the keyring")

    def _open(self) -> Keyring:
        from .keyring import open_keyring  # noqa: PLC0415 - an optional part

        return open_keyring(self._call)


def _find_credential(call: Call, context: str | None) -> str | None:
    """Return the file that systemd made of LoadCredential= or LoadCredentialEncrypted=, None outside such a unit."""
    folder = call.process.environ.get("CREDENTIALS_DIRECTORY")
    if not folder:
        return None
    name = call.value("credential", context)
    if name is not None and (os.path.basename(name) != name or name in ("", ".", "..")):
        raise errors.InvalidValue(f"a systemd credential cannot be called {name!r}")
    path = os.path.join(folder, name or CREDENTIAL)
    return path if name is not None or os.path.exists(path) else None


def _read_keyring(call: Call, url: str) -> str | None:
    from .keyring import open_keyring  # noqa: PLC0415 - only who keeps passwords there pays for it

    return open_keyring(call).read_password(url)


def _read_file(call: Call, path: str) -> str:
    text = read_small_file(path)
    if _is_open_to_all(path):
        call.warn(f"everybody on this machine can read {path}; if that is not meant: chmod 600 {path}")
    return _first_line(text, path)


def _is_open_to_all(path: str) -> bool:
    """Say whether others than owner and group can read or write a file; a container's secrets are meant to be so."""
    if os.name == "nt" or path.startswith("/run/secrets/"):
        return False
    mode = os.stat(path).st_mode
    return S_ISREG(mode) and bool(mode & 0o006)


def _first_line(text: str, where: str) -> str:
    line = text.split("\n", 1)[0].rstrip("\r")
    if not line:
        raise errors.InvalidValue(f"there is no password in {where}")
    return line
