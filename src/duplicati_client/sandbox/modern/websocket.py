"""The socket `/notifications` of the modern servers: who may open it, subscriptions, and the events it sends."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from typing import Any

from websockets.datastructures import Headers
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol

from ..engine.events import Events
from ..web.serve import Call, Reply, Router, Upgrade, empty_reply
from .access import Access
from .tokens import ACCESS, SINGLE, BadToken

MESSAGE_BYTES_MAX = 4096
LOGIN_SECONDS = 65
CLOSING_SECONDS = 1
REFUSED_CODE = 4401
NOT_AUTHENTICATED = "User is not authenticated!"
# Where the state of a service is asked for; progress and taskcompleted bring their data along.
STATE_PATHS = {
    "legacystatus": "/api/v1/serverstate",
    "backuplist": "/api/v1/backups",
    "serversettings": "/api/v1/serversettings",
    "taskqueue": "/api/v1/tasks",
    "notifications": "/api/v1/notifications",
    "remotecontrol": "/api/v1/remotecontrol/status",
}
SERVICES = frozenset({*STATE_PATHS, "progress", "taskcompleted", "scheduler"})
ACTIONS = {"sub": "Subscribed successfully", "unsub": "Unsubscribed successfully"}


class Notifications:
    """Opens sockets for one server and reads the states that they send from the API's own handlers."""

    def __init__(self, access: Access, events: Events, router: Router) -> None:
        self.access = access
        self.events = events
        self.router = router
        self.login_seconds: float = LOGIN_SECONDS

    @property
    def services(self) -> frozenset[str]:
        """List what this release lets a client subscribe to."""
        has_remote_control = self.access.release.has_sync_progress
        return SERVICES if has_remote_control else SERVICES - {"remotecontrol"}

    async def open(self, call: Call) -> Reply | Upgrade:
        """Answer a request for the socket; without an upgrade it is an empty 400."""
        if call.headers.get("upgrade", "").lower() != "websocket":
            return empty_reply(400)
        return Upgrade(lambda transport, opening: Socket(self, transport, opening))

    def is_known(self, call: Call) -> bool:
        """Tell whether the opening itself carries a valid login, in its header or its query."""
        token = call.query.get("token")
        if token and "authorization" not in call.headers and not self.access.identify(call).is_known:
            call = call._replace(headers={**call.headers, "authorization": f"Bearer {token}"})
        return self.access.identify(call).is_known

    def is_token_good(self, token: str) -> bool:
        """Tell whether a first message's token is accepted; the login behind an access token is not looked up."""
        if token in self.access.rules.preauth_tokens:
            return True
        signer = self.access.logins.signer
        for kind in (SINGLE, ACCESS):
            try:
                claims = signer.read(token, kind)
            except BadToken:
                continue
            return kind == ACCESS or claims.get("sop") == "websocket"
        return False

    def read_state(self, service: str, order: str | None = None) -> Any:
        """Read the current state of a service; None for services without one."""
        path = STATE_PATHS.get(service)
        found = self.router.find("GET", path) if path else None
        if found is None or found.handler is None:
            return None
        reply = _finish(found.handler(Call("GET", path or "", {"orderby": order} if order else {})))
        state = json.loads(reply.body)
        if service == "legacystatus":
            state["UpdateDownloadProgress"] = float(state["UpdateDownloadProgress"])
        return state


def _finish(coroutine: Any) -> Any:
    # These handlers never wait; run to their end at once, so that an event shows the state that it tells of.
    assert isinstance(coroutine, Coroutine)  # noqa: S101
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value
    coroutine.close()
    raise RuntimeError("a state handler waited")


