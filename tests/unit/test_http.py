"""The transport against real sockets: deadlines, caps, framing, reuse, proxies, headers and addresses."""

from __future__ import annotations

import socket
import threading
import time

import pytest

from duplicati_client import errors
from duplicati_client.http import Answer, ConnectionSettings, Origin, Request, SocketTransport, is_loopback, parse_url
from tests.loopback import Loopback, Peer, message, replying

DIRECT = ConnectionSettings(proxy_url="")
PROXY_NAMES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXY_NAMES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def ask(url: str, request: Request | None = None, settings: ConnectionSettings | None = None) -> Answer:
    transport = SocketTransport(url, settings)
    try:
        return transport.send(request or Request("GET", "api/v1/serverstate", deadline_seconds=5))
    finally:
        transport.close()


def ask_of(raw: bytes, request: Request | None = None) -> Answer:
    """Ask a server that answers the first request with these bytes and then closes."""
    with Loopback(replying(raw)) as server:
        return ask(server.url, request)


# --- what a whole exchange may cost -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "start",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n",
    ],
    ids=["head", "body", "chunks", "unbounded body"],
)
def test_deadline_counts_for_the_whole_exchange_however_slowly_it_drips(start: bytes) -> None:
    def handle(peer: Peer) -> None:
        peer.read_head()
        peer.send(start)
        peer.drip(b"HTTP/1.1 200 OK\r\nX: " + b"1" * 500 if not start else b"1\r\nx\r\n" * 200)

    with Loopback(handle) as server:
        started_at = time.monotonic()
        with pytest.raises(errors.DeadlineExceeded):
            ask(server.url, Request("GET", "x", deadline_seconds=0.3))
        assert 0.25 < time.monotonic() - started_at < 1.0


def test_deadline_counts_for_a_server_that_accepts_and_says_nothing() -> None:
    with Loopback(lambda peer: time.sleep(0.6)) as server, pytest.raises(errors.DeadlineExceeded):
        ask(server.url, Request("GET", "x", deadline_seconds=0.2))


def test_deadline_counts_for_a_server_that_does_not_read() -> None:
    with Loopback(lambda peer: time.sleep(1.0)) as server:
        started_at = time.monotonic()
        with pytest.raises(errors.DeadlineExceeded):
            ask(server.url, Request("POST", "x", body=b"x" * 30_000_000, deadline_seconds=0.3))
        assert time.monotonic() - started_at < 0.9


def test_deadline_counts_for_a_connection_that_is_never_accepted() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        port = full.getsockname()[1]
        fillers = []
        try:
            for _ in range(4):
                filler = socket.socket()
                fillers.append(filler)
                filler.setblocking(False)
                filler.connect_ex(("127.0.0.1", port))
            time.sleep(0.05)
            with pytest.raises(errors.DeadlineExceeded):
                ask(f"http://127.0.0.1:{port}", Request("GET", "x", deadline_seconds=0.3))
        finally:
            for filler in fillers:
                filler.close()


# --- caps and framing ---------------------------------------------------------------------------------------


def endless(start: bytes, part: bytes) -> Loopback:
    def handle(peer: Peer) -> None:
        peer.read_head()
        peer.send(start)
        for _ in range(2000):
            peer.send(part)

    return Loopback(handle)


@pytest.mark.parametrize(
    ("start", "part"),
    [
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"400\r\n" + b"x" * 1024 + b"\r\n"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1;" + b"e" * 1000 + b"\r\nx\r\n"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"Trailer: " + b"t" * 1000 + b"\r\n"),
        (b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 1024),
        (b"HTTP/1.1 200 OK\r\n", b"not a header at all " * 50 + b"\r\n"),
    ],
    ids=["chunks", "chunk extensions", "trailers", "until closed", "broken head"],
)
def test_endless_answer_ends_at_its_cap(start: bytes, part: bytes) -> None:
    with endless(start, part) as server, pytest.raises(errors.AnswerTooLarge):
        ask(server.url, Request("GET", "x", max_bytes=10_000, deadline_seconds=5))


