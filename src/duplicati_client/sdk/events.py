"""What a server does, as it happens: by WebSocket, else by long poll, else by polling; the same events from each."""

from __future__ import annotations

import json
import queue
import threading
import time
from collections.abc import Callable, Generator, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from .. import errors
from .activity import Progress, ServerState, ServerTask
from .channel import Channel
from .progress import ProgressReader
from .state import States

if TYPE_CHECKING:
    from websockets.sync.client import ClientConnection

_TICK_SECONDS = 1.0
# Together with an occasional look at a task, polling stays below one request a second.
_POLL_SECONDS = 1.5
_PING_SECONDS = 25.0
_LONG_POLL_SECONDS = 30
_RELEASE_WITH_SUBSCRIPTIONS = (2, 2)
_MESSAGE_BYTES = 32 * 1024 * 1024


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
    if channel.is_legacy or channel.release < _RELEASE_WITH_SUBSCRIPTIONS:
        yield from _by_long_poll(channel)
        return
    try:
        connection = _open(channel)
    except errors.DuplicatiClientError as exc:
        yield Fallback(f"no live connection ({exc.message}), long polling instead")
        yield from _by_long_poll(channel)
        return
    reason = yield from _by_socket(connection)
    yield Fallback(f"the live connection ended ({reason}), long polling instead")
    yield from _by_long_poll(channel)


def _open(channel: Channel) -> ClientConnection:
    """Open the WebSocket logged in by header, which also subscribes to the state (API reference, 6.1 A)."""
    from websockets.exceptions import InvalidHandshake, InvalidURI, WebSocketException  # noqa: PLC0415 - 50 ms
    from websockets.sync.client import connect  # noqa: PLC0415

    transport = channel.transport
    sock = transport.open_socket(10.0)
    scheme, _, rest = transport.base_url.partition("://")
    try:
        connection = connect(
            f"ws://{rest}/notifications",
            sock=sock,
            additional_headers=_handshake_headers(channel),
            compression=None,
            open_timeout=10.0,
            ping_interval=None,
            close_timeout=1.0,
            max_size=_MESSAGE_BYTES,
            proxy=None,
        )
    except (InvalidHandshake, InvalidURI, WebSocketException, OSError, EOFError, ValueError) as exc:
        sock.close()
        raise errors.ConnectionLost(f"the server or a proxy refuses WebSocket over {scheme}") from exc
    for service in ("progress", "taskcompleted"):
        connection.send(json.dumps({"Version": 1, "Id": service, "Action": "sub", "Service": service}))
    return connection


def _handshake_headers(channel: Channel) -> dict[str, str]:
    """Return what every request carries, the login last; the library adds `Host` by itself."""
    own = channel.access.headers()
    taken = {"host", *(name.lower() for name in own)}
    return {name: value for name, value in channel.transport.headers.items() if name.lower() not in taken} | dict(own)


def _by_socket(connection: ClientConnection) -> Generator[Event | None, None, str]:
    """Yield what comes until the connection ends; returns why it did."""
    from websockets.exceptions import ConnectionClosed  # noqa: PLC0415

    pinged_at = time.monotonic()
    with connection:
        while True:
            if time.monotonic() - pinged_at > _PING_SECONDS:
                pinged_at = time.monotonic()
                connection.send(json.dumps({"Version": 1, "Id": "ping", "Action": "ping"}))
            try:
                yield _read_message(connection.recv(timeout=_TICK_SECONDS))
            except TimeoutError:
                yield None
            except (ConnectionClosed, OSError) as exc:
                return str(exc) or "closed"


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
    progress = ProgressReader(channel)
    state: ServerState | None = None
    try:
        while True:
            try:
                found = waiter.found.get(timeout=_POLL_SECONDS)
            except queue.Empty:
                made = progress.get() if state is not None and state.active is not None else None
                yield ProgressMade(made) if made is not None else None
                continue
            if isinstance(found, ServerState):
                state = found
                yield StateChanged(found)
                continue
            yield Fallback(f"no long polling ({found.message}), polling instead")
            yield from _by_polling(channel)
    finally:
        waiter.stop()


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
    """Ask for state and progress in turn, one request a tick."""
    states, progress = States(channel), ProgressReader(channel)
    while True:
        state = states.get()
        yield StateChanged(state)
        sleep(_POLL_SECONDS)
        if state.active is not None:
            made = progress.get()
            yield ProgressMade(made) if made is not None else None
            sleep(_POLL_SECONDS)
