"""One rule of a policy: which tasks it fits, certainly or perhaps; it does not know whether it allows or denies."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from datetime import datetime
from enum import IntEnum
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from ..protocol.catalogue import CATALOGUE, Effect
from ..protocol.task import Resource, Task
from .windows import Window

_PATTERN_MARKS = frozenset("*?[")
_BACKUP_KINDS = ("backup", "version", "log")
# What a listing's parameter `backup` says of which backup, instead of the resource.
_KINDS_BY_PARAMETER = ("version", "log")
_UNUSED = (False, "")


class Fit(IntEnum):
    """Whether a rule fits; `PERHAPS` where it is not known which backups a task touches."""

    NO = 0
    PERHAPS = 1
    YES = 2


class Subject(NamedTuple):
    """A backup that a task means, as far as it is known; both None: it could be any.

    Without an id the name is the task's word: what the server calls by that name is not known. `is_backup` is False for
    what has to do with no backup, such as a setting of the server.
    """

    backup_id: str | None = None
    name: str | None = None
    is_backup: bool = True


class Asked(NamedTuple):
    """What a task asks for on one server; `local` is the moment in the policy's zone."""

    operation: str
    effect: Effect
    alias: str
    parameters: Mapping[str, Any]
    local: datetime


class Rule(NamedTuple):
    """Which tasks are meant: those of an operation or effect named here that all other members fit; None fits all.

    `backups` holds ids as numbers, names and patterns as texts. `needs` and `forbids` are parameters that a task has to
    have or may not have: false, or an empty text, is not certainly one that is there, nor one that is not.
    """

    name: str
    operations: tuple[str, ...] | None = None
    effects: tuple[str, ...] | None = None
    servers: tuple[str, ...] | None = None
    backups: tuple[int | str, ...] | None = None
    window: Window | None = None
    needs: tuple[str, ...] | None = None
    forbids: tuple[str, ...] | None = None

    def fit(self, asked: Asked, subject: Subject, *, is_generous: bool) -> Fit:
        """Say whether it fits one subject of a task.

        A generous rule, one that denies or limits, fits all that could be meant; another one only what certainly is.
        """
        if not self._fits_operation(asked) or not self._fits_parameters(asked.parameters, is_generous=is_generous):
            return Fit.NO
        if self.servers is not None and asked.alias not in self.servers:
            return Fit.NO
        if self.window is not None and not self.window.holds(asked.local):
            return Fit.NO
        if self.backups is None:
            return Fit.YES
        if not subject.is_backup:  # what changes a whole server touches all backups there are
            return Fit.PERHAPS if asked.effect is not Effect.READ else Fit.NO
        return max(_fit_backup(entry, subject, is_generous=is_generous) for entry in self.backups)

    def write(self) -> dict[str, Any]:
        """Return it in its one normal form."""
        members: dict[str, Any] = {"name": self.name}
        for key in ("operations", "effects", "servers", "needs", "forbids"):
            values = getattr(self, key)
            if values is not None:
                members[key] = sorted(set(values))
        if self.backups is not None:
            members["backups"] = sorted(set(self.backups), key=lambda entry: (isinstance(entry, str), entry))
        return members | (self.window.write() if self.window is not None else {})

    def _fits_operation(self, asked: Asked) -> bool:
        if self.operations is None and self.effects is None:
            return True
        return asked.operation in (self.operations or ()) or asked.effect.value in (self.effects or ())

    def _fits_parameters(self, parameters: Mapping[str, Any], *, is_generous: bool) -> bool:
        perhaps = {name for name, value in parameters.items() if value is not False}
        certain = {name for name in perhaps if parameters[name] not in _UNUSED}
        needed, forbidden = (perhaps, certain) if is_generous else (certain, perhaps)
        return needed.issuperset(self.needs or ()) and forbidden.isdisjoint(self.forbids or ())


def find_subjects(task: Task, names: Mapping[str, str]) -> list[Subject]:
    """Return the backups that a task means, each once; `names` are those known by their ids. Never empty."""
    operation, selector = CATALOGUE.get(task.operation), task.parameters.get("backup")
    has_selector = isinstance(selector, str) and selector != ""
    subjects = [_find_subject(one, names) for one in task.resources if not (has_selector and _is_said_elsewhere(one))]
    if has_selector:
        subjects.append(_select(str(selector), names))
    unnamed = Subject(is_backup=operation is None or "backup" in operation.resource_types)
    return list(dict.fromkeys(subjects)) or [unnamed]


def _is_said_elsewhere(resource: Resource) -> bool:
    is_whole = resource.resource_id is None and resource.name is None
    return is_whole and resource.kind in _KINDS_BY_PARAMETER


def _find_subject(resource: Resource, names: Mapping[str, str]) -> Subject:
    if resource.kind == "setting":
        return Subject(is_backup=False)
    if resource.kind not in _BACKUP_KINDS:
        return Subject()  # a task, a notification: of whichever backup it is
    if resource.resource_id is not None:
        backup_id = _normalise(resource.resource_id)
        return Subject(backup_id, names.get(backup_id))
    return Subject() if resource.name is None else _select(resource.name, names)


def _select(selector: str, names: Mapping[str, str]) -> Subject:
    """Read a text as a server's selection does: an id or a name, then a name in other letters, then a pattern."""
    if selector.isdecimal() or _PATTERN_MARKS & set(selector):
        return Subject()
    ids = [backup_id for backup_id, name in names.items() if name == selector]
    if not ids:
        folded = selector.casefold()
        ids = [backup_id for backup_id, name in names.items() if name.casefold() == folded]
    return Subject(ids[0], names[ids[0]]) if len(ids) == 1 else Subject(None, selector)


def _normalise(backup_id: str) -> str:
    return backup_id.lstrip("0") or "0"


def _fit_backup(entry: int | str, subject: Subject, *, is_generous: bool) -> Fit:
    if entry == "*":
        return Fit.YES
    known = subject.backup_id if isinstance(entry, int) else subject.name
    if known is None or (subject.backup_id is None and not is_generous):
        return Fit.PERHAPS
    if isinstance(entry, int):
        return Fit.YES if known == str(entry) else Fit.NO
    fits = any(one == form or fnmatchcase(one, form) for one, form in _forms(known, entry, is_generous=is_generous))
    return Fit.YES if fits else Fit.NO


def _forms(known: str, entry: str, *, is_generous: bool) -> Iterator[tuple[str, str]]:
    yield known, entry
    if is_generous:
        yield known.casefold(), entry.casefold()
        yield _simplify(known), _simplify(entry)


def _simplify(name: str) -> str:
    """Return a name without what only a program sees: ways to write a letter, width, invisible marks, outer spaces."""
    if name.isascii() and name.isprintable():
        return name.casefold().strip()
    text = unicodedata.normalize("NFKC", name.casefold()).casefold()
    return "".join(c for c in text if unicodedata.category(c) not in ("Cf", "Cc")).strip()