@pytest.mark.parametrize("part", [b"X-Header: 1\r\n", b"X" * 1000, b"HTTP/1.1 100 Continue\r\n\r\n"])
def test_endless_head_is_refused(part: bytes) -> None:
    start = b"HTTP/1.1 200 OK\r\n" if part.startswith(b"X") else b""
    with endless(start, part) as server, pytest.raises(errors.NotUnderstood):
        ask(server.url)


def test_answer_as_large_as_its_cap_is_read_and_one_byte_more_is_not() -> None:
    request = Request("GET", "x", max_bytes=100, deadline_seconds=5)
    assert len(ask_of(message(b"x" * 100), request).body) == 100
    with pytest.raises(errors.AnswerTooLarge):
        ask_of(message(b"x" * 101), request)


def test_announced_size_above_the_cap_is_refused_before_it_is_read() -> None:
    with pytest.raises(errors.AnswerTooLarge, match="40000000 bytes"):
        ask_of(b"HTTP/1.1 200 OK\r\nContent-Length: 40000000\r\n\r\n")


def test_hundred_headers_are_read_in_order() -> None:
    lines = "".join(f"X-{n}: {n}\r\n" for n in range(100))
    found = ask_of(message(headers=lines + "Set-Cookie: a=1\r\nset-cookie: b=2\r\n"))
    assert found.header("x-99") == "99"
    assert found.headers_named("Set-Cookie") == ["a=1", "b=2"]


@pytest.mark.parametrize(
    ("raw", "body"),
    [
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n3;x=y\r\n   \r\n0\r\nA: b\r\n\r\n",
            b"{}   ",
        ),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nto the end", b"to the end"),
        (b"HTTP/1.0 200\r\nContent-Length: 2\r\n\r\n{}", b"{}"),
        (b"HTTP/1.1 200 OK\nContent-Length: 2\n\n{}", b"{}"),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + message(), b"{}"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
        (b"HTTP/1.1 400 first line\r\nsecond line: of the text\r\nContent-Length: 2\r\n\r\n{}", b"{}"),
    ],
    ids=["chunked", "until closed", "1.0", "bare line ends", "interim answers", "204", "2.0.8's broken reason"],
)
def test_every_framing_is_read(raw: bytes, body: bytes) -> None:
    assert ask_of(raw).body == body


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhal",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n",
    ],
    ids=["nothing", "in the head", "in the body", "in a chunk", "between chunks", "before the last line"],
)
def test_cut_answer_is_a_lost_connection(raw: bytes) -> None:
    with pytest.raises(errors.ConnectionLost) as caught:
        ask_of(raw)
    assert caught.value.is_retryable
    assert "https://127.0.0.1" in caught.value.hint


@pytest.mark.parametrize(
    "raw",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\x15\x03\x01\x00\x02\x02\x46\n",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"<html>\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nxtoo much\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n\x1f\x8b",
        b"HTTP/1.1 200 OK\r\ncontent-encoding: BR\r\nContent-Length: 2\r\n\r\nxx",
    ],
)
def test_what_is_not_proper_http_is_not_understood(raw: bytes) -> None:
    with pytest.raises(errors.NotUnderstood):
        ask_of(raw)


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect"])
def test_redirect_is_an_answer_and_not_followed(status: str) -> None:
    heads: list[str] = []
    with Loopback(replying(message(status=status, headers="Location: /other\r\n"), heads=heads)) as server:
        assert ask(server.url).header("Location") == "/other"
    assert len(heads) == 1


# --- reuse --------------------------------------------------------------------------------------------------


