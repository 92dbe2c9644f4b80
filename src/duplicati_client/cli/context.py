"""Named servers: which ones a command is for, how each is reached, and what it lets us in with."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from .. import errors
from ..http import ConnectionSettings, parse_url
from ..sdk.auth.credentials import Credentials
from ..sdk.auth.store import FileSessionStore, MemorySessionStore, SessionStore
from ..sdk.client import Duplicati
from . import configuration
from .options import CHOOSING
from .verbs import suggest

if TYPE_CHECKING:
    from .call import Call


class Target(NamedTuple):
    """A server to ask. `context` is None for an address that no context has."""

    label: str
    url: str
    context: str | None


def choose_targets(call: Call) -> list[Target]:
    """Return the servers the person means; raises `UsageInvalid`, `LoginMissing`, `ConfigurationInvalid`."""
    said = [option for option in CHOOSING if option.field in call.given]
    if len(said) > 1:
        raise errors.UsageInvalid("--server, --context, --on and --all exclude each other")
    for option in said or CHOOSING:
        value = call.value(option.field)
        if value:
            return _choose_by(call, option.field, value)
    if call.configuration.current is not None:
        return [find_context(call, call.configuration.current)]
    raise errors.LoginMissing("no server is known yet")


def find_context(call: Call, name: str) -> Target:
    """Return a context; raises `ConfigurationInvalid` with the names there are."""
    table = call.configuration.contexts.get(name)
    if table is None:
        known = list(call.configuration.contexts)
        near = suggest(name, known)
        hint = f"did you mean {near}?" if near else f"contexts: {', '.join(known)}" if known else "duplicati login URL"
        raise errors.ConfigurationInvalid(f"there is no context {name}", hint=hint)
    url = table.get("url")
    if not isinstance(url, str):
        raise errors.ConfigurationInvalid(f"the context {name} has no url", hint="duplicati login URL --name " + name)
    return Target(name, url, name)


def find_by_url(call: Call, url: str) -> Target:
    """Return the context that has this address, or a target without a context."""
    wanted = parse_url(url).url
    for name, table in call.configuration.contexts.items():
        if _normalise(table.get("url")) == wanted:
            return Target(name, wanted, name)
    return Target(wanted.partition("://")[2], wanted, None)


def open_server(
    call: Call, target: Target, store: SessionStore | None = None, *, password: str | None = None
) -> Duplicati:
    """Return the server, not asked anything yet; `password` is one that a person has just typed."""
    credentials = Credentials(password) if password is not None else read_credentials(call, target.context)
    connection = read_connection(call, target.context)
    make_transport = call.process.make_transport
    return Duplicati(
        target.url,
        credentials=credentials,
        connection=connection,
        store=store or open_store(call, target),
        transport=make_transport(target.url, connection) if make_transport else None,
        trace=call.console.detail if call.console.is_verbose else None,
    )


def open_store(call: Call, target: Target) -> SessionStore:
    """Return where the session of a context is kept; in memory where nothing can be written or it has no name."""
    folder = configuration.find_state_folder(call.process.environ)
    if target.context is None:
        return MemorySessionStore()
    if folder is not None:
        from urllib.parse import quote  # noqa: PLC0415 - http has loaded it already

        store = FileSessionStore(os.path.join(folder, "sessions", quote(target.context, safe="") + ".json"))
        if store.is_persistent:
            return store
    call.console.detail("sessions cannot be stored here: this one lives in memory only")
    return MemorySessionStore()


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


def read_credentials(call: Call, context: str | None) -> Credentials:
    """Return what was given to get in with, which may be nothing; asks nobody."""
    return Credentials(
        password=read_password(call, context),
        signin_token=call.value("signin_token"),
        forever_token=call.value("forever_token"),
        preauth_token=call.value("preauth_token"),
    )


def read_password(call: Call, context: str | None) -> str | None:
    """Return the password from stdin, a file or the environment, or None."""
    if call.flag("password_stdin"):
        if "password_file" in call.given:
            raise errors.UsageInvalid("--password-stdin and --password-file exclude each other")
        return _first_line(call.stdin_line, "stdin")
    if "password_file" not in call.given:
        told = call.value("password")
        if told:
            return str(told)
    path = call.value("password_file", context)
    return _first_line(_read_small_file(path), path) if path else None


def _choose_by(call: Call, field: str, value: str | Sequence[str]) -> list[Target]:
    if field == "server":
        return [find_by_url(call, str(value))]
    if field == "context":
        return [find_context(call, str(value))]
    names = _expand(call, ["*"] if field == "all" else list(value))
    if not names:
        raise errors.ConfigurationInvalid("there are no contexts", hint="duplicati login URL")
    return [find_context(call, name) for name in names]


def _expand(call: Call, selectors: Sequence[str]) -> list[str]:
    """Resolve names, groups and patterns, each context once and in the order first named."""
    from fnmatch import fnmatchcase  # noqa: PLC0415 - only several servers need it

    contexts, groups = call.configuration.contexts, call.configuration.groups
    names: dict[str, None] = {}
    for selector in selectors:
        parts = groups.get(selector, (selector,))
        for part in parts:
            found = [part] if part in contexts else [name for name in contexts if fnmatchcase(name, part)]
            if not found and selector != "*":
                raise errors.ConfigurationInvalid(
                    f"no context or group fits {part}", hint=f"there are: {', '.join([*contexts, *groups])}"
                )
            names.update(dict.fromkeys(found))
    return list(names)


def _normalise(url: object) -> str | None:
    try:
        return parse_url(url).url if isinstance(url, str) else None
    except errors.InvalidValue:
        return None


def _read_headers(call: Call, context: str | None) -> Mapping[str, str]:
    path = call.value("header_file", context)
    text = _read_small_file(path) if path else call.value("headers")
    headers = {}
    for line in (text or "").splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, separator, value = line.partition("=")
        if not separator or not name.strip():
            raise errors.InvalidValue("a header is not written as NAME=VALUE", hint="one header a line, # for remarks")
        headers[name.strip()] = value.strip()
    return headers


def _read_small_file(path: str) -> str:
    try:
        with open(path, encoding="utf-8-sig") as file:
            return file.read(64 * 1024)
    except OSError as exc:
        raise errors.InvalidValue(f"{path} cannot be read: {exc.strerror}") from exc
    except UnicodeDecodeError as exc:
        raise errors.InvalidValue(f"{path} is not UTF-8 text") from exc


def _first_line(text: str, where: str) -> str:
    line = text.split("\n", 1)[0].rstrip("\r")
    if not line:
        raise errors.InvalidValue(f"there is no password in {where}")
    return line
