"""Turns what is said of servers at `daemon init`, an address or a context, into their part of a configuration."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from ... import errors
from ...daemon.config import Server, Way, check_alias, check_url
from ..connecting import find_session_file, read_connection
from ..context import find_context
from ..smallfile import read_small_file
from ..verbs import suggest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..call import Call

DEFAULT_ALIAS = "main"
_PLAIN_HINT = "use https://, or, if nobody can listen on the way, say --allow-http"


class Wish(NamedTuple):
    """A Duplicati server as it was said: the alias, None if it was left out, and an address or a context's name."""

    alias: str | None
    target: str


def read_wish(text: str) -> Wish:
    """Read `ALIAS=URL`, `ALIAS=CONTEXT` or one of these targets alone; raises `InvalidValue`."""
    alias, equals, target = text.partition("=")
    if not equals or "://" in alias:
        return Wish(None, text)
    check_alias(alias)
    return Wish(alias, target)


def read_password_files(call: Call) -> Mapping[str | None, str]:
    """Return the files given as `ALIAS=FILE` by alias, and the last one given without, for all others, under None."""
    found: dict[str | None, str] = {}
    for text in call.value("password_file") or ():
        head, equals, path = text.partition("=")
        is_named = equals and "/" not in head and os.sep not in head
        found |= {head: path} if is_named else {None: text}
    return found


def draft_way(call: Call, text: str) -> Way:
    """Return how the task server is reached; raises `InvalidValue`."""
    url, is_plain = read_address(call, text)
    ca_file = call.value("task_server_ca")
    return Way(url, make_path(ca_file) if ca_file else None, None, None, is_plain)


def draft_server(call: Call, wish: Wish) -> Server:
    """Return a server with what lets the daemon in, as far as that is known; raises `InvalidValue` and others."""
    alias = wish.alias or DEFAULT_ALIAS
    contexts = call.configuration.contexts
    if wish.target not in contexts and any(mark in wish.target for mark in ":./"):
        return Server(alias, _draft_way(call, wish.target, None), _find_given(call, alias), None)
    if wish.target not in contexts:
        near = suggest(wish.target, list(contexts))
        hint = f"did you mean {near}?" if near else "an address is written as http://127.0.0.1:8200"
        raise errors.InvalidValue(f"{wish.target[:80]!a} is neither an address nor a context", hint=hint)
    url = find_context(call, wish.target).url
    server = Server(alias, _draft_way(call, url, wish.target), _find_given(call, alias), None)
    return server if server.password_file else _add_login(call, server, wish.target)


def read_address(call: Call, text: str) -> tuple[str, bool]:
    """Return an address in its normal form, and whether it is plain `http` to another machine, which has to be said."""
    try:
        return check_url(text, is_http_allowed=call.flag("allow_http"))
    except errors.InvalidValue as exc:
        hint = _PLAIN_HINT if "allow_http" in (exc.hint or "") else exc.hint
        raise errors.InvalidValue(exc.message, hint=hint) from exc


def make_path(path: str) -> str:
    """Return a whole path; raises `InvalidValue` for one that a configuration cannot hold."""
    whole = os.path.abspath(os.path.expanduser(path))
    if not whole.isprintable():
        raise errors.InvalidValue(f"a path with such characters cannot be in a configuration: {whole!a}")
    return whole


def _draft_way(call: Call, address: str, context: str | None) -> Way:
    from ...tls import normalise_pin  # noqa: PLC0415 - few servers are pinned

    url, is_plain = read_address(call, address)
    told = read_connection(call, context)
    for is_said, what in (
        (told.is_insecure, "--insecure, which is for one call only"),
        (told.client_certificate_file, "a certificate of one's own"),
        (told.headers, "headers of one's own"),
    ):
        if is_said:
            raise errors.InvalidValue(f"a daemon does not reach {url} with {what}", hint="give it another way there")
    is_https = url.startswith("https:")
    return Way(
        url,
        ca_file=make_path(told.ca_file) if told.ca_file and is_https else None,
        pin=normalise_pin(told.pin_sha256) if told.pin_sha256 and is_https else None,
        proxy="none" if told.proxy_url == "" else told.proxy_url,
        is_plain=is_plain,
    )


def _find_given(call: Call, alias: str) -> str | None:
    """Return the password file that was given for an alias, else the one for all of them."""
    given = read_password_files(call)
    found = given.get(alias) or given.get(None)
    if found is None:
        return None
    path = make_path(found)
    read_small_file(path)
    return path


def _add_login(call: Call, server: Server, context: str) -> Server:
    """Let the daemon in as the context is let in; a password of the keyring is out of a service's reach."""
    table = call.configuration.contexts[context]
    password_file, credential = table.get("password_file"), table.get("credential")
    if isinstance(password_file, str):
        return server._replace(password_file=make_path(password_file))
    if isinstance(credential, str):
        return server._replace(credential=credential)
    session_file = find_session_file(call, context)
    if session_file is None or table.get("keyring_session") or not os.path.exists(session_file):
        return server
    return server._replace(session_file=make_path(session_file))
