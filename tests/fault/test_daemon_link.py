"""The daemon's link against task servers, and what stands in for them, that answer wrongly: every cell of the table."""

from __future__ import annotations

import json
import os
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from duplicati_client import errors
from duplicati_client.daemon import answers
from duplicati_client.daemon.link import (
    Away,
    CredentialRefused,
    InstanceConflict,
    NotTaken,
    ResultTooLarge,
    Undecodable,
)
from duplicati_client.protocol.result import Recorded, Result, Status
from tests.loopback import CERTIFICATES, Loopback, message, replying, server_context
from tests.task_server import PROBLEM, Fault, TaskServer
from tests.unit.daemon.linking import close_links, link_to, way_to, write_token

RESULT = Result(task_id=1, status=Status.COMPLETED, data={"Outcome": "success"})
PORTAL = b"<html><body>Welcome to the airport, log in</body></html>"
JSON, HTML = ("Content-Type", "application/json"), ("Content-Type", "text/html")
ROUTES = ("status", "tasks", "result")


def problem(kind: str) -> bytes:
    return json.dumps({"type": PROBLEM + kind}).encode()


class Cell(NamedTuple):
    """What an answer makes of a poll, of the list of tasks and of a result: an error's class, or a value."""

    status: int
    poll: Any
    tasks: Any
    result: Any
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


ALL = dict.fromkeys(("poll", "tasks", "result"))
AWAY = dict.fromkeys(ALL, Away)
ODD = dict.fromkeys(ALL, Undecodable)
SLOW = dict.fromkeys(ALL, NotTaken)
OUT = dict.fromkeys(ALL, CredentialRefused)
TWIN = dict.fromkeys(ALL, InstanceConflict)
RECEIPT = b'{"ID":1,"Status":"completed","Recorded":"recorded"}'

