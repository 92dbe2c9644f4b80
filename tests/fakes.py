"""Stand-ins for what the library leans on: a transport that answers from a list or a function, and turned clocks."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from duplicati_client import errors
from duplicati_client.http import Answer, Request

Reply = Answer | errors.DuplicatiClientError


def answer(
    status: int = 200,
    body: Any = b"",
    *,
    reason: str = "",
    headers: Iterable[tuple[str, str]] = (),
) -> Answer:
    """Make an answer; a body that is no bytes is written as JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Answer(status, reason, tuple(headers), content)


def html(status: int, text: str = "<html>a portal</html>") -> Answer:
    return answer(status, text.encode(), headers=[("Content-Type", "text/html")])


class FakeTransport:
    """Answers each request by a function of it, and remembers what was asked; a returned error is raised."""

    def __init__(
        self, reply: Callable[[Request], Reply], *, url: str = "http://127.0.0.1:8200", headers: Mapping[str, str] = {}
    ) -> None:
        self.base_url = url
        self.headers = headers
        self.requests: list[Request] = []
        self.is_closed = False
        self._reply = reply

    @property
    def asked(self) -> list[str]:
        """Method and path of each request, such as `GET api/v1/backups`."""
        return [f"{request.method} {request.path}" for request in self.requests]

    def send(self, request: Request) -> Answer:
        self.requests.append(request)
        found = self._reply(request)
        if isinstance(found, errors.DuplicatiClientError):
            raise found
        return found

    def open_socket(self, deadline_seconds: float) -> socket.socket:
        raise errors.NotSupported("a fake has no socket")

    def close(self) -> None:
        self.is_closed = True


def in_order(*replies: Reply, **options: Any) -> FakeTransport:
    """Answer with one after the other; one request too many fails the test."""
    rest = list(replies)

    def reply(request: Request) -> Reply:
        assert rest, f"one request too many: {request.method} {request.path}"
        return rest.pop(0)

    return FakeTransport(reply, **options)


class Clock:
    """A clock that only a test turns; sleeping turns it too."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self.now = now
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
