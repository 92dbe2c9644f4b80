"""Live views: whose tasks change, as server-sent events; whoever hears one reads what it wants to know."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Collection, Mapping
from contextlib import suppress
from typing import Annotated, Final

from litestar import get
from litestar.di import NamedDependency
from litestar.params import QueryParameter
from litestar.response import ServerSentEvent, ServerSentEventMessage

from ....protocol import codec
from ...errors import Denied
from ...operators import Operator
from ...parts import Parts
from .conditions import AnyRequest

_PAUSE_SECONDS: Final = 0.2
"""Between two looks at what changed, so that a busy fleet makes few messages of many changes."""


@get("/api/v1/events", media_type="text/event-stream")
async def stream(
    request: AnyRequest,
    parts: NamedDependency[Parts],
    operator: NamedDependency[Operator],
    daemon: Annotated[str | None, QueryParameter(max_length=64)] = None,
) -> ServerSentEvent:
    """Tell of changes: `event: task`, data `Daemon` and `ID`, which is 0 for several; comments keep it open.

    It ends when the token does.
    """
    daemon_id = None if daemon is None else (await parts.operators.find_daemon(operator, daemon)).daemon_id
    return ServerSentEvent(_tell(parts, Sight(parts, request.headers), daemon_id))


async def _tell(parts: Parts, sight: Sight, daemon_id: str | None) -> AsyncGenerator[ServerSentEventMessage, None]:
    with parts.attentions.listen(daemon_id) as news, suppress(Denied):
        yield ServerSentEventMessage(comment="ready")
        while not parts.attentions.is_ending:
            changes = await sight.sift(await news.take())
            if not changes:
                yield ServerSentEventMessage(comment="still here")
            for changed_id, number in sorted(changes):
                data = codec.encode({"Daemon": changed_id, "ID": number}).decode()
                yield ServerSentEventMessage(data=data, event="task")
            await asyncio.sleep(_PAUSE_SECONDS)


class Sight:
    """Whom somebody sees while they listen: asked anew as often as anything is believed of them."""

    def __init__(self, parts: Parts, headers: Mapping[str, str]) -> None:
        self._parts, self._headers = parts, headers
        self._operator: Operator | None = None
        self._seen: dict[str, bool] = {}

    async def sift(self, changes: Collection[tuple[str, int]]) -> list[tuple[str, int]]:
        """Return those that are theirs to know; raises `Denied` once they may not come in any more."""
        operator = await self._parts.operators.identify(self._headers)
        if operator is not self._operator:
            self._operator, self._seen = operator, {}
        for daemon_id in {daemon_id for daemon_id, _ in changes} - self._seen.keys():
            daemon = await self._parts.store.daemons.get(daemon_id) if operator.is_scoped else None
            self._seen[daemon_id] = operator.sees(daemon) if daemon is not None else not operator.is_scoped
        return [(daemon_id, number) for daemon_id, number in changes if self._seen[daemon_id]]


ROUTES: Final = [stream]
