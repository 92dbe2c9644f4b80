"""Time that passes when nobody has anything to do, and threads that run one at a time in an order given by the seed.

A `Strand` is a thread of the operating system that runs only while it has the turn. It gives it away where it waits;
who is next is drawn from those that are ready, and if nobody is, the clock jumps to the next thing that is due.
A `Machine` is what strands of one process share: a clock that may be set, sleep, and death.
"""

from __future__ import annotations

import heapq
import threading
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

START_AT = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
_STACK_BYTES = 256 * 1024


class Killed(BaseException):
    """The process is no more. No `Exception`, so that nothing takes it for a failure and goes on."""


class Strand:
    """A thread that runs while it has the turn."""

    def __init__(self, clock: Clock, name: str, machine: Machine | None) -> None:
        self.name, self.machine = name, machine
        self.is_over = False
        self.crash: BaseException | None = None
        self.wait_number = 0
        self.is_waiting = self.was_told = False
        self.gate = threading.Lock()
        self.gate.acquire()
        self._clock = clock
        self._joining: list[tuple[Strand, int]] = []

    @property
    def is_dead(self) -> bool:
        return self.machine is not None and self.machine.is_dead

    def begin(self, work: Callable[[], None]) -> None:
        before = threading.stack_size(_STACK_BYTES)
        try:
            threading.Thread(target=self._live, args=(work,), name=self.name, daemon=True).start()
        finally:
            threading.stack_size(before)
        self._clock.make_ready(self)

    def _live(self, work: Callable[[], None]) -> None:
        self.gate.acquire()
        try:
            if not self.is_dead:
                work()
        except BaseException as exc:
            if not self.is_dead:
                self.crash = exc
                self._clock.crashes.append(exc)
        self.is_over = True
        for strand, number in self._joining:
            self._clock.wake(strand, number)
        self._clock.leave()

    def is_alive(self) -> bool:
        return not self.is_over

    def join(self, timeout: float | None = None) -> None:
        if not self.is_over:
            self._clock.wait(timeout, lambda strand, number: self._joining.append((strand, number)))


class Machine:
    """Where one process of the daemon runs. `is_dead` ends all of its strands at the next moment they would go on."""

    def __init__(self, clock: Clock, *, wall_offset: timedelta = timedelta(), stalls: bool = False) -> None:
        self.is_dead = False
        self.wall_offset, self.stalls = wall_offset, stalls
        self.slept_seconds = 0.0
        self.strands: list[Strand] = []
        self._clock = clock
        self._wakes_at = 0.0
        self._deferred: list[Strand] = []

    def now(self) -> datetime:
        """Return what its own clock shows, whatever somebody has set it to."""
        return START_AT + timedelta(seconds=self._clock.seconds) + self.wall_offset

    def boot_seconds(self) -> float:
        """Return seconds that pass in its sleep, too."""
        return 1000.0 + self._clock.seconds

    def awake_seconds(self) -> float:
        """Return seconds that do not."""
        return self.boot_seconds() - self.slept_seconds

    def uniform(self, low: float, high: float) -> float:
        """Draw a number, as `random.uniform` does."""
        return self._clock.chance.uniform(low, high)

    def sleep(self, seconds: float) -> None:
        """Do nothing for so long, and let no timer go on meanwhile."""
        if self._clock.seconds >= self._wakes_at:
            self.slept_seconds += seconds
            self._wakes_at = self._clock.seconds + seconds
            self._clock.after(seconds, self._wake_up)

    def defer(self, strand: Strand) -> bool:
        """Keep a strand from going on while the machine sleeps; say whether that is so."""
        if self.is_dead or self._clock.seconds >= self._wakes_at:
            return False
        self._deferred.append(strand)
        return True

    def kill(self) -> None:
        """End it all at once."""
        self.is_dead = True
        self._deferred.clear()
        for strand in self.strands:
            if not strand.is_over and strand is not self._clock.current:
                self._clock.make_ready(strand)

    def start(self, name: str, work: Callable[[], None]) -> Strand:
        """Start a thread of the process."""
        if self.is_dead:
            raise Killed
        strand = Strand(self._clock, name, self)
        self.strands.append(strand)
        strand.begin(work)
        return strand

    def _wake_up(self) -> None:
        deferred, self._deferred = self._deferred, []
        for strand in deferred:
            self._clock.make_ready(strand)


