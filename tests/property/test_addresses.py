"""Whatever is given as an address becomes a safe one in normal form or is refused; what is sent is one request."""

from __future__ import annotations

import re
import socket
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from duplicati_client import errors, wire
from duplicati_client.http import ConnectionSettings, SocketTransport, parse_url

SAFE = re.compile(r"https?://(\[[0-9a-f:.]+\]|[a-z0-9_.-]+)(:[1-9][0-9]{0,4})?(/[\x21-\x7e]*[^/])?")
PIECES = st.sampled_from(
    [
        "http",
        "https",
        "://",
        "//",
        "/",
        ":",
        "@",
        "[",
        "]",
        "..",
        "?",
        "#",
        "%0a",
        "\n",
        " ",
        "nas",
        "8200",
        "127.0.0.1",
        "::1",
        "ü",
        "\x00",
        "\\",
        "xn--",
        "a" * 64,
    ]
)
addresses = st.text() | st.lists(PIECES, max_size=9).map("".join)


@given(addresses)
@settings(max_examples=400)
def test_address_is_safe_and_normal_or_refused(text: str) -> None:
    try:
        origin = parse_url(text)
    except errors.InvalidValue:
        return
    assert SAFE.fullmatch(origin.url), origin.url
    assert parse_url(origin.url) == origin
    assert "@" not in origin.authority


@given(st.text(max_size=20), st.text(max_size=40))
@settings(max_examples=200)
def test_extra_header_is_one_line_or_refused(name: str, value: str) -> None:
    try:
        SocketTransport("http://127.0.0.1", ConnectionSettings(headers={name: value}, proxy_url=""))
    except errors.InvalidValue:
        return
    line = f"{name}: {value}".encode("latin-1")
    assert not set(line) & {0, 10, 13}
    assert name.lower() not in ("content-length", "transfer-encoding")


@given(
    st.text(max_size=10), st.text(max_size=60), st.dictionaries(st.text(max_size=8), st.text(max_size=20), max_size=2)
)
@settings(max_examples=200)
def test_request_is_one_head_or_refused_before_a_byte_is_sent(
    method: str, target: str, headers: dict[str, str]
) -> None:
    here, there = socket.socketpair()
    with here, there:
        stream = wire.Stream(here)
        stream.begin(time.monotonic() + 5, 1000)
        try:
            wire.write_request(stream, method, target, headers, None)
        except errors.InvalidValue:
            here.shutdown(socket.SHUT_WR)
            assert there.recv(10) == b""
            return
        sent = there.recv(65536)
    assert sent.count(b"\r\n") == len(headers) + 2
    assert sent.endswith(b"\r\n\r\n")
    assert len(sent.split(b"\r\n")[0].split(b" ")) == 3


LINES = st.sampled_from(
    [
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.0 404\r\n",
        b"HTTP/1.1 100 Go on\r\n\r\n",
        b"Content-Length: 3\r\n",
        b"Content-Length: x\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Connection: close\r\n",
        b"\r\n",
        b"3\r\nabc\r\n",
        b"0\r\n\r\n",
        b"abc",
        b"\xff\xfe",
        b": \r\n",
        b"ffffffffffff\r\n",
    ]
)


@given(st.lists(LINES | st.binary(max_size=30), max_size=8).map(b"".join))
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_an_answer_or_an_error_of_ours(raw: bytes) -> None:
    here, there = socket.socketpair()
    with here, there:
        there.sendall(raw)
        there.shutdown(socket.SHUT_WR)
        stream = wire.Stream(here)
        stream.begin(time.monotonic() + 5, 100_000)
        try:
            head = wire.read_head(stream)
            body, _ = wire.read_body(stream, "GET", head, 1000)
        except errors.DuplicatiClientError:
            return
    assert 200 <= head.status <= 999 or head.status == 101
    assert len(body) <= 1000


@given(st.text(max_size=80))
def test_proxy_is_an_address_or_a_fault_of_the_configuration(text: str) -> None:
    try:
        transport = SocketTransport("http://nas.example", ConnectionSettings(proxy_url=text))
    except errors.ConfigurationInvalid:
        return
    assert transport.base_url == "http://nas.example"


@pytest.mark.parametrize("text", ["", "  "])
def test_nothing_is_no_address(text: str) -> None:
    with pytest.raises(errors.InvalidValue):
        parse_url(text)
