"""`doctor` against a real listener for each layer that can refuse: which one it names, by what evidence, what helps."""

from __future__ import annotations

import json
import random
import re
import socket
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from duplicati_client import errors
from duplicati_client.http import Answer, ConnectionSettings, Request, SocketTransport
from duplicati_client.operations.doctor import LAYERS, Case, examine
from duplicati_client.sandbox.app import Handle, Options, start_in_thread
from duplicati_client.sdk.auth.credentials import Credentials
from duplicati_client.sdk.auth.store import MemorySessionStore, Session
from duplicati_client.sdk.channel import Channel
from duplicati_client.sdk.client import Duplicati
from duplicati_client.sdk.events import try_socket
from tests.hostile import NASTY, UNSAFE, Person, Spoilt, frame, serve
from tests.loopback import CERTIFICATES, Loopback, Peer, message, replying, server_context
from tests.reverse_proxy import passing_on, with_header, without_header, without_prefix
from tests.unit.test_http import tunnelling
from tests.unit.test_tls import pin_of

PASSWORD = "correct horse"
CA = str(CERTIFICATES / "ca.pem")
PAGE = b"<html><head><title>%s</title></head><body><form><input type=password></form></body></html>"


class Found(NamedTuple):
    """What doctor said, as JSON."""

    status: int
    item: dict[str, Any]

    def step(self, layer: str) -> dict[str, Any]:
        return next(step for step in self.item["steps"] if step["layer"] == layer)

    @property
    def refusal(self) -> dict[str, Any]:
        return self.step(self.item["layer"])

    @property
    def ending(self) -> tuple[int, str, str]:
        """Exit status, refusing layer and its code."""
        return self.status, self.item["layer"], self.item["code"]


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture(scope="module")
def modern() -> Iterator[Handle]:
    with start_in_thread(Options(version="2.3.1", password=PASSWORD)) as server:
        yield server


@pytest.fixture(scope="module")
def legacy() -> Iterator[Handle]:
    with start_in_thread(Options(version="2.0.8", password=PASSWORD)) as server:
        yield server


@pytest.fixture
def ask(tmp_path: Path) -> Callable[..., Found]:
    """Run doctor in a home of its own, and see that what it says holds together."""

    def run(*words: str, **environ: str) -> Found:
        ended = Person(tmp_path).run("doctor", *words, "--output", "json", **environ)
        assert ended.stdout, ended.stderr
        found = Found(ended.status, json.loads(ended.stdout)["item"])
        assert [step["layer"] for step in found.item["steps"]] == list(LAYERS)
        verdicts = [step["verdict"] for step in found.item["steps"]]
        if found.status:
            place = verdicts.index("refused")
            assert "not-reached" not in verdicts[:place]
            assert set(verdicts[place + 1 :]) <= {"not-reached"}
            assert found.refusal["message"]
            assert found.refusal["hint"]
        else:
            assert not set(verdicts) & {"refused", "not-reached"}
        return found

    return run


def resetting(peer: Peer) -> None:
    """Take what comes first and reset the connection."""
    peer.socket.recv(65536)
    peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def saying(raw: bytes) -> Callable[[Peer], None]:
    """Say these bytes to whoever connects, after it has spoken."""

    def handle(peer: Peer) -> None:
        peer.socket.recv(65536)
        peer.send(raw)

    return handle


# --- name, TCP, proxy ------------------------------------------------------------------------------------


def test_name_without_an_address(ask):
    found = ask("http://nas.invalid:8200")
    assert found.ending == (69, "name", "name-not-resolved")


def test_nothing_listens(ask):
    found = ask("http://127.0.0.1:1")
    assert found.ending == (69, "tcp", "connection-refused")
    tried = found.refusal["evidence"]["tried"]
    assert [(one["address"], one["failure"]) for one in tried] == [("127.0.0.1", "Connection refused")]


class Hasty(SocketTransport):
    """Waits a moment only."""

    def send(self, request: Request) -> Answer:
        return super().send(request._replace(deadline_seconds=0.3))