class Socket:
    """One open socket: mode A when it was opened with a login, else the first message must bring one."""

    def __init__(self, notifications: Notifications, transport: Any, call: Call) -> None:
        self._notifications = notifications
        self._transport = transport
        self._subscribed: dict[str, str | None] = {}
        self._unsubscribe: Callable[[], None] | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._closing: asyncio.TimerHandle | None = None
        self._protocol = _open_protocol(call)
        self._flush()
        self._has_subscriptions = notifications.access.release.has_subscriptions
        if notifications.is_known(call):
            self._begin()
            self._subscribed["legacystatus"] = None
            self._send_state("legacystatus")
        elif self._has_subscriptions:
            loop = asyncio.get_running_loop()
            self._deadline = loop.call_later(notifications.login_seconds, self._refuse, NOT_AUTHENTICATED)
        else:
            self._refuse(NOT_AUTHENTICATED)

    def data_received(self, data: bytes) -> None:
        """Take bytes from the client."""
        self._protocol.receive_data(data)
        for event in self._protocol.events_received():
            if isinstance(event, Frame) and event.opcode in {Opcode.TEXT, Opcode.BINARY}:
                self._receive(bytes(event.data))
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the client."""
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None
        for timer in (self._deadline, self._closing):
            if timer is not None:
                timer.cancel()

    def _begin(self) -> None:
        self._unsubscribe = self._notifications.events.subscribe(self._hear)
        if self._deadline is not None:
            self._deadline.cancel()

    def _receive(self, data: bytes) -> None:
        message = _read_message(data)
        if self._unsubscribe is None:
            self._log_in(message)
        elif self._has_subscriptions:
            self._act(message)

    def _log_in(self, message: dict[str, Any] | None) -> None:
        if message is None:
            self._refuse("Invalid message format")
        elif message.get("version") != 1:
            self._refuse("Unsupported API version")
        elif not self._notifications.is_token_good(str(message.get("token"))):
            self._refuse("Invalid token")
        else:
            self._begin()
            self._send({"Version": 1, "Message": "Authenticated successfully", "Success": True, "Type": "auth"})

    def _act(self, message: dict[str, Any] | None) -> None:
        if message is None:
            self._reply({"id": ""}, "Invalid message format", is_success=False)
        elif message.get("version") != 1:
            self._reply(message, "Unsupported API version", is_success=False)
        elif message.get("action") in {"sub", "unsub"}:
            self._change_subscription(message)
        elif message.get("action") == "status":
            state = self._notifications.read_state("legacystatus")
            self._reply(message, "Status request received", data=state)
        elif message.get("action") == "auth" and self._notifications.access.release.has_sync_progress:
            self._reply(message, "Already authenticated")
        elif message.get("action") == "ping":
            self._reply(message, "pong")
        else:
            self._reply(message, "Unknown action", is_success=False)

    def _change_subscription(self, message: dict[str, Any]) -> None:
        service = str(message.get("service") or "").lower()
        if service not in self._notifications.services:
            self._reply(message, "Unknown subscription service", is_success=False)
            return
        self._reply(message, ACTIONS[message["action"]])
        if message["action"] == "unsub":
            self._subscribed.pop(service, None)
            return
        data = message.get("data")
        self._subscribed[service] = data if isinstance(data, str) else None
        if service in STATE_PATHS:
            self._send_state(service)

    def _hear(self, service: str, data: Any) -> None:
        if service not in self._subscribed:
            return
        if data is None and service in STATE_PATHS:
            self._send_state(service)
        else:
            self._send({"Type": service, "ApiVersion": 1, "Data": data})
        self._flush()

    def _send_state(self, service: str) -> None:
        state = self._notifications.read_state(service, self._subscribed.get(service))
        self._send(state if service == "legacystatus" else {"Type": service, "ApiVersion": 1, "Data": state})
        self._flush()

    def _reply(self, message: dict[str, Any], text: str, *, is_success: bool = True, data: Any = None) -> None:
        reply = {"Version": 1, "Id": message.get("id"), "Service": message.get("service"), "Message": text}
        self._send(reply | {"Success": is_success, "Data": data, "Type": "reply"})

    def _send(self, value: object) -> None:
        if self._protocol.state is State.OPEN:
            self._protocol.send_text(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())

    def _refuse(self, reason: str) -> None:
        self._protocol.send_close(REFUSED_CODE, reason)
        self._flush()

    def _flush(self) -> None:
        for data in self._protocol.data_to_send():
            if data:
                self._transport.write(data)
            else:
                self._transport.close()
        if self._protocol.close_expected() and self._closing is None:
            self._closing = asyncio.get_running_loop().call_later(CLOSING_SECONDS, self._transport.close)


def _open_protocol(call: Call) -> ServerProtocol:
    protocol = ServerProtocol(max_size=MESSAGE_BYTES_MAX)
    request = Request(call.path, Headers(call.headers))
    protocol.receive_data(request.serialize())
    protocol.events_received()
    protocol.send_response(protocol.accept(request))
    return protocol


def _read_message(data: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(data)
    except ValueError:
        return None
    return {str(name).lower(): member for name, member in value.items()} if isinstance(value, dict) else None
