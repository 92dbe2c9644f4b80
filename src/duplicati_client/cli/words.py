"""Read the words after a verb: an optional type, then selectors; it looks nothing up."""

from __future__ import annotations

from collections.abc import Sequence

from .. import errors
from .verbs import PLURALS, suggest


def take_type(words: Sequence[str], allowed: Sequence[str], usage: str) -> tuple[str, list[str]]:
    """Part a required type, singular or plural, from the selectors; return it in the singular."""
    if not words:
        raise errors.UsageInvalid("what kind of thing is meant?", hint=f"duplicati {usage}")
    kind = _read_type(words[0])
    if kind is None or kind not in allowed:
        near = suggest(words[0], [PLURALS[name] for name in allowed])
        hint = f"did you mean {near}?" if near else "one of: " + ", ".join(PLURALS[name] for name in allowed)
        raise errors.UsageInvalid(f"{words[0]} is no type that fits here", hint=hint)
    return kind, list(words[1:])


def drop_type(words: Sequence[str], allowed: Sequence[str]) -> tuple[str | None, list[str]]:
    """Part an optional type from the selectors; a lone word is a selector, also if it is spelt like a type."""
    if len(words) > 1 and _read_type(words[0]) in allowed:
        return _read_type(words[0]), list(words[1:])
    return None, list(words)


def take_one(words: Sequence[str], what: str, usage: str) -> str:
    """Return the only selector; raises `UsageInvalid` for none or several."""
    if len(words) != 1:
        told = f"{what} is missing" if not words else f"only one {what} can be named"
        raise errors.UsageInvalid(told, hint=f"duplicati {usage}")
    return words[0]


def _read_type(word: str) -> str | None:
    singular = {plural: name for name, plural in PLURALS.items()}
    return singular.get(word, word if word in PLURALS else None)