def test_server_that_takes_the_connection_and_says_nothing():
    with Loopback(lambda peer: time.sleep(0.6)) as server:
        settings = ConnectionSettings()
        case = Case(Duplicati(server.url), settings, connect=lambda url, given, watch: Hasty(url, given, watch=watch))
        report = examine(case)
    assert (report.refusal.layer, report.refusal.code) == ("http", "deadline-exceeded")


def test_reset_connection(ask):
    with Loopback(resetting) as server:
        found = ask(server.url)
    assert found.ending == (69, "http", "connection-lost")
    assert "reset the connection" in found.refusal["message"]


def test_proxy_of_the_environment_that_is_away_and_not_needed(ask, modern, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    found = ask(modern.url.replace("127.0.0.1", "127.1"))
    assert found.ending == (69, "proxy", "proxy-refused")
    assert found.refusal["evidence"]["reachable_without"] is True
    assert "NO_PROXY=127.1" in found.refusal["hint"]


def test_proxy_that_is_away_and_was_asked_for(ask):
    found = ask("http://nas.example", "--proxy", "http://127.0.0.1:1")
    assert found.ending == (69, "proxy", "proxy-refused")
    assert "NO_PROXY=" not in found.refusal["hint"]


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_proxy_that_wants_a_login(ask, scheme):
    refusal = message(status="407 Proxy Authentication Required", headers="Proxy-Authenticate: Basic\r\n")
    with Loopback(replying(refusal)) as proxy:
        found = ask(f"{scheme}://nas.example", "--proxy", proxy.url)
    assert found.ending == (69, "proxy", "proxy-refused")
    assert found.refusal["evidence"]["status"] == 407
    assert "USER:PASSWORD" in found.refusal["hint"]


def test_server_behind_a_proxy_is_examined_through_it(ask, modern):
    def relay(peer: Peer) -> None:
        passing_on(modern.url, change=lambda head: head.replace("http://nas.example", "", 1))(peer)

    with Loopback(relay) as proxy:
        found = ask("http://nas.example", "--proxy", proxy.url)
    assert found.ending == (77, "host-name", "host-name-not-allowed")
    assert [found.step(layer)["verdict"] for layer in ("name", "tcp", "proxy")] == ["skipped", "skipped", "ok"]


# --- TLS -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("certificate", "options", "code", "told"),
    [
        ("expired", ("--ca-file", CA), "certificate-expired", "renew"),
        ("elsewhere", ("--ca-file", CA), "certificate-name-wrong", r"elsewhere\.example.*--pin [0-9a-f]{64}"),
        ("server", (), "certificate-issuer-unknown", r"--ca-file.*--pin [0-9a-f]{64}"),
        ("ca-alone", (), "certificate-issuer-unknown", r"--pin [0-9a-f]{64}"),
        ("server", ("--pin", "0" * 64), "certificate-not-pinned", "pin that only if"),
    ],
)
def test_certificate_that_is_refused_is_shown(ask, certificate, options, code, told):
    name = "homemade" if certificate == "ca-alone" else certificate
    with Loopback(replying(), context=server_context(name)) as server:
        found = ask(server.url, *options)
    assert found.ending == (69, "tls", code)
    assert re.search(told, found.refusal["hint"])
    evidence = found.refusal["evidence"]
    assert evidence["sha256"] == pin_of(name)
    assert evidence["ends_at"].startswith("2021" if certificate == "expired" else "2120")


def test_names_and_issuer_of_a_certificate_are_read(ask):
    with Loopback(replying(), context=server_context("server")) as server:
        evidence = ask(server.url).refusal["evidence"]
    assert set(evidence["names"]) == {"127.0.0.1", "::1", "localhost"}
    assert evidence["issuer"]


def test_tls_too_old(ask):
    with Loopback(saying(b"\x15\x03\x01\x00\x02\x02\x46")) as server:
        found = ask(server.url.replace("http:", "https:"))
    assert found.ending == (69, "tls", "tls-too-old")


def test_server_that_hangs_up_in_the_handshake(ask):
    with Loopback(saying(b"")) as server:
        found = ask(server.url.replace("http:", "https:"))
    assert found.ending == (69, "tls", "tls-interrupted")


