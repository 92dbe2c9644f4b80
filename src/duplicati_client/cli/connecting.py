"""How a server is reached: the connection, where its session is kept, and what it lets us in with."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from .. import errors
from ..http import ConnectionSettings
from ..sdk.auth.credentials import Credentials
from ..sdk.auth.store import FileSessionStore, MemorySessionStore, SessionStore
from ..sdk.client import Duplicati
from . import configuration
from .smallfile import read_small_file

if TYPE_CHECKING:
    from .call import Call
    from .context import Target


def open_server(
    call: Call, target: Target, store: SessionStore | None = None, *, credentials: Credentials | None = None
) -> Duplicati:
    """Return the server, not asked anything yet; `credentials` are others than those that were said."""
    connection = read_connection(call, target.context)
    make_transport = call.process.make_transport
    return Duplicati(
        target.url,
        credentials=credentials or read_credentials(call, target),
        connection=connection,
        store=store or open_store(call, target),
        transport=make_transport(target.url, connection) if make_transport else None,
        trace=call.console.detail if call.console.is_verbose else None,
    )


def open_store(call: Call, target: Target) -> SessionStore:
    """Return where the session of a context is kept; in memory where nothing can be written or it has no name."""
    if target.context is None:
        return MemorySessionStore()
    is_in_keyring = call.value("keyring_session", target.context)
    path = find_session_file(call, target.url if is_in_keyring else target.context)
    if path is not None:
        store = FileSessionStore(path)
        if store.is_persistent:
            return _open_keyring_store(call, target, store) if is_in_keyring else store
        if os.path.exists(path):
            call.warn(f"the session in {path} is not used: it could not be renewed there, the folder is read-only")
    call.console.detail("sessions cannot be stored here: this one lives in memory only")
    return MemorySessionStore()


def find_session_file(call: Call, name: str) -> str | None:
    """Return where the session of a context is kept, None without a home folder."""
    from urllib.parse import quote  # noqa: PLC0415 - http has loaded it already

    folder = configuration.find_state_folder(call.process.environ)
    return folder and os.path.join(folder, "sessions", quote(name, safe="") + ".json")


def _open_keyring_store(call: Call, target: Target, file: FileSessionStore) -> SessionStore:
    from .keyring import KeyringSessionStore, open_keyring  # noqa: PLC0415 - an optional part

    return KeyringSessionStore(open_keyring(call), target.url, file)


def read_connection(call: Call, context: str | None) -> ConnectionSettings:
    """Return how to connect, as options, environment and configuration say."""
    proxy = call.value("proxy", context)
    return ConnectionSettings(
        ca_file=call.value("ca_file", context),
        client_certificate_file=call.value("client_cert", context),
        client_key_file=call.value("client_key", context),
        pin_sha256=call.value("pin", context),
        is_insecure=bool(call.value("insecure", context)),
        proxy_url="" if proxy == "none" else proxy,
        headers=_read_headers(call, context),
    )


def read_credentials(call: Call, target: Target) -> Credentials:
    """Return what was given to get in with, which may be nothing; a password is looked for when a login needs it."""
    if call.flag("password_stdin") and "password_file" in call.given:
        raise errors.UsageInvalid("--password-stdin and --password-file exclude each other")
    signin_token = call.value("signin_token")
    return Credentials(
        signin_token=signin_token,
        forever_token=call.value("forever_token"),
        preauth_token=call.value("preauth_token"),
        find_password=None if signin_token else lambda: _find_password(call, target),
    )


def _find_password(call: Call, target: Target) -> str | None:
    from .passwords import find_password  # noqa: PLC0415 - while a session lives none is needed

    return find_password(call, target.context, target.url)


def _read_headers(call: Call, context: str | None) -> Mapping[str, str]:
    path = call.value("header_file", context)
    text = read_small_file(path) if path else call.value("headers")
    headers = {}
    for line in (text or "").splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, separator, value = line.partition("=")
        if not separator or not name.strip():
            raise errors.InvalidValue("a header is not written as NAME=VALUE", hint="one header a line, # for remarks")
        headers[name.strip()] = value.strip()
    return headers
