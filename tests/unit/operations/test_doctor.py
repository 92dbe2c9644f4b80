"""What doctor makes of what it saw, where no real listener can show it: slow answers, dead addresses, secrets."""

from __future__ import annotations

import socket

import pytest

from duplicati_client import errors
from duplicati_client.http import Answer, ConnectionSettings, Request
from duplicati_client.operations.doctor import LAYERS, Case, Report, examine, quality
from duplicati_client.operations.doctor.report import Findings
from duplicati_client.operations.doctor.visit import Exchange, Visit
from duplicati_client.route import Sighting
from duplicati_client.sdk.auth.credentials import Credentials
from duplicati_client.sdk.auth.store import MemorySessionStore, Session
from duplicati_client.sdk.client import Duplicati
from tests.fakes import Clock, FakeTransport, Reply, answer

URL = "http://nas.test:8200"
CHALLENGE = [("WWW-Authenticate", "Bearer")]
INVALID = [("WWW-Authenticate", 'Bearer error="invalid_token"')]


def modern(request: Request, **replaced: Reply) -> Reply:
    """Answer as 2.3.1.0 does to whoever has the token `good`; `replaced` by the last word of the path."""
    last = request.path.rpartition("/")[2]
    if last in replaced:
        return replaced[last]
    if request.path == "api/v1/auth/status":
        return answer(200, {"authorized": False})
    if request.headers.get("Authorization") != "Bearer good":
        return answer(401, headers=INVALID if "Authorization" in request.headers else CHALLENGE)
    if last == "systeminfo":
        return answer(200, {"ServerVersion": "2.3.1.0", "ServerTime": "2027-01-15T08:00:00Z"})
    found = {"serverstate": {"ProgramState": "Running"}, "websocket": {"Token": "t"}}
    return answer(200, found[last]) if last in found else answer(404)


def visit(reply, *sightings: Sighting, session: bool = True, url: str = URL, clock=None, **settings) -> Report:
    transport = FakeTransport(reply, url=url)
    store = MemorySessionStore()
    if session:
        store.save(Session(url, "modern", "good", 4e9))

    def connect(url, settings, watch):
        for sighting in sightings:
            watch(sighting)
        return FakeTransport(reply, url=url, headers=settings.headers)

    server = Duplicati(transport=transport, store=store, credentials=Credentials())
    case = Case(server, ConnectionSettings(**settings), connect=connect, clock=clock or Clock(1_800_000_000.0))
    return examine(case)


def step_of(report: Report, layer: str):
    return next(step for step in report.steps if step.layer == layer)


def test_all_layers_are_told_in_order_and_a_fake_without_sockets_has_no_live_events():
    report = visit(modern)
    assert [step.layer for step in report.steps] == list(LAYERS)
    assert report.error is None
    assert step_of(report, "websocket").verdict == "skipped"


def test_address_that_is_dead_before_one_that_answers_is_warned_of():
    tried = [
        Sighting("name", 1.0, {"host": "nas.test", "addresses": ["fd00::5", "192.0.2.5"]}),
        Sighting("tcp", 2.0, {"address": "fd00::5", "port": 8200}, "Network is unreachable"),
        Sighting("tcp", 3.0, {"address": "192.0.2.5", "port": 8200}),
    ]
    step = step_of(visit(modern, *tried), "tcp")
    assert step.code == "address-dead"
    assert "only after fd00::5 (Network is unreachable)" in step.message
    assert [one["failure"] for one in step.evidence["tried"]] == ["Network is unreachable", None]


def test_plain_http_to_another_machine_is_warned_of_and_within_this_one_not():
    assert step_of(visit(modern), "tls").code == "plain-http"
    assert step_of(visit(modern, url="http://127.0.0.1:8200"), "tls").verdict == "skipped"


@pytest.mark.parametrize(
    ("version", "is_known"), [("2.3.1.0", False), ("2.2.0.3", True), ("2.1.0.5", True), ("", True)]
)
def test_release_with_behaviours_that_matter_is_warned_of(version, is_known):
    system = answer(200, {"ServerVersion": version})

    def reply(request: Request) -> Reply:
        is_probe = request.path.endswith("systeminfo") and "Authorization" not in request.headers
        return modern(request) if is_probe else modern(request, systeminfo=system)

    assert (step_of(visit(reply), "release").code == "known-behaviour") is is_known


