"""Performs the tasks of one Duplicati server by turns: what is put off, tried again, ended; how is told elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from .. import errors
from ..operations.perform import FOLLOWED
from ..protocol.result import Status
from ..protocol.task import Malformed, read_kept
from ..sdk.client import Duplicati
from .absence import ANSWERS, FAILING_SECONDS, GIVE_UP_SECONDS, Absence, Trouble, back_off, passed_seconds, weigh
from .entries import Step
from .events import Events
from .heartbeat import Running
from .intake import id_of
from .job import LANES, Job, look_seconds
from .journal import Journal, StorageFailed
from .order import Order
from .pace import Timing
from .performance import BEGUN, Circumstances, End, Pause, Performance, describe_failure, fail
from .storage import Folder
from .threads import Thread

_FAILING_SECONDS, _STORAGE_SECONDS = (5.0, 300.0), 5.0
_WAITING_FOR_SERVER, _UNCERTAIN, _TAKEN_BACK = "waiting-for-duplicati", "uncertain", ("cancelled", "expired")


class Worker:
    """Has a lane for what is followed, which may take days, one for what is quick, for a stop must not wait for a run,
    and one for who only watches. Tasks of one backup begin in the order in which they came.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - what it works with, each replaceable in a test
        self,
        alias: str,
        open_server: Callable[[], Duplicati],
        journal: Journal,
        events: Events,
        hear_of_end: Callable[[str], None],
        timing: Timing,
        folder: Folder | None = None,
    ) -> None:
        """`folder` keeps since when the server is away, so that rounds of cron add up."""
        self.alias = alias
        self.is_to_wait: Callable[[], bool] = lambda: False
        self.hear_of_begin: Callable[[], None] = lambda: None
        self._open_server, self._journal, self._events = open_server, journal, events
        self._hear_of_end, self._timing = hear_of_end, timing
        self._absence = Absence(alias, folder, timing)
        self._turn = timing.threads.make_turn()
        self._jobs: dict[str, Job] = {}
        self._order = Order(self._jobs, journal, self._absence, timing, self._is_to_wait_now)
        self._news = {lane: timing.threads.make_flag() for lane in LANES}  # something has changed for whom it is raised
        self._is_stopping = False
        self._threads: list[Thread] = []

    # --- for the loop ---------------------------------------------------------------------------------

    @property
    def failure(self) -> errors.DuplicatiClientError | None:
        """Why the server cannot be worked with, None if it can as far as is known."""
        return self._absence.failure

    def start(self) -> None:
        """Begin, in threads of its own."""
        start = self._timing.threads.start
        self._threads = [start(f"{self.alias} {lane}", partial(self._work, lane)) for lane in LANES]

    def put(self, key: str, *, has_died: bool = True) -> None:
        """Perform a task when its turn comes; `has_died`: the process that began it, if any, did not end in order."""
        entry, at = self._journal.entries[key], self._timing.clock()
        received = entry.steps.get(Step.RECEIVED, {})
        task = read_kept(received.get("Content"), str(received.get("Digest")))
        if isinstance(task, Malformed):  # an older release may have known what this one does not
            self._record_end(key, fail("malformed", task.reason))
            return
        came_at = at - passed_seconds(entry.received_at, self._timing.now())
        job = Job(key, task, came_at=came_at, doubt_since=at, has_died=has_died and entry.step in BEGUN)
        job.leader = entry.steps.get(Step.INTENT, {}).get("CoalescedWith")
        with self._turn:
            self._jobs[key] = job
            self._wake(job.lane)

    def cancel(self, key: str, *, may_stop: bool) -> bool:
        """Ask for the end of a task and say whether it is here: one that has not begun ends at once.

        A run is asked to stop where the owner lets it, which `may_stop` says.
        """
        with self._turn:
            job = self._jobs.get(key)
            if job is not None:
                job.is_cancelled, job.may_stop, job.retry_at = True, may_stop, 0.0
                self._wake(*LANES)
        return job is not None

    def hurry(self) -> None:
        """Try the server now, whatever was being waited for."""
        with self._turn:
            self._absence.hurry()
            self._wake(*LANES)

    def is_worth_a_look(self) -> bool:
        """Say whether the server may be asked something beside the tasks, of which `note_look` is to hear."""
        with self._turn:
            return not self._absence.is_barred() and self._absence.claim()

    def note_look(self, failure: errors.DuplicatiClientError | None) -> None:
        """Take note of what came of asking the server something beside the tasks."""
        if failure is None:
            self._note_answer()
            return
        trouble = weigh(failure, is_doubtful=False)
        if trouble in (Trouble.AWAY, Trouble.REFUSED):
            self._note_absence(failure, trouble)
        with self._turn:
            self._absence.let_go()

    def stop(self) -> None:
        """Begin nothing more, and leave what goes on to the next start."""
        with self._turn:
            self._is_stopping = True
            self._turn.notify_all()
            self._wake(*LANES)

    def join(self, seconds: float) -> None:
        """Wait until what was being written is written."""
        ends_at = self._timing.clock() + seconds
        for thread in self._threads:
            if thread.is_alive():
                thread.join(max(0.0, ends_at - self._timing.clock()))

    def is_resting(self) -> bool:
        """Say whether nothing can be done now: there is nothing, or all of it waits."""
        with self._turn:
            is_busy = any(job.is_active for job in self._jobs.values())
            return not is_busy and all(self._order.choose(lane) is None for lane in LANES)

    @property
    def running(self) -> Sequence[Running]:
        """The tasks it has, and how far each is."""
        with self._turn:
            is_barred = self._absence.is_barred()
            return [job.describe(self._name_state(job, is_barred=is_barred)) for job in self._jobs.values()]

    def _name_state(self, job: Job, *, is_barred: bool) -> str:
        if job.is_active or not is_barred:
            return job.state
        return _UNCERTAIN if self._order.is_doubtful(job) else _WAITING_FOR_SERVER

    def _is_to_wait_now(self) -> bool:
        return self.is_to_wait()

    def _wake(self, *lanes: str) -> None:
        for lane in lanes:
            self._news[lane].set()

    # --- work -----------------------------------------------------------------------------------------

    def take_turn(self, lane: str) -> bool:
        """Do what is next in a lane, as far as that goes now; say whether there was anything."""
        with self._turn:
            job = None if self._is_stopping else self._order.choose(lane)
            if job is None:
                return False
            job.is_active, job.state = True, "running"
            end = self._order.find_early_end(job, is_barred=self._absence.is_barred())
            if end is None:
                self._absence.claim()
                self.hear_of_begin()
        try:
            self._work_on(job, end)
        finally:
            with self._turn:
                job.is_active, job.progress = False, None
                self._absence.let_go()
                self._wake(*(LANES if job.backups or self._absence.failure is not None else (lane,)))
        return True

    def _work(self, lane: str) -> None:
        while not self._is_stopping:
            self._news[lane].clear()
            if not self.take_turn(lane) and not self._is_stopping:
                self._news[lane].wait(look_seconds(len(self._jobs)))

    def _work_on(self, job: Job, end: End | None) -> None:
        try:
            end = end or self._perform(job)
        except errors.DuplicatiClientError as exc:
            end = self._judge_failure(job, exc)
        except Exception as exc:  # one task's bug stops no other
            self._events.tell("bug", f"a bug in this program: {type(exc).__name__}: {exc}", "error", job.key)
            end = fail("internal-error", f"a bug in the daemon: {type(exc).__name__}")
        if end is not None:
            self._end(job, end)

    def _perform(self, job: Job) -> End | None:
        """Return the end, None if it is to go on later."""
        circumstances = Circumstances(
            take_death=job.take_death,
            settle=lambda: job.doubt_since + self._timing.settle_seconds - self._timing.clock(),
            is_cancelled=lambda: job.is_cancelled,
            may_stop=lambda: job.may_stop,
            take_along=lambda: self._take_along(job),
        )
        with self._open_server() as server:
            steps = Performance(self._journal, job.key, job.task, circumstances).perform(server)
            while not self._is_stopping:
                try:
                    happened = next(steps)
                except StopIteration as done:
                    end = End(*done.value)
                    if end.status is Status.COMPLETED:
                        self._note_answer()
                    return end
                self._note_answer()
                if not isinstance(happened, Pause):
                    job.progress, job.state = happened or job.progress, "running"
                    job.failing_since, job.failures_count = None, 0
                elif not self._sit_out(job, happened):
                    return self._find_end_of_patience(job, happened)
        return None

    def _take_along(self, leader: Job) -> None:
        """Let one run stand for all that wait for the same: each has its intent on the disk before it is asked for."""
        with self._turn:
            followers = self._order.list_followers(leader)
        for job in followers:
            self._journal.record(job.key, Step.INTENT, {"Attempt": 1, "CoalescedWith": leader.key})
            job.leader = leader.key

    def _sit_out(self, job: Job, pause: Pause) -> bool:
        """Wait if that is soon over; else put the task back and say so."""
        job.state = pause.state
        if not pause.is_short:
            self._put_off(job, pause.state, pause.seconds)
            return False
        with self._turn:
            self._turn.wait_for(lambda: self._is_stopping, pause.seconds)
        return True

    def _find_end_of_patience(self, job: Job, pause: Pause) -> End | None:
        """Return the end of what a server has hidden too long, None where there is hope, or only a queue to wait in."""
        if pause.state != _UNCERTAIN:
            return None
        job.failing_since = self._timing.clock() if job.failing_since is None else job.failing_since
        if self._timing.clock() - job.failing_since <= GIVE_UP_SECONDS:
            return None
        return fail("outcome-unknown", "the server does not show what became of it")

    def _put_off(self, job: Job, state: str, seconds: float) -> None:
        with self._turn:
            job.state, job.retry_at = state, self._timing.clock() + seconds

    # --- failures -------------------------------------------------------------------------------------

    def _note_answer(self) -> None:
        with self._turn:
            was_barred, is_news = self._absence.is_barred(), self._absence.end()
            if was_barred:
                self._wake(*LANES)
        if is_news:
            self._events.forget(f"server {self.alias}")
            self._events.tell("server-back", f"server {self.alias} can be worked with again")

    def _note_absence(self, failure: errors.DuplicatiClientError, trouble: Trouble) -> None:
        with self._turn:
            self._absence.note(failure, is_refused=trouble is Trouble.REFUSED)
        level = "error" if trouble is Trouble.REFUSED else "warning"
        text = f"server {self.alias}: {failure.message}; it is tried again and again"
        self._events.warn(f"server {self.alias}", text, level=level)

    def _judge_failure(self, job: Job, exc: errors.DuplicatiClientError) -> End | None:
        """Return the end that a failure means, None if it is to be tried again."""
        is_doubtful = self._order.is_doubtful(job)
        trouble = weigh(exc, is_doubtful=is_doubtful)
        job.doubt_since = self._timing.clock()
        if isinstance(exc, ANSWERS):
            self._note_answer()
        if trouble is Trouble.FINAL:
            return describe_failure(exc)
        if trouble is Trouble.STORAGE:
            self._events.warn("storage-failed", f"tasks wait for the disk: {exc.message}", level="error")
            self._put_off(job, "storage-failed", _STORAGE_SECONDS)
            return None
        if trouble is Trouble.FAILING:
            return self._judge_failing(job, exc, is_doubtful=is_doubtful)
        self._note_absence(exc, trouble)
        if self._order.is_given_up(job):
            return self._order.give_up(job, exc)
        self._put_off(job, _UNCERTAIN if is_doubtful else _WAITING_FOR_SERVER, 0.0)
        return None

    def _judge_failing(self, job: Job, exc: errors.DuplicatiClientError, *, is_doubtful: bool) -> End | None:
        at = self._timing.clock()
        job.failing_since = at if job.failing_since is None else job.failing_since
        patience_seconds = GIVE_UP_SECONDS if is_doubtful and job.task.operation in FOLLOWED else FAILING_SECONDS
        if at - job.failing_since > patience_seconds or (self._order.is_late(job) and not is_doubtful):
            return self._order.give_up(job, exc)
        job.failures_count += 1
        seconds = back_off(job.failures_count, _FAILING_SECONDS, self._timing.uniform)
        self._events.warn("task-failing", f"task {id_of(job.key)}: {exc.message}; it is tried again", job.key)
        self._put_off(job, _UNCERTAIN if is_doubtful else _WAITING_FOR_SERVER, seconds)
        return None

    # --- ends -----------------------------------------------------------------------------------------

    def _end(self, job: Job, end: End) -> None:
        """Record the end, those of tasks that it stands for first: they have nothing else to tell of it."""
        with self._turn:
            followers = [other for other in self._jobs.values() if other.leader == job.key]
        for follower in followers:
            if end.data.get("Code") in _TAKEN_BACK:  # nobody has taken these back
                follower.leader = None
            else:
                self._record_end(follower.key, End(end.status, {**end.data, "CoalescedWith": id_of(job.key)}))
        self._record_end(job.key, end)

    def _record_end(self, key: str, end: End) -> None:
        fields: Mapping[str, Any] = {"Status": Status(end.status).value, "Data": dict(end.data)}
        try:
            self._journal.record(key, Step.OUTCOME, fields)
        except StorageFailed:
            pass  # memory has it, and delivers it from there
        except (TypeError, ValueError) as exc:
            self._events.tell("bug", f"a bug in this program: a result that cannot be written: {exc}", "error", key)
            self._record_end(key, fail("internal-error", "what came of it cannot be written"))
            return
        with self._turn:
            self._jobs.pop(key, None)
        self._hear_of_end(key)