def test_connection_is_used_again() -> None:
    with Loopback(replying(message(), message(b"[]"), message(b"3"))) as server:
        transport = SocketTransport(server.url)
        bodies = [transport.send(Request(method, "x")).body for method in ("GET", "POST", "GET")]
        transport.close()
        assert bodies == [b"{}", b"[]", b"3"]
        assert server.connections_count == 1


@pytest.mark.parametrize(
    "raw",
    [
        message(headers="Connection: close\r\n"),
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        message() + b"out of turn",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
    ],
    ids=["close", "1.0", "out of turn", "101"],
)
def test_connection_is_not_used_again_after_an_answer_that_forbids_it(raw: bytes) -> None:
    with Loopback(replying(raw, raw)) as server:
        transport = SocketTransport(server.url)
        for _ in range(2):
            transport.send(Request("GET", "x", deadline_seconds=5))
        transport.close()
        assert server.connections_count == 2


def test_get_on_a_connection_that_proves_dead_is_sent_again_once() -> None:
    with dying_after_first() as server:
        transport = SocketTransport(server.url)
        transport.send(Request("GET", "one"))
        assert transport.send(Request("GET", "two", deadline_seconds=5)).status == 200
        transport.close()
        assert [head.split()[1] for head in server.heads] == ["/one", "/two", "/two"]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_request_with_an_effect_is_never_sent_again(method: str) -> None:
    with dying_after_first() as server:
        transport = SocketTransport(server.url)
        transport.send(Request("GET", "one"))
        with pytest.raises(errors.ConnectionLost):
            transport.send(Request(method, "two", deadline_seconds=5))
        transport.close()
        assert [head.split()[1] for head in server.heads] == ["/one", "/two"]


def dying_after_first() -> Loopback:
    """Answer the first request of the first connection, read the second and hang up; later connections are fine."""
    server: Loopback

    def handle(peer: Peer) -> None:
        is_first = server.connections_count == 1
        server.heads.append(peer.read_head())
        peer.send(message())
        second = peer.read_head()
        if second:
            server.heads.append(second)
        if second and not is_first:
            peer.send(message())

    server = Loopback(handle)
    return server


def test_connection_closed_while_idle_costs_no_request() -> None:
    with Loopback(replying(message())) as server:
        transport = SocketTransport(server.url)
        transport.send(Request("GET", "x"))
        time.sleep(0.1)
        assert transport.send(Request("POST", "x", deadline_seconds=5)).status == 200
        transport.close()
        assert server.connections_count == 2


def test_closed_transport_keeps_nothing_but_still_works() -> None:
    with Loopback(replying(message(), message())) as server:
        transport = SocketTransport(server.url)
        transport.close()
        transport.close()
        for _ in range(2):
            assert transport.send(Request("GET", "x")).status == 200
        assert server.connections_count == 2


