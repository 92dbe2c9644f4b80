"""The daemon's one TOML file: what it says, and what is wrong with it by line. It names where secrets are."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from .. import errors
from ..http import ConnectionSettings, parse_url
from ..route import find_proxy, is_loopback
from .tables import Document, Table, read_document

POLL_SECONDS: Final = 30
IN_FLIGHT_COUNT: Final = 1000
FLOOR_MIB: Final = 64
_POLL_SECONDS_MAX = 86_400
_IN_FLIGHT_MAX = 10_000
_FLOOR_MIB_MAX = 1024 * 1024
_MIB = 1024 * 1024
_ALIAS = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_PIN = re.compile(r"[0-9a-f]{64}")
_CREDENTIAL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,127}")


class Way(NamedTuple):
    """How one address is reached. `pin` is the SHA-256 of its certificate; `proxy` None leaves it to the environment.

    `is_plain` says that it is `http` to another machine, which the owner has allowed by `allow_http`.
    """

    url: str
    ca_file: str | None
    pin: str | None
    proxy: str | None
    is_plain: bool

    @property
    def connection(self) -> ConnectionSettings:
        """What a transport is made with."""
        proxy = "" if self.proxy == "none" else self.proxy
        return ConnectionSettings(ca_file=self.ca_file, pin_sha256=self.pin, proxy_url=proxy)


class TaskServer(NamedTuple):
    """Where tasks come from. The token file need not exist: then the daemon sends no token.

    `is_basic` sends name and token as HTTP Basic, for a plain task server behind a proxy that knows no bearer.
    """

    way: Way
    token_file: str
    is_basic: bool = False

    @property
    def url(self) -> str:
        """The base URL."""
        return self.way.url


class Server(NamedTuple):
    """A Duplicati server. With neither file nor credential only a stored session lets the daemon in.

    `session_file` is where that lies if it is not the daemon's own: the stored login of a context.
    """

    alias: str
    way: Way
    password_file: str | None
    credential: str | None
    session_file: str | None = None

    @property
    def url(self) -> str:
        """The base URL."""
        return self.way.url


class DaemonConfig(NamedTuple):
    """The whole file, paths made absolute; `policy_file` is the file itself unless it names another one."""

    path: str
    name: str
    state_folder: str
    policy_file: str
    task_server: TaskServer
    servers: Mapping[str, Server]
    poll_seconds: int
    in_flight_count: int
    floor_bytes: int

    @property
    def plain_urls(self) -> list[str]:
        """The addresses that are spoken to without TLS over a network."""
        ways = (self.task_server.way, *(server.way for server in self.servers.values()))
        return [way.url for way in ways if way.is_plain]


def load(path: str) -> DaemonConfig:
    """Read the file; raises `ConfigurationInvalid` with file, line and key. The policy in it is for `policy.load`."""
    return read(read_document(os.path.abspath(path)))


def read(document: Document) -> DaemonConfig:
    """Read what was read from the disk already."""
    root = document.root
    state_folder = _path(root, "state_folder") or document.refuse(
        ("state_folder",), "is missing: what a daemon keeps has to lie somewhere", 'write state_folder = "state"'
    )
    limits = root.take_table("limits") or Table(document, ("limits",), {})
    config = DaemonConfig(
        path=document.path,
        name=_read_name(root),
        state_folder=state_folder,
        policy_file=_find_policy(root),
        task_server=_read_task_server(root, state_folder),
        servers=_read_servers(root),
        poll_seconds=_or(root.take_number("poll_seconds", 1, _POLL_SECONDS_MAX), POLL_SECONDS),
        in_flight_count=_or(limits.take_number("in_flight", 1, _IN_FLIGHT_MAX), IN_FLIGHT_COUNT),
        floor_bytes=_MIB * _or(limits.take_number("free_space_mib", 0, _FLOOR_MIB_MAX), FLOOR_MIB),
    )
    limits.finish()
    root.finish()
    return config


def check_alias(alias: str) -> None:
    """Raise `InvalidValue` for an alias that neither a task nor a file name could hold."""
    if not _ALIAS.fullmatch(alias):
        raise errors.InvalidValue(
            f"a server cannot be called {alias[:80]!a}", hint="letters, digits and . _ - make an alias"
        )


def check_daemon_name(name: str) -> None:
    """Raise `InvalidValue` for what cannot be a daemon's name."""
    if not _NAME.fullmatch(name):
        raise errors.InvalidValue(
            f"a daemon cannot be called {name[:80]!a}", hint="letters, digits and . _ - make a name"
        )


