"""Listens on the sandbox's socket as the recorder did, and says in what the two heard other things."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import groupby
from typing import Any

from websockets.client import ClientProtocol
from websockets.frames import Opcode
from websockets.uri import parse_uri

from duplicati_client.sandbox.modern.websocket import Notifications, Socket
from duplicati_client.sandbox.web.serve import Call
from recordings import Entry

# Phases so short that a socket, which tells of progress now and then, hears of them or not.
_SHORT_PHASES = ("Begin", "Finalize", "PostBackupTest", "PostBackupVerify")
FLEETING = frozenset({"progress RunScript_Running", *(f"progress Backup_{name}" for name in _SHORT_PHASES)})


class Listener:
    """A client of the socket, joined to it without a network."""

    def __init__(self, notifications: Notifications, token: str) -> None:
        self._client = ClientProtocol(parse_uri("ws://127.0.0.1/notifications"))
        request = self._client.connect()
        self._client.send_request(request)
        self._client.data_to_send()
        headers = {name.lower(): value for name, value in request.headers.raw_items()}
        if not notifications.access.release.has_subscriptions:
            # 2.1.0.5 wants the login with the opening, and then tells of its state unasked (2.1.0.5 websocket:8).
            headers["authorization"] = f"Bearer {token}"
        self._token = token
        self._socket = Socket(notifications, self, Call("GET", "/notifications", {}, headers))

    def write(self, data: bytes) -> None:
        """Take what the socket writes."""
        self._client.receive_data(data)

    def close(self) -> None:
        """Take note that the socket closes the connection, which needs nothing here."""

    def begin(self, entry: Entry) -> None:
        """Send what the recorder sent."""
        for item in entry.raw["log"]:
            if "sent" in item:
                message = item["sent"] | ({"Token": self._token} if "Token" in item["sent"] else {})
                self._client.send_text(json.dumps(message).encode())
        for data in self._client.data_to_send():
            self._socket.data_received(data)

    def end(self) -> list[dict[str, Any]]:
        """Leave, and give all messages in order."""
        self._socket.connection_lost(None)
        frames = [event for event in self._client.events_received() if getattr(event, "opcode", None) is Opcode.TEXT]
        return [json.loads(bytes(frame.data)) for frame in frames]


def differences_of_messages(entry: Entry, ours: list[dict[str, Any]]) -> Iterator[str]:
    """Compare what was heard: first the course of it, then the shape of each kind of message."""
    recorded = [item["received"] for item in entry.raw["log"] if "received" in item]
    theirs_told, ours_told = _course(recorded), _course(ours)
    if theirs_told != ours_told:
        yield f"course: {theirs_told} recorded, {ours_told} here"
    shown = {_kind(message): message for message in ours}
    for message in recorded:
        kind = _kind(message)
        if isinstance(message, dict) and kind in shown and _shape(message) != _shape(shown[kind]):
            yield f".{kind}: {_shape(message)} recorded, {_shape(shown[kind])} here"


def _course(messages: list[Any]) -> list[str]:
    """Tell what happened, repetitions left out."""
    lasting = [told for told in map(_told, messages) if told not in FLEETING]
    return [told for told, _ in groupby(lasting)]


def _told(message: Any) -> str:
    kind = _kind(message)
    data = message.get("Data") if isinstance(message, dict) else None
    if kind == "progress":
        return f"progress {data and data['Phase']}"
    if kind == "taskqueue":
        return f"taskqueue {len(data or ())}"
    if kind == "taskcompleted":
        return f"taskcompleted {(data or {})['Status']}"
    if kind == "reply":
        return f"reply {message['Id']} {message['Success']}"
    if kind == "legacystatus":
        return f"legacystatus {'busy' if message['ActiveTask'] else 'idle'}"
    return kind


def _kind(message: Any) -> str:
    # Long messages were recorded as text.
    if isinstance(message, str):
        found = re.search(r"'Type': '(\w+)'", message)
        return found[1] if found else ""
    return str(message.get("Type"))


def _shape(message: dict[str, Any]) -> list[str]:
    """Name the members of a message, and of the object it brings."""
    data = message.get("Data")
    return [*message, *(data if isinstance(data, dict) else ())]
