"""`daemon init`: asks what a daemon has to know, or takes it from options, and writes its configuration."""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING, NamedTuple

from ... import errors
from ...daemon.presets import OFFERED
from ..configuration import find_state_folder
from ..daemonoptions import CONFIG, list_places
from ..options import Option
from ..verbs import Verb

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ...daemon.config import DaemonConfig, Server
    from ..call import Call

_OPTIONS = (
    Option("task-server", "address of the task server", metavar="URL"),
    Option("task-server-ca", "certificate authorities to trust it by (PEM)", "file", "FILE"),
    Option(
        "server",
        "a Duplicati server by the name that tasks have for it: its address, or the context whose login it shares; "
        "may be repeated",
        metavar="ALIAS=URL",
        is_repeatable=True,
    ),
    Option(
        "password-file",
        "the file with the password of the servers, or with ALIAS= of one; may be repeated",
        "file",
        "[ALIAS=]FILE",
        is_repeatable=True,
    ),
    Option("policy", "what tasks may do", "choice", "PRESET", choices=OFFERED),
    Option("name", "what the daemon is called; the name of this machine if not given", metavar="NAME"),
    Option("state", "the folder of its journal", "file", "DIR"),
    Option("allow-http", "let http:// go to other machines, for everybody on the way to read", "flag"),
    Option("force", "replace a configuration that is there already", "flag"),
)
VERB = Verb(
    "daemon init",
    "daemon init [options]",
    "Write the configuration of a daemon: one file that explains each of its settings, for this user alone. At a "
    "terminal it asks for what is not given. It asks no server: daemon check does.",
    options=(CONFIG, *(option._replace(places="o", scope="daemon") for option in _OPTIONS)),
    examples=(
        ("duplicati daemon init", "asks, and proposes answers"),
        (
            "duplicati daemon init --task-server https://tasks.example.org --server main=http://127.0.0.1:8200 "
            "--password-file password",
            "asks nothing",
        ),
        (
            "duplicati daemon init --task-server https://tasks.example.org --server main=nas --server attic=attic",
            "shares the logins of two contexts; whoever logs in there again renews them for the daemon too",
        ),
        ("sudo duplicati daemon init --config /etc/duplicati-client/daemon.toml", "for a service of the system"),
    ),
    statuses=(0, 64, 65, 73, 78),
)
_MIB = 1024 * 1024


class _Draft(NamedTuple):
    """What is to be written: the configuration, and every file's text by its path."""

    config: DaemonConfig
    preset: str
    files: Mapping[str, str]


def perform(call: Call) -> int:
    """Gather, write, and say what comes next."""
    from .placing import place  # noqa: PLC0415 - not for --help

    _check_usage(call)
    path = os.path.abspath(call.value("config") or list_places(call)[0])
    is_replacing = call.flag("force") or _is_to_be_replaced(call, path)
    draft = _gather(call, path)
    place(draft.config, draft.files, is_replacing=is_replacing)
    _tell(call, draft)
    return 0


def _check_usage(call: Call) -> None:
    if call.words:
        raise errors.UsageInvalid(f"what is {call.words[0]}?", hint=f"duplicati {VERB.usage}")
    missing = [f"--{name}" for name in ("task-server", "server") if not call.value(name.replace("-", "_"))]
    if missing and not call.console.is_stdin_terminal:
        what = "is missing" if len(missing) == 1 else "are missing"
        raise errors.UsageInvalid(f"{' and '.join(missing)} {what}, and nobody can be asked", hint=VERB.examples[1][0])


def _is_to_be_replaced(call: Call, path: str) -> bool:
    """Ask whether a file that is there is to be replaced; raises `CannotCreate` if not."""
    if not os.path.lexists(path):
        return False
    asks = call.console.is_stdin_terminal
    if asks and call.console.ask_choice(f"{path} is there already. Replace it? [y/n] ", "yn", "n") == "y":
        return True
    raise errors.CannotCreate(f"{path} is there already, and stays as it is", hint="--force replaces it")


