"""`login`: logs in to a server and makes a context of it."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ... import errors
from ...http import parse_url
from ...sdk.auth.credentials import Credentials
from ..asking import make_printer
from ..call import Call
from ..choosing import choose_targets
from ..connecting import open_server, read_credentials
from ..context import Target, check_name, find_by_url
from ..options import CONNECTING, Option
from ..output.pages import Field, Page, Section
from ..parser import Given
from ..passwords import KEYRING, Keeper, find_places
from ..text import neutralise
from ..verbs import Verb
from ..words import take_one

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ...sdk.client import Duplicati

_UNATTENDED_HINT = "give it with --password-file, --password-stdin or DUPLICATI_CLIENT_PASSWORD"

VERB = Verb(
    "login",
    "login [URL] [options]",
    "Log in to a server and remember it as a context, with how to connect to it.\n"
    "The password is kept only with --keyring. It is looked for in this order:\n"
    "--password-stdin, --password-file, DUPLICATI_CLIENT_PASSWORD, password_file of\n"
    "the configuration, systemd credential, keyring; at a terminal it is asked for.",
    (("URL", "address of the server; without it the current context logs in again"),),
    (
        Option("name", "name of the context; the host's name if not given", metavar="NAME", places="o", scope="login"),
        Option("user", "user of a task server", metavar="NAME", default="admin", places="oe", scope="login"),
        Option("params", "parameters or configuration of the old client", "file", "FILE", places="o", scope="login"),
    ),
    (
        ("duplicati login https://nas.lan:8200", "asks for the password"),
        ("duplicati login nas.lan:8200 --name nas --password-file pw.txt", "asks nothing"),
        ("duplicati login https://nas.lan:8200 --keyring", "asks once, and never again"),
        ("duplicati login https://nas.lan:8200 --pin SHA256", "trusts this certificate only"),
        ("duplicati login https://tasks.example.org", "a task server, with a token or a user's password"),
        ("duplicati login --params ~/.config/duplicati-client/config.yml", "what the old client knew"),
    ),
    (0, 65, 69, 73, 77, 78),
)


def perform(call: Call) -> int:
    """Log in, then remember the server and make it the current one."""
    if call.value("params"):
        return _log_in_as_before(call)
    return _log_in(call, _find_target(call))


def _log_in_as_before(call: Call) -> int:
    """Print the commands that do what a file of the old client says; at a terminal, do it."""
    from ..oldparams import read_plan  # noqa: PLC0415 - once in a lifetime

    plan = read_plan(call.value("params"), take_one(call.words, "URL", VERB.usage) if call.words else None)
    commands = plan.commands()
    for remark in plan.remarks:
        call.console.say(remark)
    if call.value("output") != "table":
        item = {"commands": commands, "remarks": plan.remarks}
        make_printer(call).print_page(Page("plan", item, ()))
        return 0
    call.console.write("".join(f"{neutralise(command)}\n" for command in commands))
    call.console.flush()
    if not call.console.is_stdin_terminal:
        return 0
    told = Call(call.verb, Given((plan.url,), {**plan.options, **call.given}), call.process)
    status = _log_in(told, _make_target(told, plan.url), plan.password)
    if plan.settings:
        call.configuration.set({(name,): value for name, value in plan.settings.items()})
    return status


def _log_in(call: Call, target: Target, password: str | None = None) -> int:
    """Log in to a server, with this password if one is given, and remember it."""
    keeper = Keeper(call, target)
    credentials = Credentials(password) if password is not None else read_credentials(call, target)
    try:
        server, credentials = _enter(call, target, credentials)
    except (errors.NotUnderstood, errors.NotFound, errors.NotAllowed):
        from ..fleets import is_task_server  # noqa: PLC0415 - most servers are Duplicati

        if not is_task_server(call, target):
            raise
        return _log_in_to_task_server(call, target)
    with server:
        version = ".".join(map(str, server.release))
        item = {"context": target.context, "url": server.url, "version": version, "generation": server.generation}
        is_open = server.session is not None and server.session.is_without_password
        is_remembered = _remember(call, target)
        if not is_remembered:
            with suppress(errors.DuplicatiClientError):
                server.logout()  # nobody could use the session again
    _tell(call, {**item, "is_remembered": is_remembered})
    if is_open:
        call.console.say("it wants no password: whoever reaches it can do what you can")
    if is_remembered:
        keeper.keep(credentials)
    return 0


def _log_in_to_task_server(call: Call, target: Target) -> int:
    from ..configuration import TASK_SERVER  # noqa: PLC0415
    from ..fleets import log_in  # noqa: PLC0415

    found = log_in(call, target, str(call.value("user")), call.process.ask_password)
    is_remembered = _remember(call, target, TASK_SERVER)
    if call.value("output") != "table":
        item = {"context": target.context, "url": found.url, "version": found.version, "generation": TASK_SERVER}
        _tell(call, {**item, "is_remembered": is_remembered})
    else:
        context = f", context {target.context}" if is_remembered else ""
        call.console.say(f"logged in to the task server {found.url} as {found.user} ({found.role}){context}")
    return 0


def _tell(call: Call, item: Mapping[str, Any]) -> None:
    if call.value("output") != "table":
        fields = [Field(name, value) for name, value in item.items()]
        make_printer(call).print_page(Page("login", item, (Section("", fields),), item["context"]))
    else:
        context = f", context {item['context']}" if item["is_remembered"] else ""
        call.console.say(f"logged in to {item['url']} (Duplicati {item['version']}){context}")


def _find_target(call: Call) -> Target:
    if not call.words and "server" not in call.given:
        return choose_targets(call)[0]
    return _make_target(call, take_one(call.words, "URL", VERB.usage) if call.words else call.value("server"))


def _make_target(call: Call, address: str) -> Target:
    """Return the context that this address has or will have."""
    if address.endswith((".yml", ".yaml")):
        raise errors.UsageInvalid(f"{address} is a file", hint=f"duplicati login --params {address}")
    url = parse_url(address).url
    if call.value("name") is not None:
        check_name(call.value("name"))
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


def _enter(call: Call, target: Target, credentials: Credentials) -> tuple[Duplicati, Credentials]:
    """Try with what was given; only a server that wants a password, or another one, makes us ask for it."""
    server = open_server(call, target, credentials=credentials)
    try:
        server.login()
        return server, credentials
    except (errors.LoginMissing, errors.LoginRefused) as exc:
        server.close()
        if not call.console.is_stdin_terminal and isinstance(exc, errors.LoginMissing):
            raise errors.LoginMissing(f"{target.url} wants a password", hint=_UNATTENDED_HINT) from exc
        if not call.console.is_stdin_terminal or not _can_be_asked_for(call, target, exc):
            raise
    except BaseException:
        server.close()
        raise
    credentials = Credentials(call.process.ask_password(f"Password for {target.url}: "))
    server = open_server(call, target, credentials=credentials)
    server.login()
    return server, credentials


def _can_be_asked_for(call: Call, target: Target, exc: errors.NotAllowed) -> bool:
    """Say whether a person is to type a password: one that is missing, or one in place of the keyring's old one."""
    if isinstance(exc, errors.LoginMissing):
        return True
    if [place.name for place in find_places(call, target.context, target.url)] != [KEYRING]:
        return False
    call.console.say(f"{target.url} refuses the password in the keyring")
    return True


