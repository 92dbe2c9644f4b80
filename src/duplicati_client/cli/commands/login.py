"""`login`: logs in to a server and makes a context of it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ... import errors
from ...http import parse_url
from ..asking import make_printer
from ..context import Target, choose_targets, find_by_url, open_server
from ..options import CONNECTING, Option
from ..output.pages import Field, Page, Section
from ..verbs import Verb
from ..words import take_one

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ...sdk.client import Duplicati
    from ..call import Call

_UNATTENDED_HINT = "give it with --password-file, --password-stdin or DUPLICATI_CLIENT_PASSWORD"

VERB = Verb(
    "login",
    "login [URL] [options]",
    "Log in to a server and remember it as a context, with how to connect to it. The password is not stored.",
    (("URL", "address of the server; without it the current context logs in again"),),
    (Option("name", "name of the context; the host's name if not given", metavar="NAME", places="o", scope="login"),),
    (
        ("duplicati login https://nas.lan:8200", "asks for the password"),
        ("duplicati login nas.lan:8200 --name nas --password-file pw.txt", "asks nothing"),
        ("duplicati login https://nas.lan:8200 --pin SHA256", "trusts this certificate only"),
    ),
    (0, 65, 69, 73, 77),
)


def perform(call: Call) -> int:
    """Log in, then remember the server and make it the current one."""
    target = _find_target(call)
    server = _log_in(call, target)
    with server:
        version = ".".join(map(str, server.release))
        item = {"context": target.context, "url": server.url, "version": version, "generation": server.generation}
    _remember(call, target)
    if call.value("output") != "table":
        fields = [Field(name, value) for name, value in item.items()]
        make_printer(call).print_page(Page("login", item, (Section("", fields),), target.context))
    else:
        call.console.say(f"logged in to {target.url} (Duplicati {version}), context {target.context}")
    return 0


def _find_target(call: Call) -> Target:
    if not call.words and "server" not in call.given:
        return choose_targets(call)[0]
    url = parse_url(take_one(call.words, "URL", VERB.usage) if call.words else call.value("server")).url
    name = call.value("name") or find_by_url(call, url).context or _make_name(call, url)
    return Target(name, url, name)


def _make_name(call: Call, url: str) -> str:
    """Name a new context by its host, and its port if that name is another server's."""
    origin = parse_url(url)
    names = (origin.host, f"{origin.host}-{origin.port}")
    free = next((name for name in names if name not in call.configuration.contexts), None)
    if free is None:
        raise errors.UsageInvalid(f"there are contexts {' and '.join(names)} already", hint="choose a --name")
    return free


def _log_in(call: Call, target: Target) -> Duplicati:
    """Try with what was given; only a server that wants a password makes us ask for one."""
    server = open_server(call, target)
    try:
        server.login()
        return server
    except errors.LoginMissing as exc:
        server.close()
        if not call.console.is_stdin_terminal:
            raise errors.LoginMissing(f"{target.url} wants a password", hint=_UNATTENDED_HINT) from exc
    except BaseException:
        server.close()
        raise
    password = call.process.ask_password(f"Password for {target.url}: ")
    server = open_server(call, target, password=password)
    server.login()
    return server


def _remember(call: Call, target: Target) -> None:
    name = str(target.context)
    before = call.configuration.contexts.get(name, {}).get("url", target.url)
    if before != target.url:
        call.console.say(f"the context {name} was {before} until now")
    changes: dict[tuple[str, ...], object] = {("contexts", name, "url"): target.url}
    changes |= {("contexts", name, field): value for field, value in _connection_given(call).items()}
    changes[("current",)] = name
    try:
        call.configuration.set(changes)
    except errors.CannotCreate as exc:
        call.console.say(f"logged in, but nothing can be remembered: {exc.message}")
        call.console.say("  try: give --server and DUPLICATI_CLIENT_PASSWORD with each command")


def _connection_given(call: Call) -> Mapping[str, object]:
    """Return how to connect, as far as it was said with this command; files by their whole path."""
    given = {
        option.field: (os.path.abspath(call.given[option.field]) if option.kind == "file" else call.given[option.field])
        for option in CONNECTING
        if "k" in option.places and option.field in call.given
    }
    given.pop("password_file", None)
    return given
