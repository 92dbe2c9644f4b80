"""Sends what is to be said of tasks until it is confirmed: a queue, and a slow lane for what is not taken."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any, NamedTuple

from ..operations.result import cut
from ..protocol import codec
from ..protocol.result import DATA_BYTES, Recorded, Result, Status
from .answers import LinkFailed, NotTaken, ResultTooLarge
from .entries import Entry, Step
from .events import Events
from .history import History
from .intake import id_of
from .journal import Journal, StorageFailed
from .link import Link
from .pace import Pace
from .storage import Folder
from .threads import THREADS, Threads

QUARANTINE = "quarantine.yml"
QUARANTINED = "quarantined"
_SLOW_LANE_SECONDS_MAX = 30 * 86400.0
_HALVINGS_COUNT = 6
_TIDY_SECONDS = 60.0
_SLICE_SECONDS = 5.0  # a machine that slept must not sleep on
_RECENT_COUNT = 10_000  # of what falls out the history knows the time of day
ACCEPTED_SECONDS = 0.05
"""So long `accepted` waits for the end of a task, which says it too: most looks at a server are over by then."""
_ANSWERS_COUNT = 1000  # these are kept in memory only: what falls out is offered again


class Said(NamedTuple):
    """What the task server knows of an open task: whether `accepted` has arrived, and the attempt that counts.

    `is_ended`: its end is recorded, as far as it can be, and so may be told.
    """

    is_accepted: bool = False
    is_ended: bool = False
    attempt: int | None = None
    halvings_count: int = 0
    slow_since: float | None = None
    slow_until: float = 0.0


_NOTHING = Said()


class _Queue:
    """Tasks of which something is to be sent, each once: ends first, for after a restart much is only said again.

    What is no end may wait until a time of its own.
    """

    def __init__(self) -> None:
        self._ends: OrderedDict[str, None] = OrderedDict()
        self._others: OrderedDict[str, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._ends) + len(self._others)

    @property
    def has_ends(self) -> bool:
        """Say whether there is an end among them."""
        return bool(self._ends)

    @property
    def due_at(self) -> float:
        """Return from when on there is something to take."""
        return 0.0 if self._ends else next(iter(self._others.values()), math.inf)

    def add_end(self, key: str, *, is_first: bool = False) -> None:
        """Put an end behind the others, or before them; one that is there keeps its place."""
        self._others.pop(key, None)
        self._ends.setdefault(key)
        if is_first:
            self._ends.move_to_end(key, last=False)

    def add_other(self, key: str, due_at: float, *, is_first: bool = False) -> None:
        """Put what is no end behind the others, or before them, unless there is an end of the same task."""
        if key in self._ends:
            return
        self._others.setdefault(key, due_at)
        if is_first:
            self._others.move_to_end(key, last=False)

    def take(self, at: float) -> str | None:
        """Take the first, None if there is none yet."""
        if self.due_at > at:
            return None
        return (self._ends or self._others).popitem(last=False)[0]

    def remove(self, key: str) -> None:
        """Take one out if it is there."""
        self._ends.pop(key, None)
        self._others.pop(key, None)


class Reporter:
    """Owns everything that is to be sent; one thread sends, any may add."""

    def __init__(  # noqa: PLR0913, PLR0917 - what it works with, each replaceable in a test
        self,
        journal: Journal,
        history: History,
        link: Link,
        folder: Folder,
        events: Events,
        pace: Pace,
        clock: Callable[[], float],
        now: Callable[[], datetime],
        threads: Threads = THREADS,
        accepted_seconds: float = ACCEPTED_SECONDS,
    ) -> None:
        self._accepted_seconds = accepted_seconds
        self._journal, self._history, self._link, self._folder = journal, history, link, folder
        self._events, self._pace, self._clock, self._now = events, pace, clock, now
        self.hear_of_loss: Callable[[str], None] = lambda key: None
        self._turn = threads.make_turn()
        self._book = threads.make_turn()  # what is confirmed must not leave the journal before the history has it
        self._due = _Queue()
        self._slow: OrderedDict[str, None] = OrderedDict()
        self._answers: OrderedDict[tuple[object, ...], Result] = OrderedDict()
        self._said: dict[str, Said] = {}
        self._wait_until = self._tidy_at = 0.0
        self._is_sending = False
        self._slow_until = 0.0  # nothing leaves the slow lane before
        self._confirmed_at: OrderedDict[str, float] = OrderedDict()

    # --- what is to be said ---------------------------------------------------------------------------

    def report(self, key: str, attempt: int | None = None) -> None:
        """Say how far a task is, `accepted` or its end; harmless to repeat. `attempt` is that of the offer."""
        with self._turn:
            said = self._said.get(key, _NOTHING)
            newest = said.attempt if attempt is None else attempt
            self._said[key] = said._replace(is_accepted=False, attempt=newest)
            self._enqueue(key)
            self._turn.notify_all()

    def _enqueue(self, key: str, *, is_again: bool = False) -> None:
        if key in self._slow:
            return
        if self._said.get(key, _NOTHING).is_ended:
            self._due.add_end(key, is_first=is_again)
        else:
            due_at = self._clock() + (0.0 if is_again else self._accepted_seconds)
            self._due.add_other(key, due_at, is_first=is_again)

    def tell_end(self, key: str) -> None:
        """Say what came of a task, now that its end is recorded."""
        with self._turn:
            self._said[key] = self._said.get(key, _NOTHING)._replace(is_ended=True)
            self._due.add_end(key)
            self._turn.notify_all()

    def answer(self, result: Result) -> None:
        """Send something that no entry of the journal stands for."""
        with self._turn:
            self._answers[type(result.task_id), result.task_id, result.status] = result
            if len(self._answers) > _ANSWERS_COUNT:
                self._answers.popitem(last=False)
            self._turn.notify_all()

    def hurry(self) -> None:
        """Try again at once: the task server has just answered something else."""
        with self._turn:
            self._wait_until = 0.0
            self._turn.notify_all()

    def wake(self) -> None:
        """Let `run` look whether it is to stop."""
        with self._turn:
            self._turn.notify_all()

    def count_pending(self) -> tuple[int, int]:
        """Return how many things are to be sent, and how many of them are in the slow lane."""
        with self._turn:
            return len(self._due) + len(self._answers) + len(self._slow), len(self._slow)

    def seconds_since_confirmed(self, key: str) -> float | None:
        """Return how long ago a task was confirmed, by a clock that nobody sets; None if not since the start."""
        then = self._confirmed_at.get(key)
        return None if then is None else self._clock() - then

    def is_done(self) -> bool:
        """Say whether nothing can be sent now: all is confirmed, or the task server does not take it."""
        with self._turn:
            has_work = bool(self._due or self._answers) and self._clock() >= self._wait_until
            return not self._is_sending and not has_work

    # --- sending --------------------------------------------------------------------------------------

    def run(self, is_stopping: Callable[[], bool]) -> None:
        """Send until told to stop; for a thread of its own."""
        while not is_stopping():
            if not self.send_next():
                with self._turn:
                    self._turn.wait(self._seconds_to_wait())

    def send_next(self) -> bool:
        """Send one thing if one is due; say whether there may be another one now."""
        with self._turn:
            at = self._clock()
            if at < self._wait_until:
                return False
            self._end_slowness(at)
            # What is offered again and again must not keep an end waiting.
            name = None if self._due.has_ends else next(iter(self._answers), None)
            key = self._due.take(at) if name is None else None
            self._is_sending = name is not None or key is not None
        try:
            if name is not None:
                return self._send_answer(name)
            return self._send_entry(key) if key is not None else self._tidy(at)
        finally:
            self._is_sending = False

    def _seconds_to_wait(self) -> float:
        due_at = max(self._wait_until, 0.0 if self._answers else self._due.due_at)
        return min(max(0.0, due_at - self._clock()), _SLICE_SECONDS)

    def _end_slowness(self, at: float) -> None:
        if not self._slow or at < self._slow_until:
            return
        for key in [key for key in self._slow if self._said[key].slow_until <= at]:
            del self._slow[key]
            self._due.add_end(key)
        self._slow_until = min((self._said[key].slow_until for key in self._slow), default=0.0)

    def _send_answer(self, name: tuple[object, ...]) -> bool:
        result = self._answers[name]
        try:
            is_over = self._post(result) is not None
        except (NotTaken, ResultTooLarge):
            is_over = True  # it is offered again, or not
        with self._turn:
            if is_over and self._answers.get(name) is result:
                del self._answers[name]
        return is_over

    def _send_entry(self, key: str) -> bool:
        entry = self._journal.entries.get(key)
        result = self._make_result(entry) if entry is not None else None
        if entry is None or result is None:
            return True
        try:
            recorded = self._post(result)
        except ResultTooLarge as exc:
            recorded = self._halve(result, key, exc)
        except NotTaken as exc:
            recorded = self._slow_down(result, key, exc)
        else:
            if recorded is None:
                self._put_back(key)
                return False
        if recorded is not None:
            self._note_receipt(entry, result, recorded)
        return True

    def _put_back(self, key: str) -> None:
        with self._turn:
            self._enqueue(key, is_again=True)

    def _make_result(self, entry: Entry) -> Result | None:
        said = self._said.get(entry.key, _NOTHING)
        content = entry.steps.get(Step.RECEIVED, {}).get("Content")
        attempt = content.get("Attempt") if isinstance(content, Mapping) and said.attempt is None else said.attempt
        if entry.step is Step.OUTCOME and said.is_ended:
            outcome = entry.steps[Step.OUTCOME]
            data: Mapping[str, Any] = outcome.get("Data") or {}
            if said.halvings_count:
                data = cut(data, limit_bytes=min(DATA_BYTES, len(codec.encode(data))) >> said.halvings_count)
            return Result(id_of(entry.key), Status(outcome["Status"]), data, attempt)
        is_refused = entry.steps.get(Step.DECIDED, {}).get("Verdict") == "refuse"  # and so was never accepted
        if entry.step in (Step.RECEIVED, Step.CONFIRMED) or said.is_accepted or is_refused:
            return None
        return Result(id_of(entry.key), Status.ACCEPTED, {}, attempt)

    def _note_receipt(self, entry: Entry, result: Result, recorded: str) -> None:
        if result.status is Status.ACCEPTED:
            with self._turn:
                self._said[entry.key] = self._said.get(entry.key, _NOTHING)._replace(is_accepted=True)
            if recorded == Recorded.LATE:
                self.hear_of_loss(entry.key)
            return
        self._remember_when(entry.key)
        at = self._now().isoformat(timespec="milliseconds")
        # Confirmed it is without a disk too; after a restart it is sent once more.
        with self._book, suppress(StorageFailed):
            self._journal.record(entry.key, Step.CONFIRMED, {"Recorded": recorded, "ConfirmedAt": at})
        with self._turn:
            self._said.pop(entry.key, None)
            self._slow.pop(entry.key, None)
        if self._journal.is_worth_compacting():
            self.retire()

    def _remember_when(self, key: str) -> None:
        self._confirmed_at[key] = self._clock()
        self._confirmed_at.move_to_end(key)
        if len(self._confirmed_at) > _RECENT_COUNT:
            self._confirmed_at.popitem(last=False)

    # --- what may come back ---------------------------------------------------------------------------

    def _post(self, result: Result) -> str | None:
        """Send it and return what was recorded; None where the task server can take nothing now."""
        try:
            recorded = self._link.post(result)
        except (ResultTooLarge, NotTaken):
            raise
        except LinkFailed as exc:
            self._wait(exc)
            return None
        self._pace.succeed()
        if self._events.forget("away"):
            self._events.tell("results-go", "the task server takes results again")
        return (recorded or Recorded.RECORDED).value

    def _wait(self, exc: LinkFailed) -> None:
        seconds = self._pace.fail(exc)
        with self._turn:
            self._wait_until = self._clock() + seconds
            count = len(self._due) + len(self._answers)
        waiting = "a result waits" if count <= 1 else f"{count} results wait"
        # The polls tell of the same, and once an hour is enough for both.
        self._events.warn("away", f"{waiting} for the task server: {exc.message}")

    def _halve(self, result: Result, key: str, exc: ResultTooLarge) -> str | None:
        said = self._said.get(key, _NOTHING)
        if said.halvings_count >= _HALVINGS_COUNT or not result.data:
            return self._slow_down(result, key, exc)
        with self._turn:
            self._said[key] = said._replace(halvings_count=said.halvings_count + 1)
            self._due.add_end(key, is_first=True)
        return None

    def _slow_down(self, result: Result, key: str, exc: LinkFailed) -> str | None:
        """Put it into the slow lane; after a month there into the quarantine file, which counts as its end."""
        if result.status is Status.ACCEPTED:
            return "refused"  # its end will be tried all the same
        at, said = self._clock(), self._said.get(key, _NOTHING)
        since = at if said.slow_since is None else said.slow_since
        if said.slow_since is None:
            self._events.tell("result-not-taken", f"a result is not taken, and kept: {exc.message}", "warning", key)
        if at - since >= _SLOW_LANE_SECONDS_MAX and self._quarantine(result, exc):
            return QUARANTINED
        with self._turn:
            until = at + self._pace.fail(exc if isinstance(exc, NotTaken) else NotTaken(exc.message))
            self._said[key] = said._replace(slow_since=since, slow_until=until)
            self._slow_until = min(self._slow_until, until) if self._slow else until
            self._slow[key] = None
            self._due.remove(key)
        return None

    def _quarantine(self, result: Result, exc: LinkFailed) -> bool:
        line = b"- " + codec.encode({"Reason": exc.message, "Result": result.encode().decode("ascii")}) + b"\n"
        try:
            log = self._folder.open_log(QUARANTINE)
            try:
                log.append(line)
                log.sync()
            finally:
                log.close()
        except OSError:
            return False
        return True

    # --- when nothing is to be sent -------------------------------------------------------------------

    def _tidy(self, at: float) -> bool:
        """Let what is confirmed leave the journal: when nothing else is in it, or now and then."""
        open_count = self._journal.open_count
        if len(self._journal.entries) > open_count and (not open_count or at >= self._tidy_at):
            self._tidy_at = at + _TIDY_SECONDS
            self.retire()
        return False

    def retire(self) -> None:
        """Move what is confirmed from the journal to the history, which is written first."""
        try:
            with self._book:
                confirmed = [entry for entry in list(self._journal.entries.values()) if entry.step is Step.CONFIRMED]
                if confirmed:
                    self._history.remember(confirmed)
                    self._journal.compact()
        except (StorageFailed, OSError) as exc:
            self._events.warn("storage-failed", f"what is over stays in the journal: {exc}", level="error")