def test_several_threads_share_a_transport() -> None:
    def handle(peer: Peer) -> None:
        while head := peer.read_head():
            peer.send(message(head.split()[1].encode()))

    found: list[bool] = []
    with Loopback(handle) as server:
        transport = SocketTransport(server.url)

        def work(name: int) -> None:
            found.extend(
                transport.send(Request("GET", f"{name}/{n}")).body == f"/{name}/{n}".encode() for n in range(20)
            )

        threads = [threading.Thread(target=work, args=(name,)) for name in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        transport.close()
    assert found == [True] * 80


# --- what is sent -------------------------------------------------------------------------------------------


def sent_head(url_path: str = "", request: Request | None = None, **settings: object) -> str:
    heads: list[str] = []
    with Loopback(replying(message(), heads=heads)) as server:
        ask(server.url + url_path, request or Request("GET", "api/v1/backups"), ConnectionSettings(**settings))
        return heads[0].replace(f":{server.port}", ":PORT")


def test_base_url_may_have_a_path_of_its_own() -> None:
    assert sent_head("/behind/a-proxy/").startswith("GET /behind/a-proxy/api/v1/backups HTTP/1.1\r\n")


def test_head_names_host_and_wants_plain_json() -> None:
    head = sent_head()
    assert "\r\nHost: 127.0.0.1:PORT\r\n" in head
    assert "\r\nAccept-Encoding: identity" in head
    assert "Content-Length" not in head


def test_extra_headers_go_with_every_request_and_the_request_wins() -> None:
    head = sent_head(
        headers={"X-Own": "yes", "authorization": "Basic x", "host": "nas.example"},
        request=Request("GET", "x", {"Authorization": "Bearer y"}),
    )
    assert "\r\nX-Own: yes" in head
    assert "Bearer y" in head
    assert "Basic" not in head
    assert head.lower().count("\r\nhost:") == 1
    assert "nas.example" in head


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X", "a\r\nX-Evil: 1"),
        ("X", "a\nb"),
        ("X", "a\x00b"),
        ("X", "snowman ☃"),
        ("X Y", "a"),
        ("", "a"),
        ("X:", "a"),
        ("X\r\nY", "a"),
        ("Content-Length", "0"),
        ("transfer-encoding", "chunked"),
    ],
)
def test_header_that_would_change_the_request_is_refused(name: str, value: str) -> None:
    with pytest.raises(errors.InvalidValue):
        SocketTransport("http://127.0.0.1:1", ConnectionSettings(headers={name: value}))


@pytest.mark.parametrize(
    "request_",
    [
        Request("GET", "x", {"Authorization": "Bearer a\r\nX-Evil: 1"}),
        Request("GET", "x y"),
        Request("GET", "x\r\nHost: evil"),
        Request("GET", "ü"),
        Request("GET /\r\n", "x"),
    ],
)
def test_request_that_could_be_two_is_refused_before_a_byte_is_sent(request_: Request) -> None:
    heads: list[str] = []
    with Loopback(replying(message(), heads=heads)) as server, pytest.raises(errors.InvalidValue):
        ask(server.url, request_)
    assert heads == []


def test_body_is_sent_with_its_length_even_when_empty() -> None:
    assert "\r\nContent-Length: 5" in sent_head(request=Request("POST", "x", body=b"12345"))
    assert "\r\nContent-Length: 0" in sent_head(request=Request("POST", "x"))


def test_trace_says_method_path_status_and_no_secret() -> None:
    lines: list[str] = []
    with Loopback(replying(message(status="401 No"))) as server:
        transport = SocketTransport(server.url, DIRECT, trace=lines.append)
        transport.send(Request("POST", "api/v1/x?token=hidden", {"Authorization": "Bearer hidden"}, b'"hidden"'))
        transport.close()
    with pytest.raises(errors.ConnectionRefused):
        SocketTransport(server.url, trace=lines.append).send(Request("GET", "y"))
    assert lines[0].startswith(f"POST {server.url}/api/v1/x -> 401 in ")
    assert "connection-refused" in lines[1]
    assert "hidden" not in "".join(lines)


# --- proxies ------------------------------------------------------------------------------------------------


def tunnelling(to_port: int, heads: list[str], *, status: str = "200 OK") -> Loopback:
    """A proxy: CONNECT opens a tunnel to a port of this machine whatever host is asked for."""

    def handle(peer: Peer) -> None:
        head = peer.read_head()
        heads.append(head)
        if not head.startswith("CONNECT"):
            peer.send(message(b'"relayed"'))
            return
        peer.send(f"HTTP/1.1 {status}\r\n\r\n".encode())
        if status != "200 OK":
            return
        with socket.create_connection(("127.0.0.1", to_port)) as onward:
            onward.settimeout(5)
            back = threading.Thread(target=_copy, args=(onward, peer.socket), daemon=True)
            back.start()
            _copy(peer.socket, onward)
            back.join(5)

    return Loopback(handle)


