"""What an earlier process has left: how its journal was found, how it ended, and what is to be done with each entry."""

from __future__ import annotations

from contextlib import suppress

from ..protocol.catalogue import CATALOGUE, Effect
from ..protocol.result import Status
from ..protocol.task import Malformed, read_task
from .entries import Entry, Step
from .events import Events
from .intake import Intake, Taken
from .journal import Journal, StorageFailed
from .storage import Folder

_ENDED_FILE = "ended"
_DOUBT = "the journal was damaged, and what this task was or how far it came is not known any more"


class Leftovers:
    """Takes up what is in the journal at the start. `has_died` tells that the last process has not ended in order."""

    def __init__(self, folder: Folder, journal: Journal, intake: Intake) -> None:
        self.has_died = True
        self._folder, self._journal, self._intake = folder, journal, intake

    @property
    def may_have_lost(self) -> bool:
        """Whether what was offered before, and is not known any more, may be offered again; how far it came is lost."""
        return self._journal.has_lost

    def begin(self, events: Events) -> None:
        """Find out how the last process ended, and tell how the journal was found."""
        with suppress(OSError):
            self.has_died = self._folder.read(_ENDED_FILE) is None
            self._folder.remove(_ENDED_FILE)
        opening = self._journal.opening
        if opening.torn_bytes:
            text = f"the last record of the journal was not whole: {opening.torn_bytes} bytes were cut off"
            events.tell("journal-torn", f"{text}, and nothing had come of it", "warning")
        damage = opening.describe_damage()
        if damage is not None:
            events.tell("journal-damaged", damage, "error")

    def end(self) -> None:
        """Note that this process ends in order, so that nobody takes its end for a death over a task."""
        with suppress(OSError):
            self._folder.create(_ENDED_FILE, b"")

    def take_up(self, entry: Entry) -> Taken:
        """Return what is to be done with an entry."""
        if entry.step is Step.CONFIRMED:
            return Taken()
        if entry.step is Step.OUTCOME:
            return Taken(key=entry.key)
        if entry.is_uncertain and self._is_unknown(entry):
            return self.close(entry.key)
        if entry.step is Step.RECEIVED:
            return self._intake.decide(entry)
        decided = entry.steps.get(Step.DECIDED, {})
        if decided.get("Verdict") == "refuse":
            self._intake.refuse(entry.key, decided)
            return Taken(key=entry.key, is_new=True)
        return Taken(key=entry.key, is_to_perform=True)

    def close(self, key: str, code: str = "outcome-unknown", message: str = _DOUBT) -> Taken:
        """End a task that cannot be gone on with; it may have been done, so it is not done again.

        Without a disk memory has it, and it is told from there.
        """
        data = {"Code": code, "Message": message}
        with suppress(StorageFailed):
            self._journal.record(key, Step.OUTCOME, {"Status": Status.ERROR.value, "Data": data})
        return Taken(key=key, is_new=True)

    def doubt(self, key: str) -> Taken:
        """Return what is to be done with a new task that may be one of those that the journal has lost."""
        entry = self._journal.entries[key]
        return self.close(key) if _has_effect(entry) else Taken(key=key, is_new=True, is_to_perform=True)

    def _is_unknown(self, entry: Entry) -> bool:
        """Say whether a damaged journal leaves open what a task was, or even whether it had begun."""
        content = entry.steps.get(Step.RECEIVED, {}).get("Content")
        is_malformed = isinstance(read_task(content), Malformed)
        return is_malformed or (entry.step is Step.RECEIVED and _has_effect(entry))


def _has_effect(entry: Entry) -> bool:
    """Say whether doing a task changes anything, or may."""
    task = read_task(entry.steps.get(Step.RECEIVED, {}).get("Content"))
    known = None if isinstance(task, Malformed) else CATALOGUE.get(task.operation)
    return known is None or known.effect is not Effect.READ
