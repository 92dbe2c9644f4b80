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
from .configuration import TASK_SERVER
from .options import CHOOSING
from .verbs import suggest

if TYPE_CHECKING:
    from .call import Call


class Place(NamedTuple):
    """A server beside a daemon: the daemon by name or id, and which of its servers, None for the only one."""

    daemon: str
    alias: str | None = None


class Target(NamedTuple):
    """A server to ask. `context` is None for an address that no context has.

    With a `place` it is reached through the task server at that URL, which the context is.
    """

    label: str
    url: str
    context: str | None
    place: Place | None = None


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
    """Return a context, or a server beside a daemon as `FLEET/DAEMON[/ALIAS]`.

    Raises `ConfigurationInvalid` with the names there are.
    """
    fleet, slash, rest = name.partition("/")
    if slash:
        return _find_place(call, name, find_context(call, fleet), rest)
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


def _find_place(call: Call, name: str, fleet: Target, rest: str) -> Target:
    if not is_fleet(call, fleet.context):
        raise errors.ConfigurationInvalid(
            f"{fleet.label} is no task server, so there is no {name}", hint="FLEET/DAEMON, after duplicati login URL"
        )
    daemon, _, alias = rest.partition("/")
    if not daemon or "/" in alias:
        raise errors.UsageInvalid(f"{name} names no daemon", hint="FLEET/DAEMON, or FLEET/DAEMON/SERVER")
    return Target(name, fleet.url, fleet.context, Place(daemon, alias or None))


def is_fleet(call: Call, context: str | None) -> bool:
    """Say whether a context is a task server."""
    return context is not None and call.configuration.contexts.get(context, {}).get("kind") == TASK_SERVER


def check_name(name: str) -> None:
    """Refuse a name for a context that selectors, lists or terminals could not take; raises `InvalidValue`."""
    if not name or not name.isprintable() or name != name.strip() or name[0] == "-" or set(name) & set("*?[],/"):
        raise errors.InvalidValue(
            f"a context cannot be called {name!r}", hint="letters, digits, spaces and . - _ : make a name"
        )


def find_by_url(call: Call, url: str) -> Target:
    """Return the context that has this address, or a target without a context."""
    wanted = parse_url(url).url
    for name, table in call.configuration.contexts.items():
        if _normalise(table.get("url")) == wanted:
            return Target(name, wanted, name)
    return Target(wanted.partition("://")[2], wanted, None)


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


def _choose_by(call: Call, field: str, value: str | Sequence[str]) -> list[Target]:
    if field == "server":
        return [find_by_url(call, str(value))]
    if field == "context":
        return [find_context(call, str(value))]
    if field == "all":
        names = [name for name in call.configuration.contexts if not is_fleet(call, name)]
        fleet = next((name for name in call.configuration.contexts if is_fleet(call, name)), None)
        if not names and fleet is not None:
            raise errors.ConfigurationInvalid(
                f"{fleet} is a task server, and no server itself", hint=f"--on '{fleet}/*'"
            )
    else:
        names = _expand(call, list(value))
    if not names:
        raise errors.ConfigurationInvalid("there are no contexts", hint="duplicati login URL")
    return [target for name in names for target in _find_all(call, name)]


def _find_all(call: Call, name: str) -> list[Target]:
    """Return what a name stands for: one server, or those beside the daemons that a pattern or a label picks."""
    fleet, slash, picked = name.partition("/")
    if not slash or not set(picked) & set("*?[=,"):
        return [find_context(call, name)]
    from .distance.places import pick_places  # noqa: PLC0415 - few have a task server

    return pick_places(call, find_context(call, fleet), picked)


def _expand(call: Call, selectors: Sequence[str]) -> list[str]:
    """Resolve names, groups and patterns, each context once and in the order first named."""
    from fnmatch import fnmatchcase  # noqa: PLC0415 - only several servers need it

    contexts, groups = call.configuration.contexts, call.configuration.groups
    names: dict[str, None] = {}
    for selector in selectors:
        parts = groups.get(selector, (selector,))
        for part in parts:
            is_found = part in contexts or part.partition("/")[0] in contexts
            found = [part] if is_found else [name for name in contexts if fnmatchcase(name, part)]
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


def read_small_file(path: str) -> str:
    """Return the beginning of a text file; raises `InvalidValue`."""
    try:
        with open(path, encoding="utf-8-sig") as file:
            return file.read(64 * 1024)
    except OSError as exc:
        raise errors.InvalidValue(f"{path} cannot be read: {exc.strerror}") from exc
    except UnicodeDecodeError as exc:
        raise errors.InvalidValue(f"{path} is not UTF-8 text") from exc