def _copy(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        return


def test_explicit_proxy_is_asked_for_the_whole_url_with_its_login() -> None:
    heads: list[str] = []
    with tunnelling(0, heads) as proxy:
        settings = ConnectionSettings(proxy_url=f"http://user:p%40ss@127.0.0.1:{proxy.port}")
        assert ask("http://nas.example:8200/base", settings=settings).body == b'"relayed"'
    assert heads[0].startswith("GET http://nas.example:8200/base/api/v1/serverstate HTTP/1.1\r\nHost: nas.example:8200")
    assert "Proxy-Authorization: Basic dXNlcjpwQHNz" in heads[0]


@pytest.mark.parametrize(
    ("variables", "url", "is_used"),
    [
        ({"http_proxy": "PROXY"}, "http://nas.invalid:8200", True),
        ({"HTTP_PROXY": "PROXY"}, "http://nas.invalid:8200", True),
        ({"all_proxy": "PROXY"}, "http://nas.invalid:8200", True),
        ({"http_proxy": "PROXY"}, "http://127.0.0.1:1", False),
        ({"http_proxy": "PROXY"}, "http://localhost:1", False),
        ({"http_proxy": "PROXY", "no_proxy": "nas.invalid"}, "http://nas.invalid:8200", False),
        ({"http_proxy": "PROXY", "no_proxy": "x, nas.invalid:8200"}, "http://nas.invalid:8200", False),
        ({"http_proxy": "PROXY", "no_proxy": ".invalid"}, "http://nas.invalid:8200", False),
        ({"http_proxy": "PROXY", "no_proxy": "*"}, "http://nas.invalid:8200", False),
        ({"https_proxy": "PROXY"}, "http://nas.invalid:8200", False),
    ],
)  # fmt: skip
def test_environment_decides_on_the_proxy(
    variables: dict[str, str], url: str, is_used: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    heads: list[str] = []
    with tunnelling(0, heads) as proxy:
        for name, value in variables.items():
            monkeypatch.setenv(name, value.replace("PROXY", f"http://127.0.0.1:{proxy.port}"))
        if is_used:
            assert ask(url).status == 200
        else:
            with pytest.raises(errors.Unreachable):
                ask(url)
    assert bool(heads) is is_used


def test_empty_proxy_setting_overrides_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    with pytest.raises(errors.NameNotResolved):
        ask("http://nas.invalid:8200", settings=DIRECT)


@pytest.mark.parametrize("status", ["403 Forbidden", "407 Proxy Authentication Required", "502 Bad Gateway"])
def test_refused_tunnel_is_told(status: str) -> None:
    with tunnelling(0, [], status=status) as proxy:
        settings = ConnectionSettings(proxy_url=f"127.0.0.1:{proxy.port}")
        with pytest.raises(errors.ProxyRefused, match=status[:3]):
            ask("https://nas.example", settings=settings)


def test_proxy_that_is_not_there_is_named_and_not_the_server() -> None:
    with pytest.raises(errors.ProxyRefused, match=r"the proxy 127\.0\.0\.1 port 1"):
        ask("http://nas.example", settings=ConnectionSettings(proxy_url="http://127.0.0.1:1"))


@pytest.mark.parametrize(
    "url", ["socks5://127.0.0.1:1", "https://127.0.0.1:1", "http://", "http://[::1", "http://p:99999"]
)
def test_proxy_of_another_kind_is_a_fault_of_the_configuration(url: str) -> None:
    with pytest.raises(errors.ConfigurationInvalid):
        SocketTransport("http://nas.example", ConnectionSettings(proxy_url=url))


def test_open_socket_goes_through_the_tunnel_and_has_no_time_limit() -> None:
    heads: list[str] = []
    with Loopback(replying(message())) as server, tunnelling(server.port, heads) as proxy:
        transport = SocketTransport("http://nas.example", ConnectionSettings(proxy_url=f"127.0.0.1:{proxy.port}"))
        with transport.open_socket(5) as stream:
            assert stream.gettimeout() is None
            stream.settimeout(5)
            stream.sendall(b"GET / HTTP/1.1\r\n\r\n")
            assert stream.recv(100).startswith(b"HTTP/1.1 200")
    assert heads[0].startswith("CONNECT nas.example:80 HTTP/1.1\r\nHost: nas.example:80")


# --- addresses ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("url", ["http://nas:8200/ngax/index.html#/", "http://nas:8200/signin.html?token=t"])
def test_address_of_a_page_as_a_browser_shows_it_is_told_with_what_to_leave_out(url: str) -> None:
    with pytest.raises(errors.InvalidValue, match="address of a page") as caught:
        parse_url(url)
    assert caught.value.hint == "leave out the page; example: http://127.0.0.1:8200"


def test_nothing_listens() -> None:
    with pytest.raises(errors.ConnectionRefused, match="port 1"):
        ask("http://127.0.0.1:1")


def test_name_without_an_address() -> None:
    with pytest.raises(errors.NameNotResolved, match=r"nas\.invalid"):
        ask("http://nas.invalid")


def test_ipv6_is_reached_and_named_in_brackets() -> None:
    try:
        server = Loopback(replying(message()), host="::1")
    except OSError:
        pytest.skip("this machine has no IPv6")
    with server:
        assert ask(server.url).status == 200
    assert parse_url("http://[::1]:80/").authority == "[::1]"


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_every_address_of_a_name_is_tried(host: str) -> None:
    """`localhost` has two where there is IPv6, and nothing listens at one of them."""
    known = {found[4][0] for found in socket.getaddrinfo("localhost", 80, type=socket.SOCK_STREAM)}
    if host not in known:
        pytest.skip(f"localhost is not {host} on this machine")
    with Loopback(replying(message()), host=host) as server:
        assert ask(f"http://localhost:{server.port}").status == 200


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("localhost", "http://localhost"),
        ("127.0.0.1:8200", "http://127.0.0.1:8200"),
        ("[::1]:8200/", "http://[::1]:8200"),
        ("nas.example", "https://nas.example"),
        ("127.evil.example", "https://127.evil.example"),
        (" HTTP://NAS.Example:80/a/b// ", "http://nas.example/a/b"),
        ("https://bücher.example:443", "https://xn--bcher-kva.example"),
        ("http://nas_1:8200", "http://nas_1:8200"),
    ],
)
def test_address_has_one_normal_form(text: str, url: str) -> None:
    assert parse_url(text).url == url


