"""Names that were complete a moment ago, kept for the next TAB: one small private file a context.

Why there is one: people press TAB several times in a row, and each press would be a request; and a server that takes
longer than a person waits for TAB could otherwise never be completed. What speaks against one, and what is done:

- staleness: what is younger than a few seconds is used as it is, so a backup just made is offered soon. Older names
  are used only while the server does not answer in time, and only for a day; a name that is gone costs an error that
  suggests the right one. Numbers of tasks and notifications, which mean something else later, are never used so.
- secrecy: names of backups and of settings can tell something; values and addresses are never kept. The file has mode
  0600 in the folder that keeps the session, which opens far more, and is not used (and is removed) without a session.
- truth: it is bound to the server's address, so a context that is pointed elsewhere starts without names.
"""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_NAMES_COUNT = 2000
_NAME_CHARACTERS = 300
_FILE_BYTES = 4 * 2**20
_CLAIM_SECONDS = 30.0


DAEMONS_OF = "daemons of "
"""The kind of names that are the daemons of a task server, whose context follows."""


class Name(NamedTuple):
    """Something that can be named, and a word about it."""

    value: str
    about: str = ""


class Kept(NamedTuple):
    """Names, and how long ago they were complete."""

    names: list[Name]
    age_seconds: float


class Cache:
    """The names of one server, by kind. Nothing here fails: where no file can be written there is no cache."""

    def __init__(self, folder: str, context: str, url: str, *, clock: Callable[[], float] = time.time) -> None:
        self._folder = os.path.join(folder, "completion")
        self._path = os.path.join(self._folder, quote(context, safe="") + ".json")
        self._url = url
        self._clock = clock

    def read(self, kind: str) -> Kept | None:
        """Return what is kept of a kind; None if nothing is, or if it was another server's."""
        entry = self._load().get(kind)
        if not isinstance(entry, dict) or not isinstance(entry.get("at"), int | float):
            return None
        age_seconds = self._clock() - entry["at"]
        pairs = entry.get("names")
        if age_seconds < 0 or not isinstance(pairs, list):
            return None
        return Kept([Name(*pair) for pair in pairs if _is_pair(pair)], age_seconds)

    def write(self, kind: str, names: Sequence[Name]) -> None:
        """Keep the names of a kind."""
        kept = [name for name in names if len(name.value) <= _NAME_CHARACTERS][:_NAMES_COUNT]
        kinds = self._load() | {kind: {"at": self._clock(), "names": kept}}
        temporary = f"{self._path}.{os.getpid()}.new"
        with suppress(OSError):
            os.makedirs(self._folder, mode=0o700, exist_ok=True)
            with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
                json.dump({"url": self._url, "kinds": kinds}, file)
            os.replace(temporary, self._path)

    def forget(self) -> None:
        """Remove what is kept."""
        with suppress(OSError):
            os.unlink(self._path)

    def claim(self) -> bool:
        """Say whether the caller may ask the server in the background: one may in half a minute, however many TABs."""
        path = f"{self._path}.asking"
        with suppress(OSError):
            os.makedirs(self._folder, mode=0o700, exist_ok=True)
            if abs(self._clock() - os.stat(path).st_mtime) < _CLAIM_SECONDS:
                return False
            os.unlink(path)
        try:
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        except OSError:
            return False
        return True

    def _load(self) -> dict[str, Any]:
        try:
            with open(self._path, encoding="utf-8") as file:
                raw = json.loads(file.read(_FILE_BYTES))
        except (OSError, ValueError, RecursionError):
            return {}
        is_ours = isinstance(raw, dict) and raw.get("url") == self._url and isinstance(raw.get("kinds"), dict)
        return dict(raw["kinds"]) if is_ours else {}


def _is_pair(pair: object) -> bool:
    return isinstance(pair, list) and len(pair) == 2 and all(isinstance(part, str) for part in pair)
