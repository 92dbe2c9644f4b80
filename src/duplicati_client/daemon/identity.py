"""Who this daemon is to its task server: token, instance, epoch, and how each is kept; sends nothing."""

from __future__ import annotations

import json
import os
import secrets
import stat
import sys
import threading
from base64 import b64encode
from contextlib import suppress
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from .. import errors
from .storage import Folder, write

FILE = "identity.json"
TOKEN_CHARACTERS_MAX = 1024
_RENEW_DAYS = 67  # three quarters of a life of 90 days
_FLAGS = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


class Known(NamedTuple):
    """What is kept beside the token, none of it secret. `epoch` is that of the task server's store."""

    daemon_id: str | None = None
    epoch: str | None = None
    token_since: str | None = None


class Identity:
    """The credential of one daemon at one task server; safe to use from several threads.

    At level 0 a daemon is known by its token, by HTTP Basic (`basic_name` and the token), or by a secret part of the
    base URL; the path of a base URL is therefore never shown, see `mask`.
    """

    def __init__(
        self, folder: Folder, base_url: str, *, token_file: str | None = None, basic_name: str | None = None
    ) -> None:
        """Read what is kept. Raises `ConfigurationInvalid` for a token file that others can read."""
        self.instance_id = secrets.token_hex(16)
        self.token_file = token_file
        self._folder = folder
        self._basic_name = basic_name
        self._path = urlsplit(base_url).path.rstrip("/")
        self._lock = threading.Lock()
        self._token = read_token(token_file) if token_file is not None else None
        self.known = _read_known(folder)

    @property
    def token(self) -> str | None:
        """The token in use, None where the task server wants none."""
        return self._token

    def headers(self) -> dict[str, str]:
        """Return what lets a request in."""
        if self._token is None:
            return {}
        if self._basic_name is None:
            return {"Authorization": f"Bearer {self._token}"}
        pair = f"{self._basic_name}:{self._token}".encode()
        return {"Authorization": f"Basic {b64encode(pair).decode('ascii')}"}

    def reload(self) -> bool:
        """Read the token file again and say whether it holds another token now; an unusable file changes nothing."""
        if self.token_file is None:
            return False
        with self._lock, suppress(errors.DuplicatiClientError):
            self.known = _read_known(self._folder)
            before, self._token = self._token, read_token(self.token_file) or self._token
            return self._token != before
        return False

    def keep_token(self, token: str, at: datetime) -> None:
        """Make a new token durable, then use it. Raises `ConfigurationInvalid`, `InputOutputFailed`."""
        if self.token_file is None:
            raise errors.ConfigurationInvalid(
                "there is no file for the token", hint="name one in the configuration: token_file under [task_server]"
            )
        check_token(token)
        with self._lock:
            write_secret(self.token_file, token)
            self._token = token
        self._keep(self.known._replace(token_since=at.isoformat(timespec="seconds")))

    def keep_enrolment(self, daemon_id: str, epoch: str | None) -> None:
        """Remember as whom this daemon is known, and to which past of the task server."""
        self._keep(self.known._replace(daemon_id=daemon_id, epoch=epoch))

    def keep_epoch(self, epoch: str) -> None:
        """Take an epoch for the right one from now on; an operator, or the first contact, says so."""
        self._keep(self.known._replace(epoch=epoch))

    def is_epoch_changed(self, epoch: str | None) -> bool:
        """Say whether the task server's store was restored from an older copy since we last took its epoch."""
        return epoch is not None and self.known.epoch is not None and epoch != self.known.epoch

    def is_renewal_due(self, at: datetime) -> bool:
        """Say whether the token is old enough to ask for the next; an unknown age is no reason."""
        if self._token is None or self._basic_name is not None or self.known.token_since is None:
            return False
        return (at - datetime.fromisoformat(self.known.token_since)).days >= _RENEW_DAYS

    def mask(self, text: str) -> str:
        """Return a text for people, without the token and the path of the base URL, which may be a secret."""
        for part in (self._token or "", self._path, *self._path.split("/")):
            if len(part) >= 6 or (part and part == self._path):
                text = text.replace(part, "/…" if part.startswith("/") else "…")
        return text

    def _keep(self, known: Known) -> None:
        self.known = known
        try:
            write(self._folder, FILE, json.dumps(known._asdict()).encode())
        except OSError as exc:
            raise errors.InputOutputFailed(f"{FILE} in the state folder cannot be written: {exc.strerror}") from exc


