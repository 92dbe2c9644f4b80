"""Puts the task server together: configuration in, an ASGI application out; the only place that knows all its parts."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any, Final, NamedTuple, cast

from litestar import Litestar, Request
from litestar.di import Provide
from litestar.exceptions import HTTPException
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin

from .. import __version__
from .allowances import Allowances
from .api import daemons, health
from .api.document import describe_problems
from .api.gate import Gate
from .api.operators import access, codes, events, register, settings, tasks
from .api.operators import daemons as operators_daemons
from .api.problems import tell_denied, tell_http, tell_internal, tell_nested
from .attention import LOOK_AGAIN, Attentions
from .errors import Denied
from .guesses import Guesses
from .identity import Identities
from .operators import Operator, Operators
from .origin import Network, Proxies
from .parts import Counts, Pace, Parts
from .presence import FLUSH_SECONDS, Presence
from .settings import BOUNDS, Current
from .store.opening import DatabaseStore, open_database

_LOGGER: Final = logging.getLogger(__name__)
_TIDY_SECONDS: Final = 5.0
_TIDY_COUNT: Final = 500
_FORGET_SECONDS: Final = 3600.0
_COUNT_SECONDS: Final = 30.0
_ENDED_KEPT: Final = timedelta(days=90)
_RESULTS_MAX: Final = 10_000
"""So many of a daemon's results that were not applied outlive an hour: as many as it may have open tasks."""
_HERE: Final = timedelta(minutes=15)
_STOP_SECONDS: Final = 1.0
_BODY_BYTES_MAX: Final = BOUNDS["body_kibibytes"].most * 1024


class Setup(NamedTuple):
    """What a task server is told at its start: `database` is a path or a URL."""

    database: str
    proxies: tuple[Network, ...] = ()


class App:
    """A task server without its sockets; `asgi` answers once `start` has returned."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._database = open_database(setup.database, lambda: time.time_ns() // 1_000_000)
        self.parts: Parts
        self.asgi: Gate
        self._works: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Open the store; raises `StoreUnusable`."""
        await self._database.open()
        store = DatabaseStore(self._database)
        clock = asyncio.get_running_loop().time
        self.parts = parts = _make_parts(store, clock)
        await parts.current.load()
        for hear in (parts.attentions.hear, parts.identities.hear, parts.operators.hear, parts.current.hear):
            self._database.hear(hear)
        self.asgi = Gate(cast("Any", make_asgi(lambda: parts)), parts, Proxies(self._setup.proxies))
        rhythms: list[tuple[float, Callable[[], Awaitable[Any]]]] = [
            (LOOK_AGAIN.total_seconds(), parts.attentions.look_again),
            (FLUSH_SECONDS, parts.presence.flush),
            (FLUSH_SECONDS, parts.current.look_again),
            (_COUNT_SECONDS, self._adjust_pace),
            (_TIDY_SECONDS, self._tidy),
            (_FORGET_SECONDS, self._forget),
        ]
        self._works = [asyncio.create_task(_repeat(seconds, act)) for seconds, act in rhythms]

    async def stop(self) -> None:
        """Let held polls go, keep what is noted and close the store, which may be away."""
        for work in self._works:
            work.cancel()
        with suppress(Denied, TimeoutError):
            async with asyncio.timeout(_STOP_SECONDS):
                await self.parts.presence.flush()
                await self.parts.store.register.chain_audit()
        await self._database.close()

    async def _tidy(self) -> None:
        """End and forget what is due, a little at a time, so that others get their turns between."""
        now, store = self.parts.current.settings, self.parts.store
        kept, results_kept = timedelta(days=now.tasks_days), timedelta(days=now.results_days)
        while await store.tasks.tidy(kept, _TIDY_COUNT, results_kept):
            await asyncio.sleep(0)
        await store.register.chain_audit()

    async def _forget(self) -> None:
        store, kept = self.parts.store, timedelta(days=self.parts.current.settings.audit_days)
        while await store.register.cut_audit(kept, _TIDY_COUNT):
            await asyncio.sleep(0)
        while await store.codes.forget(_ENDED_KEPT, _TIDY_COUNT):
            await asyncio.sleep(0)
        while await store.tasks.cut_results(_RESULTS_MAX, _TIDY_COUNT):
            await asyncio.sleep(0)

    async def _adjust_pace(self) -> None:
        count = await self.parts.store.daemons.count(_HERE)
        self.parts.pace.adjust(self.parts.current.settings.poll_seconds, count)


def _make_parts(store: DatabaseStore, clock: Callable[[], float]) -> Parts:
    current = Current(store.register, clock)
    return Parts(
        store=store,
        attentions=Attentions(store.tasks, clock),
        identities=Identities(store.daemons, clock),
        operators=Operators(store, clock),
        presence=Presence(store.daemons),
        pace=Pace(),
        counts=Counts(Counter(), Counter(), Counter()),
        current=current,
        allowances=Allowances(current, clock),
        guesses=Guesses(clock),
    )


async def _repeat(seconds: float, act: Callable[[], Awaitable[Any]]) -> None:
    """Do something at once and again and again; what the store refuses is tried at the next time, and told once."""
    is_told = False
    while True:
        try:
            await act()
            is_told = False
        except Denied as exc:
            if not is_told:
                _LOGGER.warning("%s; it is tried again", exc.message)
            is_told = True
        await asyncio.sleep(seconds)


def make_asgi(find_parts: Callable[[], Parts]) -> Litestar:
    """Return the application with all its routes; its parts are wanted when it is asked."""

    def provide() -> Parts:
        return find_parts()

    async def identify(request: Request[Any, Any, Any]) -> Operator:
        return await find_parts().operators.identify(request.headers)

    application = Litestar(
        route_handlers=[
            *daemons.ROUTES,
            *health.ROUTES,
            *access.ROUTES,
            *codes.ROUTES,
            *events.ROUTES,
            *operators_daemons.ROUTES,
            *register.ROUTES,
            *settings.ROUTES,
            *tasks.ROUTES,
        ],
        dependencies={"parts": Provide(provide, sync_to_thread=False), "operator": Provide(identify)},
        exception_handlers={
            Denied: tell_denied,
            HTTPException: tell_http,
            RecursionError: tell_nested,
            Exception: tell_internal,
        },
        request_max_body_size=_BODY_BYTES_MAX + 1,  # the gate has the true one
        openapi_config=OpenAPIConfig(
            title="duplicati-client task server",
            version=__version__,
            path="/api/v1",
            use_handler_docstrings=True,
            render_plugins=[JsonRenderPlugin()],
        ),
    )
    describe_problems(application.openapi_schema)
    return application
