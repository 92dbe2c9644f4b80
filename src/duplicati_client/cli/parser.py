"""Read a verb's arguments with argparse, from options that are data; knows no verb."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from .. import errors
from .options import Option, read_value

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Given(NamedTuple):
    """What was typed: the words that are no options, and the value of each option that was given."""

    words: tuple[str, ...]
    options: Mapping[str, Any]


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Raise instead of writing and leaving."""
        raise errors.UsageInvalid(message, hint=f"{self.prog} --help")


def parse(verb: str, options: Sequence[Option], arguments: Sequence[str]) -> Given:
    """Read the arguments after the verb, options and words in any order; raises `UsageInvalid` and `InvalidValue`."""
    parser = _Parser(prog=f"duplicati {verb}", add_help=False, allow_abbrev=False)
    offered = [option for option in options if "o" in option.places]
    for option in offered:
        _offer(parser, option)
    before, after = _split_at_dashes(arguments)
    parser.add_argument("words", nargs="*")
    found = vars(parser.parse_intermixed_args(_join_values(before, offered)))
    words = (*found["words"], *after)
    given = [option for option in offered if option.field in found]
    return Given(words, {option.field: _read(option, found[option.field]) for option in given})


def _offer(parser: argparse.ArgumentParser, option: Option) -> None:
    flags = [f"--{option.name}", *([f"-{option.short}"] if option.short else [])]
    if option.kind == "flag":
        parser.add_argument(*flags, dest=option.field, action="store_true", default=argparse.SUPPRESS)
        parser.add_argument(f"--no-{option.name}", dest=option.field, action="store_false", default=argparse.SUPPRESS)
        return
    action = "append" if option.is_repeatable else "store"
    parser.add_argument(*flags, dest=option.field, action=action, default=argparse.SUPPRESS, metavar=option.metavar)


def _join_values(arguments: Sequence[str], options: Sequence[Option]) -> list[str]:
    """Write `--sort -name` as `--sort=-name`: argparse would take the value for an option."""
    takes_value = {f"--{option.name}" for option in options if option.kind != "flag"}
    known = {f"--{option.name}" for option in options} | {f"-{option.short}" for option in options if option.short}
    joined: list[str] = []
    for word in arguments:
        if joined and joined[-1] in takes_value and word.startswith("-") and word not in known:
            joined[-1] += f"={word}"
        else:
            joined.append(word)
    return joined


def _split_at_dashes(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Part what follows `--`: words even if they look like options."""
    if "--" not in arguments:
        return list(arguments), []
    at = arguments.index("--")
    return list(arguments[:at]), list(arguments[at + 1 :])


def _read(option: Option, found: Any) -> Any:
    if isinstance(found, bool):
        return found
    if isinstance(found, list):
        return [read_value(option, text) for text in found]
    return read_value(option, found)
