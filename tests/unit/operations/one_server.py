"""A `Duplicati` whose answers a test gives by path."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from duplicati_client.http import Request
from duplicati_client.sdk.auth.credentials import Credentials
from duplicati_client.sdk.auth.store import MemorySessionStore, Session
from duplicati_client.sdk.client import Duplicati
from tests.fakes import Answer, FakeTransport, Reply, answer

URL = "http://127.0.0.1:8200"
Given = Reply | list[Reply] | Callable[[Request], Reply] | list[object] | Mapping[str, object]


def server_of(answers: Mapping[str, object], *, release: str = "2.3.1.0") -> tuple[Duplicati, FakeTransport]:
    """Answer each path (without `api/v1/` and query) with an answer, JSON, or a function of the request."""

    def reply(request: Request) -> Reply:
        found = answers[request.path.partition("?")[0].removeprefix("api/v1/")]
        found = found(request) if callable(found) else found
        return found if isinstance(found, Answer | Exception) else answer(200, found)

    store = MemorySessionStore()
    generation = "legacy" if release.startswith("2.0") else "modern"
    store.save(Session(URL, generation, "t", 3e9, refresh_token="r", xsrf_token="x", version=release))
    transport = FakeTransport(reply, url=URL)
    return Duplicati(transport=transport, store=store, credentials=Credentials()), transport


def listed(*names: str) -> list[dict[str, object]]:
    """Answer of `backups`: these names, numbered from 1."""
    return [{"Backup": {"ID": str(number), "Name": name}} for number, name in enumerate(names, 1)]
