"""Opens the Duplicati servers of the configuration: where their passwords and sessions lie; asks them nothing."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from .. import errors
from ..http import Answer, Request, SocketTransport
from ..sdk.auth.credentials import Credentials
from ..sdk.auth.store import FileSessionStore

if TYPE_CHECKING:
    from ..http import ConnectionSettings, Transport
    from ..sdk.client import Duplicati
    from .config import DaemonConfig, Server

PASSWORD_BYTES_MAX: Final = 64 * 1024
ANSWER_BYTES_MAX: Final = 16 * 1024 * 1024
"""What is beyond it is not even read."""
WEIGHT_MAX: Final = 48 * 1024 * 1024
"""What an answer may take of the memory: the daemon reads two at a time of a server."""
_VALUE_BYTES = 70
_PICTURE = re.compile(rb"[\xf0-\xf4]")
_ESCAPED_PICTURE = re.compile(rb"\\u[dD][89abAB]")


def open_server(
    config: DaemonConfig,
    server: Server,
    environ: Mapping[str, str],
    make_transport: Callable[[str, ConnectionSettings], Transport] | None = None,
) -> Duplicati:
    """Return a server that is logged in when it is first asked, from its stored session or with its password."""
    from ..sdk.client import Duplicati  # noqa: PLC0415 - not for reading a configuration

    connection = server.way.connection
    return Duplicati(
        server.url,
        credentials=Credentials(find_password=lambda: read_password(server, environ)),
        connection=connection,
        store=FileSessionStore(find_session_file(config, server.alias)),
        transport=(make_transport or _BoundedTransport)(server.url, connection),
    )


class _BoundedTransport(SocketTransport):
    """Takes no answer that would not fit into a daemon's memory when it is decoded."""

    def send(self, request: Request) -> Answer:
        """Send one request; raises `AnswerTooLarge` too."""
        answer = super().send(request._replace(max_bytes=min(request.max_bytes, ANSWER_BYTES_MAX)))
        if weigh(answer.body) > WEIGHT_MAX:
            raise errors.AnswerTooLarge(f"the answer would take more than {WEIGHT_MAX >> 20} MiB of memory")
        return answer


def weigh(body: bytes) -> int:
    """Return the bytes of memory that decoding JSON takes at most: its text and its values, beside itself.

    A text takes four bytes a character if one of them is beyond U+FFFF; a number is copied once more to be read.
    """
    width = 1 if body.isascii() else 4 if _PICTURE.search(body) else 2
    decoded_width = 4 if _ESCAPED_PICTURE.search(body) else 2 if b"\\u" in body else 1
    values_count = sum(map(body.count, (b",", b"[", b"{")))
    digits_count = sum(map(body.count, b"0123456789"))
    return len(body) * (1 + width + max(width, decoded_width)) + values_count * _VALUE_BYTES + digits_count


def find_session_file(config: DaemonConfig, alias: str) -> str:
    """Return where the session of a server is kept: with the daemon's own things, unless a context shares its login."""
    return config.servers[alias].session_file or os.path.join(config.state_folder, f"session-{alias}.json")


def read_password(server: Server, environ: Mapping[str, str]) -> str | None:
    """Return the password of the server's file or systemd credential, None if it has neither.

    It is read for each login, so that a changed password needs no restart. Raises `ConfigurationInvalid`.
    """
    path = _find_password_file(server, environ)
    if path is None:
        return None
    try:
        with open(path, "rb") as file:
            text = file.read(PASSWORD_BYTES_MAX).decode("utf-8-sig")
    except OSError as exc:
        raise errors.ConfigurationInvalid(f"the password file {path} cannot be read: {exc.strerror}") from exc
    except UnicodeDecodeError as exc:
        raise errors.ConfigurationInvalid(f"the password file {path} is not UTF-8 text") from exc
    password = text.split("\n", 1)[0].rstrip("\r")
    if not password:
        raise errors.ConfigurationInvalid(f"there is no password in {path}")
    return password


def _find_password_file(server: Server, environ: Mapping[str, str]) -> str | None:
    if server.credential is None:
        return server.password_file
    folder = environ.get("CREDENTIALS_DIRECTORY")
    if not folder:
        raise errors.ConfigurationInvalid(
            f"the systemd credential {server.credential} of {server.alias} is not there: this is no unit of systemd",
            hint="start it as a service, or name a password_file",
        )
    return os.path.join(folder, server.credential)
