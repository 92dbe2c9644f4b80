"""The socket opens, refuses, subscribes and tells as the recorded ones; spoken to without any network."""

from __future__ import annotations

import asyncio
import json

import pytest
from websockets.client import ClientProtocol
from websockets.frames import Opcode
from websockets.uri import parse_uri

from duplicati_client.sandbox.clock import Clock
from duplicati_client.sandbox.engine.events import Events
from duplicati_client.sandbox.modern.access import Access
from duplicati_client.sandbox.modern.logins import Rules
from duplicati_client.sandbox.modern.websocket import Notifications
from duplicati_client.sandbox.release import find
from duplicati_client.sandbox.web.serve import Call, Router, json_reply
from tests.unit.sandbox.recorded import StillClock, read_lines


class Wire:
    """A client and the server's socket, joined without a network; `transport` for the one, messages for the other."""

    def __init__(self, notifications: Notifications, **call) -> None:
        self.client = ClientProtocol(parse_uri("ws://127.0.0.1/notifications"))
        request = self.client.connect()
        self.client.send_request(request)
        self.client.data_to_send()
        headers = {name.lower(): value for name, value in request.headers.raw_items()} | call.pop("headers", {})
        self.opening = Call("GET", "/notifications", call.pop("query", {}), headers)
        self.notifications = notifications
        self.is_closed = False
        self.socket = None

    async def open(self) -> Wire:
        upgrade = await self.notifications.open(self.opening)
        self.socket = upgrade.accept(self, self.opening)
        return self

    def write(self, data: bytes) -> None:
        self.client.receive_data(data)

    def close(self) -> None:
        self.is_closed = True

    def send(self, value: object) -> None:
        self.client.send_text(json.dumps(value).encode() if not isinstance(value, str) else value.encode())
        for data in self.client.data_to_send():
            self.socket.data_received(data)

    def answer(self) -> None:
        for data in self.client.data_to_send():
            self.socket.data_received(data)

    def received(self) -> list:
        frames = [event for event in self.client.events_received() if getattr(event, "opcode", None) is Opcode.TEXT]
        return [json.loads(bytes(frame.data)) for frame in frames]

    @property
    def closing(self) -> list:
        return [self.client.close_rcvd.code, self.client.close_rcvd.reason] if self.client.close_rcvd else []


class Holder:
    password = "correct horse"


async def answer_list(call: Call):
    return json_reply([{"order": call.query.get("orderby")}] if "orderby" in call.query else [])


async def answer_object(call: Call):
    return json_reply({"UpdateDownloadProgress": 0, "Type": "legacystatus"})


def build(version: str = "2.3.1", **rules) -> Notifications:
    access = Access(find(version), Rules(**rules), Holder(), StillClock())
    routes = dict.fromkeys((("GET", f"/api/v1/{name}") for name in ("backups", "tasks", "notifications")), answer_list)
    routes |= dict.fromkeys((("GET", f"/api/v1/{name}") for name in ("serverstate", "serversettings")), answer_object)
    return Notifications(access, Events(Clock()), Router(routes))


def access_token(notifications: Notifications) -> str:
    return notifications.access.logins._access_token("webserver", "temporary")


def recorded_log(version: str, note: str) -> list[dict]:
    return next(line["log"] for line in read_lines(version, "websocket") if line.get("note") == note)


async def refusal_of(note: str) -> tuple[list, list]:
    notifications = build()
    log = recorded_log("2.3.1.0", note)
    wire = await Wire(notifications).open()
    sent = next(entry["sent"] for entry in log if "sent" in entry)
    if isinstance(sent, dict) and sent["Token"].startswith("<jwt"):
        sent = sent | {"Token": access_token(notifications)}
    wire.send(sent)
    return wire.closing, log[-1]["closed"]


@pytest.mark.parametrize("note", ["bad token", "not json", "bad version"])
def test_a_wrong_first_message_closes_with_the_recorded_reason(note):
    sent, recorded = asyncio.run(refusal_of(note))
    assert sent == recorded


