"""`daemon enrol`: makes this machine known to a task server, by a code that its operator made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ... import errors
from ..daemonoptions import CONFIG, find_config_file
from ..options import Option
from ..verbs import Verb

if TYPE_CHECKING:
    from ...daemon.config import DaemonConfig
    from ...daemon.link import Enrolled, Link
    from ..call import Call

_ASK_AGAIN_SECONDS = 5.0
_PATIENCE_SECONDS = 3600.0

VERB = Verb(
    "daemon enrol",
    "daemon enrol CODE@URL [options]",
    "Make this machine known to a task server. The code is good for one daemon; what comes back is kept in the token "
    "file, for this user alone. Sent along: machine name, system, processor, release of this program, server aliases.",
    (("CODE@URL", "what the task server's operator gives you; without the code it is asked for, or read from stdin"),),
    (
        CONFIG,
        Option(
            "timeout", "how long to wait for an operator's approval", "seconds", "DURATION", scope="daemon", places="o"
        ),
    ),
    (
        ("duplicati daemon enrol dce_…@https://tasks.example.org --config daemon.toml", "with the code at hand"),
        ("duplicati daemon enrol https://tasks.example.org --config daemon.toml < code", "with the code in a file"),
    ),
    (0, 64, 65, 69, 74, 76, 77, 78, 124),
)


def perform(call: Call) -> int:
    """Enrol, waiting for an approval if one is wanted."""
    from ...daemon.config import load  # noqa: PLC0415 - not for --help

    code, url = _part(call)
    config = load(find_config_file(call))
    _check_address(url, config)
    code = code or _ask_code(call)
    if not code or len(code) > 256 or not all("!" <= c <= "~" for c in code):
        raise errors.InvalidValue("this is no code", hint="the task server's operator makes one")
    enrolled = _enrol(call, config, code)
    named = f" --config {call.value('config')}" if call.value("config") else ""
    call.console.say(f"enrolled as {enrolled.daemon_id}; next: duplicati daemon check{named}")
    return 0


def _part(call: Call) -> tuple[str, str]:
    if len(call.words) != 1:
        what = "the code and the task server's address are missing" if not call.words else "one CODE@URL is enough"
        raise errors.UsageInvalid(what, hint=f"duplicati {VERB.usage}")
    code, at, url = call.words[0].partition("@")
    return (code, url) if at else ("", code)


def _check_address(url: str, config: DaemonConfig) -> None:
    """Refuse a code for another task server than that of the configuration; a code tells nobody whose it is."""
    from ...daemon.identity import show_url  # noqa: PLC0415
    from ...http import parse_url  # noqa: PLC0415

    wanted, given = parse_url(config.task_server.url).url, parse_url(url).url
    if given != wanted:
        is_alike = show_url(given) == show_url(wanted)
        what = "another path of it" if is_alike else show_url(given)
        raise errors.InvalidValue(
            f"{config.path} names the task server {show_url(wanted)}, this code is for {what}",
            hint="give the address as url under [task_server] has it, or change it there",
        )


def _ask_code(call: Call) -> str:
    if call.console.is_stdin_terminal:
        return call.process.ask_password("Code: ").strip()
    return call.stdin_line.strip()


def _enrol(call: Call, config: DaemonConfig, code: str) -> Enrolled:
    link = _open_link(call, config)
    try:
        return _ask(call, link, code, config)
    finally:
        link.close()


def _ask(call: Call, link: Link, code: str, config: DaemonConfig) -> Enrolled:
    facts = _collect_facts(config)
    left_seconds = call.value("timeout") or _PATIENCE_SECONDS
    while (enrolled := link.enrol(code, config.name, facts)) is None:
        call.warn(f"an operator of {link.address} has to approve {config.name}; waiting")
        if left_seconds <= 0:
            raise errors.WaitTimedOut("nobody has approved this daemon yet", hint="the same command goes on waiting")
        call.process.sleep(min(_ASK_AGAIN_SECONDS, left_seconds))
        left_seconds -= _ASK_AGAIN_SECONDS
    return enrolled


def _open_link(call: Call, config: DaemonConfig) -> Link:
    from datetime import UTC, datetime  # noqa: PLC0415

    from ...daemon.link import open_link  # noqa: PLC0415
    from ...daemon.storage import open_folder  # noqa: PLC0415

    folder = open_folder(config.state_folder)
    return open_link(config, folder, lambda: datetime.now(UTC), lambda code, text: call.console.detail(text))


def _collect_facts(config: DaemonConfig) -> dict[str, object]:
    import platform  # noqa: PLC0415

    from ... import __version__  # noqa: PLC0415

    return {
        "MachineName": platform.node(),
        "System": f"{platform.system()} {platform.release()}",
        "Machine": platform.machine(),
        "Version": __version__,
        "Servers": sorted(config.servers),
    }