class Clock:
    """The one time, and who has the turn. Made by the thread that runs the simulation, which is a strand as well."""

    def __init__(self, chance: Random, stall_share: float) -> None:
        self.seconds = 0.0
        self.chance = chance
        self._stall_share = stall_share
        self.crashes: list[BaseException] = []
        self.current = Strand(self, "stage", None)
        self._order = 0
        self._ready: list[Strand] = []
        self._due: list[tuple[float, int, Callable[[], None]]] = []

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        """Do something later; it may not wait."""
        self._order += 1
        heapq.heappush(self._due, (self.seconds + seconds, self._order, action))

    def wait(self, seconds: float | None, enlist: Callable[[Strand, int], Any] | None = None) -> bool:
        """Give the turn away until somebody wakes this strand or the time is up; say whether somebody did.

        `enlist` gets strand and number, for who is to call `wake` with them.
        """
        me = self.current
        if me.is_dead:
            raise Killed
        me.wait_number += 1
        number = me.wait_number
        me.is_waiting, me.was_told = True, False
        if enlist is not None:
            enlist(me, number)
        if seconds is not None:
            self._set_timer(me, number, max(0.0, seconds))
        self._give_way(me)
        if me.is_dead:
            raise Killed
        return me.was_told

    def sleep(self, seconds: float) -> None:
        """Let time pass for this strand."""
        self.wait(seconds)

    def stall(self) -> None:
        """Let others go first now and then, as threads do that are on their way to something they share."""
        machine = self.current.machine
        if machine is not None and machine.stalls and self.chance.random() < self._stall_share:
            self.sleep(self.chance.uniform(0.0, 0.05))

    def wake(self, strand: Strand, number: int, *, is_told: bool = True) -> None:
        """Let a strand go on that waits under this number; nothing where it does not any more."""
        if strand.is_waiting and strand.wait_number == number:
            strand.is_waiting, strand.was_told = False, is_told
            if strand.machine is None or not strand.machine.defer(strand):
                self._ready.append(strand)

    def has_woken(self, strand: Strand, number: int) -> bool:
        """Do the same, and say whether it did wait."""
        is_there = strand.is_waiting and strand.wait_number == number
        self.wake(strand, number)
        return is_there

    def make_ready(self, strand: Strand) -> None:
        """Let a strand go on."""
        strand.is_waiting = False
        if strand not in self._ready:
            self._ready.append(strand)

    def leave(self) -> None:
        """Hand the turn over for good."""
        following = self._choose()
        self.current = following
        following.gate.release()

    def _set_timer(self, strand: Strand, number: int, seconds: float) -> None:
        slept_seconds = strand.machine.slept_seconds if strand.machine else 0.0

        def ring() -> None:
            missed = strand.machine.slept_seconds - slept_seconds if strand.machine else 0.0
            if missed and strand.is_waiting and strand.wait_number == number:
                self._set_timer(strand, number, missed)
            else:
                self.wake(strand, number, is_told=False)

        self.after(seconds, ring)

    def _give_way(self, me: Strand) -> None:
        following = self._choose()
        if following is me:
            return
        self.current = following
        following.gate.release()
        me.gate.acquire()

    def _choose(self) -> Strand:
        while not self._ready:
            self.seconds, _, action = heapq.heappop(self._due)
            try:
                action()
            except Exception as exc:  # it is nobody's who happens to have the turn
                self.crashes.append(exc)
        if len(self._ready) == 1:
            return self._ready.pop()
        return self._ready.pop(self.chance.randrange(len(self._ready)))


class Turn(threading.Condition):
    """What strands take turns with: a condition with its lock, under the clock."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._owner: Strand | None = None
        self._depth = 0
        self._entering: deque[tuple[Strand, int]] = deque()
        self._sleeping: deque[tuple[Strand, int]] = deque()

    def acquire(self, *_: Any) -> bool:
        me = self._clock.current
        while self._owner not in (None, me) and not me.is_dead:
            self._clock.wait(None, lambda strand, number: self._entering.append((strand, number)))
        self._owner = me
        self._depth += 1
        return True

    def release(self) -> None:
        self._depth -= 1
        if self._depth <= 0:
            self._owner, self._depth = None, 0
            if self._entering:
                self._clock.wake(*self._entering.popleft())

    def __enter__(self) -> bool:
        self._clock.stall()
        return self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()

    def wait(self, timeout: float | None = None) -> bool:
        depth, self._depth = self._depth, 1
        self.release()
        try:
            was_told = self._clock.wait(timeout, lambda strand, number: self._sleeping.append((strand, number)))
        finally:
            self.acquire()
            self._depth = depth
        return was_told

    def wait_for(self, predicate: Callable[[], Any], timeout: float | None = None) -> Any:
        ends_at = None if timeout is None else self._clock.seconds + timeout
        while not (found := predicate()):
            left = None if ends_at is None else ends_at - self._clock.seconds
            if left is not None and left <= 0:
                break
            self.wait(left)
        return found

    def notify(self, n: int = 1) -> None:
        while n > 0 and self._sleeping:
            strand, number = self._sleeping.popleft()
            n -= strand.is_waiting and strand.wait_number == number
            self._clock.wake(strand, number)

    def notify_all(self) -> None:
        self.notify(len(self._sleeping))


class Gate:
    """What one strand shuts for the others, under the clock: a lock that anybody may open."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._is_shut = False
        self._waiting: deque[tuple[Strand, int]] = deque()

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        ends_at = None if timeout < 0 else self._clock.seconds + timeout
        while self._is_shut:
            left = None if ends_at is None else ends_at - self._clock.seconds
            if not blocking or (left is not None and left <= 0):
                return False
            self._clock.wait(left, lambda strand, number: self._waiting.append((strand, number)))
        self._is_shut = True
        return True

    def release(self) -> None:
        self._is_shut = False
        while self._waiting and not self._clock.has_woken(*self._waiting.popleft()):
            pass

    def __enter__(self) -> bool:
        self._clock.stall()
        return self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()


class Flag(threading.Event):
    """What one strand raises for the others, under the clock."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._is_set = False
        self._waiting: list[tuple[Strand, int]] = []

    def is_set(self) -> bool:
        return self._is_set

    def set(self) -> None:
        self._is_set = True
        waiting, self._waiting = self._waiting, []
        for strand, number in waiting:
            self._clock.wake(strand, number)

    def clear(self) -> None:
        self._is_set = False

    def wait(self, timeout: float | None = None) -> bool:
        if not self._is_set:
            self._clock.wait(timeout, lambda strand, number: self._waiting.append((strand, number)))
        return self._is_set
