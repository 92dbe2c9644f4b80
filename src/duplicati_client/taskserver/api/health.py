"""Whether the task server lives, is ready, and what it counts, for whoever watches over it."""

from __future__ import annotations

import asyncio
from typing import Final

from litestar import Response, get
from litestar.di import NamedDependency

from ..errors import Denied
from ..parts import Parts

_PATIENCE_SECONDS: Final = 3.0
_METRICS_TYPE: Final = "application/openmetrics-text; version=1.0.0; charset=utf-8"


@get("/livez", include_in_schema=True)
async def live() -> Response[bytes]:
    """Say that the process answers."""
    return Response(b"ok\n", media_type="text/plain", headers={"Cache-Control": "no-store"})


@get("/readyz")
async def ready(parts: NamedDependency[Parts]) -> Response[bytes]:
    """Say whether the store answers: 503 while it does not, or while the server stops."""
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            await parts.store.register.list_settings()
        is_ready = not parts.attentions.is_ending
    except (Denied, TimeoutError):
        is_ready = False
    body = b"ok\n" if is_ready else b"not ready\n"
    headers = {"Cache-Control": "no-store", **({} if is_ready else {"Retry-After": "5"})}
    return Response(body, status_code=200 if is_ready else 503, media_type="text/plain", headers=headers)


@get("/metrics")
async def measure(parts: NamedDependency[Parts]) -> Response[bytes]:
    """Tell what was counted since the start, in OpenMetrics; no names of daemons, no secrets."""
    refusals = sorted(parts.counts.refusals.items())
    lines = [
        "# TYPE duplicati_task_server_held_polls gauge",
        f"duplicati_task_server_held_polls {parts.attentions.waiters_count}",
        "# TYPE duplicati_task_server_polls counter",
        *(f'duplicati_task_server_polls_total{{way="{way}"}} {n}' for way, n in sorted(parts.counts.polls.items())),
        "# TYPE duplicati_task_server_results counter",
        *(
            f'duplicati_task_server_results_total{{recorded="{recorded}"}} {n}'
            for recorded, n in sorted(parts.counts.results.items())
        ),
        "# TYPE duplicati_task_server_refusals counter",
        *(f'duplicati_task_server_refusals_total{{why="{why}"}} {n}' for why, n in refusals),
        "# EOF",
    ]
    return Response("\n".join(lines).encode() + b"\n", media_type=_METRICS_TYPE)


ROUTES: Final = [live, ready, measure]