def _gather(call: Call, path: str) -> _Draft:
    from ...daemon.config import FLOOR_MIB, IN_FLIGHT_COUNT, POLL_SECONDS, DaemonConfig, TaskServer  # noqa: PLC0415
    from . import questions  # noqa: PLC0415
    from .drafting import draft_way  # noqa: PLC0415
    from .template import write_configuration  # noqa: PLC0415

    told = call.value("task_server")
    way = draft_way(call, told) if told else questions.ask_task_server(call)
    name = questions.find_name(call)
    state_folder = _find_state_folder(call, path, name)
    servers, passwords = _gather_servers(call, path)
    preset = call.value("policy") or questions.find_preset(call)
    config = DaemonConfig(
        path=path,
        name=name,
        state_folder=state_folder,
        policy_file=path,
        task_server=TaskServer(way, os.path.join(state_folder, "token")),
        servers=servers,
        poll_seconds=POLL_SECONDS,
        in_flight_count=IN_FLIGHT_COUNT,
        floor_bytes=FLOOR_MIB * _MIB,
    )
    return _Draft(config, preset, {**passwords, path: write_configuration(config, preset)})


def _find_state_folder(call: Call, path: str, name: str) -> str:
    """Return the folder that was given, or a usual one: of the system for a configuration of the system."""
    from .drafting import make_path  # noqa: PLC0415 - not for --help

    if call.value("state"):
        return make_path(call.value("state"))
    own = find_state_folder(call.process.environ)
    if path.startswith("/etc/") or own is None:
        return f"/var/lib/duplicati-client/{name}"
    return make_path(os.path.join(own, f"daemon-{name}"))


def _gather_servers(call: Call, path: str) -> tuple[Mapping[str, Server], Mapping[str, str]]:
    """Return the servers by alias, and the texts of the password files that are to be made for them."""
    from . import drafting, questions  # noqa: PLC0415 - not for --help

    wishes = [drafting.read_wish(text) for text in call.value("server") or ()]
    drafted = [drafting.draft_server(call, wish) for wish in wishes] or questions.ask_servers(call)
    aliases = [server.alias for server in drafted]
    twice = next((alias for alias in aliases if aliases.count(alias) > 1), None)
    if twice is not None:
        raise errors.UsageInvalid(f"two servers are called {twice}", hint="--server ALIAS=URL gives each its own name")
    unknown = next((alias for alias in drafting.read_password_files(call) if alias not in (None, *aliases)), None)
    if unknown is not None:
        raise errors.UsageInvalid(f"--password-file is for {unknown}, and no server is called so")
    servers, passwords = {}, {}
    for server in drafted:
        password = None if _is_let_in(server) else questions.find_password(call, server)
        if password:
            file = drafting.make_path(f"{os.path.splitext(path)[0]}-{server.alias}.password")
            passwords[file] = f"{password}\n"
            server = server._replace(password_file=file)  # noqa: PLW2901 - the same one, now let in
        servers[server.alias] = server
    return servers, passwords


def _is_let_in(server: Server) -> bool:
    return any((server.password_file, server.credential, server.session_file))


def _tell(call: Call, draft: _Draft) -> None:
    from ...daemon.identity import show_url  # noqa: PLC0415 - not for --help

    config = draft.config
    shown = show_url(config.task_server.url)
    next_steps = _list_next_steps(call, config.path, shown if shown == config.task_server.url else "URL")
    if call.value("output") != "table":
        _print(call, draft, [step for step, _ in next_steps])
        return
    for file in draft.files:
        call.console.say(f"written: {file}")
    for server in config.servers.values():
        if not _is_let_in(server):
            call.console.say(f"{server.alias}: no password is known; if it wants one, name its file in there")
    call.console.say("next, in this order:")
    for step, why in next_steps:
        call.console.say(f"  {step}")
        call.console.say(f"      {why}")


def _list_next_steps(call: Call, path: str, address: str) -> Sequence[tuple[str, str]]:
    named = "" if path == list_places(call)[0] else f" --config {shlex.quote(path)}"
    return (
        (f"duplicati daemon enrol CODE@{address}{named}", "if the task server gives out codes"),
        (f"duplicati daemon check{named}", "proves each connection, and takes no task"),
        (f"duplicati daemon run{named}", "to see it work; Ctrl-C ends it"),
        (f"duplicati daemon service install{named}", "lets the system start it from now on"),
    )


def _print(call: Call, draft: _Draft, next_steps: Sequence[str]) -> None:
    from ...daemon.identity import show_url  # noqa: PLC0415 - only programs get this
    from ..asking import make_printer  # noqa: PLC0415
    from ..output.pages import Page  # noqa: PLC0415

    config = draft.config
    item = {
        "path": config.path,
        "name": config.name,
        "state_folder": config.state_folder,
        "task_server": show_url(config.task_server.url),
        "servers": {alias: server.url for alias, server in config.servers.items()},
        "preset": draft.preset,
        "password_files": [file for file in draft.files if file != config.path],
        "commands": list(next_steps),
    }
    make_printer(call).print_page(Page("daemon-configuration", item, (), config.path))
