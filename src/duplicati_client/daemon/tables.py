"""Reads the owner's TOML files member by member: what is unknown or of another type is refused with its line."""

from __future__ import annotations

import os
import re
import stat
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any, Final, NoReturn

from .. import errors

FILE_BYTES_MAX: Final = 1024 * 1024
SHOWN_CHARACTERS: Final = 80
"""Of what somebody has written, as far as a message repeats it."""
_LIKENESS = 0.6
_KEY_PARTS_COUNT = 32
_LINE_CHARACTERS = 500
_QUOTED = re.compile(r'"[^"\n]*"|\'[^\'\n]*\'')
_KEY_PART = re.compile(r'"([^"]*)"|\'([^\']*)\'|([^\s."\']+)')
_SECRETS = frozenset({"password", "token", "secret", "passphrase", "api_key", "signin_token", "forever_token"})

Place = tuple[str | int, ...]


def read_document(path: str, *, missing_hint: str | None = None) -> Document:
    """Read a file that decides what is allowed; raises `ConfigurationInvalid`, also if others could change it.

    `missing_hint` is the next step where there is no such file; without, it is to have one written.
    """
    text = _read_private(path, missing_hint or f"duplicati daemon init --config {path}")
    _check_keys(path, text)
    try:
        return Document(path, text, tomllib.loads(text))
    except tomllib.TOMLDecodeError as exc:
        raise errors.ConfigurationInvalid(f"{path} is not valid TOML: {exc}", hint="correct that place") from exc
    except ValueError as exc:
        raise errors.ConfigurationInvalid(f"{path} has a number of too many digits", hint="write a small one") from exc
    except RecursionError as exc:
        raise errors.ConfigurationInvalid(f"{path} is nested too deeply", hint="write it as tables: [a.b]") from exc


class Document:
    """A file as it was read, for its values and for telling where in it something is wrong."""

    def __init__(self, path: str, text: str, data: Mapping[str, Any]) -> None:
        self.path = path
        self.text = text
        self.data = data

    @property
    def root(self) -> Table:
        """The outermost table."""
        return Table(self, (), self.data)

    def refuse(self, place: Place, what: str, hint: str | None = None) -> NoReturn:
        """Raise `ConfigurationInvalid` with file, line and key."""
        line = self.find_line(place)
        where = f"{self.path}:{line}" if line else self.path
        raise errors.ConfigurationInvalid(f"{where}: {_write_place(place)} {what}", hint=hint)

    def find_line(self, place: Place) -> int | None:
        """Return the line, counted from 1, where a key or its table stands; None if it cannot be told."""
        nearest: tuple[int, int] | None = None
        table: Place = ()
        counts: dict[str, int] = {}
        for number, line in enumerate(self.text.split("\n"), 1):
            row = line[:_LINE_CHARACTERS].strip()
            if row.startswith("["):
                found = table = _read_heading(row, counts)
            else:
                key, equals, _ = row.partition("=")
                found = (*table, *_split(key)) if equals else ()
            if found and found == place[: len(found)] and (nearest is None or len(found) > nearest[0]):
                nearest = (len(found), number)
        return nearest[1] if nearest else None


