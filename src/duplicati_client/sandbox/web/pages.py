"""The few answers outside the API: liveness and front page; the real pages are not imitated."""

from __future__ import annotations

import hashlib

from .serve import Call, Handler, Reply

FRONT_PAGE = b"""<!DOCTYPE html>
<html>
<head><meta charset="utf-8"><title>Duplicati sandbox</title></head>
<body>
<h1>Duplicati sandbox</h1>
<p>This is a stand-in for a Duplicati server. It speaks its API and has no web interface.</p>
</body>
</html>
"""
ENTITY_TAG = '"' + hashlib.sha256(FRONT_PAGE).hexdigest()[:15] + '"'


async def tell_health(call: Call) -> Reply:
    """Answer `/health` (2.3.1.0 probes:1)."""
    headers = (
        ("Content-Type", "text/plain"),
        ("Cache-Control", "no-store, no-cache"),
        ("Expires", "Thu, 01 Jan 1970 00:00:00 GMT"),
        ("Pragma", "no-cache"),
    )
    return Reply(200, headers, b"Healthy")


async def show_front_page(call: Call) -> Reply:
    """Answer `/` with the headers of a file (2.3.1.0 probes:2)."""
    headers = (
        ("Content-Length", ""),
        ("Content-Type", "text/html"),
        ("Accept-Ranges", "bytes"),
        ("Cache-Control", "no-store, must-revalidate, no-cache"),
        ("ETag", ENTITY_TAG),
        ("Last-Modified", "Tue, 28 Jul 2026 09:21:09 GMT"),
    )
    return Reply(200, headers, FRONT_PAGE)


ROUTES: dict[tuple[str, str], Handler] = {("GET", "/health"): tell_health, ("GET", "/"): show_front_page}
