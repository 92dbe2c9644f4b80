"""Who logs in, and who has to wait for it."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime

from duplicati_client.taskserver.errors import LoginRefused, TooManyLogins
from duplicati_client.taskserver.operators import Operators
from duplicati_client.taskserver.records import Role, User
from tests.contract.store_stage import opened

PASSWORD = "a password of some length"
FREE_COUNT = 5
SIDE_BY_SIDE = 2


def test_guesses_that_come_at_once_are_no_more_than_those_that_come_one_by_one(tmp_path):
    async def guess(store):
        operators = Operators(store, lambda: 0.0)
        alex = User("alex", Role.VIEWER, {}, datetime.now(UTC), is_disabled=False, version=1)
        await store.access.add_user(alex, await operators.passwords.make(PASSWORD), "somebody")
        guesses = [operators.log_in("alex", "a guess", "192.0.2.1") for _ in range(20)]
        return Counter(type(one) for one in await asyncio.gather(*guesses, return_exceptions=True))

    with opened(str(tmp_path / "store.db")) as stage:
        found = stage.run(guess(stage.store))
    assert FREE_COUNT <= found[LoginRefused] < FREE_COUNT + SIDE_BY_SIDE
    assert found[LoginRefused] + found[TooManyLogins] == 20
