"""Results that the task server refuses: since when, over restarts, and the file in which they end; sends nothing."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

from ..protocol import codec
from ..protocol.result import Result
from .absence import passed_seconds
from .answers import LinkFailed
from .entries import Entry, Step
from .events import Events
from .journal import Journal, StorageFailed
from .storage import Folder

QUARANTINE: Final = "quarantine.yml"
_PATIENCE_SECONDS = 30 * 86400.0
# A longer time than this is none that has passed, but a clock that was set.
_LONGEST = timedelta(days=60)
_QUARANTINE_BYTES = 32 * 1024 * 1024


class Refusals:
    """What is refused for a month goes to the quarantine file, which counts as its end. Used by one thread."""

    def __init__(
        self,
        journal: Journal,
        folder: Folder,
        events: Events,
        clock: Callable[[], float],
        now: Callable[[], datetime],
    ) -> None:
        self._journal, self._folder, self._events = journal, folder, events
        self._clock, self._now = clock, now
        self._since: dict[str, float] = {}

    def note(self, entry: Entry, result: Result, exc: LinkFailed) -> bool:
        """Take note that a result was refused; say whether it lies in the quarantine file now."""
        since = self._since.get(entry.key)
        if since is None:
            since = self._since[entry.key] = self._find_beginning(entry, exc)
        if self._clock() - since < _PATIENCE_SECONDS:
            return False
        return self._put_away(result, exc)

    def forget(self, key: str) -> None:
        """Take note that a task is over."""
        self._since.pop(key, None)

    def _find_beginning(self, entry: Entry, exc: LinkFailed) -> float:
        """Return since when it is refused, by this process's clock; the first time is told, and written down."""
        at, outcome = self._now(), entry.steps[Step.OUTCOME]
        told_at = outcome.get("RefusedAt")
        if told_at is None:
            text = f"the result of task {entry.key[2:]} is not taken, and kept: {exc.message}"
            self._events.tell("result-not-taken", text, "warning", entry.key)
            with suppress(StorageFailed):  # then memory has it
                fields = {**outcome, "RefusedAt": at.isoformat(timespec="seconds")}
                self._journal.record(entry.key, Step.OUTCOME, fields)
        return self._clock() - passed_seconds(str(told_at), at, _LONGEST)

    def _put_away(self, result: Result, exc: LinkFailed) -> bool:
        line = b"- " + codec.encode({"Reason": exc.message, "Result": result.encode().decode("ascii")}) + b"\n"
        try:
            if self._folder.read_part(QUARANTINE, _QUARANTINE_BYTES - len(line), 1):
                self._events.warn("quarantine-full", f"{QUARANTINE} is full: what is in it is for you to see to")
                return False
            log = self._folder.open_log(QUARANTINE)
            try:
                log.append(line)
                log.sync()
            finally:
                log.close()
        except OSError:
            return False
        text = f"the result of task {result.task_id} was refused for a month, and lies in {QUARANTINE} now"
        self._events.tell("result-quarantined", text, "warning")
        return True