def test_client_certificate_that_is_wanted(ask):
    with Loopback(replying(), context=server_context(asks_client=True)) as server:
        found = ask(server.url, "--ca-file", CA)
    assert found.ending[:2] == (69, "tls")
    assert "--client-cert" in found.refusal["hint"]


def test_file_of_authorities_that_is_none(ask):
    with Loopback(replying(), context=server_context()) as server:
        assert ask(server.url, "--ca-file", "/nowhere/ca.pem").ending == (78, "tls", "configuration-invalid")


def test_https_asked_of_a_server_without(ask, modern):
    found = ask(modern.url.replace("http:", "https:"))
    assert found.ending == (69, "tls", "scheme-wrong")
    assert found.refusal["hint"] == f"use {modern.url}"


def test_http_asked_of_a_server_with_tls(ask):
    with Loopback(replying(message()), context=server_context()) as server:
        found = ask(server.url.replace("https:", "http:"))
    assert found.ending == (69, "tls", "scheme-wrong")
    assert found.refusal["hint"] == f"use {server.url}"


@pytest.mark.parametrize(
    "reply",
    [
        message(b"<html>The plain HTTP request was sent to HTTPS port</html>", status="400 Bad Request"),
        message(status="308 Permanent Redirect", headers="Location: https://127.0.0.1/api/v1/systeminfo\r\n"),
    ],
    ids=["told", "redirected"],
)
def test_proxy_that_wants_https(ask, reply):
    with Loopback(replying(reply)) as server:
        found = ask(server.url)
    assert found.ending == (69, "tls", "scheme-wrong")
    assert "https://127.0.0.1" in found.refusal["hint"]


def test_certificate_in_order_is_shown_and_one_that_ends_soon_warned_of(modern):
    def connect(url: str, settings: ConnectionSettings, watch: Any) -> SocketTransport:
        return SocketTransport(url, settings, watch=watch)

    with Loopback(passing_on(modern.url), context=server_context()) as server:
        settings = ConnectionSettings(ca_file=CA)
        found = [
            examine(Case(Duplicati(server.url, connection=settings), settings, connect=connect, clock=lambda at=at: at))
            for at in (time.time(), 4_733_000_000.0)  # the latter in the last days of 2119
        ]
    steps = [next(step for step in report.steps if step.layer == "tls") for report in found]
    assert [step.code for step in steps] == [None, "certificate-ends-soon"]
    assert steps[0].evidence["version"] == "TLSv1.3"
    assert steps[0].evidence["sha256"] == pin_of("server")


def test_insecure_connection_is_warned_of_with_the_pin_that_would_be_better(ask, modern):
    with Loopback(passing_on(modern.url), context=server_context()) as server:
        found = ask(server.url, "--insecure")
    assert found.status == 0
    assert found.step("tls")["code"] == "not-verified"
    assert pin_of("server") in found.step("tls")["hint"]


# --- HTTP, and who answers -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "ending"),
    [
        (b"SSH-2.0-OpenSSH_9.2\r\n", (76, "http", "not-understood")),
        (b"", (69, "http", "connection-lost")),
        (message(status="511 Network Authentication Required"), (76, "http", "login-portal")),
        (message(status="302 No", headers="Location: http://login.hotel.example/\r\n"), (76, "http", "login-portal")),
        (message(status="302 Found", headers="Location: /sso/login?rd=x\r\n"), (76, "http", "login-portal")),
        (message(PAGE % b"Hotel WLAN"), (76, "duplicati", "login-portal")),
        (message(b"<html><title>Photo album</title></html>", status="404 No"), (76, "duplicati", "not-duplicati")),
        (message(PAGE % b"Large portal" + b" " * 200_000), (76, "duplicati", "login-portal")),
        (message(b'{"status":"ok"}'), (76, "duplicati", "not-duplicati")),
        (message(status="502 Bad Gateway", headers="Server: nginx\r\n"), (69, "http", "unreachable")),
        (message(status="503 Service Unavailable", headers="Server: Kestrel\r\n"), (75, "http", "busy")),
        (message(status="401 No", headers="WWW-Authenticate: Basic realm=x\r\n"), (77, "http", "not-allowed")),
    ],
    ids=["SSH", "silence", "511", "portal elsewhere", "proxy's login", "login page", "another program", "large page",
         "JSON", "no upstream", "starting", "basic"],
)  # fmt: skip
def test_something_else_answers(ask, raw, ending):
    with Loopback(saying(raw)) as server:
        assert ask(server.url).ending == ending


