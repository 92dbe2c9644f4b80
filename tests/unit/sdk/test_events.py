"""Ways of hearing what happens: each is given up for the next with a word why, and none asks too often."""

from __future__ import annotations

import json
import threading
import time

import pytest

from duplicati_client import errors
from duplicati_client.http import ConnectionSettings, Request, SocketTransport
from duplicati_client.sdk import events
from duplicati_client.sdk.auth.credentials import Credentials
from duplicati_client.sdk.auth.store import MemorySessionStore, Session
from duplicati_client.sdk.channel import Channel
from tests.fakes import Clock, FakeTransport, Reply
from tests.loopback import Loopback, Peer, message
from tests.unit.sdk.backup_server import URL, BackupServer, gone


def channel_to(transport: FakeTransport | SocketTransport, release: str = "2.3.1.0") -> Channel:
    store = MemorySessionStore()
    store.save(Session(transport.base_url, "modern", "t", 3e9, version=release))
    return Channel(transport, Credentials(forever_token="t"), store)


def without_long_poll(server: BackupServer) -> FakeTransport:
    def reply(request: Request) -> Reply:
        return gone(kind=errors.ConnectionLost) if "longpoll" in request.path else server.reply(request)

    return FakeTransport(reply, url=URL)


# --- WebSocket ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "raw",
    [
        message(status="404 Not Found"),
        message(status="400 Bad Request"),
        message(status="302 Found", headers="Location: /elsewhere\r\n"),
        message(b"<html>", status="200 OK"),
        b"garbage\r\n\r\n",
        b"",
    ],
    ids=["404", "400", "redirect", "page", "garbage", "hung up"],
)
def test_way_that_knows_no_websocket_is_told_and_left(raw: bytes) -> None:
    def handle(peer: Peer) -> None:
        while head := peer.read_request()[0]:
            if "/notifications " in head:
                peer.send(raw)
                return
            peer.send(message(b'{"Token": "single"}'))

    with Loopback(handle) as server:
        transport = SocketTransport(server.url, ConnectionSettings(proxy_url="", headers={"X-Way": "in"}))
        heard = events.follow(channel_to(transport))
        first = next(heard)
        heard.close()
        transport.close()
    assert isinstance(first, events.Fallback)
    assert "no live connection" in first.reason


def test_handshake_carries_the_extra_headers_and_no_token() -> None:
    heads: list[str] = []

    def handle(peer: Peer) -> None:
        while head := peer.read_request()[0]:
            heads.append(head)
            peer.send(message(b'{"Token": "single"}') if "issuetoken" in head else message(status="404 No"))

    with Loopback(handle) as server:
        settings = ConnectionSettings(proxy_url="", headers={"X-Way": "in", "Host": "nas.example"})
        transport = SocketTransport(server.url, settings)
        heard = events.follow(channel_to(transport))
        next(heard)
        heard.close()
        transport.close()
    handshake = heads[-1]
    assert "/notifications" in handshake
    assert "X-Way: in" in handshake
    assert "Bearer" not in handshake
    assert handshake.count("Host:") == 1


def test_server_that_gives_no_token_for_events_is_long_polled() -> None:
    server = BackupServer()
    server.fail("auth/issuetoken/websocket", gone(kind=errors.ServerFailed))
    heard = events.follow(channel_to(FakeTransport(server.reply, url=URL)))
    first, second = next(heard), next(heard)
    heard.close()
    assert isinstance(first, events.Fallback)
    assert isinstance(second, events.StateChanged)


@pytest.mark.parametrize("release", ["2.1.0.5"])
def test_release_without_subscriptions_is_long_polled_without_a_word(release: str) -> None:
    server = BackupServer(release)
    heard = events.follow(channel_to(FakeTransport(server.reply, url=URL), release))
    first = next(heard)
    heard.close()
    assert isinstance(first, events.StateChanged)


@pytest.mark.parametrize(
    "text",
    ["", "{", "null", "[]", '"x"', "1", '{"Type": "progress"}', '{"Type": "progress", "Data": []}', "[" * 100_000,
     '{"Type": "taskcompleted", "Data": {}}', '{"Type": ["progress"]}', '{"Type": "later", "Data": {}}', "\ud800"],
)  # fmt: skip
def test_damaged_or_unknown_message_is_no_event(text: str) -> None:
    assert events._read_message(text) is None