@pytest.mark.parametrize(
    "text",
    ["", "http://", "ftp://nas", "http://nas:0", "http://nas:99999", "http://nas:x", "http://[::1", "http://nas?x=1",
     "http://nas#x", "http://a b", "http://nas\nX: 1", "http://nas\x00", "http://nas/a b", "http://nas/../x",
     "http://nas/ü", "http://a..b", "http://" + "x" * 70, "file:///etc/passwd", "::1", "http://nas%0d", "http://*"],
)  # fmt: skip
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(errors.InvalidValue):
        parse_url(text)


@pytest.mark.parametrize("text", ["http://admin:hidden@nas", "admin:hidden@nas", "https://admin@nas", "http://:@nas"])
def test_address_with_a_login_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(errors.InvalidValue) as caught:
        parse_url(text)
    assert "hidden" not in f"{caught.value.message} {caught.value.hint}"
    assert "--header-file" in caught.value.hint


def test_only_this_machine_is_loopback() -> None:
    assert all(map(is_loopback, ["localhost", "127.0.0.1", "127.8.9.1", "::1"]))
    assert not any(map(is_loopback, ["127.evil.example", "127.0.0.1.example", "localhost.example", "10.0.0.1"]))


def test_authority_leaves_the_default_port_out() -> None:
    assert Origin(True, "nas", 443, "").authority == "nas"
    assert Origin(False, "nas", 443, "").authority == "nas:443"