def _remember(call: Call, target: Target, kind: str | None = None) -> bool:
    """Put the server into the configuration; False, and told, where it is not in there and cannot be written."""
    name = str(target.context)
    before = call.configuration.contexts.get(name, {}).get("url", target.url)
    if before != target.url:
        call.console.say(f"the context {name} was {before} until now")
    changes: dict[tuple[str, ...], object] = {("contexts", name, "url"): target.url}
    changes |= {("contexts", name, field): value for field, value in _connection_given(call).items()}
    changes[("current",)] = name
    if kind is not None or "kind" in call.configuration.contexts.get(name, {}):
        changes[("contexts", name, "kind")] = kind or "duplicati"
    if all(_find(call.configuration.data, key) == value for key, value in changes.items()):
        return True
    try:
        call.configuration.set(changes)
    except errors.CannotCreate as exc:
        if call.configuration.contexts.get(name, {}).get("url") == target.url:
            call.console.say(f"the session is kept, but the configuration stays as it is: {exc.message}")
            return True
        call.console.say(f"the login works, but nothing can be remembered: {exc.message}")
        call.console.say("  try: give --server and DUPLICATI_CLIENT_PASSWORD with each command")
        return False
    return True


def _find(data: Mapping[str, Any], key: tuple[str, ...]) -> object:
    found: Any = data
    for part in key:
        found = found.get(part) if isinstance(found, dict) else None
    return found


def _connection_given(call: Call) -> Mapping[str, object]:
    """Return how to connect, as far as it was said with this command; files by their whole path."""
    given = {
        option.field: (os.path.abspath(call.given[option.field]) if option.kind == "file" else call.given[option.field])
        for option in CONNECTING
        if "k" in option.places and option.field in call.given
    }
    given.pop("password_file", None)
    return given
