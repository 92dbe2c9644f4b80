"""What the journal knows of a task, and how records add up to it; reads and writes no file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from itertools import pairwise
from operator import itemgetter
from typing import Any, NamedTuple

_FRAME = ("Format", "LSN", "Task", "Step", "At", "Uncertain")


class Step(StrEnum):
    """How far a task is, each step durable before what follows it."""

    RECEIVED = "received"
    DECIDED = "decided"
    INTENT = "intent"
    SUBMITTED = "submitted"
    OUTCOME = "outcome"
    CONFIRMED = "confirmed"

    __hash__ = str.__hash__  # that of an enumeration takes three times as long


_ORDER = {step: index for index, step in enumerate(Step)}
_STEPS: dict[str, Step] = {step.value: step for step in Step}
_ENDED = frozenset({Step.OUTCOME, Step.CONFIRMED})
# Nothing was begun by these: what they said is found again.
_HARMLESS = frozenset({Step.RECEIVED, Step.DECIDED})
# What must have been recorded before; a refused task has no intent, and one that never started none either.
_NEEDED = {
    Step.RECEIVED: (),
    Step.DECIDED: (Step.RECEIVED,),
    Step.INTENT: (Step.RECEIVED, Step.DECIDED),
    Step.SUBMITTED: (Step.RECEIVED, Step.DECIDED, Step.INTENT),
}


class Entry(NamedTuple):
    """A task as the journal knows it: the fields of each of its steps, the last of them, and whether it is in doubt.

    `is_uncertain`: a record of it was damaged or lost, so what it says may be less than what happened; even its
    content may be missing. Times are those of the records, as text (RFC 3339, UTC).
    """

    key: str
    step: Step
    steps: Mapping[Step, Mapping[str, Any]]
    is_uncertain: bool = False
    received_at: str = ""
    changed_at: str = ""

    def after(self, step: Step, fields: Mapping[str, Any], at: str = "", *, is_uncertain: bool = False) -> Entry:
        """Return the entry with one more step; a further intent drops what was submitted before.

        A decision takes no doubt away: the task may have begun long before.
        """
        order = _ORDER[step]
        if _ORDER[self.step] < order:
            steps = {**self.steps, step: fields}
        else:
            steps = {known: value for known, value in self.steps.items() if _ORDER[known] < order}
            steps[step] = fields
        is_doubt_kept = self.is_uncertain and step is Step.DECIDED
        return Entry(
            self.key, step, steps, is_uncertain or is_doubt_kept, self.received_at or at, at or self.changed_at
        )


class Damage(NamedTuple):
    """What is known of records that are missing.

    `lost`: key and step of those that are known. `open_until`: the highest number before a missing record of which
    nobody knows whose it was, 0 if there is none: a task with no record after that may have gone further than it says.
    `is_about_strangers`: something is missing about tasks of which nothing else is left.
    """

    lost: Sequence[tuple[str, str]] = ()
    open_until: int = 0
    is_about_strangers: bool = False

    @property
    def is_any(self) -> bool:
        """Say whether anything is missing at all."""
        return bool(self.lost or self.open_until or self.is_about_strangers)


def fold(records: Sequence[Mapping[str, Any]], damage: Damage) -> dict[str, Entry]:
    """Return the tasks in order of arrival, those in doubt marked."""
    entries: dict[str, Entry] = {}
    if any(later["LSN"] <= earlier["LSN"] for earlier, later in pairwise(records)):
        records = sorted(records, key=itemgetter("LSN"))
    for record in records:
        _add(entries, record)
    is_headless = any(Step.RECEIVED not in entry.steps for entry in entries.values())
    if damage.is_any or is_headless:
        _mark_doubtful(entries, records, damage)
    return entries


def read_fields(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a record says beside its frame."""
    fields = {**record}
    for name in _FRAME:
        fields.pop(name, None)
    return fields


def _add(entries: dict[str, Entry], record: Mapping[str, Any]) -> None:
    step = _STEPS.get(record["Step"])
    if step is None:
        return
    key, at = record["Task"], record["At"]
    fields = read_fields(record)
    known = entries.get(key)
    is_uncertain = "Uncertain" in record
    if known is None:
        entries[key] = Entry(key, step, {step: fields}, is_uncertain, at, at)
    else:
        entries[key] = known.after(step, fields, at, is_uncertain=is_uncertain)


def _mark_doubtful(entries: dict[str, Entry], records: Iterable[Mapping[str, Any]], damage: Damage) -> None:
    last = {record["Task"]: record["LSN"] for record in records if record["Step"] in _STEPS}
    begun = {key for key, step in damage.lost if step not in _HARMLESS}
    for key, entry in entries.items():
        is_behind_gap = last[key] <= damage.open_until
        if entry.step not in _ENDED and (key in begun or is_behind_gap or _has_hole(entry)):
            entries[key] = entry._replace(is_uncertain=True)
    # A task that was received and no more is offered again.
    for key, step in damage.lost:
        if key not in entries and (step != Step.RECEIVED or damage.is_about_strangers):
            entries[key] = Entry(key, Step.RECEIVED, {Step.RECEIVED: {}}, is_uncertain=True)


def _has_hole(entry: Entry) -> bool:
    return any(step not in entry.steps for step in _NEEDED[entry.step])