TABLE: dict[str, Cell] = {
    "200 with what it should hold": Cell(200, Undecodable, [], Undecodable, body=b"[]", headers=(JSON,)),
    "200 with a receipt": Cell(200, Undecodable, "malformed", Recorded.RECORDED, body=RECEIPT),
    "200 that counts tasks": Cell(200, True, [], Undecodable, body=b'{"Tasks":2}')._replace(tasks=Undecodable),
    "200 that counts no tasks": Cell(200, False, Undecodable, Undecodable, body=b'{"Tasks":0}'),
    "200 with a receipt for another task": Cell(
        200, Undecodable, "malformed", Undecodable, body=b'{"ID":2,"Status":"completed","Recorded":"recorded"}'
    ),
    "200 with a receipt for the id as text": Cell(
        200, Undecodable, "malformed", Undecodable, body=b'{"ID":"1","Status":"completed","Recorded":"recorded"}'
    ),
    "200 with a receipt for another status": Cell(
        200, Undecodable, "malformed", Undecodable, body=b'{"ID":1,"Status":"accepted","Recorded":"recorded"}'
    ),
    "200 with an unknown record": Cell(
        200, Undecodable, "malformed", Undecodable, body=b'{"ID":1,"Status":"completed","Recorded":"maybe"}'
    ),
    "200 with nothing": Cell(200, **ODD),
    "200 with a portal's page": Cell(200, **ODD, body=PORTAL, headers=(HTML,)),
    "200 with a page called json": Cell(200, **ODD, body=PORTAL, headers=(JSON,)),
    "200 with half of its JSON": Cell(200, **ODD, body=b'{"Tasks": [', headers=(JSON,)),
    "200 that nests too deeply": Cell(200, **ODD, body=b"[" * 30_000),
    "200 that is not UTF-8": Cell(200, **ODD, body=b'"\xff"'),
    "200 with a byte order mark": Cell(200, **ODD, body=b"\xef\xbb\xbf[]"),
    "200 with a bare NaN": Cell(200, **ODD, body=b"NaN")._replace(tasks=Undecodable),
    "200 in gzip": Cell(200, **ODD, body=b"x", headers=(("Content-Encoding", "gzip"),)),
    "200 in gzip, named identity too": Cell(200, **ODD, body=b"x", headers=(("Content-Encoding", "identity, gzip"),)),
    "201": Cell(201, **ODD, body=RECEIPT),
    "202": Cell(202, **ODD, body=RECEIPT),
    "204": Cell(204, **ODD),
    "206": Cell(206, **ODD, body=RECEIPT),
    "301": Cell(301, **ODD, headers=(("Location", "https://elsewhere.test/"),)),
    "302": Cell(302, **ODD, headers=(("Location", "/login"),)),
    "303": Cell(303, True, Undecodable, Undecodable),
    "303 to itself": Cell(303, True, Undecodable, Undecodable, headers=(("Location", "/api/tasks"),)),
    "303 with a body": Cell(303, True, Undecodable, Undecodable, body=PORTAL),
    "303 to another host": Cell(303, **ODD, headers=(("Location", "http://portal.test/login"),)),
    "303 to another port": Cell(303, **ODD, headers=(("Location", "http://127.0.0.1:1/"),)),
    "303 to another scheme": Cell(303, **ODD, headers=(("Location", "https://127.0.0.1/"),)),
    "303 to nonsense": Cell(303, **ODD, headers=(("Location", "http://[::1"),)),
    "303 to a port that is none": Cell(303, **ODD, headers=(("Location", "http://x:99999999/"),)),
    "304": Cell(304, False, [], Undecodable),
    "307": Cell(307, **ODD, headers=(("Location", "/api/tasks/"),)),
    "308": Cell(308, **ODD, headers=(("Location", "/api/tasks/"),)),
    "400": Cell(400, **SLOW),
    "401": Cell(401, **OUT),
    "403": Cell(403, **OUT),
    "404": Cell(404, **SLOW),
    "405": Cell(405, **SLOW),
    "407": Cell(407, **AWAY),
    "408": Cell(408, **AWAY),
    "409 of two instances": Cell(409, **TWIN, body=problem("instance-conflict")),
    "409 of another kind": Cell(409, InstanceConflict, InstanceConflict, NotTaken, body=problem("other")),
    "409 without a problem": Cell(409, InstanceConflict, InstanceConflict, NotTaken, body=PORTAL),
    "410": Cell(410, **SLOW),
    "413": Cell(413, NotTaken, NotTaken, ResultTooLarge),
    "415": Cell(415, **SLOW),
    "422": Cell(422, **SLOW),
    "425": Cell(425, **AWAY),
    "429": Cell(429, **AWAY),
    "500": Cell(500, **AWAY),
    "502 of a proxy": Cell(502, **AWAY, body=PORTAL, headers=(HTML,)),
    "503": Cell(503, **AWAY),
    "504": Cell(504, **AWAY),
    "507": Cell(507, **AWAY),
    "599": Cell(599, **AWAY),
    "600": Cell(600, **AWAY),
    "999": Cell(999, **AWAY),
}


@pytest.fixture(autouse=True)
def _tidy() -> Iterator[None]:
    yield
    close_links()


@pytest.fixture(scope="module", params=(0, 1), ids=("level 0", "level 1"))
def standing(request: pytest.FixtureRequest) -> Iterator[TaskServer]:
    with TaskServer(level=request.param) as running:
        running.give({"ID": 1, "Operation": "status"})
        yield running


@pytest.fixture
def server(standing: TaskServer) -> TaskServer:
    standing.resolve_conflict()  # each test is another instance of the daemon
    standing.forget_faults()
    return standing


def ask(link: Any, route: str) -> Any:
    """Return what became of one request: the class of an error, or the value."""
    try:
        if route == "status":
            return link.poll().has_tasks
        if route == "tasks":
            return list(link.fetch())
        return link.post(RESULT)
    except answers.LinkFailed as exc:
        failure = exc
    assert 0 < len(failure.message) < 600
    assert failure.hint
    return type(failure)


def fired(name: str, *faults: Fault) -> None:
    """Print how often each fault struck; one that never did has proved nothing. A busy server reads it late."""
    for fault in faults:
        ends_at = time.monotonic() + 5
        while not fault.fired_count and time.monotonic() < ends_at:
            time.sleep(0.02)
        print(f"{name}: fired {fault.fired_count} times")
        assert fault.fired_count > 0, name