def test_a_socket_that_never_logs_in_is_closed():
    async def wait() -> list:
        notifications = build()
        notifications.login_seconds = 0.01
        wire = await Wire(notifications).open()
        await asyncio.sleep(0.05)
        return wire.closing

    assert asyncio.run(wait()) == recorded_log("2.3.1.0", "no login, no message")[-1]["closed"]


def test_2_1_closes_a_socket_without_login_at_once_and_ignores_messages():
    async def talk() -> tuple[list, list]:
        refused = await Wire(build("2.1")).open()
        notifications = build("2.1")
        wire = await Wire(notifications, query={"token": access_token(notifications)}).open()
        wire.send({"Version": 1, "Id": "p", "Action": "ping"})
        return refused.closing, wire.received()

    closing, received = asyncio.run(talk())
    assert closing == [4401, "User is not authenticated!"]
    assert received == [{"UpdateDownloadProgress": 0.0, "Type": "legacystatus"}]


async def talk_all() -> tuple[list[dict], list[dict]]:
    notifications = build()
    log = recorded_log("2.3.1.0", "subscribe to all")
    wire = await Wire(notifications).open()
    for entry in log:
        if "sent" in entry:
            message = entry["sent"]
            if "Token" in message:
                message = message | {"Token": notifications.access.logins.single_token("websocket")}
            wire.send(message)
    return [entry["received"] for entry in log if "received" in entry], wire.received()


def test_subscriptions_are_confirmed_and_told_in_the_recorded_order():
    recorded, sent = asyncio.run(talk_all())
    assert len(recorded) == len(sent)
    for theirs, ours in zip(recorded, sent, strict=True):
        if isinstance(theirs, dict) and theirs["Type"] in {"auth", "reply"}:
            assert list(theirs) == list(ours)
            assert theirs | {"Data": None} == ours | {"Data": None}
        else:
            kind = theirs["Type"] if isinstance(theirs, dict) else theirs.split("'")[3]
            assert ours["Type"] == kind


def test_events_reach_only_who_subscribed_and_bring_the_state_of_their_moment():
    async def follow() -> list:
        notifications = build()
        wire = await Wire(notifications).open()
        wire.send({"Version": 1, "Token": access_token(notifications)})
        wire.send({"Version": 1, "Id": "b", "Action": "sub", "Service": "BackupList", "Data": "-name"})
        wire.send({"Version": 1, "Id": "p", "Action": "sub", "Service": "progress"})
        wire.received()
        notifications.events.publish("progress", {"TaskID": 2})
        notifications.events.count("backuplist")
        notifications.events.count("taskqueue")
        return wire.received()

    assert asyncio.run(follow()) == [
        {"Type": "progress", "ApiVersion": 1, "Data": {"TaskID": 2}},
        {"Type": "backuplist", "ApiVersion": 1, "Data": [{"order": "-name"}]},
    ]


def test_a_client_that_leaves_is_forgotten():
    async def leave() -> int:
        notifications = build()
        headers = {"authorization": f"Bearer {access_token(notifications)}"}
        wire = await Wire(notifications, headers=headers).open()
        wire.received()
        wire.socket.connection_lost(None)
        notifications.events.count("taskqueue")
        return len(wire.received())

    assert asyncio.run(leave()) == 0


def test_2_2_knows_no_remote_control_subscription():
    assert "remotecontrol" in build("2.3.0").services
    assert "remotecontrol" not in build("2.2").services


def test_a_call_without_an_upgrade_is_an_empty_400():
    reply = asyncio.run(build().open(Call("GET", "/notifications")))
    assert (reply.status, reply.body) == (400, b"")


def test_a_refused_socket_ends_once_the_client_has_agreed():
    async def agree() -> tuple[bool, bool]:
        wire = await Wire(build("2.1")).open()
        was_closed = wire.is_closed
        wire.answer()
        return was_closed, wire.is_closed

    assert asyncio.run(agree()) == (False, True)
