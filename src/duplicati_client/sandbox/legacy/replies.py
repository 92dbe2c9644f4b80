"""How the legacy server words its answers: byte order mark, indented JSON, errors in the reason phrase."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from urllib.parse import parse_qsl

from ..web.serve import Call, Reply

MARK = b"\xef\xbb\xbf"
NOT_CACHED = ("Cache-Control", "no-cache, no-store, must-revalidate, max-age=0")
JSON_HEADERS = (NOT_CACHED, ("Content-Type", "application/json"))
PAGE = """<!DOCTYPE html>
<html>
<head><meta charset="utf-8"><title>Duplicati sandbox</title></head>
<body><h1>Duplicati sandbox</h1><p>{text}</p></body>
</html>
"""


def marked_json(value: object, *, status: int = 200, reason: str | None = None) -> Reply:
    """Answer with indented JSON behind a byte order mark (2.0.8.1 login-and-logout:36)."""
    body = MARK + json.dumps(value, ensure_ascii=False, indent=2).encode()
    return Reply(status, JSON_HEADERS, body, reason)


def with_padding(reply: Reply, function: str) -> Reply:
    """Wrap a JSON answer in a call of `function`, compact (2.0.8.1 login-and-logout:52)."""
    text = reply.body.removeprefix(MARK).decode()
    return reply._replace(body=MARK + f"{function}({text})".encode())


def reported(status: int, message: str) -> Reply:
    """Answer with an error that the server reports on purpose: the message is the reason phrase too."""
    return marked_json({"Error": message}, status=status, reason=message)


def unhandled(message: str, kind: str) -> Reply:
    """Answer with an exception that nobody handled (2.0.8.1 contents-and-restore:578)."""
    return marked_json({"Message": message, "Type": kind}, status=500, reason="Error")


def only_mark(status: int = 200, reason: str = "OK") -> Reply:
    """Answer with nothing but the mark (2.0.8.1 login-and-logout:47, 48)."""
    return Reply(status, (NOT_CACHED, ("Content-Type", "text/html;charset=UTF-8")), MARK, reason)


def bare(status: int, reason: str, headers: Iterable[tuple[str, str]] = ()) -> Reply:
    """Answer as the access checks do: no body, an empty content type."""
    return Reply(status, tuple(headers), b"", reason)


def no_such_page(call: Call) -> Reply:
    """Answer for a path that is neither a page nor the API (2.0.8.1 first-contact:3)."""
    text = f"Resource not found: http://{call.host}{call.path}\n"
    return Reply(404, (("Content-Type", "text/plain"),), text.encode(), "Internal server error")


def page(text: str, *, caching: tuple[tuple[str, str], ...]) -> Reply:
    """Answer with an HTML page; files leave the connection open (2.0.8.1 first-contact:27)."""
    headers = (*caching, ("Content-Type", "text/html; charset=utf-8"))
    return Reply(200, headers, PAGE.format(text=text).encode(), keeps_open=True)


def read_form(call: Call) -> Mapping[str, str]:
    """Read query and form values together, names in lower case; a form value wins."""
    if not call.headers.get("content-type", "").lower().startswith("application/x-www-form-urlencoded"):
        return call.query
    pairs = parse_qsl(call.body.decode("utf-8", "replace"), keep_blank_values=True)
    return {**call.query, **{name.lower(): value for name, value in pairs}}
