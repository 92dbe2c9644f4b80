"""The way to a server: look-ups that end in time, what a watcher is told, and who is blamed for which failure."""

from __future__ import annotations

import errno
import socket
import threading
import time

import pytest

from duplicati_client import errors
from duplicati_client.http import ConnectionSettings, Request, SocketTransport, parse_url
from duplicati_client.route import Proxy, Route, Sighting
from tests.loopback import Loopback, message, replying


def found(*addresses: tuple[str, int]) -> list[tuple]:
    return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address) for address in addresses]


def connect(route: Route, seconds: float = 5.0) -> None:
    route.open(time.monotonic() + seconds, is_tunnel=False).close()


def test_look_up_that_hangs_ends_by_the_deadline():
    is_over = threading.Event()

    def hang(host, port):
        is_over.wait(10)
        return found()

    started_at = time.monotonic()
    with pytest.raises(errors.NameNotResolved, match="no name server answers"):
        connect(Route("nas.test", 80, None, resolve=hang), 0.1)
    is_over.set()
    assert time.monotonic() - started_at < 1.0


def test_name_servers_that_are_away_are_told_from_a_name_that_is_not():
    def fail(number):
        def look_up(host, port):
            raise socket.gaierror(number, "words of the system")

        return look_up

    with pytest.raises(errors.NameNotResolved, match="no name server answers"):
        connect(Route("nas.test", 80, None, resolve=fail(socket.EAI_AGAIN)))
    with pytest.raises(errors.NameNotResolved, match=r"the name nas\.test has no address"):
        connect(Route("nas.test", 80, None, resolve=fail(socket.EAI_NONAME)))


def test_watcher_is_told_each_address_that_was_tried():
    seen: list[Sighting] = []
    with Loopback(replying(message())) as server:
        addresses = found(("127.0.0.1", 1), ("127.0.0.1", server.port))
        connect(Route("nas.test", server.port, None, watch=seen.append, resolve=lambda host, port: addresses))
    assert [(one.layer, one.failure) for one in seen] == [
        ("name", None),
        ("tcp", "Connection refused"),
        ("tcp", None),
    ]
    assert seen[0].detail == {"host": "nas.test", "addresses": ["127.0.0.1"]}


def test_connection_is_asked_for_signs_of_life_after_a_minute_of_silence():
    with Loopback(replying(message())) as server:
        sock = Route("127.0.0.1", server.port, None).open(time.monotonic() + 5.0, is_tunnel=False)
        with sock:
            assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            idle = getattr(socket, "TCP_KEEPIDLE", None) or getattr(socket, "TCP_KEEPALIVE", None)
            assert idle is None or sock.getsockopt(socket.IPPROTO_TCP, idle) == 60


def test_connection_that_nobody_takes_is_told_from_an_answer_that_does_not_come():
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        address = full.getsockname()
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            assert filler.connect_ex(address) in (0, errno.EINPROGRESS)
        with pytest.raises(errors.ConnectTimedOut, match="no connection"):
            connect(Route("127.0.0.1", address[1], None), 0.2)
        for filler in fillers:
            filler.close()


def test_address_that_no_way_leads_to_keeps_the_words_of_the_system():
    route = Route("nas.test", 80, None, resolve=lambda host, port: found(("255.255.255.255", port)))
    with pytest.raises(OSError) as caught:  # noqa: PT011 - which one is the system's choice
        connect(route, 1)
    assert not isinstance(caught.value, ConnectionError | TimeoutError)


def test_proxy_is_blamed_for_its_own_name():
    def fail(host, port):
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    with pytest.raises(errors.ProxyRefused, match=r"the proxy squid\.test"):
        connect(Route("nas.test", 80, Proxy("squid.test", 3128, {}), resolve=fail))


def test_proxy_that_wants_a_login_is_told_how_to_give_one():
    with Loopback(replying(message(status="407 Proxy Authentication Required"))) as proxy:
        settings = ConnectionSettings(proxy_url=f"127.0.0.1:{proxy.port}")
        with pytest.raises(errors.ProxyRefused) as caught:
            SocketTransport("https://nas.test", settings).send(Request("GET", "x", deadline_seconds=5))
    assert "USER:PASSWORD" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "host", "url"),
    [
        ("http://[fe80::1%25eth0]:8200", "fe80::1%eth0", "http://[fe80::1%25eth0]:8200"),
        ("http://[fe80::1%eth0]:8200", "fe80::1%eth0", "http://[fe80::1%25eth0]:8200"),
        ("https://[FE80::1%25Eth0]", "fe80::1%Eth0", "https://[fe80::1%25Eth0]"),
        ("http://[fe80::1%2525]", "fe80::1%25", "http://[fe80::1%2525]"),
    ],
)
def test_link_local_address_keeps_its_zone_for_the_socket_alone(text, host, url):
    origin = parse_url(text)
    assert (origin.host, origin.url) == (host, url)
    assert parse_url(origin.url) == origin
    assert "%" not in origin.authority


@pytest.mark.parametrize("text", ["http://[fe80::1%]", "http://[fe80::1%a/b]", "http://nas%25eth0", "http://[::1%a%b]"])
def test_zone_that_is_none_is_refused(text):
    with pytest.raises(errors.InvalidValue):
        parse_url(text)
