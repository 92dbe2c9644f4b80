"""The help texts, built from the verbs' and options' own data; nothing here has to be kept up with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import __version__
from .exits import MEANINGS
from .options import CHOOSING, CONNECTING, HELP, SHOWING, Option
from .verbs import VERBS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .verbs import Verb

_COLUMN = 25
_EXAMPLES = (
    ("duplicati login https://nas.lan:8200", "asks for the password and remembers the server"),
    ("duplicati list backups", "how every backup went, and when it runs next"),
    ("duplicati run Documents --wait", "runs a backup; the exit status says how it went"),
    ("duplicati sandbox", "a server to try all this on"),
)


def version_text() -> str:
    """Return what --version prints."""
    return f"duplicati-client {__version__}\n"


def short_help() -> str:
    """Return what the bare command prints."""
    return (
        "duplicati VERB [TYPE] [SELECTOR …] [options]\n\n"
        + _examples(_EXAMPLES)
        + "\nAll verbs: duplicati --help. One verb: duplicati VERB --help.\n"
    )


def full_help() -> str:
    """Return the verbs by group, and the options that every verb takes."""
    parts = ["Drive Duplicati backup servers.\n\n  duplicati VERB [TYPE] [SELECTOR …] [options]\n"]
    for group in dict.fromkeys(group for group, _ in VERBS.values()):
        lines = [(name, line) for name, (of, line) in VERBS.items() if of == group]
        parts.append(_section(group.capitalize(), lines))
    parts += [_option_section(title, options) for title, options in _GLOBAL_SECTIONS]
    parts.append(
        "Each option can also be an environment variable (DUPLICATI_CLIENT_NAME) and, mostly, a key of the\n"
        "configuration file: duplicati config explain. --no-NAME turns off what is turned on there.\n"
    )
    parts.append("Examples\n" + _examples(_EXAMPLES))
    parts.append(_section("Exit statuses", [(str(status), meaning) for status, meaning in MEANINGS.items()]))
    return "\n".join(parts)


def verb_help(verb: Verb) -> str:
    """Return a verb's usage, words, options, examples and exit statuses."""
    parts = [f"{verb.about}\n\n  duplicati {verb.usage}\n"]
    if verb.subverbs:
        parts.append(_section("One of", verb.subverbs))
    if verb.words:
        parts.append(_section("Words", verb.words))
    if verb.options:
        parts.append(_option_section("Options", verb.options))
    parts.append(_option_section("Options of every verb", SHOWING))
    parts.append(
        "Which server, and how to connect: --server, --context, --on, --all and others, see duplicati --help\n"
    )
    if verb.examples:
        parts.append("Examples\n" + _examples(verb.examples))
    if verb.statuses:
        parts.append(_section("Exit statuses", [(str(status), MEANINGS[status]) for status in verb.statuses]))
    return "\n".join(parts)


_GLOBAL_SECTIONS = (
    ("Which server", CHOOSING),
    ("How to connect", CONNECTING),
    ("What is shown", (*SHOWING, HELP)),
)


def _option_section(title: str, options: Iterable[Option]) -> str:
    return _section(title, [(_write_option(option), _explain(option)) for option in options if "o" in option.places])


def _write_option(option: Option) -> str:
    short = f"-{option.short}, " if option.short else ""
    return f"{short}--{option.name}{' ' + option.metavar if option.metavar else ''}"


def _explain(option: Option) -> str:
    return option.help + (f": {', '.join(option.choices)}" if option.choices else "")


def _section(title: str, lines: Iterable[tuple[str, str]]) -> str:
    return f"{title}\n" + "".join(_line(left, right) for left, right in lines)


def _line(left: str, right: str) -> str:
    gap = f"\n{' ' * (_COLUMN + 2)}" if len(left) >= _COLUMN else " " * (_COLUMN - len(left))
    return f"  {left}{gap}{right}\n"


def _examples(examples: Iterable[tuple[str, str]]) -> str:
    return "".join(f"  {command}\n      {what}\n" for command, what in examples)