def test_messages_become_events() -> None:
    def read(raw: object) -> object:
        return events._read_message(json.dumps(raw))

    assert read({"Type": "legacystatus", "LastEventID": 4}).state.event_id == 4
    assert read({"Type": "progress", "Data": {"TaskID": 7}}).progress.task_id == 7
    assert read({"Type": "taskcompleted", "Data": {"ID": 7, "Status": "Failed"}}).task.status == "Failed"


# --- long poll ----------------------------------------------------------------------------------------------


def test_failed_long_poll_is_told_and_polling_goes_on() -> None:
    server = BackupServer()
    heard = events._by_long_poll(channel_to(without_long_poll(server)))
    found = [next(heard) for _ in range(3)]
    heard.close()
    assert [type(event) for event in found] == [events.StateChanged, events.Fallback, events.StateChanged]


def test_thread_of_the_long_poll_ends_with_its_listener() -> None:
    server = BackupServer()
    heard = events._by_long_poll(channel_to(FakeTransport(server.reply, url=URL)))
    next(heard)
    heard.close()
    deadline = time.monotonic() + 3
    while time.monotonic() < deadline and any(thread.name == "long poll" for thread in threading.enumerate()):
        time.sleep(0.01)
    assert not any(thread.name == "long poll" for thread in threading.enumerate())


def test_server_that_answers_long_polls_at_once_is_not_asked_without_pause() -> None:
    server = BackupServer()
    transport = FakeTransport(server.reply, url=URL)
    heard = events._by_long_poll(channel_to(transport))
    next(heard)
    time.sleep(0.5)
    heard.close()
    assert len([path for path in transport.asked if "serverstate" in path]) <= 3


# --- polling ------------------------------------------------------------------------------------------------


def test_polling_tells_state_progress_and_the_end_of_a_task() -> None:
    server, clock = BackupServer(), Clock()
    server.begin(7)
    server.progress = {"TaskID": 7, "BackupID": "3", "Phase": "Backup_Begin"}
    heard = events._by_polling(channel_to(FakeTransport(server.reply, url=URL)), sleep=clock.sleep)
    found = [next(heard) for _ in range(3)]
    assert [type(event) for event in found] == [events.StateChanged, events.ProgressMade, events.StateChanged]
    server.end(7)
    kinds = [type(next(heard)) for _ in range(4)]
    assert kinds.count(events.TaskEnded) == 1


def test_end_of_a_task_is_told_once_also_while_the_state_still_names_it() -> None:
    """2.3.1.0 extra:9-12."""
    server, clock = BackupServer(), Clock()
    server.begin(7)
    heard = events._by_polling(channel_to(FakeTransport(server.reply, url=URL)), sleep=clock.sleep)
    next(heard)
    server.end(7)
    server.active = (7, "3")
    found = [next(heard) for _ in range(8)]
    assert len([event for event in found if isinstance(event, events.TaskEnded)]) == 1


def test_number_that_comes_back_for_another_task_is_told_again() -> None:
    server, clock = BackupServer(), Clock()
    heard = events._by_polling(channel_to(FakeTransport(server.reply, url=URL)), sleep=clock.sleep)
    ends_count = 0
    for _ in range(2):
        server.begin(7)
        next(heard)
        server.end(7)
        ends_count += sum(isinstance(next(heard), events.TaskEnded) for _ in range(4))
        server.restart()
        next(heard)
    assert ends_count == 2


def test_task_that_the_server_has_forgotten_ends_silently() -> None:
    server, clock = BackupServer(), Clock()
    server.begin(7)
    heard = events._by_polling(channel_to(FakeTransport(server.reply, url=URL)), sleep=clock.sleep)
    next(heard)
    server.restart()
    assert not any(isinstance(next(heard), events.TaskEnded) for _ in range(4))


def test_server_that_is_away_is_told_to_the_listener() -> None:
    server = BackupServer()
    server.fail("serverstate", gone())
    with pytest.raises(errors.ConnectionRefused):
        next(events._by_polling(channel_to(FakeTransport(server.reply, url=URL))))


def test_polling_stays_below_one_request_a_second() -> None:
    server, clock = BackupServer(), Clock()
    server.begin(7)
    server.progress = {"TaskID": 7, "BackupID": "3", "Phase": "Backup_Begin"}
    transport = FakeTransport(server.reply, url=URL)
    heard = events._by_polling(channel_to(transport), sleep=clock.sleep)
    started_at = clock.now
    while clock.now - started_at < 60:
        next(heard)
    assert len(transport.requests) <= clock.now - started_at + 3