def test_task_server_is_called_one(ask):
    def handle(peer: Peer) -> None:
        is_poll = "api/tasks/status" in peer.read_head()
        peer.send(message(b"", status="304 Not Modified") if is_poll else message(b"{}", status="404 Not Found"))

    with Loopback(handle) as server:
        found = ask(server.url)
    assert found.ending == (76, "duplicati", "not-duplicati")
    assert "task server" in found.refusal["message"]


@pytest.mark.parametrize("tail", ["/ngclient", "/ngax/index.html"])
def test_address_of_a_page_is_told_to_be_one(ask, modern, tail):
    found = ask(modern.url + tail)
    assert found.ending == (76, "duplicati", "path-wrong")
    assert found.refusal["hint"] == f"use {modern.url}"


def test_server_published_below_a_path(ask, modern):
    def refuse(head: str) -> bytes | None:
        return None if " /duplicati/" in head else message(b"<html>Intranet</html>", status="404 Not Found")

    with Loopback(passing_on(modern.url, change=without_prefix("/duplicati"), refuse=refuse)) as server:
        found = ask(server.url)
        assert found.ending == (76, "duplicati", "path-wrong")
        assert found.refusal["hint"] == f"use {server.url}/duplicati"
        assert ask(f"{server.url}/duplicati").status == 0


# --- whom Duplicati lets speak ----------------------------------------------------------------------------


@pytest.mark.parametrize("release", ["modern", "legacy"])
def test_host_name_that_is_not_allowed(ask, request, tmp_path, release):
    server = request.getfixturevalue(release)
    headers = tmp_path / "headers"
    headers.write_text("Host=backup.example.org")
    found = ask(server.url, "--header-file", str(headers))
    assert found.ending == (77, "host-name", "host-name-not-allowed")
    assert "backup.example.org" in found.refusal["message"]
    assert "--webservice-allowed-hostnames" in found.refusal["hint"]


def test_proxy_that_asks_for_another_host_name(ask, modern):
    with Loopback(passing_on(modern.url, change=lambda head: with_header(head, "Host", "upstream:8200"))) as server:
        found = ask(server.url)
    assert found.ending == (77, "host-name", "host-name-not-allowed")
    assert "a proxy in between asks the server for the host name upstream" in found.refusal["message"]


def test_preshared_key_that_is_wanted(ask, tmp_path):
    headers = tmp_path / "headers"
    headers.write_text("X-Duplicati-PreSharedKey=0123456789abcdef")
    with start_in_thread(Options(version="2.3.1", password=PASSWORD, pre_shared_key="0123456789abcdef")) as server:
        found = ask(server.url)
        assert found.ending == (77, "preshared-key", "preshared-key-refused")
        assert "--header-file" in found.refusal["hint"]
        assert ask(server.url, "--header-file", str(headers)).status == 0


@pytest.mark.parametrize(
    ("release", "header"), [("modern", "Authorization"), ("legacy", "X-XSRF-Token"), ("legacy", "Cookie")]
)
def test_proxy_that_takes_a_header_away_is_found_without_a_login(ask, request, release, header):
    server = request.getfixturevalue(release)
    with Loopback(passing_on(server.url, change=lambda head: without_header(head, header))) as proxy:
        found = ask(proxy.url)
    if header == "Cookie":  # the server does not need it here (2.0.8.1 first-contact:20)
        assert found.status == 0
        return
    assert found.ending == (77, "login", "header-stripped")
    assert header in found.refusal["message"]


def test_proxy_whose_login_would_take_the_place_of_the_servers(ask, modern, tmp_path):
    headers = tmp_path / "headers"
    headers.write_text("Authorization=Basic dXNlcjpwYXNzd29yZA==")

    def refuse(head: str) -> bytes | None:
        no = message(status="401 No", headers="WWW-Authenticate: Basic realm=x\r\n")
        return None if "Authorization: Basic" in head else no

    with Loopback(passing_on(modern.url, change=lambda head: without_header(head, "Authorization"), refuse=refuse)) as (
        proxy
    ):
        assert ask(proxy.url).ending == (77, "http", "not-allowed")
        found = ask(proxy.url, "--header-file", str(headers))
    assert found.ending == (77, "login", "not-allowed")
    assert "same header" in found.refusal["hint"]


