"""What differs between two sets of fields, and two people's changes to one: pure comparison, nothing is shown here."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from .definition import FIELDS, SCHEDULE, SETTINGS, Value, is_secret
from .masking import MASK, conceal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .definition import Fields

NEW_SECRET = "(a new secret)"  # noqa: S105 - what is shown instead of one
_PLACES = {kind.name: place for place, kind in enumerate(FIELDS)}


class Change(NamedTuple):
    """One field before and after; None where it is not there. Secrets are placeholders, or said to be new."""

    field: str
    before: Value | None
    after: Value | None


def compare(before: Fields, after: Fields, secret_options: frozenset[str] = frozenset()) -> tuple[Change, ...]:
    """Return what differs, in the order in which fields are shown, free of secrets."""
    names = sorted({*before, *after}, key=_place)
    changed = [name for name in names if before.get(name) != after.get(name)]
    return tuple(
        Change(name, _show(name, before.get(name), secret_options), _show(name, after.get(name), secret_options))
        for name in changed
    )


def _place(name: str) -> tuple[int, str]:
    group = name.partition(".")[0]
    return _PLACES.get(group, {SETTINGS: 90, SCHEDULE: 91}.get(group, 92)), name


def _show(name: str, value: Value | None, secret_options: frozenset[str]) -> Value | None:
    """Hide what a person has just written too: the new passphrase, the password in an address."""
    if isinstance(value, tuple):
        return tuple(conceal(text, secret_options) for text in value)
    if not value or value == MASK:
        return value
    return NEW_SECRET if is_secret(name, secret_options) else conceal(value, secret_options)


def apply_changes(fields: Fields, before: Fields, after: Fields) -> Fields:
    """Make on `fields` what was changed from `before` to `after`; where both changed a field, the latter counts."""
    merged = dict(fields)
    for name in {*before, *after}:
        if before.get(name) == after.get(name):
            continue
        if name in after:
            merged[name] = after[name]
        else:
            merged.pop(name, None)
    return merged


def name_fields(changes: Sequence[Change]) -> str:
    """Return the names of what changed, for a sentence."""
    return ", ".join(change.field for change in changes)
