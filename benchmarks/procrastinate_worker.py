"""A worker of Procrastinate whose one task does nothing: python -m benchmarks.procrastinate_worker URL."""

from __future__ import annotations

import asyncio
import sys
from typing import Any


def make_app(place: str) -> tuple[Any, Any]:
    """Return its application and its one task, which does nothing."""
    import procrastinate  # noqa: PLC0415 - for this measurement only

    app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=place))

    @app.task(name="empty")
    async def empty() -> None:
        """Do nothing."""

    return app, empty


async def work(place: str) -> None:
    """Carry out tasks until it is ended."""
    app, _ = make_app(place)
    async with app.open_async():
        await app.run_worker_async(wait=True, listen_notify=True)


if __name__ == "__main__":
    asyncio.run(work(sys.argv[1]))