def check_url(url: str, *, is_http_allowed: bool) -> tuple[str, bool]:
    """Return an address in its normal form, and whether it is spoken to without TLS over a network.

    Raises `InvalidValue` for what is no address, and for such a plain one unless it is allowed.
    """
    origin = parse_url(url)
    is_plain = not origin.is_https and not is_loopback(origin.host)
    if is_plain and not is_http_allowed:
        from .identity import show_url  # noqa: PLC0415 - only for this message

        raise errors.InvalidValue(
            f"{show_url(origin.url)} would be spoken to without TLS, for everybody on the way to read and change",
            hint="use https://, or say allow_http = true for it",
        )
    return origin.url, is_plain


def _or(value: int | None, default: int) -> int:
    return default if value is None else value


def _path(table: Table, key: str) -> str | None:
    """Return a path; a relative one is meant from the file's own folder."""
    text = table.take_text(key)
    folder = os.path.dirname(table.document.path)
    return None if text is None else os.path.normpath(os.path.join(folder, os.path.expanduser(text)))


def _read_name(root: Table) -> str:
    name = root.need_text("name")
    try:
        check_daemon_name(name)
    except errors.InvalidValue as exc:
        root.refuse("name", f"is no name: {exc.message}", exc.hint)
    return name


def _find_policy(root: Table) -> str:
    """Return the file that holds `[policy]`: this one, or another that only root may write, for instance."""
    other = _path(root, "policy_file")
    if other is not None and "policy" in root:
        root.refuse("policy_file", "names another file although there is a [policy] here", "keep one of them")
    if other is None and "policy" not in root:
        root.refuse("policy", "is missing: what is allowed has to be said", 'write [policy] and preset = "run"')
    root.skip("policy")
    return other or root.document.path


def _read_way(table: Table) -> Way:
    url, is_http_allowed = table.need_text("url"), table.take_flag("allow_http")
    try:
        url, is_plain = check_url(url, is_http_allowed=is_http_allowed)
    except errors.InvalidValue as exc:
        table.refuse("url", f"cannot be used: {exc.message}", exc.hint)
    pin = table.take_text("pin")
    if pin is not None:
        pin = pin.replace(":", "").lower()
        if not _PIN.fullmatch(pin):
            table.refuse("pin", "is not a SHA-256 in hexadecimal digits", "duplicati doctor URL shows it")
    return Way(url, _path(table, "ca_file"), pin, _read_proxy(table), is_plain)


def _read_proxy(table: Table) -> str | None:
    proxy = table.take_text("proxy")
    if proxy is not None and proxy != "none":
        try:
            find_proxy("", 0, proxy, is_https=False)
        except errors.ConfigurationInvalid as exc:
            table.refuse("proxy", f"cannot be used: {exc.message}", exc.hint)
    return proxy


def _read_task_server(root: Table, state_folder: str) -> TaskServer:
    table = root.take_table("task_server") or root.document.refuse(
        ("task_server",), "is missing: tasks have to come from somewhere", "write [task_server]"
    )
    token_file = _path(table, "token_file") or os.path.join(state_folder, "token")
    told = TaskServer(_read_way(table), token_file, is_basic=table.take_flag("basic"))
    table.finish()
    return told


def _read_servers(root: Table) -> Mapping[str, Server]:
    tables = root.take_named("servers")
    if not tables:
        root.refuse("servers", "is missing: there has to be one Duplicati server at least", "write [servers.main]")
    return {alias: _read_server(alias, table) for alias, table in tables.items()}


def _read_server(alias: str, table: Table) -> Server:
    if not _ALIAS.fullmatch(alias):
        table.document.refuse(table.place, "is no alias", "letters, digits and . _ - make one")
    credential = table.take_text("credential")
    if credential is not None and not _CREDENTIAL.fullmatch(credential):
        table.refuse("credential", "is not the name of a systemd credential")
    password_file, session_file = _path(table, "password_file"), _path(table, "session_file")
    server = Server(alias, _read_way(table), password_file, credential, session_file)
    if server.password_file and credential:
        table.refuse("credential", "and password_file exclude each other")
    table.finish()
    return server
