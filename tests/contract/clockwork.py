"""A clock that stands still until a test moves it, so that minutes of a recording pass in moments; nothing else."""

from __future__ import annotations

import asyncio
import heapq
from datetime import UTC, datetime, timedelta
from itertools import count

from duplicati_client.sandbox.clock import Clock

# Enough turns of the loop for everything that one moment sets off: tasks, queues and events hand over a few times.
TURNS = 12


class Clockwork(Clock):
    """Time for one event loop; `advance_to` lets everything that is due happen, in order."""

    def __init__(self, start_at: float) -> None:
        super().__init__()
        self._now = start_at
        self._due: list[tuple[float, int, asyncio.Future[None]]] = []
        self._numbers = count()

    def now(self) -> datetime:
        return datetime.fromtimestamp(0, UTC) + timedelta(seconds=self._now)

    @property
    def seconds(self) -> float:
        return self._now

    async def sleep(self, seconds: float) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._due, (self._now + max(seconds, 0), next(self._numbers), future))
        await future

    async def wait_for(self, event: asyncio.Event, seconds: float) -> None:
        waiters = {asyncio.ensure_future(event.wait()), asyncio.ensure_future(self.sleep(seconds))}
        try:
            await asyncio.wait(waiters, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for waiter in waiters:
                waiter.cancel()

    async def advance_to(self, moment: float) -> None:
        await self._settle()
        while self._due and self._due[0][0] <= moment:
            due_at, _, future = heapq.heappop(self._due)
            if future.done():
                continue
            self._now = max(self._now, due_at)
            future.set_result(None)
            await self._settle()
        self._now = max(self._now, moment)

    def jump_to(self, moment: float) -> None:
        """Let time pass without anything happening in it; what was due comes at the next advance."""
        self._now = max(self._now, moment)

    @staticmethod
    async def _settle() -> None:
        for _ in range(TURNS):
            await asyncio.sleep(0)