class Table:
    """A table of a document. Each `take_…` reads one key; `finish` refuses those that nobody has taken."""

    def __init__(self, document: Document, place: Place, data: Mapping[str, Any]) -> None:
        self.document = document
        self.place = place
        self._data = data
        self._taken: list[str] = []

    def __contains__(self, key: str) -> bool:
        return key in self._data

    def refuse(self, key: str, what: str, hint: str | None = None) -> NoReturn:
        """Raise `ConfigurationInvalid` about a key of this table."""
        self.document.refuse((*self.place, key), what, hint)

    def take_text(self, key: str) -> str | None:
        """Return a text that is not empty, or None if the key is not there."""
        value = self._take(key)
        if value is not None and (not isinstance(value, str) or not value or not value.isprintable()):
            self.refuse(key, "is not a line of text")
        return value

    def need_text(self, key: str) -> str:
        """Return a text that has to be there."""
        value = self.take_text(key)
        return self.document.refuse(self.place, f"has no {key}", f'write {key} = "…"') if value is None else value

    def take_flag(self, key: str, *, default: bool = False) -> bool:
        """Return true or false."""
        value = self._take(key)
        if value is None:
            return default
        return value if isinstance(value, bool) else self.refuse(key, "is neither true nor false")

    def take_number(self, key: str, low: int, high: int) -> int | None:
        """Return a whole number within these bounds, or None if the key is not there."""
        value = self._take(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            self.refuse(key, f"is not a whole number from {low} to {high}")
        return value

    def take_list(self, key: str) -> list[Any] | None:
        """Return a list that is not empty, one value alone being a list of it; None if the key is not there."""
        value = self._take(key)
        if value is None:
            return None
        values = value if isinstance(value, list) else [value]
        if not values:
            self.refuse(key, "is empty, and so would never fit", "leave it out to mean all")
        return values

    def take_texts(self, key: str, known: Sequence[str] | None = None) -> tuple[str, ...] | None:
        """Return texts, each one of the known ones if there is such a list; None if the key is not there."""
        values = self.take_list(key)
        if values is None:
            return None
        for value in values:
            if not isinstance(value, str) or not value:
                self.refuse(key, "is not a list of texts")
            if known is not None and value not in known:
                self.refuse(key, f"has {value[:SHOWN_CHARACTERS]!a}, which there is not", _suggest(value, known))
        return tuple(dict.fromkeys(values))

    def take_choice(self, key: str, known: Sequence[str], default: str) -> str:
        """Return one of the known words; the default if the key is not there."""
        value = self._take(key)
        if value is None:
            return default
        if not isinstance(value, str):
            self.refuse(key, "is not one word", f"one of: {', '.join(known)}")
        if value not in known:
            self.refuse(key, f"has {value[:SHOWN_CHARACTERS]!a}, which there is not", _suggest(value, known))
        return value

    def take_table(self, key: str) -> Table | None:
        """Return an inner table, or None if it is not there."""
        value = self._take(key)
        if value is None:
            return None
        if not isinstance(value, dict):
            self.refuse(key, f"is not a table, [{_write_place((*self.place, key))}]")
        return Table(self.document, (*self.place, key), value)

    def take_tables(self, key: str) -> list[Table]:
        """Return inner tables in a row, none if the key is not there."""
        value = self._take(key)
        if value is None:
            return []
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            self.refuse(key, f"has to be written as [[{_write_place((*self.place, key))}]]")
        return [Table(self.document, (*self.place, key, at), item) for at, item in enumerate(value)]

    def take_named(self, key: str) -> dict[str, Table]:
        """Return inner tables by their names, none if the key is not there."""
        outer = self.take_table(key)
        if outer is None:
            return {}
        tables = ((name, outer.take_table(name)) for name in outer._data)
        return {name: table for name, table in tables if table is not None}

    def skip(self, *keys: str) -> None:
        """Leave keys to another reader of the same file."""
        self._taken += keys

    def finish(self) -> None:
        """Refuse every key that was not taken."""
        for key in self._data:
            if key in self._taken:
                continue
            if key.lower() in _SECRETS:
                self.refuse(key, "may not be here: no secret belongs in this file", "name a file that holds it")
            self.refuse(key, "is not known", _suggest(key, self._taken))

    def _take(self, key: str) -> Any:
        self._taken.append(key)
        return self._data.get(key)


def _suggest(word: str, known: Sequence[str]) -> str:
    from difflib import get_close_matches  # noqa: PLC0415 - only mistakes need it

    near = get_close_matches(word, known, 1, _LIKENESS)
    return f"did you mean {near[0]}?" if near else f"one of: {', '.join(dict.fromkeys(known))}"


def _check_keys(path: str, text: str) -> None:
    """Refuse a key of very many parts: to read it takes the square of their number, or longer."""
    for number, line in enumerate(text.split("\n"), 1):
        if line.count(".") <= _KEY_PARTS_COUNT or line.lstrip().startswith("#"):
            continue
        parts = _QUOTED.sub("_", line).split(".")
        if sum(bool(part.strip()) for part in parts) > _KEY_PARTS_COUNT:
            raise errors.ConfigurationInvalid(f"{path}:{number}: a key has more than {_KEY_PARTS_COUNT} parts")


def _read_private(path: str, missing_hint: str) -> str:
    descriptor = -1
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        _check_owner(path, os.fstat(descriptor))
        with open(descriptor, "rb", closefd=False) as file:
            content = file.read(FILE_BYTES_MAX + 1)
    except FileNotFoundError as exc:
        raise errors.ConfigurationInvalid(f"there is no file {path}", hint=missing_hint) from exc
    except OSError as exc:
        hint = "who runs this has to be allowed to read it"
        raise errors.ConfigurationInvalid(f"{path} cannot be read: {exc.strerror}", hint=hint) from exc
    finally:
        if descriptor >= 0:
            os.close(descriptor)
    if len(content) > FILE_BYTES_MAX:
        raise errors.ConfigurationInvalid(f"{path} is larger than {FILE_BYTES_MAX // 1024} KiB")
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as exc:
        line = content.count(b"\n", 0, exc.start) + 1
        raise errors.ConfigurationInvalid(f"{path}:{line}: this is not UTF-8 text", hint="save it as UTF-8") from exc


def _check_owner(path: str, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise errors.ConfigurationInvalid(f"{path} is no plain file")
    if os.name == "nt":
        return
    if found.st_uid not in (0, os.geteuid()):
        raise errors.ConfigurationInvalid(
            f"{path} belongs to user {found.st_uid}, who could change what is allowed here",
            hint=f"chown it to root or to the user who runs this (user {os.geteuid()})",
        )
    if stat.S_IMODE(found.st_mode) & 0o022:
        raise errors.ConfigurationInvalid(
            f"others may change {path} (mode {stat.S_IMODE(found.st_mode):04o})", hint=f"chmod go-w {path}"
        )
    from .guard import check_parents  # noqa: PLC0415 - it knows modes, which Windows has not

    check_parents(path)


def _read_heading(row: str, counts: dict[str, int]) -> Place:
    """Return a heading's place; the n-th table of a row has its number behind its name."""
    names = _split(row.lstrip("[").partition("]")[0])
    place: Place = ()
    for at, name in enumerate(names):
        place = (*place, name)
        written = "\n".join(names[: at + 1])
        if at == len(names) - 1 and row.startswith("[["):
            counts[written] = counts.get(written, -1) + 1
        if written in counts:
            place = (*place, counts[written])
    return place


def _split(text: str) -> tuple[str, ...]:
    """Return the parts of a key as it is written."""
    return tuple("".join(parts) for parts in _KEY_PART.findall(text))


def _write_place(place: Place) -> str:
    words = [f"[{part + 1}]" if isinstance(part, int) else f".{_show(part)}" for part in place]
    return "".join(words).lstrip(".") or "the file"


def _show(part: str) -> str:
    return part if part.isprintable() and len(part) <= SHOWN_CHARACTERS else ascii(part[:SHOWN_CHARACTERS])
