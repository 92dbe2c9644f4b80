"""Opens a store for one act and lets go of it: makes it with its administrator, or gives it a new epoch."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from .first import add_administrator
from .store.opening import DatabaseStore, open_database


async def make_store(place: str) -> str | None:
    """Make the store of a path or URL with its administrator; return a token for them, None if they came in before.

    Raises `StoreUnusable`, `PlaceUnusable`.
    """
    async with _opened(place) as store:
        await store.register.get_epoch()
        return await add_administrator(store, is_again=True)


async def begin_epoch(place: str, by: str) -> None:
    """Say of a store by path or URL that it is an older copy of itself; raises `StoreUnusable`, `PlaceUnusable`."""
    async with _opened(place) as store:
        await store.register.begin_epoch(by)


@asynccontextmanager
async def _opened(place: str) -> AsyncIterator[DatabaseStore]:
    database = open_database(place, lambda: time.time_ns() // 1_000_000)
    await database.open()
    try:
        store = DatabaseStore(database)
        yield store
        await store.register.chain_audit()
    finally:
        await database.close()
