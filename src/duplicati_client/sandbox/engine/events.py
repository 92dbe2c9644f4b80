"""The counters behind `serverstate`, the long poll on them, and the subscribers that hear of every change."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from ..clock import Clock

Subscriber = Callable[[str, Any], None]


class Events:
    """Three counters that only ever grow within one server run."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.event_id = 0
        self.data_update_id = 0
        self.notification_update_id = 0
        self._changed = asyncio.Event()
        self._subscribers: list[Subscriber] = []

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Call `subscriber(service, data)` on every change; the returned function ends that.

        Services are those of the server's WebSocket. `data` is ready to send for `progress` and `taskcompleted`,
        None for the others, whose state is to be asked for.
        """
        self._subscribers.append(subscriber)
        return lambda: self._subscribers.remove(subscriber) if subscriber in self._subscribers else None

    def publish(self, service: str, data: Any = None) -> None:
        """Tell the subscribers without counting an event; progress is announced like this."""
        for subscriber in tuple(self._subscribers):
            subscriber(service, data)

    def count(self, *services: str) -> None:
        """Count one event, tell of it, and let long polls return."""
        self.event_id += 1
        if "backuplist" in services or "serversettings" in services:
            self.data_update_id += 1
        if "notifications" in services:
            self.notification_update_id += 1
        self._changed.set()
        self._changed = asyncio.Event()
        # The server's state comes first (2.3.1.0 websocket:15).
        for service in ("legacystatus", *services):
            self.publish(service)

    async def wait(self, last_event_id: int, seconds: float) -> None:
        """Return when the event number differs from the given one, at once if it does already, or after `seconds`."""
        deadline = self._clock.now().timestamp() + seconds
        while self.event_id == last_event_id:
            left = deadline - self._clock.now().timestamp()
            if left <= 0:
                return
            await self._clock.wait_for(self._changed, left)

    def restart(self) -> None:
        """Begin the counters anew, as a restart of the server does."""
        self.event_id = self.data_update_id = self.notification_update_id = 0
        self._changed.set()
        self._changed = asyncio.Event()
