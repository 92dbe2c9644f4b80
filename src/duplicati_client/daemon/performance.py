"""Performs one task on one server: what is durable before what, and how it goes on after a crash; chooses no task."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from .. import errors
from ..operations import stop as stopping
from ..operations.following import Ended, follow
from ..operations.perform import FOLLOWED, Performed, Request, join, perform, select, start, tell_end
from ..operations.result import make_failure
from ..operations.standing import Left, find_left, is_reached, may_repeat
from ..outcome import Outcome
from ..protocol.catalogue import CATALOGUE, Effect
from ..protocol.result import Status
from ..protocol.task import Task
from ..sdk.activity import Progress
from ..sdk.client import Duplicati
from ..sdk.followed import Baseline, StartedTask, tasks_of
from ..sdk.models import Backup
from .absence import Trouble, weigh
from .entries import Entry, Step
from .journal import Journal, StorageFailed
from .policy import REPORT
from .recovery import Found, What, note_baseline, probe

DEATHS_COUNT = 3
BEGUN = (Step.INTENT, Step.SUBMITTED)
_STARTS_COUNT = 2
_REPEATABLE = (Effect.COALESCING, Effect.HARMLESS_REPEAT)
_SLOT_SECONDS = 5.0
_LOOKS_COUNT = 4  # a server that is never still keeps nothing from beginning
_UNCERTAIN = "uncertain"
_ASK_EACH_TURNS = 8
_LEFT_COUNT, _LEFT_SHOWN_COUNT = 500, 20


class End(NamedTuple):
    """How a task has ended, as the journal keeps it."""

    status: Status
    data: Mapping[str, Any]


class Pause(NamedTuple):
    """It cannot go on now: `state` says what it waits for, and it is to be called again after `seconds`.

    `is_short` tells that waiting is worth while even for one round of cron.
    """

    state: str
    seconds: float
    is_short: bool = False


Happening = Progress | Pause | None
Steps = Generator[Happening, None, End]


def fail(code: str, message: str, **evidence: Any) -> End:
    """Return the end of what could not be carried out."""
    return End(Status.ERROR, {"Code": code, "Message": message, **evidence})


class Circumstances(NamedTuple):
    """What a worker knows of a task.

    `take_death` says, once, whether a process has died over it; `settle` how many seconds what was sent before may
    still be on its way; `may_stop` whether the owner lets a run be stopped that is taken back; `take_along` makes it
    stand for others that wait for the very same.
    """

    take_death: Callable[[], bool]
    settle: Callable[[], float]
    is_cancelled: Callable[[], bool]
    may_stop: Callable[[], bool]
    take_along: Callable[[], None]


class Performance:
    """One task's way to its end."""

    def __init__(self, journal: Journal, key: str, task: Task, circumstances: Circumstances) -> None:
        self._journal = journal
        self._key = key
        self._task = task
        self._around = circumstances
        self._request = Request(task.operation, task.resources, {**task.parameters, "wait": True})
        self._effect = CATALOGUE[task.operation].effect
        self._is_found = self._is_adopted = self._was_doubtful = False
        self._backup_ids: list[str] = []

    @property
    def _entry(self) -> Entry:
        return self._journal.entries[self._key]

    @property
    def _intent(self) -> Mapping[str, Any]:
        return self._entry.steps.get(Step.INTENT, {})

    def perform(self, server: Duplicati) -> Steps:
        """Yield what happens and what is waited for once the server has answered; return the end.

        It may be given up at any yield and begun again. Raises what the operations raise, and `StorageFailed`.
        """
        is_doubtful = self._entry.step in BEGUN or self._entry.is_uncertain
        has_notes = any(name in self._intent for name in ("Baseline", "Left"))
        if self._entry.is_uncertain and not has_notes and self._effect is not Effect.READ:
            return fail("outcome-unknown", "the journal was damaged, and how far this task came is not known any more")
        deaths_count = self._count_deaths()
        if deaths_count >= DEATHS_COUNT:
            return fail("poison", f"the daemon died {deaths_count} times while this was done")
        if self._task.operation in FOLLOWED:
            return (yield from self._perform_followed(server, is_doubtful=is_doubtful))
        return (yield from self._perform_at_once(server, is_doubtful=is_doubtful))

    def _count_deaths(self) -> int:
        """Count, durably, the processes that have died with this task begun."""
        step = self._entry.step
        fields = self._entry.steps[step]
        count = int(fields.get("Deaths") or 0)
        if step in BEGUN and self._around.take_death():
            count += 1
            with suppress(StorageFailed):  # whatever is begun anew needs an intent, and that a disk
                self._journal.record(self._key, step, {**fields, "Deaths": count})
        return count

    def _intend(self, fields: Mapping[str, Any]) -> None:
        """Make it durable that something is about to be asked for; without that nothing is, and nothing in doubt."""
        before = self._entry
        kept = {name: value for name, value in before.steps[before.step].items() if name == "Deaths"}
        try:
            self._journal.record(self._key, Step.INTENT, {**fields, **kept})
        except StorageFailed:
            self._journal.entries[self._key] = before
            raise

    # --- what is done at once -------------------------------------------------------------------------

    def _perform_at_once(self, server: Duplicati, *, is_doubtful: bool) -> Steps:
        attempt = int(self._intent.get("Attempt") or 0) + 1
        if self._effect is Effect.READ:
            if not is_doubtful:
                self._intend({"Attempt": attempt})
        else:
            left = find_left(server, self._request)  # a server that is away leaves nothing in doubt
            if is_doubtful and (end := (yield from self._look_again(server, left))) is not None:
                return end
            # Of more than that a journal keeps nothing, and in doubt it is not known.
            self._intend({"Attempt": attempt, "Left": None if left is None or len(left) > _LEFT_COUNT else left})
        for item in perform(server, self._request):
            if isinstance(item, Performed):
                return End(Status.COMPLETED, item.data)
            if self._around.is_cancelled():
                return fail("cancelled", "it was taken back while it went on")
            yield None
        raise errors.NotUnderstood(f"{self._task.operation} came to no end")

    def _look_again(self, server: Duplicati, left: Left | None) -> Generator[Happening, None, End | None]:
        """Find out whether it was done; return None where it was not, and may be done now."""
        before = self._intent.get("Left")
        while before is not None and left is not None:
            if is_reached(self._request, before, left):
                return End(Status.COMPLETED, {"Attributed": "probe"})
            if self._around.settle() <= 0:
                if may_repeat(self._request, before, left):
                    return None
                break
            yield Pause(_UNCERTAIN, min(1.0, max(0.05, self._around.settle())), is_short=True)
            left = find_left(server, self._request)
        message = f"whether {self._task.operation} was done before the interruption is not known; it is not done twice"
        return fail(
            "outcome-unknown", message, Attempts=self._intent.get("Attempt"), Left=(left or [])[:_LEFT_SHOWN_COUNT]
        )

    # --- what is started and followed -----------------------------------------------------------------

    def _perform_followed(self, server: Duplicati, *, is_doubtful: bool) -> Steps:
        backups = self._select(server)
        self._backup_ids = [backup.backup_id for backup in backups]
        results: list[Mapping[str, Any]] = list(self._intent.get("Done") or ())
        for backup in backups[len(results) :]:
            is_own_doubt = is_doubtful and self._intent.get("BackupID") == backup.backup_id
            try:
                end = yield from self._perform_one(server, backup, results, is_doubtful=is_own_doubt)
            except errors.DuplicatiClientError as exc:
                is_begun = self._entry.step in BEGUN
                if len(backups) == 1 or weigh(exc, is_doubtful=is_begun) is not Trouble.FINAL:
                    raise
                end = describe_failure(exc)
            if end.status is not Status.COMPLETED and len(backups) == 1:
                return end
            results.append({"BackupID": backup.backup_id, "Name": backup.name, **end.data})
        joined = join([{**result} for result in results])
        return End(Status.COMPLETED, joined.data)

    def _select(self, server: Duplicati) -> list[Backup]:
        """Return the backups that are meant; those that an intent names, where a name may mean others by now."""
        kept = self._intent.get("BackupIDs")
        if kept is None:
            return select(server, self._request)
        known = {backup.backup_id: backup for backup in server.backups.list()}
        missing = next((backup_id for backup_id in kept if backup_id not in known), None)
        if missing is not None:
            raise errors.BackupNotFound(f"the backup {missing} is gone")
        return [known[backup_id] for backup_id in kept]

    def _perform_one(
        self, server: Duplicati, backup: Backup, results: list[Mapping[str, Any]], *, is_doubtful: bool
    ) -> Steps:
        starts_count = int(self._intent.get("Starts") or 0) if is_doubtful else 0
        started: StartedTask | None = None
        ended: Ended | None = None
        while True:
            self._is_found = self._is_adopted = self._was_doubtful = False
            if is_doubtful:
                found = yield from self._clear_doubt(server, backup)
                if isinstance(found, End):
                    return found
                started = found.started
                if ended is None:  # what never arrived, the server cannot have lost
                    starts_count -= found.what is What.ABSENT
            if started is None and self._around.is_cancelled():
                return fail("cancelled", "it was taken back before it took effect")
            if started is None and starts_count >= self._count_starts_at_most():
                times = "" if starts_count == 1 else f" {starts_count} times"
                return fail("interrupted", f"the server lost it{times}", Starts=starts_count)
            if started is None:
                starts_count += 1
                started = yield from self._start(server, backup, results, starts_count)
            ended = yield from self._follow(server, started)
            if not ended.is_lost or not self._is_worth_repeating(ended):
                return self._conclude(backup, ended, starts_count)
            is_doubtful = True  # what it has left may tell more than its number does

    def _count_starts_at_most(self) -> int:
        """Return how often it may be started: as the policy said that it was decided under."""
        decided = self._entry.steps.get(Step.DECIDED, {})
        return 1 if decided.get("OnInterrupted") == REPORT else _STARTS_COUNT

    def _clear_doubt(self, server: Duplicati, backup: Backup) -> Generator[Happening, None, Found | End]:
        """Find what became of what an earlier process, or a broken connection, has left open."""
        operation = FOLLOWED[self._task.operation]
        while True:
            intent, submitted = self._intent, self._entry.steps.get(Step.SUBMITTED)
            if intent.get("Baseline") is None:
                return fail("outcome-unknown", "what was there before it is not known any more, so nothing can be told")
            found = probe(server, backup.backup_id, operation, intent["Baseline"], submitted)
            if found.started is not None:
                self._was_doubtful = True
                self._is_adopted = found.what is What.ADOPT
                self._is_found = self._is_adopted or submitted is None
                if found.started.task_id is not None and submitted is None:
                    self._note_submitted(found.started, server.state.get().event_id)
                return found
            if found.what is What.LOST or (found.what is What.ABSENT and self._around.settle() <= 0):
                return found
            if found.what is What.WAIT:
                yield Pause(_UNCERTAIN, 5.0)
            else:
                yield Pause(_UNCERTAIN, min(1.0, max(0.05, self._around.settle())), is_short=True)

    def _start(
        self, server: Duplicati, backup: Backup, results: list[Mapping[str, Any]], starts_count: int
    ) -> Generator[Happening, None, StartedTask]:
        baseline, kept = yield from self._note_baseline(server, backup)
        if not results:  # who came later has not asked for what was done before
            self._around.take_along()
        self._intend(
            {
                "Attempt": int(self._intent.get("Attempt") or 0) + 1,
                "Starts": starts_count,
                "BackupID": backup.backup_id,
                "BackupIDs": self._backup_ids,
                "Done": [*results],
                "Baseline": kept,
            }
        )
        started = start(server, self._request, backup, baseline)
        self._note_submitted(started, server.state.get().event_id)
        return started

    def _note_baseline(
        self, server: Duplicati, backup: Backup
    ) -> Generator[Happening, None, tuple[Baseline, Mapping[str, Any]]]:
        """Read what is there before; reading takes a while, and what came and went meanwhile would pass for ours."""
        looks_count = 0
        while True:
            yield from self._wait_for_slot(server, backup)
            baseline, kept = note_baseline(server, backup.backup_id, FOLLOWED[self._task.operation])
            state, looks_count = server.state.get(), looks_count + 1
            is_still = state.event_id == baseline.state.event_id or looks_count >= _LOOKS_COUNT
            if not self._needs_slot() or (is_still and not tasks_of(state, backup.backup_id)):
                return baseline, kept

    def _needs_slot(self) -> bool:
        """A run that is asked for while anything of its backup runs or waits is swallowed by that."""
        return self._effect is Effect.COALESCING

    def _wait_for_slot(self, server: Duplicati, backup: Backup) -> Generator[Happening, None, None]:
        while self._needs_slot() and tasks_of(server.state.get(), backup.backup_id):
            yield Pause("waiting-for-slot", _SLOT_SECONDS)

    def _note_submitted(self, started: StartedTask, event_id: int) -> None:
        """Note the number; without a disk memory has it, and the traces will tell after a crash."""
        kept = {name: value for name, value in self._intent.items() if name == "Deaths"}
        fields = {"ServerTask": started.task_id, "EventID": event_id, **kept}
        try:
            self._journal.record(self._key, Step.SUBMITTED, fields)
        except StorageFailed:
            return

    def _follow(self, server: Duplicati, started: StartedTask) -> Generator[Happening, None, Ended]:
        has_asked, turns_count = False, 0
        for item in follow(server, started, timeout_seconds=self._request.get("timeout")):
            if isinstance(item, Ended):
                return item
            if self._is_to_stop() and not has_asked:
                # One that still waits in the server's queue cannot be stopped yet.
                has_asked = turns_count % _ASK_EACH_TURNS == 0 and _ask_to_stop(server, started.backup_id)
                turns_count += 1
            yield item if isinstance(item, Progress) else None
        raise errors.NotUnderstood("it was followed to no end")

    def _is_to_stop(self) -> bool:
        return self._around.is_cancelled() and self._around.may_stop()

    def _is_worth_repeating(self, ended: Ended) -> bool:
        """Say whether the server was restarted and what it ran left nothing that would tell how it went."""
        is_open = ended.verdict.outcome in (Outcome.UNKNOWN, Outcome.INTERRUPTED) and ended.row_id is None
        return is_open and self._effect in _REPEATABLE and not self._around.is_cancelled()

    def _may_be_anothers(self, ended: Ended) -> bool:
        """Say whether nothing but an error of the backup was found, as a run that somebody else started leaves one."""
        return self._is_adopted and ended.row_id is None and self._effect is not Effect.COALESCING

    def _conclude(self, backup: Backup, ended: Ended, starts_count: int) -> End:
        data = tell_end(self._request, backup, ended)
        if starts_count > 1:
            data["Starts"] = starts_count
        if self._is_found:
            data["Attributed"] = "probe"
        if self._is_to_stop() and ended.verdict.outcome is Outcome.INTERRUPTED:
            return End(Status.ERROR, {"Code": "cancelled", "Message": "it was stopped, as was asked", **data})
        is_doubtful = ended.is_lost or self._was_doubtful
        if is_doubtful and (ended.verdict.outcome is Outcome.UNKNOWN or self._may_be_anothers(ended)):
            why = "the server was restarted meanwhile" if ended.is_lost else "what was found may be something else's"
            message = f"{why}, and nothing tells how it went"
            return End(Status.ERROR, {"Code": "outcome-unknown", "Message": message, **data})
        return End(Status.COMPLETED, data)


def describe_failure(exc: errors.DuplicatiClientError) -> End:
    """Return the end of a task that a server, or the operation itself, refuses."""
    return End(Status.ERROR, make_failure(exc))


def _ask_to_stop(server: Duplicati, backup_id: str) -> bool:
    """Ask, and say whether that is over with."""
    try:
        stopping.stop(server, stopping.Target(backup_id, "backup"), stopping.Watching(seconds=0.0))
    except errors.DuplicatiClientError as exc:
        return not exc.is_retryable  # too late; how it ends is told in any case
    return True
