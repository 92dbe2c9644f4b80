"""Sends what is to be said of tasks until it is confirmed: a queue, and a slow lane for what is not taken."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any, NamedTuple

from ..operations.result import cut
from ..protocol import codec
from ..protocol.result import DATA_BYTES, Recorded, Result, Status
from ..protocol.task import key_of
from .agenda import Agenda, AnswerName, Blame, Name, Rank
from .answers import Away, LinkFailed, NotTaken, ResultTooLarge
from .entries import Entry, Step
from .events import Events
from .history import History
from .intake import id_of
from .journal import Journal, StorageFailed
from .link import Link
from .pace import Pace
from .refusals import Refusals
from .storage import Folder
from .threads import THREADS, Threads

QUARANTINED = "quarantined"
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


_NOTHING = Said()


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
        self._journal, self._history, self._link = journal, history, link
        self._refusals = Refusals(journal, folder, events, clock, now)
        self._events, self._pace, self._clock, self._now = events, pace, clock, now
        self.hear_of_loss: Callable[[str], None] = lambda key: None
        self._turn = threads.make_turn()
        self._book = threads.make_turn()  # what is confirmed must not leave the journal before the history has it
        self._agenda, self._blame = Agenda(), Blame()
        self._untaken: set[Name] = set()  # these the task server does not take, while it takes others
        self._answers: OrderedDict[AnswerName, Result] = OrderedDict()
        self._said: dict[str, Said] = {}
        self._wait_until = self._tidy_at = 0.0
        self._is_sending = self._is_wait_firm = False
        self._confirmed_at: OrderedDict[str, float] = OrderedDict()

    # --- what is to be said ---------------------------------------------------------------------------

    def report(self, key: str, attempt: int | None = None) -> None:
        """Say how far a task is, `accepted` or its end; harmless to repeat. `attempt` is that of the offer."""
        with self._turn:
            said = self._said.get(key, _NOTHING)
            newest = said.attempt if attempt is None else attempt
            self._said[key] = said._replace(is_accepted=False, attempt=newest)
            if not said.is_ended:
                self._add(key, Rank.REST, self._clock() + self._accepted_seconds)
            else:
                self._add(key, Rank.END)

    def tell_end(self, key: str) -> None:
        """Say what came of a task, now that its end is recorded."""
        with self._turn:
            self._said[key] = self._said.get(key, _NOTHING)._replace(is_ended=True)
            self._add(key, Rank.END)

    def answer(self, result: Result) -> None:
        """Send something that no entry of the journal stands for."""
        name = (type(result.task_id), result.task_id, result.status)
        with self._turn:
            self._answers[name] = result
            self._add(name, Rank.ANSWER)
            if len(self._answers) > _ANSWERS_COUNT:
                self._drop_answer(next(iter(self._answers)))

    def _add(self, name: Name, rank: Rank, due_at: float = 0.0) -> None:
        """Let it be sent, at once if only something else has failed so far; whoever calls has the turn."""
        if self._agenda.add(name, rank, due_at) and not self._is_wait_firm:
            self._wait_until = 0.0
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
        """Return how many things are to be sent, and how many of them the task server does not take."""
        with self._turn:
            return len(self._agenda), len(self._untaken)

    def seconds_since_confirmed(self, key: str) -> float | None:
        """Return how long ago a task was confirmed, by a clock that nobody sets; None if not since the start."""
        then = self._confirmed_at.get(key)
        return None if then is None else self._clock() - then

    def is_done(self) -> bool:
        """Say whether nothing can be sent now: all is confirmed, or the task server does not take it."""
        with self._turn:
            at = self._clock()
            return not self._is_sending and (at < self._wait_until or not self._agenda.has_work(at))

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
            name = self._agenda.take(at)
            answer = self._answers.get(name) if isinstance(name, tuple) else None  # it may have fallen out meanwhile
            self._is_sending = name is not None
        try:
            if name is None:
                return self._tidy(at)
            if isinstance(name, str):
                self._send_entry(name)
            elif answer is not None:
                self._send_answer(name, answer)
            else:
                self._forget_failures(name)
            return self._clock() >= self._wait_until
        finally:
            self._is_sending = False

    def _seconds_to_wait(self) -> float:
        due_at = max(self._wait_until, self._agenda.due_at)
        return min(max(0.0, due_at - self._clock()), _SLICE_SECONDS)

    def _send_answer(self, name: AnswerName, result: Result) -> None:
        try:
            is_over = self._post(name, result) is not None
        except (NotTaken, ResultTooLarge):
            is_over = True  # it is offered again, or not
        with self._turn:
            if is_over and self._answers.get(name) is result:
                self._drop_answer(name)

    def _drop_answer(self, name: AnswerName) -> None:
        """Forget an answer; whoever calls has the turn."""
        del self._answers[name]
        self._agenda.remove(name)
        self._forget_failures(name)

    def _send_entry(self, key: str) -> None:
        entry = self._journal.entries.get(key)
        result = self._make_result(entry) if entry is not None else None
        if entry is None or result is None:
            return
        try:
            recorded = self._post(key, result)
        except ResultTooLarge as exc:
            recorded = self._halve(entry, result, exc)
        except NotTaken as exc:
            recorded = self._slow_down(entry, result, exc)
        if recorded is not None:
            self._note_receipt(entry, result, recorded)

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
            self._forget_failures(entry.key)
        self._refusals.forget(entry.key)
        if self._journal.is_worth_compacting():
            self.retire()

    def _remember_when(self, key: str) -> None:
        self._confirmed_at[key] = self._clock()
        self._confirmed_at.move_to_end(key)
        if len(self._confirmed_at) > _RECENT_COUNT:
            self._confirmed_at.popitem(last=False)

    # --- what may come back ---------------------------------------------------------------------------

    def _post(self, name: Name, result: Result) -> str | None:
        """Send it and return what was recorded; None where the task server cannot take it now."""
        try:
            recorded = self._link.post(result)
        except (ResultTooLarge, NotTaken):
            raise
        except LinkFailed as exc:
            self._put_off(name, result, exc)
            return None
        self._pace.succeed()
        with self._turn:
            self._blame.note_taken(name)
            self._untaken.discard(name)
        if self._events.forget("away"):
            self._events.tell("results-go", "the task server takes results again")
        return (recorded or Recorded.RECORDED).value

    def _put_off(self, name: Name, result: Result, exc: LinkFailed) -> None:
        """Try others first; where this is the only one, or they fail as well, wait for the task server."""
        at, asked_seconds = self._clock(), exc.retry_after_seconds if isinstance(exc, Away) else None
        with self._turn:
            own_count = self._blame.note_failure(name)
            if own_count:
                self._untaken.add(name)
            seconds = self._pace.hold(own_count, asked_seconds) if own_count else 0.0
            self._agenda.put_off(name, _rank_of(name, result), at + seconds)
            is_firm = self._blame.is_on_the_server() or asked_seconds is not None
            is_to_wait = is_firm or not self._agenda.has_fresh(at)
        if own_count:
            text = f"the result of task {result.task_id} is not taken although others are, and kept: {exc.message}"
            self._events.warn("result-not-taken", text, key_of(result.task_id))
        elif is_to_wait:
            self._wait(exc, is_firm=is_firm)

    def _forget_failures(self, name: Name) -> None:
        self._blame.forget(name)
        self._untaken.discard(name)

    def _wait(self, exc: LinkFailed, *, is_firm: bool) -> None:
        seconds = self._pace.fail(exc)
        with self._turn:
            self._wait_until, self._is_wait_firm = self._clock() + seconds, is_firm
            count = len(self._agenda)
        waiting = "a result waits" if count <= 1 else f"{count} results wait"
        # The polls tell of the same, and once an hour is enough for both.
        self._events.warn("away", f"{waiting} for the task server: {exc.message}")

    def _halve(self, entry: Entry, result: Result, exc: ResultTooLarge) -> str | None:
        said = self._said.get(entry.key, _NOTHING)
        if said.halvings_count >= _HALVINGS_COUNT or not result.data:
            return self._slow_down(entry, result, exc)
        with self._turn:
            self._said[entry.key] = said._replace(halvings_count=said.halvings_count + 1)
            self._agenda.add(entry.key, Rank.END)
        return None

    def _slow_down(self, entry: Entry, result: Result, exc: LinkFailed) -> str | None:
        """Put it into the slow lane, in which it is tried again each hour."""
        if result.status is Status.ACCEPTED:
            return "refused"  # its end will be tried all the same
        if self._refusals.note(entry, result, exc):
            return QUARANTINED
        with self._turn:
            seconds = self._pace.fail(exc if isinstance(exc, NotTaken) else NotTaken(exc.message))
            self._untaken.add(entry.key)
            self._agenda.put_off(entry.key, Rank.END, self._clock() + seconds)
        return None

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


def _rank_of(name: Name, result: Result) -> Rank:
    if isinstance(name, tuple):
        return Rank.ANSWER
    return Rank.REST if result.status is Status.ACCEPTED else Rank.END
