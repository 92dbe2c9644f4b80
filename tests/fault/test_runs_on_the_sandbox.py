"""Runs followed over real sockets against the sandbox while it is spoilt: expired tokens, restarts, locks, cut ways."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from duplicati_client import errors
from duplicati_client.http import Answer, ConnectionSettings, Request, SocketTransport
from duplicati_client.outcome import Outcome
from duplicati_client.sandbox.app import Handle, Options, start_in_thread
from duplicati_client.sdk.auth.credentials import Credentials
from duplicati_client.sdk.auth.store import MemorySessionStore
from duplicati_client.sdk.client import Duplicati
from duplicati_client.sdk.events import Fallback, ProgressMade, StateChanged, TaskEnded
from duplicati_client.sdk.followed import Ended, Note

PASSWORD = "correct horse"
RELEASES = ("2.3.1", "2.3.0", "2.2", "2.1", "2.0.8")


class Spoilt:
    """A transport that refuses some requests, as a proxy between might."""

    def __init__(
        self, url: str, *, refuses: Callable[[Request], bool] = lambda request: False, has_socket: bool = True
    ) -> None:
        self._inner = SocketTransport(url, ConnectionSettings(proxy_url=""))
        self._refuses = refuses
        self._has_socket = has_socket
        self.base_url, self.headers = self._inner.base_url, self._inner.headers

    def send(self, request: Request) -> Answer:
        if self._refuses(request):
            raise errors.ConnectionLost("cut by a proxy")
        return self._inner.send(request)

    def open_socket(self, deadline_seconds: float) -> socket.socket:
        if not self._has_socket:
            raise errors.NotSupported("no sockets here")
        return self._inner.open_socket(deadline_seconds)

    def close(self) -> None:
        self._inner.close()


def sandbox(version: str, *faults: str, speed: float = 1.0) -> Handle:
    return start_in_thread(Options(version=version, faults=faults, speed=speed, password=PASSWORD))


def client(handle: Handle, transport: Spoilt | None = None, *, password: str = PASSWORD, **options: Any) -> Duplicati:
    return Duplicati(handle.url, transport=transport, credentials=Credentials(password=password), **options)


def run(server: Duplicati, name: str) -> tuple[Ended, list[str]]:
    backup_id = next(backup.backup_id for backup in server.backups.list() if backup.name == name)
    items = [item for item in server.runs.follow(server.runs.start(backup_id)) if item is not None]
    assert isinstance(items[-1], Ended)
    return items[-1], [item.text for item in items if isinstance(item, Note)]


@pytest.mark.parametrize("version", RELEASES)
def test_killed_server_leaves_the_outcome_unknown(version: str) -> None:
    with sandbox(version, "restart-kill", speed=8) as handle, client(handle) as server:
        ended, notes = run(server, "Documents")
    assert ended.verdict.outcome is Outcome.UNKNOWN
    assert any("restarted" in note for note in notes)


@pytest.mark.parametrize("version", ["2.3.1", "2.1", "2.0.8"])
def test_access_that_expires_in_mid_run_is_renewed_unseen(version: str) -> None:
    lines: list[str] = []
    with sandbox(version, speed=4) as handle, client(handle, trace=lines.append) as server:
        documents = server.backups.list()[0].backup_id
        started = server.runs.start(documents)
        handle.call(lambda: handle.sandbox.access.clock.skip(2 * 3600))
        *_, ended = server.runs.follow(started)
    assert any(" -> 401" in line or " -> 400" in line for line in lines)
    assert ended.verdict.outcome is Outcome.SUCCESS


def test_locked_database_is_waited_for() -> None:
    with sandbox("2.3.1", "database-locked:2", speed=8) as handle, client(handle) as server:
        ended, notes = run(server, "Documents")
    assert ended.verdict.outcome is Outcome.SUCCESS
    assert any("log is in use" in note for note in notes)


@pytest.mark.parametrize(
    ("version", "name", "outcome"),
    [
        ("2.3.1", "Photos", Outcome.WARNING),
        ("2.2", "Mail", Outcome.ERROR),
        ("2.3.0", "Database", Outcome.FATAL),
        ("2.1", "Database", Outcome.FATAL),
        ("2.0.8", "Database", Outcome.FATAL),
    ],
)
def test_run_that_ends_badly_is_never_a_success(version: str, name: str, outcome: Outcome) -> None:
    with sandbox(version, speed=8) as handle, client(handle) as server:
        assert run(server, name)[0].verdict.outcome is outcome


def test_same_events_come_by_socket_long_poll_and_polling() -> None:
    """Three clients follow one run, each by its own way; what they hear of it is the same."""
    heard: dict[str, set[object]] = {}
    fallbacks: dict[str, int] = {}

    def listen(name: str, server: Duplicati) -> None:
        heard[name], fallbacks[name] = set(), 0
        for event in server.events():
            if isinstance(event, Fallback):
                fallbacks[name] += 1
            elif isinstance(event, StateChanged) and event.state.active:
                heard[name].add(("active", event.state.active))
            elif isinstance(event, ProgressMade):
                heard[name].add(("progress", event.progress.task_id, event.progress.backup_id))
            elif isinstance(event, TaskEnded):
                heard[name].add(("ended", event.task.task_id, event.task.status))
                return

    with sandbox("2.3.1", speed=20) as handle:
        ways = {
            "socket": Spoilt(handle.url),
            "long poll": Spoilt(handle.url, has_socket=False),
            "polling": Spoilt(handle.url, refuses=lambda request: "longpoll" in request.path, has_socket=False),
        }
        servers = {name: client(handle, transport) for name, transport in ways.items()}
        threads = [threading.Thread(target=listen, args=pair, daemon=True) for pair in servers.items()]
        for thread in threads:
            thread.start()
        time.sleep(0.5)
        with client(handle) as starter:
            archive = next(b.backup_id for b in starter.backups.list() if b.name == "Archive")
            number = starter.backups.run(archive)
        for thread in threads:
            thread.join(20)
            assert not thread.is_alive()
        for server in servers.values():
            server.close()
    assert fallbacks == {"socket": 0, "long poll": 1, "polling": 2}
    assert heard["socket"] == heard["long poll"] == heard["polling"]
    assert ("ended", number, "Completed") in heard["socket"]
    assert ("progress", number, archive) in heard["socket"]


def test_live_connection_that_breaks_is_told_and_the_run_followed_on() -> None:
    opened: list[socket.socket] = []

    class Breaking(Spoilt):
        def open_socket(self, deadline_seconds: float) -> socket.socket:
            opened.append(super().open_socket(deadline_seconds))
            return opened[-1]

    with sandbox("2.3.1", speed=40) as handle, client(handle, Breaking(handle.url)) as server:
        archive = next(b.backup_id for b in server.backups.list() if b.name == "Archive")
        notes, ended, is_broken = [], None, False
        for item in server.runs.follow(server.runs.start(archive)):
            if opened and item is not None and not is_broken:
                is_broken = True
                opened[0].shutdown(socket.SHUT_RDWR)
            notes += [item.text] if isinstance(item, Note) else []
            ended = item
    assert any("live connection ended" in note for note in notes)
    assert isinstance(ended, Ended)
    assert ended.verdict.outcome is Outcome.SUCCESS


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("cut", errors.ConnectionLost),
        ("half-json", errors.NotUnderstood),
        ("huge", errors.AnswerTooLarge),
        ("html-error", errors.Unreachable),
        ("error-500", errors.ServerFailed),
    ],
)
def test_spoilt_answer_is_the_error_it_is(fault: str, kind: type[Exception]) -> None:
    with sandbox("2.3.1", fault) as handle, client(handle) as server, pytest.raises(kind) as caught:
        server.backups.list()
    assert type(caught.value) is kind


@pytest.mark.parametrize("version", ["2.3.1", "2.0.8"])
def test_byte_order_mark_is_read_over(version: str) -> None:
    with sandbox(version, "bom") as handle, client(handle) as server:
        assert len(server.backups.list()) == 5


@pytest.mark.parametrize("version", RELEASES)
def test_logout_is_proven_and_the_next_question_wants_a_login(version: str) -> None:
    with sandbox(version) as handle:
        with client(handle) as server:
            server.backups.list()
            stolen = server.session
            assert server.logout() is True
            assert server.session is None
        with Duplicati(handle.url) as thief:
            thief._channel.store.save(stolen)
            with pytest.raises(errors.NotAllowed):
                thief.backups.list()


@pytest.mark.parametrize("version", ["2.3.1", "2.0.8"])
def test_trace_of_a_whole_session_holds_no_secret(version: str) -> None:
    lines: list[str] = []
    with sandbox(version, speed=8) as handle:
        server = Duplicati(handle.url, credentials=Credentials(password=PASSWORD), trace=lines.append)
        with server:
            run(server, "Documents")
            session = server.session
            server.logout()
    secrets = [PASSWORD, session.access_token, session.refresh_token, session.refresh_nonce, session.xsrf_token,
               session.session_token]  # fmt: skip
    text = "\n".join(lines)
    assert len(lines) > 10
    assert [secret for secret in secrets if secret and secret in text] == []


def test_lost_answer_to_a_renewal_keeps_the_session() -> None:
    store = MemorySessionStore()
    with sandbox("2.3.1", "refresh-lost") as handle:
        with Duplicati(handle.url, credentials=Credentials(password=PASSWORD), store=store) as server:
            server.login()
        before = store.load()
        handle.call(lambda: handle.sandbox.access.clock.skip(1000))
        with Duplicati(handle.url, store=store) as server:
            assert len(server.backups.list()) == 5
    assert store.load().refresh_token != before.refresh_token


def test_wrong_password_is_told() -> None:
    with sandbox("2.3.1") as handle, client(handle, password="wrong") as server, pytest.raises(errors.LoginRefused):
        server.backups.list()


def test_host_name_that_is_not_allowed_is_told_with_the_option_that_allows_it() -> None:
    settings = ConnectionSettings(headers={"Host": "nas.example"})
    with (
        sandbox("2.3.1") as handle,
        client(handle, connection=settings) as server,
        pytest.raises(errors.HostNameNotAllowed) as caught,
    ):
        server.backups.list()
    assert "--webservice-allowed-hostnames" in caught.value.hint