def expected(name: str, route: str, level: int) -> Any:
    cell = TABLE[name]
    wanted = {"status": cell.poll, "tasks": cell.tasks, "result": cell.result}[route]
    if level == 0 and route == "result" and name in PLAIN_RECEIPTS:
        return PLAIN_RECEIPTS[name]
    return wanted


# At level 0 a 200 says all, unless its body is a page, no whole JSON, or a receipt for something else.
PLAIN_RECEIPTS: dict[str, Any] = {
    "200 with what it should hold": None,
    "200 that counts tasks": None,
    "200 that counts no tasks": None,
    "200 with nothing": None,
    "200 with a bare NaN": None,
    "200 that is not UTF-8": None,
    "200 with a byte order mark": None,
}


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("name", TABLE)
def test_each_answer_means_what_the_table_says(server: TaskServer, name: str, route: str) -> None:
    cell = TABLE[name]
    link = link_to(server.url)
    link.poll()
    fault = server.fault(route, status=cell.status, body=cell.body, headers=cell.headers, times=None)
    try:
        found = ask(link, route)
    finally:
        fault.end()
    fired(f"{name} on {route}", fault)
    wanted = expected(name, route, server.level)
    if wanted == "malformed":
        assert found[0].reason
    else:
        assert found == wanted or found is wanted
    if found is Undecodable or found is Away:
        assert link.post(RESULT) in (None, *Recorded), "it is kept, and taken the next time"


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("where", ["before", "after", "inside"])
def test_a_connection_cut_at_any_place_is_an_absence(server: TaskServer, route: str, where: str) -> None:
    link = link_to(server.url)
    link.poll()
    # A lost answer to a GET is asked for once more at once; so the fault strikes twice.
    fault = server.fault(route, cut=where, times=2, body=b"x" * 100)
    found = ask(link, route)
    fault.end()
    fired(f"cut {where} of {route}", fault)
    assert found is Away
    assert link.post(RESULT) in (None, *Recorded)


@pytest.mark.parametrize("route", ROUTES)
def test_a_body_that_trickles_ends_with_the_deadline(server: TaskServer, route: str) -> None:
    link = link_to(server.url, seconds=1.0)
    link.poll()
    fault = server.fault(route, status=200, body=b" " * 1000, drip_seconds=0.05)
    started_at = time.monotonic()
    assert ask(link, route) is Away
    assert time.monotonic() - started_at < 5
    fired("trickle", fault)


@pytest.mark.parametrize("route", ROUTES)
def test_an_answer_that_never_comes_ends_with_the_deadline(server: TaskServer, route: str) -> None:
    link = link_to(server.url, seconds=1.0)
    link.poll()
    fault = server.fault(route, delay_seconds=5.0, status=200)
    assert ask(link, route) is Away
    fired("silence", fault)


@pytest.mark.parametrize("route", ROUTES)
def test_an_endless_body_ends_with_its_cap(server: TaskServer, route: str) -> None:
    link = link_to(server.url)
    link.poll()
    fault = server.fault(route, endless=True, times=None)
    found = ask(link, route)
    fault.end()
    fired("endless", fault)
    assert found is (NotTaken if route == "tasks" else Undecodable)


def test_each_request_has_the_deadline_and_the_cap_that_are_promised(server: TaskServer) -> None:
    link = link_to(server.url)
    link.poll()
    link.level = 1
    link.poll(0)
    list(link.fetch())
    link.level = 1 if server.level else 0
    link.post(RESULT)
    transport = link._transport
    assert transport.asked_seconds == [30.0] * 4
    assert transport.asked_bytes == [64 * 1024, 64 * 1024, 8 * 1024 * 1024, 64 * 1024]


def test_a_long_poll_has_fifteen_seconds_more_than_it_asks_for() -> None:
    with TaskServer(level=1) as running:
        link = link_to(running.url)
        link.poll()
        running.wait_seconds_max = 0.0
        link.poll(50)
        link.poll(500)
        assert link._transport.asked_seconds == [30.0, 65.0, 65.0]
        assert [seen.headers.get("prefer") for seen in running.requests] == [None, "wait=50", "wait=50"]
        assert running.requests[-1].headers["if-none-match"] == '"0"', "so that a 304 is lawful"


