"""Live views: whose tasks change, as server-sent events; whoever hears one reads what it wants to know."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Collection
from typing import Annotated, Final

from litestar import get
from litestar.di import NamedDependency
from litestar.params import QueryParameter
from litestar.response import ServerSentEvent, ServerSentEventMessage

from ....protocol import codec
from ...operators import Operator
from ...parts import Parts
from .tasks import list_visible

_PAUSE_SECONDS: Final = 0.2
"""Between two looks at what changed, so that a busy fleet makes few messages of many changes."""


@get("/api/v1/events", media_type="text/event-stream")
async def stream(
    parts: NamedDependency[Parts],
    operator: NamedDependency[Operator],
    daemon: Annotated[str | None, QueryParameter(max_length=64)] = None,
) -> ServerSentEvent:
    """Tell of changes: `event: task`, data `Daemon` and `ID`, which is 0 for several; comments keep it open."""
    if daemon is not None:
        daemon_ids = {(await parts.operators.find_daemon(operator, daemon)).daemon_id}
    else:
        daemon_ids = {found.daemon_id for found in await list_visible(parts, operator)}
    return ServerSentEvent(_tell(parts, daemon_ids))


async def _tell(parts: Parts, daemon_ids: Collection[str]) -> AsyncGenerator[ServerSentEventMessage, None]:
    with parts.attentions.listen(daemon_ids) as news:
        yield ServerSentEventMessage(comment="ready")
        while not parts.attentions.is_ending:
            changes = await news.take()
            if not changes:
                yield ServerSentEventMessage(comment="still here")
            for daemon_id, number in sorted(changes):
                data = codec.encode({"Daemon": daemon_id, "ID": number}).decode()
                yield ServerSentEventMessage(data=data, event="task")
            await asyncio.sleep(_PAUSE_SECONDS)


ROUTES: Final = [stream]
