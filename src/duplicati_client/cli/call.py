"""One invocation: what was said, by option, environment or configuration, and the process it was said to."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from .. import errors
from . import configuration
from .console import Console
from .options import GLOBAL, Found, Option, read_key, read_variable

if TYPE_CHECKING:
    from ..http import ConnectionSettings, Transport
    from .parser import Given
    from .verbs import Verb

_NOTHING: Mapping[str, Any] = {}


class Process(NamedTuple):
    """What surrounds an invocation, so that a test can bring its own.

    `make_transport` replaces the socket to a server, `open_keyring` the back end of the system's keyring;
    `ask_password` asks a person at the terminal; `sleep` waits for seconds unless Ctrl-C is pressed.
    """

    environ: Mapping[str, str]
    console: Console
    ask_password: Callable[[str], str]
    make_transport: Callable[[str, ConnectionSettings], Transport] | None = None
    sleep: Callable[[float], None] = time.sleep
    open_keyring: Callable[[], Any] | None = None


class Call:
    """A verb, its words, and the value of every option, looked up where it was said first."""

    def __init__(self, verb: Verb, given: Given, process: Process) -> None:
        self.verb = verb
        self.words = given.words
        self.given = given.options
        self.process = process
        self.console = process.console
        self._told: set[str] = set()
        self._options = {option.field: option for option in (*GLOBAL, *verb.options)}

    @cached_property
    def configuration(self) -> configuration.Configuration:
        """What the configuration file says."""
        return configuration.load(configuration.find_file(self.process.environ))

    @cached_property
    def stdin_line(self) -> str:
        """The first line of stdin, read once however many servers it is for."""
        try:
            return self.console.stdin.readline()
        except UnicodeDecodeError as exc:
            raise errors.InvalidValue("stdin is not UTF-8 text") from exc

    def value(self, field: str, context: str | None = None) -> Any:
        """Return an option's value, for a context if one is named."""
        return self.look_up(field, context).value

    def look_up(self, field: str, context: str | None = None) -> Found:
        """Return an option's value and where it was said."""
        return self.find(self._options[field], context)

    def flag(self, field: str) -> bool:
        """Say whether a switch is on."""
        return bool(self.value(field))

    def warn(self, text: str) -> None:
        """Tell the person something once, however many servers it concerns."""
        if text not in self._told:
            self._told.add(text)
            self.console.say(text)

    def find(self, option: Option, context: str | None = None) -> Found:
        """Return a value and its origin, in this order: option, environment, context, configuration file, default."""
        if option.field in self.given:
            return Found(self.given[option.field], "option")
        told = read_variable(option, self.process.environ)
        if told is not None:
            return Found(told, f"environment {option.variable}")
        return self._find_in_file(option, context) or Found(option.default, "default")

    def _find_in_file(self, option: Option, context: str | None) -> Found | None:
        table = self.configuration.contexts.get(context, _NOTHING) if context is not None else _NOTHING
        if "k" in option.places and option.field in table:
            where = f"context {context}"
            return Found(read_key(option, table[option.field], where), where, ("contexts", str(context), option.field))
        data = self.configuration.data.get(option.scope, _NOTHING) if option.scope else self.configuration.data
        if "c" in option.places and isinstance(data, Mapping) and option.field in data:
            where = str(self.configuration.path)
            key = (option.scope, option.field) if option.scope else (option.field,)
            return Found(read_key(option, data[option.field], where), where, key)
        return None
