"""Read a verb's arguments by its options' own data; knows no verb.

It is short because options are data and help is written elsewhere; argparse took 8 ms of every start.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from .. import errors
from .options import Option, read_value
from .verbs import suggest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


class Given(NamedTuple):
    """What was typed: the words that are no options, and the value of each option that was given."""

    words: tuple[str, ...]
    options: Mapping[str, Any]


def parse(verb: str, options: Sequence[Option], arguments: Sequence[str]) -> Given:
    """Read the arguments after the verb, options and words in any order; raises `UsageInvalid` and `InvalidValue`.

    Options are written `--name value`, `--name=value`, `-n value`, `--switch` or `--no-switch`; what follows `--` are
    words, and so are negative numbers. The last of an option that cannot be repeated counts.
    """
    named = _name_options(options)
    words: list[str] = []
    values: dict[str, Any] = {}
    rest = iter(arguments)
    for argument in rest:
        if argument == "--":
            words += rest
        elif not argument.startswith("-") or argument == "-" or argument[1].isdecimal():
            words.append(argument)
        else:
            _read_option(verb, named, argument, rest, values)
    return Given(tuple(words), values)


def _read_option(
    verb: str, named: Mapping[str, tuple[Option, bool]], argument: str, rest: Iterator[str], values: dict[str, Any]
) -> None:
    """Put one option's value among the others, taking it from `rest` if it does not follow an equals sign."""
    name, equals, text = argument.partition("=")
    if name not in named:
        raise _refuse(verb, name, [known for known in named if not known.startswith("--no-")])
    option, is_set = named[name]
    if option.kind == "flag":
        if equals:
            raise errors.UsageInvalid(f"{name} takes no value", hint=f"duplicati {verb} --help")
        values[option.field] = is_set
        return
    told = text if equals else next(rest, None)
    if told is None:
        raise errors.UsageInvalid(f"{name} needs a value", hint=f"duplicati {verb} --help")
    value = read_value(option, told)
    values[option.field] = [*values.get(option.field, ()), value] if option.is_repeatable else value


def _name_options(options: Sequence[Option]) -> dict[str, tuple[Option, bool]]:
    named: dict[str, tuple[Option, bool]] = {}
    for option in options:
        if "o" not in option.places:
            continue
        named[f"--{option.name}"] = (option, True)
        if option.short:
            named[f"-{option.short}"] = (option, True)
        if option.kind == "flag":
            named[f"--no-{option.name}"] = (option, False)
    return named


def _refuse(verb: str, name: str, known: list[str]) -> errors.UsageInvalid:
    near = suggest(name, known)
    hint = f"did you mean {near}?" if near else f"duplicati {verb} --help"
    return errors.UsageInvalid(f"duplicati {verb} has no option {name}", hint=hint)
