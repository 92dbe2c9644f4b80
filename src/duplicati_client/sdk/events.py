"""What a server does, as it happens: by WebSocket, else by long poll, else by polling; the same events from each."""

from __future__ import annotations

import json
import queue
import re
import threading
import time
from collections.abc import Callable, Generator, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from .. import errors
from ..http import Transport
from . import answers, features
from .activity import Progress, ServerState, ServerTask
from .channel import Channel
from .progress import ProgressReader
from .state import States
from .tasks import Tasks

if TYPE_CHECKING:
    from websockets.sync.client import ClientConnection

_TICK_SECONDS = 1.0
# Together with an occasional look at a task, polling stays below one request a second.
_POLL_SECONDS = 1.5
_PLAIN_POLL_SECONDS = 2.0
_PING_SECONDS = 25.0
_SILENCE_SECONDS = 70.0
_LONG_POLL_SECONDS = 30
_FIRST_WORD_SECONDS = 5.0
# As much as a state may have by request; a few of them wait to be read.
_MESSAGE_BYTES = 1024 * 1024
_MESSAGES_COUNT = 4


class StateChanged(NamedTuple):
    """The server's state is this now."""

    state: ServerState


class ProgressMade(NamedTuple):
    """Some task, not necessarily the one of interest, is this far."""

    progress: Progress


class TaskEnded(NamedTuple):
    """The server says that a task is over; how it went is not known from that."""

    task: ServerTask


class Fallback(NamedTuple):
    """A better way to hear of events does not work here; `reason` says why, for people who want to know."""

    reason: str


Event = StateChanged | ProgressMade | TaskEnded | Fallback


def follow(channel: Channel) -> Iterator[Event | None]:
    """Yield events for ever, and None every second or two so that the caller can look at its clock.

    Raises what the transport raises when the server cannot be reached at all; nothing is replayed, so after a start
    look once at what you wait for.
    """
    if not features.has(channel, features.SUBSCRIPTIONS):
        yield from _by_long_poll(channel)
        return
    try:
        token = answers.text(channel.post("api/v1/auth/issuetoken/websocket", "a token for live events"), "Token")
        connection = _open(channel.transport)
    except errors.DuplicatiClientError as exc:
        yield Fallback(f"no live connection ({exc.message}), long polling instead")
        yield from _by_long_poll(channel)
        return
    reason = yield from _by_socket(connection, token)
    yield Fallback(f"the live connection ended ({reason}), long polling instead")
    yield from _by_long_poll(channel)


def try_socket(transport: Transport, channel: Channel | None) -> None:
    """Open a live connection and close it again, logged in if there is a channel (else for 2.2 and later alone).

    Raises `ConnectionLost` where something in between does not know WebSocket, or lets nothing through.
    """
    token = None
    if channel is not None:
        token = answers.text(channel.post("api/v1/auth/issuetoken/websocket", "a token for live events"), "Token")
    with _open(transport) as connection:
        if token is not None and not _is_taken(connection, token):
            raise errors.ConnectionLost("a live connection is opened, but nothing comes through it")


def _is_taken(connection: ClientConnection, token: str) -> bool:
    from websockets.exceptions import ConnectionClosed  # noqa: PLC0415 - 50 ms

    try:
        connection.send(json.dumps({"Version": 1, "Token": token}))
        said = json.loads(connection.recv(timeout=_FIRST_WORD_SECONDS))
    except (ConnectionClosed, OSError, ValueError, RecursionError):  # a timeout is an OSError
        return False
    return answers.flag(said, "Success")


def _open(transport: Transport) -> ClientConnection:
    """Open the WebSocket; raises `ConnectionLost` where something in between does not know it."""
    from websockets.exceptions import InvalidHandshake, InvalidURI, WebSocketException  # noqa: PLC0415 - 50 ms
    from websockets.sync.client import connect  # noqa: PLC0415

    sock = transport.open_socket(10.0)
    scheme, _, rest = transport.base_url.partition("://")
    rest = re.sub(r"%25[^]]*]", "]", rest)  # the zone of an address means nothing to the server
    try:
        return connect(
            f"ws://{rest}/notifications",
            sock=sock,
            additional_headers={k: v for k, v in transport.headers.items() if k.lower() != "host"},
            compression=None,
            open_timeout=10.0,
            ping_interval=None,
            close_timeout=1.0,
            max_size=_MESSAGE_BYTES,
            max_queue=_MESSAGES_COUNT,
            proxy=None,
        )
    except (InvalidHandshake, InvalidURI, WebSocketException, OSError, EOFError, ValueError) as exc:
        sock.close()
        raise errors.ConnectionLost(f"the server or a proxy refuses WebSocket over {scheme}") from exc