def test_a_plain_server_is_never_asked_to_wait_nor_sent_anything_of_level_1() -> None:
    with TaskServer(level=0) as running:
        link = link_to(running.url)
        link.poll(50)
        link.poll(50)
        link.heartbeat([], "idle")
        link.put_inventory({"Servers": []})
        assert not link.renew_token_if_due()
        assert [seen.route for seen in running.requests] == ["status", "status"]
        assert all("prefer" not in seen.headers for seen in running.requests)
        assert link.level == 0


# --- what a connection may meet -------------------------------------------------------------------------


def test_nobody_at_the_port_is_an_absence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    link = link_to(f"http://127.0.0.1:{port}")
    assert ask(link, "status") is Away


def test_a_name_without_an_address_is_an_absence() -> None:
    link = link_to("https://task-server.invalid", seconds=3.0)
    assert ask(link, "status") is Away


def test_an_unknown_authority_is_told_with_the_setting_that_helps() -> None:
    with TaskServer(context=server_context()) as running:
        link = link_to(running.url)
        with pytest.raises(Away) as caught:
            link.poll()
        assert "ca_file" in caught.value.hint
        assert not running.requests
        known = link_to(running.url, ca_file=str(CERTIFICATES / "ca.pem"))
        assert known.poll().has_tasks is False


def test_a_pinned_certificate_is_the_only_one_taken() -> None:
    from duplicati_client.tls import fingerprint

    der = ssl.PEM_cert_to_DER_cert(_first_certificate((CERTIFICATES / "server.pem").read_text()))
    with TaskServer(context=server_context()) as running:
        assert link_to(running.url, pin=fingerprint(der)).poll().has_tasks is False
        assert ask(link_to(running.url, pin="0" * 64), "status") is Away


def _first_certificate(pem: str) -> str:
    begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
    return begin + pem.partition(begin)[2].partition(end)[0] + end