def test_proxy_that_lets_only_reading_through(ask, modern):
    def refuse(head: str) -> bytes | None:
        return None if head.startswith("GET") else message(status="403 Forbidden")

    with Loopback(passing_on(modern.url, refuse=refuse)) as proxy:
        assert ask(proxy.url).ending == (77, "permission", "not-allowed")


def test_proxy_that_lets_nothing_be_changed_is_warned_of(ask, modern):
    def refuse(head: str) -> bytes | None:
        return message(status="405 Method Not Allowed") if head.startswith(("PUT", "DELETE")) else None

    with Loopback(passing_on(modern.url, refuse=refuse)) as proxy:
        found = ask(proxy.url, DUPLICATI_CLIENT_PASSWORD=PASSWORD)
    assert found.status == 0
    assert found.step("permission")["code"] == "read-only"
    assert found.step("permission")["evidence"]["blocked"] == {"PUT": 405, "DELETE": 405}


def test_proxy_that_hangs_up_on_every_change_is_warned_of(ask, modern):
    def refuse(head: str) -> bytes | None:
        return b"" if head.startswith(("PUT", "PATCH")) else None

    with Loopback(passing_on(modern.url, refuse=refuse)) as proxy:
        found = ask(proxy.url, DUPLICATI_CLIENT_PASSWORD=PASSWORD)
    assert found.status == 0
    assert found.step("permission")["evidence"]["blocked"] == {"PUT": "connection lost", "PATCH": "connection lost"}


def test_proxy_without_websocket_is_warned_of(ask, modern):
    with Loopback(passing_on(modern.url, change=lambda head: without_header(head, "Upgrade"))) as proxy:
        found = ask(proxy.url, DUPLICATI_CLIENT_PASSWORD=PASSWORD)
    assert (found.status, found.item["verdict"]) == (0, "warning")
    assert found.step("websocket")["code"] == "connection-lost"
    assert "Upgrade" in found.step("websocket")["hint"]


@pytest.mark.parametrize("said", [b'{"Success": false}', b"nonsense", None], ids=["refused", "nonsense", "nothing"])
def test_live_connection_through_which_nothing_good_comes_is_none(said):
    def speak(peer: Peer) -> None:
        if said is not None:
            peer.socket.recv(65536)
            peer.send(frame(said))

    with Loopback(serve(Spoilt("2.3.1.0"), speak)) as server:
        transport = SocketTransport(server.url)
        store = MemorySessionStore()
        store.save(Session(transport.base_url, "modern", "token", 4e9))
        with pytest.raises(errors.ConnectionLost, match="nothing comes through"):
            try_socket(transport, Channel(transport, Credentials(), store))
        transport.close()


def test_clock_of_the_server_that_is_wrong_is_warned_of(ask, modern):
    def change(answer: bytes) -> bytes:
        return re.sub(rb"Date: [^\r]+", b"Date: Tue, 24 Nov 2020 12:00:00 GMT", answer)

    with Loopback(passing_on(modern.url, change_answer=change)) as proxy:
        found = ask(proxy.url)
    assert found.status == 0
    assert found.step("clock")["code"] == "clock-offset"
    assert found.step("clock")["evidence"]["offset_seconds"] < -86400


# --- login -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("release", ["modern", "legacy"])
def test_any_server_is_examined_without_a_login_and_nothing_is_remembered(ask, request, tmp_path, release):
    found = ask(request.getfixturevalue(release).url)
    assert (found.status, found.step("login")["verdict"]) == (0, "skipped")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("release", ["modern", "legacy"])
