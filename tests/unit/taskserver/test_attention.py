"""What waits for daemons, and who waits for it; time passes as fast as nothing happens."""

from __future__ import annotations

import asyncio
import selectors
from collections import Counter

from duplicati_client.taskserver.attention import Attentions
from duplicati_client.taskserver.records import Attention
from duplicati_client.taskserver.store.database import Change

NOTHING, SOMETHING = Attention(False, False), Attention(True, False)


class Hasty(selectors.DefaultSelector):
    """Waits for nobody, and says how long it would have waited."""

    skipped_seconds = 0.0

    def select(self, timeout=None):
        self.skipped_seconds += timeout or 0
        return super().select(0)


class Loop(asyncio.SelectorEventLoop):
    def __init__(self):
        self.hasty = Hasty()
        super().__init__(self.hasty)

    def time(self):
        return self.hasty.skipped_seconds


class Tasks:
    """Counts what is asked of a store."""

    def __init__(self):
        self.waiting = set()
        self.asked = []

    async def attend(self, daemon_id):
        self.asked.append(daemon_id)
        return SOMETHING if daemon_id in self.waiting else NOTHING

    async def attend_all(self, daemon_ids):
        self.asked.append(set(daemon_ids))
        return self.waiting & set(daemon_ids)


def run(work):
    with asyncio.Runner(loop_factory=Loop) as runner:
        return runner.run(work)


def has_pending(attention):
    return attention.has_pending


async def hold(attentions, name, seconds=50):
    return await attentions.wait(name, has_pending, seconds)


def test_polls_that_are_held_ask_the_store_at_both_ends_only_however_long_they_are_held():
    async def work():
        tasks = Tasks()
        attentions = Attentions(tasks, asyncio.get_running_loop().time)
        held = [asyncio.create_task(hold(attentions, str(number))) for number in range(20)]
        return await asyncio.gather(*held), tasks.asked, asyncio.get_running_loop().time()

    found, asked, ended_at = run(work())
    assert found == [NOTHING] * 20
    assert Counter(asked) == {str(number): 2 for number in range(20)}
    assert ended_at >= 50


def test_poll_that_is_held_ends_when_it_changes_who_may_come_in_and_no_other_does():
    async def work():
        clock = asyncio.get_running_loop().time
        attentions = Attentions(Tasks(), clock)
        held = {name: asyncio.create_task(hold(attentions, name)) for name in ("nas", "attic")}
        await asyncio.sleep(10)
        attentions.hear(Change("access", "nas"))
        ended_at = {name: (await poll, clock())[1] for name, poll in held.items()}
        return ended_at, attentions.waiters_count

    ended_at, waiters_count = run(work())
    assert (ended_at["nas"] < 11, ended_at["attic"] >= 50, waiters_count) == (True, True, 0)


def test_poll_that_is_held_ends_by_the_look_for_all_when_no_notification_came():
    async def work():
        tasks = Tasks()
        attentions = Attentions(tasks, asyncio.get_running_loop().time)
        held = asyncio.create_task(hold(attentions, "nas"))
        await asyncio.sleep(10)
        tasks.waiting.add("nas")
        await attentions.look_again()
        return await held, asyncio.get_running_loop().time()

    found, ended_at = run(work())
    assert found == SOMETHING
    assert ended_at < 11
