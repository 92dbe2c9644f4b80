"""What waits for each daemon, in memory, and who waits for it: what makes a poll cheap and a long poll prompt.

An entry is believed until something about that daemon changes, and for five seconds at most.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Final, NamedTuple, TypeVar

from .errors import QuotaExceeded
from .records import Attention
from .store.database import Change
from .store.interface import TaskStore

T = TypeVar("T")

LOOK_AGAIN: Final = timedelta(seconds=5)
"""How long a change by another replica may go unnoticed, should its notification be lost."""
WAITERS_MAX: Final = 10_000
_CHANGES_MAX: Final = 1000
_SILENCE_SECONDS: Final = 20.0


class _Known(NamedTuple):
    """What was found, and until when on the loop's clock it is believed."""

    attention: Attention
    ends_at: float


class News:
    """Which tasks of some daemons changed since it was asked last."""

    def __init__(self) -> None:
        self._changes: set[tuple[str, int]] = set()
        self._event = asyncio.Event()

    def add(self, change: Change) -> None:
        """Keep a change; of very many only whose they are."""
        is_crowded = len(self._changes) >= _CHANGES_MAX
        self._changes.add((change.daemon_id, 0 if is_crowded else change.number))
        self._event.set()

    def wake(self) -> None:
        """Let nobody wait any more."""
        self._event.set()

    async def take(self) -> set[tuple[str, int]]:
        """Return daemons and numbers of tasks; none after twenty seconds of nothing, or if who may come in changed."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._event.wait(), _SILENCE_SECONDS)
        self._event.clear()
        taken, self._changes = self._changes, set()
        return taken


class Attentions:
    """Knows for whom there is something to fetch; belongs to one event loop, whose clock `clock` is."""

    def __init__(self, tasks: TaskStore, clock: Callable[[], float]) -> None:
        self._tasks, self._clock = tasks, clock
        self._known: dict[str, _Known] = {}
        self._waiters: dict[str, set[asyncio.Event]] = {}
        self._released: set[asyncio.Event] = set()
        self._waiters_count = 0
        self._changes: dict[str, int] = {}
        self._news: dict[str | None, set[News]] = {}
        self.is_ending = False

    @property
    def waiters_count(self) -> int:
        """How many polls are held."""
        return self._waiters_count

    def hear(self, change: Change) -> None:
        """Forget what was known of a daemon and wake who waits for it, also when it may not come in any more."""
        if change.topic == "access":
            self._release(change.daemon_id)
            self._wake_all()  # whoever listens may be one who may not any more
        if change.topic != "task":
            return
        self._known.pop(change.daemon_id, None)
        self._changes[change.daemon_id] = self._changes.get(change.daemon_id, 0) + 1
        for event in self._waiters.get(change.daemon_id, ()):
            event.set()
        for daemon_id in (change.daemon_id, None):
            for news in self._news.get(daemon_id, ()):
                news.add(change)

    def _wake_all(self) -> None:
        for heard in self._news.values():
            for news in heard:
                news.wake()

    def _release(self, daemon_id: str) -> None:
        for event in self._waiters.get(daemon_id, ()):
            self._released.add(event)
            event.set()

    def recall(self, daemon_id: str) -> Attention | None:
        """Return what is known without asking, None if nothing is."""
        known = self._known.get(daemon_id)
        return known.attention if known is not None and self._clock() < known.ends_at else None

    async def find(self, daemon_id: str) -> Attention:
        """Return what waits, asking if it is not known."""
        known = self.recall(daemon_id)
        if known is not None:
            return known
        count = self._changes.get(daemon_id, 0)
        attention = await self._tasks.attend(daemon_id)
        if self._changes.get(daemon_id, 0) == count:
            self._known[daemon_id] = _Known(attention, self._clock() + LOOK_AGAIN.total_seconds())
        return attention

    async def wait(self, daemon_id: str, is_enough: Callable[[Attention], bool], seconds: float) -> Attention:
        """Return as soon as it is enough, at the latest after so many seconds; raises `QuotaExceeded`."""
        attention = await self.find(daemon_id)
        if seconds <= 0 or is_enough(attention):
            return attention

        async def look() -> Attention | None:
            found = await self.find(daemon_id)
            return found if is_enough(found) else None

        # What no notification told of is found by `look_again`: in one question for all, not in one for each.
        return await self.watch(daemon_id, look, seconds, seconds) or attention

    async def watch(
        self,
        daemon_id: str,
        look: Callable[[], Awaitable[T | None]],
        seconds: float,
        again_seconds: float = LOOK_AGAIN.total_seconds(),
    ) -> T | None:
        """Return what `look` finds within so many seconds, trying again after each change of that daemon's tasks."""
        ends_at = self._clock() + seconds
        event = self._enter(daemon_id)
        try:
            while True:
                event.clear()
                found = await look()
                left = min(ends_at - self._clock(), again_seconds)
                if found is not None or left <= 0 or self.is_ending or event in self._released:
                    return found
                with suppress(TimeoutError):
                    await asyncio.wait_for(event.wait(), left)
        finally:
            self._leave(daemon_id, event)

    @contextmanager
    def listen(self, daemon_id: str | None) -> Iterator[News]:
        """Give what changes for a daemon, or for any, while it is open; raises `QuotaExceeded`."""
        if self._waiters_count >= WAITERS_MAX:
            raise QuotaExceeded("too many requests are held at once", hint="ask without waiting for a while")
        self._waiters_count += 1
        news = News()
        heard = self._news.setdefault(daemon_id, set())
        heard.add(news)
        try:
            yield news
        finally:
            self._waiters_count -= 1
            heard.discard(news)
            if not heard:
                del self._news[daemon_id]

    def _enter(self, daemon_id: str) -> asyncio.Event:
        if self._waiters_count >= WAITERS_MAX:
            raise QuotaExceeded("too many requests are held at once", hint="ask without waiting for a while")
        event = asyncio.Event()
        self._waiters.setdefault(daemon_id, set()).add(event)
        self._waiters_count += 1
        return event

    def _leave(self, daemon_id: str, event: asyncio.Event) -> None:
        self._waiters_count -= 1
        self._released.discard(event)
        waiting = self._waiters[daemon_id]
        waiting.discard(event)
        if not waiting:
            del self._waiters[daemon_id]

    async def look_again(self) -> None:
        """Find for all who wait, in one question, what no notification told: a lease that ended, a lost one."""
        waiting = list(self._waiters)
        if waiting:
            for daemon_id in await self._tasks.attend_all(waiting):
                self.hear(Change("task", daemon_id))

    def end_all(self) -> None:
        """Wake everybody and hold nobody any more: the server stops."""
        self.is_ending = True
        for daemon_id in list(self._waiters):
            self.hear(Change("task", daemon_id))
        self._wake_all()