def test_password_that_was_given_is_tried_once_and_the_session_ended(ask, request, tmp_path, release):
    heads: list[str] = []
    server = request.getfixturevalue(release)

    def note(head: str) -> bytes | None:
        heads.append(" ".join(head.split()[:2]))
        return None

    with Loopback(passing_on(server.url, refuse=note)) as proxy:
        found = ask(proxy.url, DUPLICATI_CLIENT_PASSWORD=PASSWORD)
        assert found.status == 0
        assert found.step("login")["message"] == "the password is accepted"
        assert re.match(r"2\.", found.step("release")["message"])
        assert any("logout" in head for head in heads)
        heads.clear()
        assert ask(proxy.url, DUPLICATI_CLIENT_PASSWORD="wrong").ending == (77, "login", "login-refused")
    assert len([head for head in heads if re.search(r"POST .*(auth/login|login\.cgi)$", head)]) <= 2  # one has a nonce
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("release", ["modern", "legacy"])
def test_stored_session_spares_a_login_attempt(request, tmp_path, release):
    heads: list[str] = []
    server = request.getfixturevalue(release)

    def note(head: str) -> bytes | None:
        heads.append(head)
        return None

    with Loopback(passing_on(server.url, refuse=note)) as proxy:
        person = Person(tmp_path)
        assert person.run("login", proxy.url, "--name", "s", DUPLICATI_CLIENT_PASSWORD=PASSWORD).status == 0
        heads.clear()
        ended = person.run("doctor", DUPLICATI_CLIENT_PASSWORD="wrong")
    assert ended.status == 0, ended.stdout
    assert "with the stored session" in ended.stdout
    assert not [head for head in heads if "auth/login" in head or "login.cgi" in head]


def test_context_without_a_session_is_told_to_log_in(ask, modern, tmp_path):
    person = Person(tmp_path)
    person.run("login", modern.url, "--name", "s", DUPLICATI_CLIENT_PASSWORD=PASSWORD)
    person.run("logout")
    found = ask()
    assert found.ending == (77, "login", "login-missing")
    assert "duplicati login" in found.refusal["hint"]


def test_session_that_has_ended(ask, modern, tmp_path):
    Person(tmp_path).run("login", modern.url, "--name", "s", DUPLICATI_CLIENT_PASSWORD=PASSWORD)
    file = tmp_path / ".local" / "state" / "duplicati-client" / "sessions" / "s.json"
    session = json.loads(file.read_text())
    file.write_text(json.dumps(session | {"access_token": "a.b.c", "refresh_token": "d.e.f", "access_ends_at": 0}))
    assert ask().ending == (77, "login", "session-ended")


def test_server_that_was_upgraded_since_the_login(ask, modern, legacy, tmp_path):
    Person(tmp_path).run("login", legacy.url, "--name", "s", DUPLICATI_CLIENT_PASSWORD=PASSWORD)
    file = tmp_path / ".local" / "state" / "duplicati-client" / "sessions" / "s.json"
    file.write_text(file.read_text().replace(legacy.url, modern.url))
    config = tmp_path / ".config" / "duplicati-client" / "config.toml"
    config.write_text(config.read_text().replace(legacy.url, modern.url))
    found = ask()
    assert found.ending == (77, "login", "session-ended")
    assert "legacy generation" in found.refusal["message"]


def test_every_context_is_examined_and_one_dead_server_spoils_nothing(modern, legacy, tmp_path):
    person = Person(tmp_path)
    for name, server in (("old", legacy), ("new", modern)):
        person.run("login", server.url, "--name", name, DUPLICATI_CLIENT_PASSWORD=PASSWORD)
    config = tmp_path / ".config" / "duplicati-client" / "config.toml"
    config.write_text(config.read_text() + '\n[contexts.dead]\nurl = "http://127.0.0.1:1"\n')
    ended = person.run("doctor", "--all", "--output", "json")
    rows = {row["server"]: row for row in json.loads(ended.stdout)["items"]}
    assert ended.status == 1
    assert {name: (row["verdict"], row["layer"]) for name, row in rows.items()} == {
        "old": ("warning", "release"),
        "new": ("ok", None),
        "dead": ("refused", "tcp"),
    }


# --- hostile answers ---------------------------------------------------------------------------------------


