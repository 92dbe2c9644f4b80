"""What a verb's own words say may stand next in its line: `backup SELECTOR`, `[KEY]`, `NAME …`; it looks nothing up.

The words are those of the help, so completion and help cannot disagree. Small letters stand for themselves, capitals
for something to be named, brackets for what may be left out, `…` for what may be repeated, `|` for a choice.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from ..verbs import PLURALS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ..verbs import Verb

_PIECE = re.compile(r"\[[^\]]*\]|\S+")
_LITERAL = re.compile(r"[a-z][a-z-]*")
_PLACEHOLDER = re.compile(r"[A-Z][A-Z=]*")


class Slot(NamedTuple):
    """A place in a line: the words that may stand there as they are, or the name of what is to be named."""

    literals: tuple[str, ...]
    placeholder: str | None
    is_optional: bool
    is_repeatable: bool


class Next(NamedTuple):
    """What may come next: a word as it is, or a placeholder with the type of thing that was named before it."""

    literal: str | None = None
    placeholder: str | None = None
    kind: str | None = None


Form = tuple[Slot, ...]


def read_forms(verb: Verb) -> list[tuple[Form, str]]:
    """Return the forms a verb's line can have, each with its explanation."""
    usage = verb.usage.removeprefix(verb.name).replace("[options]", "")
    texts = [(words, about) for words, about in verb.words]
    if " | " not in usage and "TYPE" not in usage:
        texts.append((usage, ""))
    forms = [(read_form(text), about) for text, about in texts]
    return [(form, about) for form, about in forms if form]


def read_form(text: str) -> Form:
    """Read one form; empty where the text is none, but words for people."""
    slots: list[Slot] = []
    for piece in _PIECE.findall(text.replace("…", " … ").replace("[ ", "[")):
        if piece == "…" and slots:
            slots[-1] = slots[-1]._replace(is_repeatable=True)
            continue
        slot = _read_slot(piece)
        if slot is None:
            return ()
        slots.append(slot)
    return tuple(slots)


def _read_slot(piece: str) -> Slot | None:
    inner = piece.strip("[]")
    is_repeatable = "…" in inner
    parts = tuple(part for part in inner.replace("…", "").strip().split("|"))
    is_optional = piece.startswith("[")
    if all(_LITERAL.fullmatch(part) for part in parts):
        return Slot(parts, None, is_optional, is_repeatable)
    if len(parts) == 1 and _PLACEHOLDER.fullmatch(parts[0]):
        return Slot((), parts[0], is_optional, is_repeatable)
    return None


def find_next(form: Form, words: Sequence[str]) -> list[Next]:
    """Return what may follow the words in this form; nothing if they do not fit it."""
    places = _skip_optional(form, {(0, None)})
    for word in words:
        places = _skip_optional(form, {place for before in places for place in _step(form, before, word)})
    found = []
    for at, kind in sorted(places, key=str):
        if at < len(form):
            slot = form[at]
            found += [Next(placeholder=slot.placeholder, kind=kind)] if slot.placeholder else []
            # What may be left out is rarely wanted; offering it would only stand between the person and the names.
            found += [Next(literal=literal) for literal in slot.literals if not slot.is_optional or len(form) == 1]
    return found


_Place = tuple[int, str | None]  # how far in the form, and the type named last


def _step(form: Form, place: _Place, word: str) -> Iterable[_Place]:
    at, kind = place
    if at >= len(form):
        return
    slot = form[at]
    if slot.placeholder is None:
        if _singular(word) not in map(_singular, slot.literals):
            return
        kind = _singular(word) if _singular(word) in PLURALS else kind
    yield at + 1, kind
    if slot.is_repeatable:
        yield at, kind


def _skip_optional(form: Form, places: set[_Place]) -> set[_Place]:
    found = set(places)
    for at, kind in sorted(places, key=str):
        while at < len(form) and form[at].is_optional:
            at += 1  # noqa: PLW2901 - the place moves on
            found.add((at, kind))
    return found


def _singular(word: str) -> str:
    return next((name for name, plural in PLURALS.items() if word == plural), word)
