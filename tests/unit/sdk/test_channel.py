"""Requests with a login on them: generation, release, queries, and what is remembered."""

from __future__ import annotations

import json

import pytest

from duplicati_client import errors
from duplicati_client.sdk.auth.credentials import Credentials
from duplicati_client.sdk.auth.store import MemorySessionStore, Session
from duplicati_client.sdk.channel import Channel, add_query
from duplicati_client.sdk.client import Duplicati
from tests.fakes import answer, in_order
from tests.unit.sdk.asking import URL, channel_to

CHALLENGE = answer(401, headers=[("WWW-Authenticate", "Bearer")])


def test_generation_is_known_from_the_session_of_this_server_only() -> None:
    channel, transport = channel_to(release="2.0.8.1")
    assert channel.generation == "legacy"
    assert transport.requests == []
    store = MemorySessionStore()
    store.save(Session("http://elsewhere", "legacy", xsrf_token="x"))
    assert Channel(in_order(CHALLENGE, url=URL), Credentials(), store).generation == "modern"


def test_strange_generation_in_a_session_is_probed() -> None:
    store = MemorySessionStore()
    store.save(Session(URL, "futuristic"))
    assert Channel(in_order(CHALLENGE, url=URL), Credentials(), store).generation == "modern"


def test_probe_is_sent_once() -> None:
    transport = in_order(CHALLENGE, url=URL)
    channel = Channel(transport, Credentials(forever_token="t"), MemorySessionStore())
    assert [channel.generation, channel.is_legacy, channel.generation] == ["modern", False, "modern"]
    assert len(transport.requests) == 1


def test_release_is_asked_once_and_remembered_in_the_session() -> None:
    store = MemorySessionStore()
    store.save(Session(URL, "modern", "t", 3e9))
    transport = in_order(answer(200, {"ServerVersion": "2.2.0.3"}), url=URL)
    assert Channel(transport, Credentials(), store).release == (2, 2, 0, 3)
    assert store.load().version == "2.2.0.3"
    assert Channel(transport, Credentials(), store).release == (2, 2, 0, 3)
    assert len(transport.requests) == 1


def test_login_probes_again_because_the_server_may_have_been_upgraded() -> None:
    store = MemorySessionStore()
    store.save(Session(URL, "legacy", xsrf_token="x", version="2.0.8.1"))
    reply = answer(200, {"AccessToken": "t", "RefreshNonce": "n"})
    server = Duplicati(
        transport=in_order(CHALLENGE, reply, url=URL), store=store, credentials=Credentials(password="p")
    )
    server.login()
    assert server.generation == "modern"
    assert store.load().generation == "modern"


@pytest.mark.parametrize(
    ("query", "path"),
    [
        (None, "x"),
        ({}, "x"),
        ({"a": None}, "x"),
        ({"a": True, "b": False, "n": 5}, "x?a=true&b=false&n=5"),
        ({"a": "1&b=2 ü/"}, "x?a=1%26b%3D2%20%C3%BC%2F"),
        ({"a": "\r\nX: 1"}, "x?a=%0D%0AX%3A%201"),
    ],
)
def test_query_is_written_as_the_server_wants_it(query: dict[str, object] | None, path: str) -> None:
    assert add_query("x", query) == path


def test_bodies_are_json_or_a_form() -> None:
    channel, transport = channel_to(answer(200), answer(200), answer(200), answer(200))
    channel.post("a", "a", body={"x": "ü"})
    channel.post("b", "b", form={"data": "1&2"})
    channel.put("c", "c", [1])
    channel.post("d", "d")
    posted, form, put, empty = transport.requests
    assert (json.loads(posted.body), posted.headers["Content-Type"]) == ({"x": "ü"}, "application/json")
    assert (form.body, form.headers["Content-Type"]) == (b"data=1%262", "application/x-www-form-urlencoded")
    assert (put.method, put.body) == ("PUT", b"[1]")
    assert empty.body is None


def test_empty_success_is_none() -> None:
    channel, _ = channel_to(answer(200), answer(204))
    assert channel.post("a", "a") is None
    assert channel.delete("a", "a") is None


def test_refusal_is_raised_with_what_was_asked_for() -> None:
    channel, _ = channel_to(answer(405))
    with pytest.raises(errors.EndpointMissing, match="the new thing"):
        channel.get("a", "the new thing")


def test_client_closes_its_transport_and_keeps_the_session() -> None:
    store = MemorySessionStore()
    store.save(Session(URL, "modern", "t", 3e9))
    transport = in_order(url=URL)
    with Duplicati(transport=transport, store=store) as server:
        assert (server.url, server.generation) == (URL, "modern")
    assert transport.is_closed
    assert server.session is not None