class Hostile:
    """A transport to a server that answers anything, now and then as Duplicati would."""

    STATUSES = (200, 200, 200, 204, 302, 307, 400, 401, 401, 403, 404, 405, 407, 500, 502, 503, 511)
    HEADERS = (
        ("WWW-Authenticate", "Bearer"), ("WWW-Authenticate", 'Bearer error="invalid_token"'),
        ("Location", "http://["), ("Location", "//evil.example/login?token=x"), ("Location", NASTY),
        ("Location", "https://nas.test:8200/a/../../b"), ("Server", NASTY), ("Server", "Kestrel"),
        ("Date", "Tue, 99 Nov 2026 99:99:99 GMT"), ("Date", "x" * 500), ("Content-Type", "text/html"), ("Via", "\t"),
        ("Set-Cookie", "xsrf-token=abc"), ("Set-Cookie", "xsrf-token=\x1b"),
    )  # fmt: skip
    BODIES = (
        b"", b"{}", b"[]", b"null", b"<title>" + NASTY.encode("utf-8", "replace"), b"<title>" * 9000,
        b'{"Error":"\x1b[2J"}', b'{"Error":"Invalid hostname: \xff\xfe"}', b"Invalid PreSharedKey",
        b'{"ServerVersion":7,"ServerTime":"x"}', b'{"ServerVersion":"9.9","ServerTime":"9999-12-31T23:59:59Z"}',
        b'{"ProgramState":"Running"}', b'{"authorized":true}',
        b'{"AccessToken":"a.b.c"}', b'{"Token":"x"}', b'{"Nonce":"AAAA","Salt":"AAAA"}', b"[" * 5000,
    )  # fmt: skip

    def __init__(self, seed: int, url: str = "http://nas.test:8200") -> None:
        self.base_url, self.headers = url, {}
        self._chance = random.Random(seed)
        self._requests_count = 0

    def send(self, request: Request) -> Answer:
        self._requests_count += 1
        assert self._requests_count < 60, "this goes on for ever"
        chance = self._chance
        is_asked_openly = request.path.endswith("systeminfo") and not request.headers
        if is_asked_openly and chance.random() < 0.7:
            is_legacy = chance.random() < 0.4
            header = ("Set-Cookie", "xsrf-token=abc") if is_legacy else ("WWW-Authenticate", "Bearer")
            return Answer(400 if is_legacy else 401, "", (header,), b"")
        if chance.random() < 0.1:
            raise chance.choice((errors.ConnectionLost, errors.DeadlineExceeded, errors.NotUnderstood))(NASTY)
        headers = tuple(chance.sample(self.HEADERS, 3))
        return Answer(chance.choice(self.STATUSES), NASTY[:20], headers, chance.choice(self.BODIES))

    def open_socket(self, deadline_seconds: float) -> socket.socket:
        raise errors.ConnectionLost(NASTY)

    def close(self) -> None:
        """Nothing is held."""


@pytest.mark.parametrize("form", ["table", "json"])
def test_whatever_answers_doctor_tells_it_without_harm(form, tmp_path):
    seen = set()
    for seed in range(250):
        person = Person(tmp_path, Hostile(seed))
        environ = {"DUPLICATI_CLIENT_PASSWORD": PASSWORD} if seed % 2 else {}
        words = ("doctor", "http://nas.test:8200", "--output", form, "--verbose")
        ended = person.run(*words, is_terminal=form == "table", **environ)
        assert ended.status in {0, 65, 66, 69, 75, 76, 77, 78}, (seed, ended)
        assert "Traceback" not in ended.stderr
        assert PASSWORD not in ended.stdout + ended.stderr
        seen.add(ended.status)
        if form == "json":
            assert [step["layer"] for step in json.loads(ended.stdout)["item"]["steps"]] == list(LAYERS)
        else:
            assert not UNSAFE.search(re.sub("\x1b\\[[0-9;]*[mK]|\r|\n", "", ended.stdout))
    assert {0, 69, 76, 77} <= seen


def test_tls_through_a_proxys_tunnel_is_examined(ask):
    with Loopback(replying(), context=server_context("elsewhere")) as server, tunnelling(server.port, []) as proxy:
        found = ask("https://other.example", "--ca-file", CA, "--proxy", proxy.url)
    assert found.ending == (69, "tls", "certificate-name-wrong")
    assert found.step("proxy")["verdict"] == "ok"
