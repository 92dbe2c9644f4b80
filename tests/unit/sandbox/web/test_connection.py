"""What goes over a connection: framing, further calls, broken ones, and clients that leave."""

from __future__ import annotations

import asyncio
import socket

import pytest

from duplicati_client.sandbox.web.connection import Connection, Server, dress_as_kestrel, dress_as_tiny
from duplicati_client.sandbox.web.serve import Call, Refusal, Reply, json_reply, read_json


class Face:
    """Answers every call with what it got, or with the reply it was given."""

    def __init__(self, reply: Reply | None = None) -> None:
        self.reply = reply
        self.calls: list[Call] = []
        self.is_cancelled = False

    async def __call__(self, call: Call) -> Reply:
        self.calls.append(call)
        if call.path == "/wait":
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                self.is_cancelled = True
                raise
        if call.path == "/fail":
            raise RuntimeError("a fault of the face")
        return self.reply or json_reply({"path": call.path})


async def exchange(face: Face, sent: bytes, *, legacy: bool = False, is_left_open: bool = False) -> bytes:
    server = Server(face, dress=dress_as_tiny if legacy else dress_as_kestrel, closes_always=legacy)
    port = await server.listen(0)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(sent)
    try:
        async with asyncio.timeout(5):
            if not is_left_open:
                return await reader.read()
            return await reader.readuntil(b"0\r\n\r\n")
    finally:
        writer.close()
        await writer.wait_closed()
        await server.stop()


GET = b"GET %b HTTP/1.1\r\nHost: localhost\r\n%b\r\n"
CLOSE = b"Connection: close\r\n"


def test_two_calls_sent_at_once_are_answered_in_order():
    received = asyncio.run(exchange(Face(), GET % (b"/a", b"") + GET % (b"/b", CLOSE)))
    assert received.index(b'{"path":"/a"}') < received.index(b'{"path":"/b"}')


def test_a_modern_connection_stays_open_after_an_answer():
    assert asyncio.run(exchange(Face(), GET % (b"/a", b""), is_left_open=True)).startswith(b"HTTP/1.1 200 OK\r\n")


def test_a_legacy_connection_ends_after_an_answer_but_not_after_a_file():
    reply = Reply(200, (), b"x", keeps_open=True)
    assert asyncio.run(exchange(Face(), GET % (b"/a", b"") * 2, legacy=True)).count(b"HTTP/1.1") == 1
    face = Face(reply)
    with pytest.raises(TimeoutError):
        asyncio.run(_exchange_shortly(face, GET % (b"/a", b"") * 2))
    assert len(face.calls) == 2


async def _exchange_shortly(face: Face, sent: bytes) -> bytes:
    async with asyncio.timeout(0.2):
        return await exchange(face, sent, legacy=True)


@pytest.mark.parametrize("head", [b"nonsense\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n"])
def test_what_is_no_http_is_an_empty_400(head):
    assert asyncio.run(exchange(Face(), head)).startswith(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n")


def test_a_body_beyond_thirty_megabytes_is_refused():
    head = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 30000002\r\n\r\n"
    assert b" 413 " in asyncio.run(exchange(Face(), head + b"x" * 30_000_002)).split(b"\r\n")[0]


def test_an_answer_cut_before_sends_nothing_and_one_cut_inside_half_its_body():
    full = asyncio.run(exchange(Face(Reply(200, (), b"0123456789")), GET % (b"/", CLOSE)))
    assert full.endswith(b"\r\n\r\n0123456789")
    assert asyncio.run(exchange(Face(Reply(200, (), b"0123456789", cut="before")), GET % (b"/", b""))) == b""
    inside = asyncio.run(exchange(Face(Reply(200, (), b"0123456789", cut="inside")), GET % (b"/", b"")))
    assert inside.endswith(b"\r\n\r\n01234")


def test_a_client_that_leaves_ends_its_call():
    async def leave() -> bool:
        face = Face()
        server = Server(face, dress=dress_as_kestrel)
        port = await server.listen(0)
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(GET % (b"/wait", b""))
        while not face.calls:
            await asyncio.sleep(0.001)
        writer.close()
        await writer.wait_closed()
        for _ in range(100):
            if face.is_cancelled:
                break
            await asyncio.sleep(0.01)
        await server.stop()
        return face.is_cancelled

    assert asyncio.run(leave())


@pytest.mark.parametrize("steps", range(4))
def test_a_client_that_comes_as_the_server_goes_is_turned_away_and_leaves_no_socket(steps):
    async def come_late() -> list[object]:
        faults: list[object] = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: faults.append(context))
        server = Server(Face(), dress=dress_as_kestrel)
        port = await server.listen(0)
        with socket.create_connection(("127.0.0.1", port)):
            for _ in range(steps):
                await asyncio.sleep(0)
            await server.stop()
        assert not server.connections
        return faults

    assert asyncio.run(come_late()) == []


def test_a_fault_of_the_face_is_the_generic_500_and_reported():
    async def fail() -> tuple[bytes, list]:
        reported: list = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: reported.append(context["exception"]))
        return await exchange(Face(), GET % (b"/fail", CLOSE)), reported

    received, reported = asyncio.run(fail())
    assert b'{"Error":"An error occurred","Code":500}' in received
    assert [type(error) for error in reported] == [RuntimeError]


def test_names_of_queries_and_headers_are_read_in_lower_case():
    face = Face()
    asyncio.run(
        exchange(face, b"GET /a?OrderBy=%2Bname HTTP/1.1\r\nHost: h\r\nX-Thing: v\r\nConnection: close\r\n\r\n")
    )
    assert (face.calls[0].query, face.calls[0].headers["x-thing"]) == ({"orderby": "+name"}, "v")


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [(b"", {}, 400), (b"{", {}, 415), (b"{", {"content-type": "application/json"}, 400)],
)
def test_a_body_that_is_missing_wrong_or_of_another_type_is_refused(body, headers, status):
    with pytest.raises(Refusal) as refused:
        read_json(Call("POST", "/", headers=headers, body=body))
    assert refused.value.reply == Reply(status)


class Transport:
    """Notes what is written and that it was closed."""

    def __init__(self) -> None:
        self.written = b""
        self.is_closed = False

    def write(self, data: bytes) -> None:
        self.written += data

    def close(self) -> None:
        self.is_closed = True


@pytest.mark.parametrize(("version", "is_closed"), [(b"1.0", True), (b"1.1", False)])
def test_only_the_older_http_ends_the_connection_by_itself(version, is_closed):
    async def call() -> Transport:
        transport = Transport()
        connection = Connection(Server(Face(), dress=dress_as_kestrel))
        connection.connection_made(transport)
        connection.data_received(b"GET / HTTP/%b\r\nHost: localhost\r\n\r\n" % version)
        await asyncio.sleep(0.01)
        return transport

    transport = asyncio.run(call())
    assert transport.written.startswith(b"HTTP/1.1 200 OK")
    assert transport.is_closed is is_closed
