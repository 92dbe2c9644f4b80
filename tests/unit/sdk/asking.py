"""A channel that is logged in, to whatever answers a test gives."""

from __future__ import annotations

from duplicati_client.sdk.auth.credentials import Credentials
from duplicati_client.sdk.auth.store import MemorySessionStore, Session
from duplicati_client.sdk.channel import Channel
from tests.fakes import FakeTransport, Reply, in_order

URL = "http://127.0.0.1:8200"


def channel_of(transport: FakeTransport, release: str = "2.3.1.0") -> Channel:
    store = MemorySessionStore()
    if release.startswith("2.0"):
        store.save(Session(URL, "legacy", xsrf_token="x", session_token="s", version=release))
    else:
        store.save(Session(URL, "modern", "t", 3e9, version=release))
    return Channel(transport, Credentials(), store)


def channel_to(*replies: Reply, release: str = "2.3.1.0") -> tuple[Channel, FakeTransport]:
    """Return a channel whose requests get these answers in order, and the transport that remembers them."""
    transport = in_order(*replies, url=URL)
    return channel_of(transport, release), transport
