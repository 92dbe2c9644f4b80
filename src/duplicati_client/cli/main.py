"""Find the verb, load its module, perform it, and turn whatever goes wrong into a message and an exit status."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from typing import NoReturn

from .. import errors
from . import exits
from .call import Call, Process
from .console import ReaderGone, open_console
from .options import GLOBAL, HELP
from .parser import parse
from .verbs import VERBS, Verb, suggest


def run() -> NoReturn:
    """Be the program `duplicati`."""
    # A search for garbage goes through a long listing again and again, and finds none.
    gc.set_threshold(100_000)
    process = Process(os.environ, open_console(os.environ), _ask_password)
    status = main(sys.argv[1:], process)
    with suppress(OSError, ValueError):
        sys.stderr.flush()
    # The answers have left, and nothing waits for an orderly end, which would take a tenth of a short command's time.
    os._exit(status)


def main(arguments: Sequence[str], process: Process) -> int:
    """Perform one command line and return its exit status; nothing is raised."""
    console = process.console
    try:
        status = _perform(arguments, process)
        console.flush()
        return status
    except ReaderGone:
        console.abandon_stdout()
        return exits.READER_GONE
    except errors.DuplicatiClientError as exc:
        return _tell(exc, process)
    except KeyboardInterrupt as exc:
        if type(exc) is KeyboardInterrupt:  # what is more special was told where it happened
            console.complain("interrupted")
        return exits.INTERRUPTED_BY_USER
    except Exception as exc:  # the last net: a person gets a sentence, whoever repairs it a trace
        from .bugs import report  # noqa: PLC0415 - hopefully never

        return report(exc, process)


def _perform(arguments: Sequence[str], process: Process) -> int:
    name, rest = split_verb(arguments)
    if name is None or name == "help":
        return _help(rest, process)
    if name not in VERBS:
        near = suggest(name, list(VERBS))
        hint = f"duplicati {near}" if near else "duplicati --help"
        raise errors.UsageInvalid(f"there is no verb {name}", hint=hint)
    module = import_module(f".commands.{name}", __package__)
    verb: Verb = module.VERB
    if _asks_for_help(rest):
        return _help([name], process)
    call = Call(verb, parse(name, (*GLOBAL, *verb.options), rest), process)
    process.console.adjust(
        colour=call.value("color"),
        is_quiet=call.flag("quiet"),
        is_verbose=call.flag("verbose"),
        is_debugging=call.flag("debug"),
    )
    return int(module.perform(call))


def split_verb(arguments: Sequence[str]) -> tuple[str | None, list[str]]:
    """Part the verb from the rest: the first word that is neither an option nor an option's value."""
    takes_value = {f"--{option.name}" for option in GLOBAL if option.kind != "flag"}
    takes_value |= {f"-{option.short}" for option in GLOBAL if option.kind != "flag" and option.short}
    at = 0
    while at < len(arguments):
        word = arguments[at]
        if word in takes_value:
            at += 2
        elif word.startswith("-") and word != "-":
            at += 1
        else:
            return word, [*arguments[:at], *arguments[at + 1 :]]
    return None, list(arguments)


def _asks_for_help(words: Sequence[str]) -> bool:
    options = words[: list(words).index("--")] if "--" in words else words
    return f"--{HELP.name}" in options or f"-{HELP.short}" in options


def _help(words: Sequence[str], process: Process) -> int:
    from .help import full_help, short_help, verb_help, version_text  # noqa: PLC0415 - only when asked for

    named = [word for word in words if word in VERBS]
    unknown = [word for word in words if word not in VERBS and word not in ("--help", "-h", "--version")]
    if unknown:
        raise errors.UsageInvalid(f"a verb is missing before {unknown[0]}", hint="duplicati --help")
    if "--version" in words:
        text = version_text()
    elif named:
        text = verb_help(import_module(f".commands.{named[0]}", __package__).VERB)
    else:
        text = full_help() if words else short_help()
    process.console.write(text)
    process.console.flush()
    return exits.SUCCESS


def _tell(exc: errors.DuplicatiClientError, process: Process) -> int:
    console = process.console
    if console.is_debugging:
        from traceback import format_exception  # noqa: PLC0415

        for line in "".join(format_exception(exc)).splitlines():
            console.detail(line)
    console.complain(exc.message, exc.hint)
    try:
        console.flush()
    except (ReaderGone, errors.InputOutputFailed):
        console.abandon_stdout()
    return exits.status_of_error(exc)


def _ask_password(prompt: str) -> str:
    from getpass import getpass  # noqa: PLC0415 - only login at a terminal asks

    try:
        return getpass(prompt)
    except EOFError as exc:
        raise errors.LoginMissing("no password was typed") from exc
