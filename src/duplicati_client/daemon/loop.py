"""The daemon at work: polls, takes tasks in, hands them to its workers, ends in order; how is told elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING

from .. import errors
from ..protocol.exchange import WAIT_SECONDS_MAX
from ..protocol.task import Malformed, Task
from .answers import LinkFailed
from .entries import Entry, Step
from .heartbeat import Heartbeat, Running
from .holding import Holding
from .intake import Intake, Taken
from .inventory import SEND_SECONDS
from .journal import StorageFailed
from .leftovers import Leftovers
from .lookout import Lookout
from .pace import Gaps, wait
from .parts import Parts
from .policy import Policy
from .room import Room
from .ruling import Ruling
from .telling import describe_end, describe_task

if TYPE_CHECKING:
    import threading

DRAIN_SECONDS = 8.0
LEASE_SECONDS = 120.0
_OBSTACLE_SECONDS = 5.0
_FULL_SECONDS = 0.5
_ANSWERING_SECONDS = 0.1
_TOLD_COUNT = 50
_CONTACT_SECONDS = 0.5
_IDLE_SECONDS = 1.0


class Daemon:
    """Everything together. `start`, then `stop`; or turn by turn, as one round does it."""

    def __init__(self, parts: Parts, policy: Policy) -> None:
        self.parts = parts
        self.ruling = Ruling(parts, policy)
        self.room = Room(parts.journal, parts.folder, parts.config)
        self.started_at = parts.now()
        self.ended: list[Entry] = []
        self.is_remembering = False
        self.crash: BaseException | None = None
        self.workers = {alias: parts.make_worker(alias, self._hear_of_end) for alias in parts.config.servers}
        self._lookout = Lookout(parts, self.ruling, self.workers)
        parts.reporter.hear_of_loss = self._lose
        self._intake = Intake(parts.journal, parts.history, self.ruling.judge, parts.config.servers, parts.reporter)
        self._leftovers = Leftovers(parts.folder, parts.journal, self._intake)
        self._holding = Holding(parts.link, parts.events, self._hand_over)
        make_flag = parts.threads.make_flag
        self._stopping, self._hurrying = make_flag(), make_flag()
        self._pace, self._beat_pace = parts.make_pace(), parts.make_pace()
        self._heartbeat = Heartbeat(parts.link, self._beat_pace, self.list_running, self.cancel, make_flag())
        for worker in self.workers.values():
            worker.is_to_wait, worker.hear_of_begin = self._has_slept, self._heartbeat.beginning.set
        self._gaps = Gaps(parts.clock, parts.awake)
        self._polled_at = parts.clock() - parts.config.poll_seconds
        self._is_sending_over = self._are_many_left = False

    # --- life -----------------------------------------------------------------------------------------

    def start(self) -> None:
        """Go on with what the journal holds, then take new tasks, all in threads."""
        self.begin()
        self._spawn("polls", self._poll_forever)
        self._spawn("heartbeat", self._beat_forever)
        self._spawn("inventory", self._look_forever)

    def begin(self) -> None:
        """Go on with what the journal holds, and send what is to be said; takes no new tasks by itself."""
        self._recover()
        for worker in self.workers.values():
            worker.start()
        self._spawn("reports", lambda: self.parts.reporter.run(lambda: self._is_sending_over))

    def stop(self, drain_seconds: float = DRAIN_SECONDS) -> None:
        """Begin nothing more, let what is being written be written and what can be sent be sent, then let go."""
        for flag in (self._stopping, self._hurrying, self._heartbeat.beginning):
            flag.set()
        ends_at = self.parts.clock() + drain_seconds
        for worker in self.workers.values():
            worker.stop()
        for worker in self.workers.values():
            worker.join(max(0.0, ends_at - self.parts.clock()) / 2)
        while not self.parts.reporter.is_done() and self.parts.clock() < ends_at:
            self.parts.threads.make_flag().wait(0.02)
        self._is_sending_over = True
        self.parts.reporter.wake()

    def close(self) -> None:
        """Let go of journal and state folder; the last thing that is done."""
        if self.crash is None:
            self._leftovers.end()
        with suppress(StorageFailed, OSError):
            self.parts.journal.close()
        self.parts.lock.close()

    def reload(self) -> None:
        """Take the policy and the token from their files anew; an unusable policy leaves the old one in force."""
        self.ruling.reload()
        self._lookout.forget()
        if self.parts.link.identity.reload():
            self.parts.events.tell("token-reloaded", "the token file holds another token than before, used from now on")
        for worker in self.workers.values():
            worker.hurry()
        self.hurry()

    def tick(self) -> None:
        """Note that this process runs; to be called each few seconds, so that it shows when it was halted."""
        self._gaps.tick()

    def hurry(self) -> None:
        """Poll and send now, whatever was being waited for."""
        self._hurrying.set()
        self.parts.reporter.hurry()

    def take_once(self) -> LinkFailed | None:
        """Poll once and take what there is, as one round does; say why it was not possible."""
        try:
            if self.room.find_obstacle() is None:
                self._lookout.learn_names()
                self._take_tasks(is_waiting=False)
        except LinkFailed as exc:
            self.parts.health.note_failure(exc, self.parts.now())
            return exc
        self._heartbeat.beat("running")
        self.look_around()
        return None

    # --- tasks ----------------------------------------------------------------------------------------

    def take_turn(self) -> float:
        """Poll once and take what there is; return the seconds until the next time."""
        try:
            return self._take_turn(has_slept=self._notice_sleep())
        finally:
            self._gaps.find_seconds()  # what was accepted before a sleep may begin now

    def _take_turn(self, *, has_slept: bool) -> float:
        obstacle = self.room.find_obstacle()
        if obstacle is not None:
            self.parts.events.warn("no-new-tasks", f"no new tasks are taken: {obstacle}")
            return _FULL_SECONDS if self.room.find_fullness() else _OBSTACLE_SECONDS
        if self._is_answering():
            return _ANSWERING_SECONDS
        if self.room.is_half_free():  # else it may be told again at once
            self.parts.events.forget("no-new-tasks")
        self._lookout.learn_names()
        try:
            return self._take_tasks(is_waiting=not has_slept)
        except LinkFailed as exc:
            return self._note_failure(exc)
        except (StorageFailed, OSError) as exc:
            self.parts.events.warn("storage-failed", f"no new tasks are taken: {exc}", level="error")
            return _OBSTACLE_SECONDS

    def _is_answering(self) -> bool:
        """Say whether what was taken is being answered: a plain task server offers it again as long as it is not."""
        is_due = self.parts.clock() - self._polled_at >= self.parts.config.poll_seconds
        return self.parts.link.level == 0 and not is_due and not self.parts.reporter.is_done()

    def take_in(self, items: Iterable[Task | Malformed]) -> int:
        """Take offered items until no more can be open; return how many were new."""
        count = 0
        for item in items:
            if self._stopping.is_set() or self.room.find_obstacle() is not None:
                break
            if item.task_id is None and isinstance(item, Malformed):
                self.parts.events.warn("nameless", f"a task cannot be answered, for it has no usable id: {item.reason}")
                continue
            taken = self._intake.take(item, at=self.parts.now(), has_levels=self.parts.link.level == 1)
            count += taken.is_new
            self._go_on(taken, item.attempt if isinstance(item, Task) else None)
        return count

    def list_running(self) -> list[Running]:
        """Return what the workers have."""
        return [running for worker in self.workers.values() for running in worker.running]

    def list_held(self) -> list[str]:
        """Return the keys of tasks that wait for the owner's word, because the task server was restored."""
        return self._holding.list_held()

    def cancel(self, key: str) -> None:
        """Ask for the end of a task; a run is asked to stop only if the policy would let the task server do that."""
        if self._holding.remove(key):
            self._put(key)
        entry = self.parts.journal.entries.get(key)
        may_stop = entry is not None and self.ruling.may_stop(entry)
        is_here = any(worker.cancel(key, may_stop=may_stop) for worker in self.workers.values())
        if is_here and not may_stop and entry is not None and entry.step in (Step.INTENT, Step.SUBMITTED):
            self._tell_of(key, "taken back, but the policy allows no stop: it goes on", "warning")

    def release(self) -> int:
        """Take the task server's epoch for the right one and perform what was held; return how many."""
        return self._holding.release()

    def _go_on(self, taken: Taken, attempt: int | None = None) -> None:
        if taken.answer is not None:
            self.parts.reporter.answer(taken.answer)
        key = taken.key
        if key is None:
            return
        self.parts.reporter.report(key, attempt)
        if taken.is_to_perform and taken.is_new and self._leftovers.may_have_lost:
            taken = self._leftovers.doubt(key)
        if taken.is_to_perform:
            if taken.is_new or not self._are_many_left:
                self._tell_of(key, "accepted" if taken.is_new else "taken up again")
            self._hand_over(key)
        elif taken.is_new:
            self._hear_of_end(key)

    def _hand_over(self, key: str) -> None:
        received = self.parts.journal.entries[key].steps.get(Step.RECEIVED, {})
        if not self._holding.take(key, str((received.get("Content") or {}).get("Operation"))):
            self._put(key)

    def _put(self, key: str) -> None:
        alias = str(self.parts.journal.entries[key].steps.get(Step.RECEIVED, {}).get("Server"))
        worker = self.workers.get(alias)
        if worker is not None:
            worker.put(key, has_died=self._leftovers.has_died)
        elif self.parts.journal.entries[key].step is Step.DECIDED:
            self._leftovers.close(key, "server-unknown", f"the configuration has no server {alias} any more")
            self._hear_of_end(key)
        else:
            message = f"what became of it is not known: the configuration has no server {alias} any more"
            self._leftovers.close(key, "outcome-unknown", message)
            self._hear_of_end(key)

    def _lose(self, key: str) -> None:
        """Let go of a task that the task server has taken back, or given to somebody else, and does not want begun."""
        self._tell_of(key, "the task server has taken it back", "warning")
        self.cancel(key)

    def _take_tasks(self, *, is_waiting: bool) -> float:
        parts = self.parts
        has_levels = parts.link.level == 1
        self._polled_at = parts.clock()
        # The first answer of all, and the first after an outage, shows at once that all is well.
        may_be_held = has_levels and is_waiting and parts.health.is_connected
        poll = parts.link.poll(WAIT_SECONDS_MAX if may_be_held else 0.0)
        if parts.health.note_answer(parts.now()):
            parts.events.forget("away")
            parts.events.tell("connected", f"the task server {parts.link.address} answers")
            parts.reporter.hurry()
        self._pace.succeed()
        self._holding.note_contact()
        taken_count = self.take_in(parts.link.fetch(self.room.count_free())) if poll.has_tasks else 0
        parts.journal.forget_loss()
        wished_seconds = poll.poll_after_seconds or self._heartbeat.poll_after_seconds
        self._pace.interval_seconds = self._beat_pace.interval_seconds = wished_seconds or parts.config.poll_seconds
        if taken_count:
            return 0.0
        if wished_seconds is not None and has_levels:  # from one poll to the next; an answer that was held uses it up
            return max(_IDLE_SECONDS, wished_seconds - (parts.clock() - self._polled_at))
        may_wait_there = parts.link.level == 1 and not poll.has_tasks  # as the first answer of all has just told
        return _IDLE_SECONDS if may_wait_there else float(parts.config.poll_seconds)

    def _note_failure(self, exc: LinkFailed) -> float:
        seconds = self._pace.fail(exc)
        self.parts.health.note_failure(exc, self.parts.now())
        hint = f"; {exc.hint}" if exc.hint and exc.hint != type(exc).default_hint else ""
        self.parts.events.warn("away", f"{exc.message}{hint}; it is asked again and again")
        return seconds

    def _has_slept(self) -> bool:
        """Say whether nothing ran here for so long that others may have what was this daemon's."""
        return self._gaps.peek_seconds() > 2 * LEASE_SECONDS

    def _notice_sleep(self) -> bool:
        has_slept = self._has_slept()
        if has_slept:
            minutes = self._gaps.peek_seconds() / 60
            self.parts.events.tell(
                "slept", f"nothing ran here for {minutes:.0f} minutes: this machine slept, or was held"
            )
            for entry in list(self.parts.journal.entries.values()):
                if entry.step is not Step.CONFIRMED:
                    self.parts.reporter.report(entry.key)
        return has_slept

    # --- after a start --------------------------------------------------------------------------------

    def _recover(self) -> None:
        self._leftovers.begin(self.parts.events)
        entries = list(self.parts.journal.entries.values())
        self._are_many_left = len(entries) > _TOLD_COUNT
        if any(entry.step is Step.RECEIVED for entry in entries):
            self._lookout.learn_names()
        for entry in entries:
            if entry.step is Step.OUTCOME:
                self.parts.reporter.tell_end(entry.key)
            with suppress(StorageFailed):
                self._go_on(self._leftovers.take_up(entry))
        open_count = sum(entry.step is not Step.CONFIRMED for entry in entries)
        if open_count:
            self.parts.events.tell("recovered", f"open tasks found in the journal to go on with: {open_count}")

    # --- threads --------------------------------------------------------------------------------------

    def _spawn(self, name: str, work: Callable[[], None]) -> None:
        def guard() -> None:
            try:
                work()
            except Exception as exc:  # whoever watches over the threads tells of it and ends it all
                self.crash = exc

        self.parts.threads.start(name, guard)

    def _poll_forever(self) -> None:
        while not self._stopping.is_set():
            self._hurrying.clear()
            self._wait(self._hurrying, self.take_turn())

    def _beat_forever(self) -> None:
        self._wait_for_contact()
        while not self._stopping.is_set():
            due = self._heartbeat.beat("running")
            if due.is_heard:
                self.parts.health.note_beat(self.parts.now())
            self._wait(self._stopping, due.hold_seconds)
            self._wait(self._heartbeat.beginning, due.seconds)

    def _wait(self, flag: threading.Event, seconds: float) -> None:
        wait(flag.wait, seconds, boot=self.parts.clock)

    def _wait_for_contact(self) -> None:
        """Wait until the task server has shown what it understands."""
        while self.parts.link.level is None and not self._stopping.wait(_CONTACT_SECONDS):
            pass

    def _look_forever(self) -> None:
        if not self.ruling.needs_names():
            self._wait_for_contact()
        while not self._stopping.is_set():
            self.look_around()
            self._wait(self._stopping, SEND_SECONDS)

    def look_around(self) -> None:
        """Look at the servers for the inventory, where somebody wants it, and care for the token."""
        self._lookout.look()
        try:
            self.parts.link.renew_token_if_due()
        except errors.DuplicatiClientError as exc:
            self.parts.events.warn("token", f"the token cannot be renewed yet: {exc.message}")

    # --- what is told ---------------------------------------------------------------------------------

    def _hear_of_end(self, key: str) -> None:
        entry = self.parts.journal.entries.get(key)
        if entry is not None and self.is_remembering:
            self.ended.append(entry)
        self.parts.reporter.tell_end(key)
        self._tell_of(key, *describe_end(entry))

    def _tell_of(self, key: str, text: str, level: str = "info") -> None:
        named = describe_task(key, self.parts.journal.entries.get(key))
        self.parts.events.tell("task", f"{named}: {text}", level, key)
