"""The verbs there are, in a plain table that loads none of them, and what each verb's module says of itself."""

from __future__ import annotations

from typing import NamedTuple

from .options import Option

_LIKENESS = 0.7

PLURALS = {
    "backup": "backups",
    "version": "versions",
    "task": "tasks",
    "log": "logs",
    "notification": "notifications",
    "setting": "settings",
}

# Verb: its group in the help, and the line there.
VERBS = {
    "login": ("session", "log in to a server and remember it"),
    "logout": ("session", "end the session, on the server too"),
    "status": ("session", "which server this is, and what it is doing"),
    "config": ("session", "show and change the configuration"),
    "list": ("look", "list backups, versions, tasks, logs, notifications or settings"),
    "get": ("look", "show one thing as the server has it"),
    "describe": ("look", "show everything about a backup on one screen"),
    "logs": ("look", "show the log of a backup or of the server, live too"),
    "run": ("act", "run backups"),
    "stop": ("act", "ask a run to end after what it is doing"),
    "abort": ("act", "end a run at once"),
    "sandbox": ("help", "a stand-in server to try things out on"),
}


class Verb(NamedTuple):
    """What a verb's module says of itself: its words, options, examples and the exit statuses worth knowing."""

    name: str
    usage: str
    about: str
    words: tuple[tuple[str, str], ...] = ()
    options: tuple[Option, ...] = ()
    examples: tuple[tuple[str, str], ...] = ()
    statuses: tuple[int, ...] = ()


def suggest(word: str, known: list[str]) -> str | None:
    """Return the known word that comes closest, or None."""
    from difflib import get_close_matches  # noqa: PLC0415 - only mistakes need it

    return next(iter(get_close_matches(word, known, 1, _LIKENESS)), None)