@pytest.mark.parametrize(
    "garbage",
    [b"SSH-2.0-OpenSSH_9.2\r\n", b"\0" * 100 + b"\n", b"HTTP/1.1 99 Odd\r\n\r\n", b"HTTP/1.1 100 Go on\r\n\r\n" * 20,
     b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx", b"HTTP/1.1 200 OK\r\nX: " + b"x" * 90_000],
    ids=["another protocol", "zeros", "no status", "interim answers", "two lengths", "an endless header"],
)  # fmt: skip
@pytest.mark.parametrize("route", ROUTES)
def test_what_is_no_http_is_not_understood(garbage: bytes, route: str) -> None:
    heads: list[str] = []
    with Loopback(replying(garbage, heads=heads)) as noise:
        link = link_to(noise.url)
        link.level = 0
        found = ask(link, route)
        print(f"garbage: fired {len(heads)} times")
        assert heads
        assert found in (Undecodable, NotTaken if route == "tasks" else Undecodable)


def test_no_redirect_is_followed_to_anywhere() -> None:
    heads: list[str] = []
    with Loopback(replying(message(b"[]"), heads=heads)) as elsewhere, TaskServer(level=1) as running:
        fault = running.fault("any", status=302, headers=[("Location", elsewhere.url)], times=None)
        link = link_to(running.url)
        assert [ask(link, route) for route in ROUTES] == [Undecodable] * 3
        fired("redirect", fault)
        assert elsewhere.connections_count == 0


def test_a_compressed_bomb_is_not_inflated() -> None:
    with TaskServer(level=1) as running:
        fault = running.fault("any", status=200, body=b" " * 5_000_000, is_gzip=True, times=None)
        link = link_to(running.url)
        assert [ask(link, route) for route in ROUTES] == [Undecodable] * 3
        fired("bomb", fault)


def test_a_proxy_of_the_environment_is_not_used() -> None:
    script = (
        "from tests.unit.daemon.linking import link_to\n"
        "import sys\n"
        "from duplicati_client.daemon.link import open_transport\n"
        "from tests.unit.daemon.linking import way_to\n"
        "print(open_transport(way_to('https://tasks.test')).route.proxy,"
        " open_transport(way_to('https://tasks.test', proxy='http://p.test:3128')).route.proxy.host)\n"
    )
    told = {**os.environ, "HTTPS_PROXY": "http://bad.test:1", "ALL_PROXY": "http://bad.test:1"}
    ended = subprocess.run([sys.executable, "-c", script], env=told, capture_output=True, text=True, check=True)
    assert ended.stdout.split() == ["None", "p.test"]


def test_plain_http_over_a_network_needs_the_owners_word() -> None:
    from duplicati_client.daemon.link import open_transport

    with pytest.raises(errors.ConfigurationInvalid, match="not encrypted"):
        open_transport(way_to("http://tasks.test/secret-segment"))
    open_transport(way_to("http://tasks.test", is_plain=True)).close()
    open_transport(way_to("http://127.0.0.1:8300")).close()


def test_connecting_has_ten_seconds_of_the_time() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as deaf:
        from duplicati_client.daemon import link as links

        transport = links.open_transport(way_to(f"http://127.0.0.1:{deaf.getsockname()[1]}"))
        assert transport._settings.connect_seconds == 10.0


def test_the_name_is_looked_up_again_for_each_connection_after_an_error() -> None:
    looked_up: list[str] = []
    with TaskServer(level=1) as running:
        port = int(running.url.rpartition(":")[2])
        link = link_to(f"http://localhost:{port}")
        route = link._transport._inner.route
        inner = route._resolve
        route._resolve = lambda host, port: looked_up.append(host) or inner("127.0.0.1", port)
        fault = running.fault("status", cut="before")
        assert ask(link, "status") is Away
        before = len(looked_up)
        link.poll()
        fired("cut", fault)
        assert len(looked_up) == before + 1


def test_a_dropped_long_poll_is_told_at_once_and_not_sent_again_by_itself() -> None:
    """All daemons of a server that restarts are cut off in the same second; each waits its own while."""
    with TaskServer(level=1) as running:
        link = link_to(running.url, seconds=10.0)
        link.poll()
        found: list[Any] = []
        waiter = threading.Thread(target=lambda: found.append(_long(link)))
        waiter.start()
        running.wait_for(lambda: running.counts["status"] == 2)
        time.sleep(1.1)
        started_at = time.monotonic()
        running._listener.cut_all()
        waiter.join(5)
        assert found == [Away]
        assert time.monotonic() - started_at < 1
        assert running.counts["status"] == 2
        assert link.poll().has_tasks is False


def _long(link: Any) -> Any:
    try:
        return link.poll(20).has_tasks
    except answers.LinkFailed as exc:
        return type(exc)


# --- credentials ----------------------------------------------------------------------------------------


def test_an_expired_token_is_read_again_from_its_file_and_the_request_repeated(tmp_path: Path) -> None:
    with TaskServer(level=1, token="old-token") as running:
        file = tmp_path / "token"
        link = link_to(running.url, token_file=write_token(file, "old-token"))
        link.poll()
        running.tokens[:] = ["new-token"]
        assert ask(link, "result") is CredentialRefused
        assert len(running.alarms) == 1, "the same token is not tried twice"
        write_token(file, "new-token")
        assert link.post(RESULT) is Recorded.ORPHAN
        assert "token-reloaded" in link.codes


def test_a_new_token_is_on_the_disk_before_it_is_used_and_a_lost_answer_costs_nothing(tmp_path: Path) -> None:
    with TaskServer(level=1, token="first-token") as running:
        file = tmp_path / "token"
        link = link_to(running.url, token_file=write_token(file, "first-token"))
        link.poll()
        fault = running.fault("token", cut="after")
        with pytest.raises(Away):
            link.renew_token()
        fired("lost successor", fault)
        assert file.read_text() == "first-token\n"
        link.poll()
        link.renew_token()
        assert file.read_text().strip() == link.identity.token != "first-token"
        assert file.stat().st_mode & 0o777 == 0o600
        again = link_to(running.url, token_file=str(file))
        assert again.poll().has_tasks is False
        assert running.tokens == [link.identity.token]


def test_a_secret_base_url_appears_in_no_error(tmp_path: Path) -> None:
    with TaskServer(level=0, base_path="/d/verysecretsegment") as running:
        link = link_to(running.url, seconds=0.3, token_file=write_token(tmp_path / "token", "secrettoken"))
        faults = [
            {"cut": "before"}, {"delay_seconds": 0.6}, {"status": 302},
            {"status": 200, "body": b"<p>/d/verysecretsegment/api/tasks/status secrettoken</p>"}, {"endless": True},
            {"status": 503}, {"status": 404}, {"status": 401}, {"status": 200, "body": b"x", "is_gzip": True},
        ]  # fmt: skip
        for what in faults:
            fault = running.fault("any", **{"times": None, **what})
            for request in (link.poll, lambda: list(link.fetch()), lambda: link.post(RESULT)):
                with pytest.raises(answers.LinkFailed) as caught:
                    request()
                told = f"{caught.value.message} {caught.value.hint}"
                assert "verysecret" not in told
                assert "secrettoken" not in told
            fault.end()
            fired(str(what), fault)
        link.poll()
        assert not any("verysecret" in text for _, text in link.told)


def test_two_instances_of_one_identity_are_a_conflict_until_an_operator_chose(tmp_path: Path) -> None:
    with TaskServer(level=1, token="token-1") as running:
        token_file = write_token(tmp_path / "token", "token-1")
        one, other = (link_to(running.url, token_file=token_file) for _ in range(2))
        one.poll()
        other.poll()
        assert ask(one, "status") is InstanceConflict
        assert ask(other, "tasks") is InstanceConflict
        running.resolve_conflict()
        assert one.poll().has_tasks is False


def test_a_store_from_an_older_copy_is_told_and_remembered_until_an_operator_takes_it() -> None:
    with TaskServer(level=1) as running:
        link = link_to(running.url)
        link.poll()
        known = link.identity.known.epoch
        running.restore(running.keep())
        link.poll()
        link.poll()
        assert link.codes.count("epoch-changed") == 1
        assert link.identity.is_epoch_changed(link.epoch)
        assert link.identity.known.epoch == known
        link.identity.keep_epoch(link.epoch)
        assert not link.identity.is_epoch_changed(link.epoch)


# --- pages ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["path", "query", "absolute"])
def test_ten_thousand_tasks_come_in_pages_and_in_order(form: str) -> None:
    with TaskServer(level=1, base_path="/tasks-of/us") as running:
        running.link_form = form
        running.give(*({"ID": number, "Operation": "status"} for number in range(10_000)))
        link = link_to(running.url)
        assert link.poll().has_tasks
        assert [task.task_id for task in link.fetch()] == list(range(10_000))
        assert running.counts["tasks"] == 20


@pytest.mark.parametrize(
    "target", ["http://elsewhere.test/api/tasks?x", "/api/other?after=1", "//e.test/api/tasks", "http://[bad"]
)
def test_a_next_page_that_leads_elsewhere_is_not_asked_for(target: str) -> None:
    with TaskServer(level=1) as running:
        link = link_to(running.url)
        link.poll()
        fault = running.fault(
            "tasks", status=200, body=b'[{"ID":5,"Operation":"status"}]',
            headers=[("Link", f'<{target}>; rel="next"'), ("Duplicati-Task-Protocol", "1")],
        )  # fmt: skip
        pages = link.fetch()
        assert next(pages).task_id == 5
        with pytest.raises(Undecodable):
            next(pages)
        fired("strange link", fault)
        assert running.counts["tasks"] == 1


def test_pages_that_go_round_in_a_circle_end() -> None:
    with TaskServer(level=1) as running:
        link = link_to(running.url)
        link.poll()
        headers = [("Link", '<?after=1>; rel="next"'), ("Duplicati-Task-Protocol", "1")]
        fault = running.fault("tasks", status=200, body=b"[]", headers=headers, times=None)
        assert list(link.fetch()) == []
        fired("circle", fault)
        assert fault.fired_count == 2


def test_a_list_too_large_is_asked_for_in_smaller_pages() -> None:
    with TaskServer(level=1) as running:
        running.give(*({"ID": number, "Operation": "status"} for number in range(300)))
        link = link_to(running.url)
        link.poll()
        fault = running.fault("tasks", status=413, times=2)
        assert len(list(link.fetch())) == 300
        fired("413", fault)
        assert [seen.target for seen in running.requests if seen.route == "tasks"][2] == "/api/tasks?limit=125"


def test_no_more_tasks_are_fetched_than_there_is_room_for_where_a_lease_would_be_lost() -> None:
    with TaskServer(level=1) as running:
        running.give(*({"ID": number, "Operation": "status"} for number in range(1300)))
        link = link_to(running.url)
        link.poll()
        assert len(list(link.fetch(700))) == 500
        assert len(list(link.fetch(200))) == 200
        assert len(list(link.fetch(1000))) == 600
        targets = [seen.target for seen in running.requests if seen.route == "tasks"]
        assert targets == ["/api/tasks", "/api/tasks?limit=200", "/api/tasks", "/api/tasks?after=1199"]


def test_plain_task_server_gives_all_of_its_tasks_whatever_room_there_is() -> None:
    with TaskServer(level=0) as running:
        running.give(*({"ID": number, "Operation": "status"} for number in range(30)))
        link = link_to(running.url)
        link.poll()
        assert len(list(link.fetch(10))) == 30
        assert [seen.target for seen in running.requests if seen.route == "tasks"] == ["/api/tasks"]


def test_one_malformed_item_leaves_the_others_as_they_are() -> None:
    with TaskServer(level=1) as running:
        link = link_to(running.url)
        link.poll()
        body = b'[{"ID":1,"Operation":"status"},{"ID":2,"Operation":NaN},7,{"ID":3,"Operation":"status"}]'
        fault = running.fault("tasks", status=200, body=body)
        found = list(link.fetch())
        fired("malformed item", fault)
        assert [getattr(item, "reason", None) is None for item in found] == [True, False, False, True]


# --- memory ---------------------------------------------------------------------------------------------

_HOSTILE = """
import sys
from duplicati_client.daemon.answers import LinkFailed
from duplicati_client.protocol.result import Result, Status
from tests.unit.daemon.linking import link_to
link = link_to(sys.argv[1], seconds=10.0)
link.level = int(sys.argv[2])
failures = 0
for _ in range(3):
    for request in (link.poll, lambda: list(link.fetch()), lambda: link.post(Result(1, Status.COMPLETED, {}))):
        try:
            request()
        except LinkFailed:
            failures += 1
status = dict(line.split(":") for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(failures, status["VmHWM"].split()[0])
"""
_MIB = 1024 * 1024
HOSTILE = {
    "an endless body": {"endless": True},
    "eight MiB of brackets": {"status": 200, "body": b"[" * (8 * _MIB - 10)},
    "eight MiB of small objects": {"status": 200, "body": b"[" + b"{}," * 2_700_000 + b"{}]"},
    "eight MiB of digits": {"status": 200, "body": b"[" + b"1" * (8 * _MIB - 10) + b"]"},
    "a gzip bomb": {"status": 200, "body": b" " * (16 * _MIB), "is_gzip": True},
    "a page": {"status": 200, "body": b"<p>" * (2 * _MIB)},
    "an error with a long page": {"status": 502, "body": b"<p>" * (20 * _MIB)},
}


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc")
@pytest.mark.parametrize("name", HOSTILE)
def test_no_answer_makes_the_daemon_grow_beyond_its_bound(name: str) -> None:
    with TaskServer(level=1) as running:
        fault = running.fault("any", **HOSTILE[name], times=None)
        ended = subprocess.run(
            [sys.executable, "-c", _HOSTILE, running.url, "1"], capture_output=True, text=True, check=True, timeout=60
        )
        failures, kib = (int(word) for word in ended.stdout.split())
        fired(name, fault)
        print(f"{name}: {failures} failures, {kib / 1024:.0f} MiB resident")
        assert failures >= 6
        assert kib < 128 * 1024
