"""What `daemon init` asks a person at the terminal; where nobody is there, what it would propose counts."""

from __future__ import annotations

import platform
import re
from typing import TYPE_CHECKING, TypeVar

from ... import errors
from ...daemon.config import check_alias, check_daemon_name
from ...daemon.presets import OFFERED, PRESETS
from .drafting import DEFAULT_ALIAS, Wish, draft_server, draft_way

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ...daemon.config import Server, Way
    from ..call import Call

_USUAL_PRESET = "default"
_USUAL_SERVER = "http://127.0.0.1:8200"
_NAME_CHARACTERS = 64
_Answer = TypeVar("_Answer")


def ask(call: Call, question: str, read: Callable[[str], _Answer], proposal: str = "") -> _Answer:
    """Ask until an answer can be read; raises `UsageInvalid` at the end of stdin."""
    shown = f"{question} [{proposal}]: " if proposal else f"{question}: "
    while True:
        call.console.draw(shown)
        line = call.console.stdin.readline()
        if not line:
            call.console.draw("\n")
            raise errors.UsageInvalid("the answers have ended too soon, and nothing was written")
        answer = line.strip() or proposal
        try:
            return read(answer)
        except errors.DuplicatiClientError as exc:
            call.console.complain(exc.message, exc.hint)


def ask_task_server(call: Call) -> Way:
    """Ask where tasks come from."""
    return ask(call, "Address of the task server", lambda answer: draft_way(call, answer))


def ask_servers(call: Call) -> list[Server]:
    """Ask for one server after the other."""
    contexts = ", ".join(call.configuration.contexts)
    choice = f"its address or a context ({contexts})" if contexts else "its address"
    question = f"Duplicati server, {choice}"
    servers: list[Server] = []
    proposal = _USUAL_SERVER
    while True:
        wish = ask(call, question, lambda answer: _read_server(call, answer), proposal)
        if wish is None:
            return servers
        servers.append(_name_server(call, wish, [server.alias for server in servers]))
        question, proposal = "Another one (Enter for none)", ""


def find_name(call: Call) -> str:
    """Return what the daemon is to be called."""
    told = call.value("name")
    if told is not None:
        return _read_name(told)
    host = re.sub(r"[^A-Za-z0-9._-]", "-", platform.node().partition(".")[0]).lstrip("._-")
    usual = host[:_NAME_CHARACTERS] or "daemon"
    return ask(call, "What is this daemon called?", _read_name, usual) if call.console.is_stdin_terminal else usual


def find_preset(call: Call) -> str:
    """Return what tasks may do."""
    if not call.console.is_stdin_terminal:
        return _USUAL_PRESET
    width = max(map(len, OFFERED))
    lines = [f"  {name:<{width}}  {PRESETS[name].about}\n" for name in OFFERED]
    lines.append(f"  {'Enter':<{width}}  {PRESETS[_USUAL_PRESET].about}\n")
    call.console.draw(f"What may tasks do here?\n{''.join(lines)}")
    return ask(call, "One of these", _read_preset)


def find_password(call: Call, server: Server) -> str | None:
    """Return the password of stdin, or one that is typed; None where there is none."""
    if call.flag("password_stdin"):
        password = call.stdin_line.rstrip("\r\n")
    elif call.console.is_stdin_terminal:
        who = f"{server.alias} ({server.url})"
        password = call.process.ask_password(f"Password of {who}, kept in a file for you alone (Enter for none): ")
    else:
        return None
    try:
        password.encode()
    except UnicodeEncodeError as exc:
        raise errors.InvalidValue("this password is not UTF-8 text") from exc
    return password or None


def _read_server(call: Call, answer: str) -> Wish | None:
    if not answer:
        return None
    wish = Wish(None, answer)
    draft_server(call, wish)
    return wish


def _name_server(call: Call, wish: Wish, taken: Sequence[str]) -> Server:
    def read(alias: str) -> str:
        check_alias(alias)
        if alias in taken:
            raise errors.InvalidValue(f"another one is called {alias} already")
        return alias

    proposal = wish.target if wish.target in call.configuration.contexts else "" if taken else DEFAULT_ALIAS
    alias = ask(call, "  What tasks call it", read, proposal)
    return draft_server(call, wish._replace(alias=alias))


def _read_name(name: str) -> str:
    check_daemon_name(name)
    return name


def _read_preset(answer: str) -> str:
    if answer and answer not in OFFERED:
        raise errors.InvalidValue(f"there is no {answer[:40]!a}", hint=f"one of: {', '.join(OFFERED)}")
    return answer or _USUAL_PRESET
