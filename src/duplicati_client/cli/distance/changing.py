"""Changes definitions and settings beside a daemon; the daemon checks them, and no secret goes this way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ... import errors
from ...operations import document, edit
from ...operations.changes import NEW_SECRET, compare, name_fields
from ...operations.definition import is_secret, read_fields
from ...operations.edit import Draft, Edited
from ...operations.masking import conceal
from ..reach import Asked
from .rebuilding import rebuild

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ...operations.assignments import Assignment
    from ...operations.definition import Fields
    from ...operations.set import SettingsChanged
    from ..call import Call
    from .there import There

_NO_SECRETS: frozenset[str] = frozenset()
_SECRET_HINT = "a task server keeps what it passes on: set secrets on the machine itself"  # noqa: S105 - not one


def set_backups(call: Call, there: There, selectors: Sequence[str], wanted: Sequence[Assignment]) -> list[Edited]:
    """Have fields of backups changed, all of them or none; raises `InvalidValue` as the daemon tells it."""
    asked = Asked("set", [("backup", selector) for selector in selectors], _write(call, wanted))
    data = there.fetch(asked)
    results = data.get("Results")
    return [rebuild("set", "backup", one) for one in (results if isinstance(results, list) else [data])]


def set_settings(call: Call, there: There, wanted: Sequence[Assignment]) -> SettingsChanged:
    """Have settings of the server changed."""
    changed: SettingsChanged = there.perform(Asked("set", (("setting", None),), _write(call, wanted)))
    return changed


def _write(call: Call, wanted: Sequence[Assignment]) -> Mapping[str, str]:
    for option in ("dry_run", "unchecked"):
        _refuse(call, option)
    for one in wanted:
        is_bad = is_secret(one.field, _NO_SECRETS) or conceal(one.value, _NO_SECRETS) != one.value
        if one.value and is_bad:
            raise errors.NotSupported(f"{one.field} holds a secret", hint=_SECRET_HINT)
        if "\n" in one.value or "\r" in one.value:
            raise errors.NotSupported(f"{one.field} has several lines", hint="duplicati edit takes them")
    lines = [f"{one.field}{one.deed}{one.value}" for one in wanted]
    return {"assignments": "\n".join(lines)}


def _refuse(call: Call, option: str) -> None:
    if call.flag(option):
        name = option.replace("_", "-")
        raise errors.NotSupported(f"--{name} does not go through a task server", hint="log in to the server itself")


class DeskThere:
    """Where definitions beside a daemon are read and sent. What is sent is checked by the daemon."""

    def __init__(self, call: Call, there: There) -> None:
        _refuse(call, "unchecked")
        self.place = there.daemon.name
        self._there = there

    def open(self, selector: str) -> Draft:
        """Read the definition of one backup, without its secrets."""
        raw: Mapping[str, Any] = self._there.perform(Asked("get", (("backup", selector),)))
        inner = raw.get("Backup")
        if not isinstance(inner, dict) or not isinstance(inner.get("ID"), str):
            raise errors.NotUnderstood("the daemon's answer is no definition of a backup")
        return Draft(inner["ID"], raw, read_fields(raw, _NO_SECRETS), _NO_SECRETS, {}, ())

    def read_again(self, draft: Draft) -> Draft:
        """Read it as it is now."""
        return self.open(draft.backup_id)

    def check(self, draft: Draft, fields: Fields) -> None:
        """Raise `NotSupported` for a new secret; everything else is the daemon's to check, with what it knows."""
        for change in edit.preview(draft, fields):
            if change.after == NEW_SECRET:
                raise errors.NotSupported(f"{change.field} would be a new secret", hint=_SECRET_HINT)

    def send(self, draft: Draft, fields: Fields) -> Edited:
        """Have it changed; raises `ChangedMeanwhile` if somebody else was faster, and what the daemon's check finds."""
        fresh = self.read_again(draft)
        if edit.read_content(draft.raw) != edit.read_content(fresh.raw):
            theirs = name_fields(compare(draft.fields, fresh.fields, _NO_SECRETS)) or "something that is not shown"
            raise errors.ChangedMeanwhile(f"“{draft.name}” was changed on the server meanwhile: {theirs}")
        text = document.write_document(fields, {}, f"The backup “{draft.name}”.")
        edited: Edited = self._there.perform(Asked("edit", (("backup", draft.backup_id),), {"definition": text}))
        return edited
