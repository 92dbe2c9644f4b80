"""What goes in and out of the sandbox's servers: calls, replies, refusals and routes; sockets are in `connection`."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from http.client import responses
from types import MappingProxyType
from typing import Any, NamedTuple
from urllib.parse import unquote

NOTHING: Mapping[str, str] = MappingProxyType({})
JSON_TYPE = "application/json; charset=utf-8"
NOT_ASCII_SAFE = re.compile(r"['<>&+`]")
ERROR_HEADERS = (
    ("Content-Type", "application/json"),
    ("Cache-Control", "no-cache,no-store"),
    ("Expires", "-1"),
    ("Pragma", "no-cache"),
)


class Call(NamedTuple):
    """One request as a handler sees it.

    `query` and `headers` have lower-cased names; `parts` holds the values of the route's `{name}` parts, decoded;
    `host` is the Host header as sent.
    """

    method: str
    path: str
    query: Mapping[str, str] = NOTHING
    headers: Mapping[str, str] = NOTHING
    body: bytes = b""
    host: str = ""
    parts: Mapping[str, str] = NOTHING


class Reply(NamedTuple):
    """One answer, without what every answer of a server carries (Date, Server, framing).

    `reason` None means the usual phrase. A Content-Length header (any value) asks for counted instead of chunked
    framing. `cut` ends the connection "before" the answer or "inside" its body; `keeps_open` says whether the legacy
    server leaves the connection open.
    """

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    reason: str | None = None
    cut: str = ""
    keeps_open: bool = False

    @property
    def phrase(self) -> str:
        """Give the reason phrase that is sent."""
        return responses.get(self.status, "Unknown") if self.reason is None else self.reason


class Upgrade(NamedTuple):
    """Hand the connection over: `accept` gets the transport and the call, and returns what receives further bytes."""

    accept: Callable[[Any, Call], Any]


Handler = Callable[[Call], Awaitable[Reply | Upgrade]]


class Refusal(Exception):
    """Ends a handler early with `reply` as its answer."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(f"{reply.status} {reply.phrase}")
        self.reply = reply


def json_reply(value: object, *, status: int = 200, headers: Iterable[tuple[str, str]] = ()) -> Reply:
    """Answer with `value` as the modern servers write it: compact, plain UTF-8, no byte order mark."""
    body = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    return Reply(status, (("Content-Type", JSON_TYPE), *headers), body)


def text_reply(text: str) -> Reply:
    """Answer with plain text, as a declared string is sent."""
    return Reply(200, (("Content-Type", "text/plain; charset=utf-8"),), text.encode())


def empty_reply(status: int = 200, headers: Iterable[tuple[str, str]] = ()) -> Reply:
    """Answer with no body."""
    return Reply(status, tuple(headers))


def _escape_error_text(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04X}"


def error_body(value: object) -> bytes:
    """Encode an error object as its own serializer does, which escapes more (2.3.1.0 control:38)."""
    return NOT_ASCII_SAFE.sub(_escape_error_text, json.dumps(value, separators=(",", ":"))).encode()


def error_reply(status: int, text: str, *, help_id: str | None = None) -> Reply:
    """Answer with a V1 error: `{"Error", "Code"}` and, for errors of the engine, `HelpId`."""
    value: dict[str, object] = {"Error": text, "Code": status}
    if help_id is not None:
        value["HelpId"] = help_id
    return Reply(status, ERROR_HEADERS, error_body(value))


def envelope_error_reply(text: str, status_code: str) -> Reply:
    """Answer with a V2 error: status 200, `Success` false (2.3.1.0 run:185)."""
    return Reply(200, ERROR_HEADERS, error_body({"Success": False, "Error": text, "StatusCode": status_code}))


def read_json(call: Call, *, is_required: bool = True) -> Any:
    """Decode the body of a modern call; None when there is none and none is required.

    Raises Refusal: empty 415 for another content type, empty 400 for a missing or unreadable body
    (2.3.1.0 auth:26-31).
    """
    if not call.body:
        if is_required:
            raise Refusal(empty_reply(400))
        return None
    media_type = call.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json" and not media_type.endswith("+json"):
        raise Refusal(empty_reply(415))
    try:
        value = json.loads(call.body)
    except ValueError:
        raise Refusal(empty_reply(400)) from None
    if value is None and is_required:
        raise Refusal(empty_reply(400))
    return value


def read_members(call: Call, *, is_required: bool = True) -> dict[str, Any]:
    """Decode a body that must be an object; its member names are lower-cased, since servers ignore their case."""
    value = read_json(call, is_required=is_required)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Refusal(empty_reply(400))
    return {str(name).lower(): member for name, member in value.items()}


class Found(NamedTuple):
    """The route that a path belongs to; `handler` is None when the verb is not one of `verbs`."""

    template: str
    handler: Handler | None
    parts: Mapping[str, str]
    verbs: tuple[str, ...]


class Router:
    """Finds the handler of a path: literals without regard to case, a trailing slash allowed (2.3.1.0 probes:14-16)."""

    def __init__(self, routes: Mapping[tuple[str, str], Handler]) -> None:
        self._by_length: dict[int, dict[str, dict[str, Handler]]] = {}
        for (verb, template), handler in routes.items():
            length = -1 if "{*" in template else template.count("/")
            self._by_length.setdefault(length, {}).setdefault(template, {})[verb] = handler
        for length, templates in self._by_length.items():
            literals_first = sorted(templates.items(), key=lambda item: item[0].count("{"))
            self._by_length[length] = dict(literals_first)

    def find(self, verb: str, path: str) -> Found | None:
        """Find what serves `path`; None when nothing does."""
        trimmed = path[:-1] if path.endswith("/") and path != "/" else path
        found: Found | None = None
        for length in (trimmed.count("/"), -1):
            for template, verbs in self._by_length.get(length, {}).items():
                parts = match_path(template, trimmed)
                if parts is None:
                    continue
                if verb in verbs:
                    return Found(template, verbs[verb], parts, tuple(sorted(verbs)))
                found = found or Found(template, None, parts, tuple(sorted(verbs)))
        return found


def match_path(template: str, path: str) -> Mapping[str, str] | None:
    """Match a path with a template like `/api/v1/backup/{id}/log`; None when they differ."""
    if "{" not in template:
        return NOTHING if template.lower() == path.lower() else None
    wanted, given = template.split("/"), path.split("/")
    parts: dict[str, str] = {}
    for index, name in enumerate(wanted):
        if name.startswith("{*"):
            parts[name[2:-1]] = unquote("/".join(given[index:]))
            return parts
        if index >= len(given):
            return None
        if name.startswith("{"):
            if not given[index]:
                return None
            parts[name[1:-1]] = unquote(given[index])
        elif name.lower() != given[index].lower():
            return None
    return parts if len(wanted) == len(given) else None
