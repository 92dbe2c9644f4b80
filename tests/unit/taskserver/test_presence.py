"""Who was here is kept a few seconds later, with when that was: what is told late must not look like a return."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, cast

from duplicati_client.taskserver.presence import Presence
from duplicati_client.taskserver.records import Sighting


class Daemons:
    """Notes what it is told of, and finds no conflict."""

    def __init__(self) -> None:
        self.told: list[tuple[str, Sighting]] = []
        self.levels: list[int] = []

    async def touch(self, seen: Mapping[str, Sighting], level: int) -> set[str]:
        self.told += seen.items()
        self.levels += [level] * len(seen)
        return set()


def test_what_is_told_late_says_when_it_was() -> None:
    daemons, at = Daemons(), [100.0]
    presence = Presence(cast("Any", daemons), lambda: at[0])

    async def restart() -> None:
        await presence.note("d-1", "a", 1)
        at[0] = 103.0
        await presence.note("d-1", "a", 1)
        at[0] = 104.0
        await presence.note("d-1", "b", 1)
        at[0] = 105.0
        await presence.flush()

    asyncio.run(restart())
    assert daemons.told == [
        ("d-1", Sighting("a", 100.0)),
        ("d-1", Sighting("b", 104.0)),
        ("d-1", Sighting("a", 103.0)),
    ]


def test_daemon_of_level_1_that_names_no_instance_stays_one_of_level_1() -> None:
    daemons = Daemons()
    presence = Presence(cast("Any", daemons), lambda: 100.0)

    async def come_twice() -> None:
        for _ in range(2):
            await presence.note("d-1", None, 1)
        await presence.flush()

    asyncio.run(come_twice())
    assert daemons.levels == [1, 1]