def _by_socket(connection: ClientConnection, token: str) -> Generator[Event | None, None, str]:
    """Log in by the first message (2.3.1.0 websocket:15) and yield what comes until the end; returns its reason."""
    from websockets.exceptions import ConnectionClosed  # noqa: PLC0415

    heard_at = pinged_at = time.monotonic()
    with connection:
        try:
            connection.send(json.dumps({"Version": 1, "Token": token}))
            for service in ("legacystatus", "progress", "taskcompleted"):
                connection.send(json.dumps({"Version": 1, "Id": service, "Action": "sub", "Service": service}))
            while time.monotonic() - heard_at < _SILENCE_SECONDS:
                if time.monotonic() - pinged_at > _PING_SECONDS:
                    pinged_at = time.monotonic()
                    connection.send(json.dumps({"Version": 1, "Id": "ping", "Action": "ping"}))
                message = _receive(connection)
                heard_at = heard_at if message is None else time.monotonic()
                yield None if message is None else _read_message(message)
        except (ConnectionClosed, OSError) as exc:
            return str(exc) or "closed"
    return "silence"


def _receive(connection: ClientConnection) -> str | bytes | None:
    try:
        return connection.recv(timeout=_TICK_SECONDS)
    except TimeoutError:
        return None


def _read_message(message: str | bytes) -> Event | None:
    """Understand one message; what is unknown or damaged is no event."""
    try:
        raw: Any = json.loads(message)
    except (ValueError, RecursionError):
        return None
    kind = raw.get("Type") if isinstance(raw, dict) else None
    try:
        if kind == "legacystatus":
            return StateChanged(ServerState.read(raw))
        if kind == "progress":
            return ProgressMade(Progress.read(raw.get("Data")))
        if kind == "taskcompleted":
            return TaskEnded(ServerTask.read(raw.get("Data")))
    except errors.NotUnderstood:
        return None
    return None


def _by_long_poll(channel: Channel) -> Iterator[Event | None]:
    """Wait for the state in a thread of its own, and meanwhile ask for the progress of what runs, once a tick."""
    waiter = _StateWaiter(States(channel))
    waiter.start()
    progress, endings = ProgressReader(channel), _Endings(channel)
    state: ServerState | None = None
    asks_at = time.monotonic() + _POLL_SECONDS
    try:
        while True:
            try:
                found = waiter.found.get(timeout=max(0.0, asks_at - time.monotonic()))
            except queue.Empty:
                # By a clock of its own: on a busy server states would otherwise keep progress from being read.
                asks_at = time.monotonic() + _POLL_SECONDS
                made = progress.get() if state is not None and state.active is not None else None
                yield ProgressMade(made) if made is not None else None
                continue
            if isinstance(found, ServerState):
                state = found
                yield StateChanged(found)
                yield from endings.since(found)
                continue
            yield Fallback(f"no long polling ({found.message}), polling instead")
            yield from _by_polling(channel)
    finally:
        waiter.stop()


class _Endings:
    """Finds out which task ended, where the server does not say so by itself."""

    def __init__(self, channel: Channel) -> None:
        self._tasks = Tasks(channel)
        self._active_id: int | None = None
        self._told_id: int | None = None

    def since(self, state: ServerState) -> Iterator[TaskEnded]:
        """Yield the task that ran and is over; the state may name it some time longer (2.3.1.0 extra:9-12)."""
        before = self._active_id
        now = state.active.task_id if state.active else None
        if now != self._told_id:
            self._told_id = None  # the number may come back for another task
        for task_id in {before, now} - {None, self._told_id}:
            task = self._read(task_id)
            if task is not None and task.has_ended:
                self._told_id = task_id
                yield TaskEnded(task)
        self._active_id = None if now == self._told_id else now

    def _read(self, task_id: int | None) -> ServerTask | None:
        try:
            return self._tasks.get(task_id or 0)
        except errors.NotFound:
            return None


class _StateWaiter:
    """A thread that long-polls and queues what it hears; ends by itself with the first failure."""

    def __init__(self, states: States) -> None:
        self.found: queue.SimpleQueue[ServerState | errors.DuplicatiClientError] = queue.SimpleQueue()
        self._states = states
        self._is_stopped = threading.Event()

    def start(self) -> None:
        threading.Thread(target=self._run, daemon=True, name="long poll").start()

    def stop(self) -> None:
        self._is_stopped.set()

    def _run(self) -> None:
        try:
            state = self._states.get()
            while not self._is_stopped.is_set():
                self.found.put(state)
                started_at = time.monotonic()
                state = self._states.wait(state, seconds=_LONG_POLL_SECONDS)
                # A server or proxy that answers at once, always, must not be asked in a tight loop.
                self._is_stopped.wait(max(0.0, 1.0 - (time.monotonic() - started_at)))
        except errors.DuplicatiClientError as exc:
            self.found.put(exc)


def _by_polling(channel: Channel, *, sleep: Callable[[float], None] = time.sleep) -> Iterator[Event | None]:
    """Ask for the state, for the task it names, and for the progress, in turn."""
    states, progress, endings = States(channel), ProgressReader(channel), _Endings(channel)
    while True:
        state = states.get()
        yield StateChanged(state)
        yield from endings.since(state)
        sleep(_PLAIN_POLL_SECONDS)
        if state.active is not None:
            made = progress.get()
            yield ProgressMade(made) if made is not None else None
            sleep(_PLAIN_POLL_SECONDS)