def show_url(url: str) -> str:
    """Return a task server's address for people: its path may be a secret and is left out."""
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    port = "" if parts.port is None else f":{parts.port}"
    return f"{parts.scheme}://{host}{port}{'/…' if parts.path.strip('/') else ''}"


def check_token(token: str) -> None:
    """Raise `InvalidValue` for what could not stand in a header."""
    if not token or len(token) > TOKEN_CHARACTERS_MAX or not all("!" <= c <= "~" for c in token):
        raise errors.InvalidValue("this token has characters that no token has, or is empty or too long")


def read_token(path: str) -> str | None:
    """Return the token in a file, None if there is no such file; raises `ConfigurationInvalid` with what is wrong."""
    try:
        descriptor = os.open(path, os.O_RDONLY | _FLAGS | getattr(os, "O_NONBLOCK", 0))
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise _unusable(path, exc.strerror or "not readable") from exc
    try:
        _check_mode(path, os.fstat(descriptor))
        data = os.read(descriptor, TOKEN_CHARACTERS_MAX + 3)
    finally:
        os.close(descriptor)
    try:
        token = data.decode("ascii").strip()
        check_token(token)
    except (UnicodeDecodeError, errors.InvalidValue):
        raise _unusable(path, "it holds no token") from None
    return token


def _check_mode(path: str, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise _unusable(path, "it is no plain file")
    if sys.platform == "win32":  # it has no modes to check
        return
    if found.st_uid not in (os.geteuid(), 0):
        raise _unusable(path, f"it belongs to another user ({found.st_uid})")
    if stat.S_IMODE(found.st_mode) & 0o077:
        raise _unusable(path, f"others may read it (mode {stat.S_IMODE(found.st_mode):04o}); chmod 600 {path}")


def _unusable(path: str, why: str) -> errors.ConfigurationInvalid:
    return errors.ConfigurationInvalid(f"the token file {path} cannot be used: {why}")


def write_secret(path: str, text: str) -> None:
    """Write a file for this user alone, whole and durable or not at all; raises `InputOutputFailed`."""
    new_path = f"{path}.new"
    try:
        with suppress(FileNotFoundError):
            os.unlink(new_path)
        descriptor = os.open(new_path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _FLAGS, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(text.encode("ascii") + b"\n")
            file.flush()
            os.fsync(descriptor)
        os.replace(new_path, path)
        _sync_folder(os.path.dirname(os.path.abspath(path)))
    except OSError as exc:
        raise errors.InputOutputFailed(f"the token file {path} cannot be written: {exc.strerror}") from exc


def _sync_folder(path: str) -> None:
    if sys.platform == "win32":  # no folder can be opened there
        return
    descriptor = os.open(path, os.O_RDONLY | _FLAGS)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read_known(folder: Folder) -> Known:
    """Return what is kept; a damaged file is as good as none, for it only holds what can be learnt again."""
    try:
        value: Any = json.loads(folder.read(FILE) or b"{}")
        members = {name: value.get(name) for name in Known._fields}
        known = Known(**{name: member if isinstance(member, str) else None for name, member in members.items()})
        if known.token_since is not None and datetime.fromisoformat(known.token_since).tzinfo is None:
            return known._replace(token_since=None)
    except (OSError, ValueError, AttributeError):
        return Known()
    return known