@pytest.mark.parametrize(
    ("seconds", "code", "told"),
    [(30, None, "30.0 s from"), (-90, "clock-offset", "90 s behind"), (7300, "clock-offset", "2 hours ahead")],
)
def test_clocks_are_compared_by_the_servers_own_word(seconds, code, told):
    server_time = 1_800_000_000.0  # 2027-01-15T08:00:00Z
    step = step_of(visit(modern, clock=lambda: server_time - seconds), "clock")
    assert step.code == code
    assert told in step.message


def test_several_warnings_of_a_layer_are_told_together():
    findings = Findings()
    findings.passed("tls", "TLSv1.3", version="TLSv1.3")
    findings.warn("tls", "not-verified", "not verified", "pin it")
    findings.warn("tls", "certificate-ends-soon", "ends in 3 days", "renew it")
    step = step_of(findings.conclude(URL, None, []), "tls")
    assert (step.message, step.hint) == ("not verified; ends in 3 days", "pin it; renew it")
    assert (step.code, step.evidence) == ("not-verified", {"version": "TLSv1.3"})


def test_secrets_that_a_server_repeats_are_hidden_everywhere():
    def reply(request: Request) -> Reply:
        page = b"<title>key-of-the-proxy</title>"
        return answer(404, page, headers=[("Server", "key-of-the-proxy"), ("Location", "/?token=key-of-the-proxy")])

    report = visit(reply, session=False, headers={"X-Proxy-Key": "key-of-the-proxy"})
    assert report.refusal is not None
    assert "key-of-the-proxy" not in repr(report.steps) + report.error.message


def test_request_that_fails_after_the_first_answer_is_a_fault_of_the_connection():
    def reply(request: Request) -> Reply:
        if request.path.endswith("auth/status"):
            return errors.ConnectionLost("gone")
        return modern(request)

    report = visit(reply)
    assert (report.refusal.layer, report.refusal.code) == ("http", "connection-lost")


def test_token_that_was_given_lets_in_without_a_session():
    def reply(request: Request) -> Reply:
        return modern(request) if "PreAuth" not in request.headers.get("Authorization", "") else answer(200, {})

    server = Duplicati(transport=FakeTransport(reply, url=URL), credentials=Credentials(preauth_token="pre-auth-token"))
    report = examine(Case(server, ConnectionSettings(), connect=lambda *_: FakeTransport(reply, url=URL)))
    assert step_of(report, "login").message == "with the token given"


def test_slow_answers_are_warned_of():
    server = Duplicati(transport=FakeTransport(modern, url=URL))
    slow = Visit(Case(server, ConnectionSettings(), connect=lambda *_: FakeTransport(modern, url=URL)))
    slow.transport.exchanges += [Exchange("GET x", Answer(200, "", (), b""), took, 0.0) for took in (9000, 2000, 1500)]
    quality.walk(slow, None)
    step = step_of(slow.findings.conclude(URL, None, []), "speed")
    assert (step.code, step.evidence["median_ms"]) == ("slow", 1750)


def test_doctor_does_not_send_to_itself():
    report = visit(lambda request: errors.Unreachable("nas.test cannot be reached: No route to host"))
    assert report.refusal is not None
    assert (report.refusal.layer, report.refusal.code) == ("tcp", "unreachable")
    assert "doctor" not in report.refusal.hint


class Reachable(FakeTransport):
    """A fake that can be connected to."""

    def open_socket(self, deadline_seconds: float) -> socket.socket:
        here, there = socket.socketpair()
        there.close()
        return here


@pytest.mark.parametrize("first", [errors.ConnectionRefused("nothing answers"), answer(404, b"<html>nginx</html>")])
def test_duplicati_is_looked_for_at_its_own_port_and_without_the_persons_headers(first):
    made: list[FakeTransport] = []

    def connect(url, settings, watch):
        is_usual = url == "http://nas.test:8200"
        made.append(Reachable(modern if is_usual else lambda request: first, url=url, headers=settings.headers))
        return made[-1]

    server = Duplicati(transport=FakeTransport(modern, url="http://nas.test"))
    report = examine(Case(server, ConnectionSettings(headers={"X-Key": "secret"}), connect=connect))
    assert report.refusal is not None
    assert "http://nas.test:8200" in report.refusal.hint
    assert all(not transport.headers for transport in made if ":8200" in transport.base_url)
