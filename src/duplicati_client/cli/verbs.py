"""The verbs there are, in a plain table that loads none of them, and what each verb's module says of itself."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

from .options import Option

if TYPE_CHECKING:
    from collections.abc import Sequence

_LIKENESS = 0.7

PLURALS = {
    "backup": "backups",
    "version": "versions",
    "task": "tasks",
    "log": "logs",
    "notification": "notifications",
    "setting": "settings",
    "context": "contexts",
}

# Verb: its group in the help, and the line there.
VERBS = {
    "login": ("session", "log in to a server and remember it"),
    "logout": ("session", "end the session, on the server too"),
    "status": ("session", "which server this is, and what it is doing"),
    "config": ("session", "show and change the configuration"),
    "list": ("look", "list backups, versions, tasks, logs, notifications, settings or contexts"),
    "get": ("look", "show one thing as the server has it"),
    "describe": ("look", "show everything about a backup on one screen"),
    "logs": ("look", "show the log of a backup or of the server, live too"),
    "watch": ("look", "watch servers live: what runs, waits, has ended and comes next"),
    "run": ("act", "run backups"),
    "stop": ("act", "ask a run to end after what it is doing"),
    "abort": ("act", "end a run at once"),
    "pause": ("act", "let a server begin nothing new, for a while or until it is resumed"),
    "resume": ("act", "end a server's pause"),
    "verify": ("act", "test samples of a backup's data"),
    "repair": ("act", "rebuild or mend a backup's local database"),
    "compact": ("act", "give wasted space at the destination back"),
    "vacuum": ("act", "tidy a backup's local database"),
    "dismiss": ("act", "take notifications away"),
    "edit": ("configure", "change a backup's definition in your editor"),
    "set": ("configure", "change fields of backups, or settings of the server"),
    "completion": ("help", "complete what is typed with TAB"),
    "doctor": ("help", "find out which layer refuses, and what to do about it"),
    "sandbox": ("help", "a stand-in server to try things out on"),
    "daemon": ("fleet", "take tasks for the servers beside this machine from a task server"),
    "task-server": ("fleet", "keep tasks for daemons, and collect what came of them"),
}


class Verb(NamedTuple):
    """What a verb's module says of itself: its words, options, examples and the exit statuses worth knowing.

    A verb with `subverbs` does nothing itself: the next word names one of them, each with a module and a `Verb` of its
    own, which bears both words as its name.
    """

    name: str
    usage: str
    about: str
    words: tuple[tuple[str, str], ...] = ()
    options: tuple[Option, ...] = ()
    examples: tuple[tuple[str, str], ...] = ()
    statuses: tuple[int, ...] = ()
    subverbs: tuple[tuple[str, str], ...] = ()


def load_module(words: Sequence[str]) -> Any:
    """Import the module of a verb, or of a sub-verb if two words are given."""
    name = words[0].replace("-", "_")
    return import_module(f".{name}.{words[1]}" if len(words) > 1 else f".commands.{name}", __package__)


def load_verbs(name: str) -> list[Verb]:
    """Return what a verb and its sub-verbs say of themselves."""
    verb: Verb = load_module([name]).VERB
    return [verb, *(load_module([name, subverb]).VERB for subverb, _ in verb.subverbs)]


def suggest(word: str, known: list[str]) -> str | None:
    """Return the known word that comes closest, or None."""
    from difflib import get_close_matches  # noqa: PLC0415 - only mistakes need it

    return next(iter(get_close_matches(word, known, 1, _LIKENESS)), None)
