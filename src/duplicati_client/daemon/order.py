"""Which task of one Duplicati server is next, which waits, and which does not begin any more; performs none.

Whoever asks holds the worker's turn, so that nothing changes meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta

from .. import errors
from ..operations.perform import FOLLOWED
from .absence import Absence, Trouble, weigh
from .entries import Step
from .job import RESULTS_BYTES_MAX, Backups, Job
from .journal import Journal
from .pace import Timing
from .performance import BEGUN, End, fail

_LATE = timedelta(minutes=5)


class Order:
    """Tasks of one backup that may begin do so in the order in which they came, others side by side."""

    def __init__(
        self,
        jobs: Mapping[str, Job],
        journal: Journal,
        absence: Absence,
        timing: Timing,
        is_to_wait: Callable[[], bool] = lambda: False,
    ) -> None:
        """`jobs` are the worker's own, as they come and go; while `is_to_wait`, none begins that has not begun."""
        self._jobs, self._journal, self._absence, self._timing = jobs, journal, absence, timing
        self._is_to_wait = is_to_wait

    def choose(self, lane: str) -> Job | None:
        """Return the next of a lane that can be gone on with, or one of any lane that ends without being begun."""
        at, is_barred = self._timing.clock(), self._absence.is_barred()
        before = Backups()
        passed: list[Job] = []
        for job in self._jobs.values():
            if not job.is_active and job.leader not in self._jobs:
                if self.find_early_end(job, is_barred=is_barred) is not None:
                    return job
                if self._is_early(job):
                    continue
                if job.lane == lane and job.retry_at <= at and not is_barred and self._may_begin(job):
                    before.add(*(other for other in passed if not self._has_begun(other)))
                    if not before.has_one_of(job):
                        return job
                    passed.clear()
            passed.append(job)
        return None

    def find_early_end(self, job: Job, *, is_barred: bool) -> End | None:
        """Return the end of a task that does not begin any more, or of one whose server has been away too long."""
        failure = self._absence.failure
        if failure is not None and is_barred and self.is_given_up(job):
            return self.give_up(job, failure)
        if self._find_step(job) is not Step.DECIDED:
            return None
        if job.is_cancelled:
            return fail("cancelled", "it was taken back before it began")
        if self.is_late(job):
            return fail("expired", f"it was not to begin after {job.task.not_after:%Y-%m-%dT%H:%M:%SZ}")
        return None

    def list_followers(self, leader: Job) -> list[Job]:
        """Return those behind it that its run may stand for: they wait for the same, and nothing comes between."""
        jobs = list(self._jobs.values())
        followers = []
        for job in jobs[jobs.index(leader) + 1 :]:
            is_waiting = self._find_step(job) is Step.DECIDED and not job.is_cancelled
            if job.is_like(leader) and is_waiting and self._may_begin(job):
                followers.append(job)
            elif job.shares_backup(leader) and not self._is_early(job):
                break
        return followers

    def is_doubtful(self, job: Job) -> bool:
        """Say whether it may have taken effect, and that is not known."""
        return self._find_step(job) in BEGUN and not job.is_read

    def is_late(self, job: Job) -> bool:
        """Say whether its own time is over, by the task server's clock."""
        not_after = job.task.not_after
        return not_after is not None and self._timing.server_now() > not_after + _LATE

    def is_given_up(self, job: Job) -> bool:
        """Say whether it has waited for its server long enough."""
        return (self.is_late(job) and not self.is_doubtful(job)) or self._absence.is_given_up(job.came_at)

    def give_up(self, job: Job, exc: errors.DuplicatiClientError) -> End:
        """Return the end of a task whose server could not be worked with."""
        if self.is_doubtful(job):
            return fail("outcome-unknown", f"the server cannot be asked what became of it: {exc.message}")
        code = "unreachable" if weigh(exc, is_doubtful=False) is Trouble.AWAY else exc.code
        return fail(code, f"the server could not be worked with in time: {exc.message}")

    def _find_step(self, job: Job) -> Step:
        entry = self._journal.entries.get(job.key)
        return Step.CONFIRMED if entry is None else entry.step

    def _may_begin(self, job: Job) -> bool:
        if self._find_step(job) is not Step.DECIDED:
            return True
        if self._is_to_wait() or (job.is_read and self._journal.open_bytes >= RESULTS_BYTES_MAX):
            return False
        return not self._is_early(job)

    def _is_early(self, job: Job) -> bool:
        """Say whether its own time has not come; until then it holds nobody up."""
        not_before = job.task.not_before
        is_ahead = not_before is not None and not_before > self._timing.server_now()
        return is_ahead and self._find_step(job) is Step.DECIDED

    def _has_begun(self, job: Job) -> bool:
        is_single = len(job.task.resources) == 1  # of several backups the later ones have not begun
        return is_single and job.task.operation in FOLLOWED and self._find_step(job) is Step.SUBMITTED
