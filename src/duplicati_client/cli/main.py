"""Find the verb, load its module, perform it, and turn whatever goes wrong into a message and an exit status."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NoReturn

from .. import errors
from . import exits
from .call import Call, Process
from .console import ReaderGone, open_console
from .options import GLOBAL, HELP, Option
from .parser import parse
from .verbs import VERBS, Verb, load_module, suggest

_ABOUT_ITSELF = ("--help", "-h", "--version")


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
        return _tell(_hint_at_old_commands(exc, arguments), process)
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
    module = load_module([name])
    if module.VERB.subverbs:
        module, rest = _enter(module.VERB, rest)
    verb: Verb = module.VERB
    if _asks_for_help(rest):
        return _help(verb.name.split(), process)
    call = Call(verb, parse(verb.name, (*GLOBAL, *verb.options), rest), process)
    process.console.adjust(
        colour=call.value("color"),
        is_quiet=call.flag("quiet"),
        is_verbose=call.flag("verbose"),
        is_debugging=call.flag("debug"),
    )
    return int(module.perform(call))


def _enter(verb: Verb, rest: list[str]) -> tuple[Any, list[str]]:
    """Return the module of the sub-verb that is named, and what is left of the words."""
    known = [name for name, _ in verb.subverbs]
    name, others = split_verb(rest, (*GLOBAL, *verb.options))
    if name is None and _asks_for_help(rest):
        return load_module([verb.name]), rest
    if name is None:
        raise errors.UsageInvalid(f"{verb.name} needs one of: {', '.join(known)}", hint=f"duplicati {verb.name} --help")
    if name not in known:
        near = suggest(name, known) or "--help"
        raise errors.UsageInvalid(f"{verb.name} cannot {name}", hint=f"duplicati {verb.name} {near}")
    return load_module([verb.name, name]), others


def split_verb(arguments: Sequence[str], options: Sequence[Option] = GLOBAL) -> tuple[str | None, list[str]]:
    """Part the verb from the rest: the first word that is neither an option nor an option's value."""
    takes_value = {f"--{option.name}" for option in options if option.kind != "flag"}
    takes_value |= {f"-{option.short}" for option in options if option.kind != "flag" and option.short}
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
    from .help import full_help, short_help, version_text  # noqa: PLC0415 - only when asked for

    named = [word for word in words if not word.startswith("-")]
    unknown = [] if named and named[0] in VERBS else [word for word in words if word not in _ABOUT_ITSELF]
    if unknown:
        raise errors.UsageInvalid(f"a verb is missing before {unknown[0]}", hint="duplicati --help")
    if "--version" in words:
        text = version_text()
    elif named:
        text = _find_help(*named[:2])
    else:
        text = full_help() if words else short_help()
    process.console.write(text)
    process.console.flush()
    return exits.SUCCESS


def _find_help(name: str, subverb: str = "") -> str:
    from .help import verb_help  # noqa: PLC0415 - only when asked for

    verb: Verb = load_module([name]).VERB
    is_known = subverb in dict(verb.subverbs)
    return verb_help(load_module([name, subverb]).VERB if is_known else verb)


def _hint_at_old_commands(exc: errors.DuplicatiClientError, arguments: Sequence[str]) -> errors.DuplicatiClientError:
    """Give an error that a command of an older program has met the hint what it is called here."""
    if isinstance(exc, (errors.UsageInvalid, errors.NotFound)):
        from .oldclient import find_hint  # noqa: PLC0415 - only mistakes need it

        exc.hint = find_hint(arguments) or exc.hint
    return exc


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
