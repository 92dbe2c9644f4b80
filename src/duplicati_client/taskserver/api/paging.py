"""The link from a page of a listing to the next one (RFC 8288)."""

from __future__ import annotations

from typing import Any

from litestar import Request

_OF_PROXIES = ("x-forwarded-for", "forwarded")


def write_next(request: Request[Any, Any, Any], query: str) -> dict[str, str]:
    """Return the header: with a path, or without one behind a proxy, which may have taken the beginning of it away."""
    path = "" if any(name in request.headers for name in _OF_PROXIES) else request.url.path
    return {"Link": f'<{path}?{query}>; rel="next"'}
