"""One connection's deadlines, and what is told of requests that are none; with clock and socket turned by hand."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
import uvicorn
from uvicorn.server import ServerState

from duplicati_client.taskserver.connection import make_protocol
from duplicati_client.taskserver.crowd import Crowd

REQUEST = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"


class Task:
    def add_done_callback(self, _):
        pass


class Loop:
    """Keeps what shall be done later, and starts no task."""

    def __init__(self):
        self.timers = []
        self.tasks_count = 0

    def call_later(self, seconds, act, *args):
        timer = SimpleNamespace(seconds=seconds, act=act, args=args, is_on=True)
        timer.cancel = lambda: setattr(timer, "is_on", False)
        self.timers.append(timer)
        return timer

    def create_task(self, work):
        work.close()
        self.tasks_count += 1
        return Task()

    def pass_time(self, seconds):
        """Do what is due within so many seconds."""
        for timer in [timer for timer in self.timers if timer.is_on and timer.seconds <= seconds]:
            timer.is_on = False
            timer.act(*timer.args)


class Transport:
    def __init__(self):
        self.written = b""
        self.ended = None

    def get_extra_info(self, _):
        return None

    def write(self, data):
        self.written += data

    def close(self):
        self.ended = self.ended or "closed"

    def abort(self):
        self.ended = "aborted"

    def is_closing(self):
        return self.ended is not None

    def pause_reading(self):
        pass

    def resume_reading(self):
        pass


class Scene:
    def __init__(self):
        self.loop, self.transport = Loop(), Transport()

        async def application(scope, receive, send):
            raise NotImplementedError

        kind = make_protocol(None, Crowd(10, lambda: None))
        config = uvicorn.Config(
            application, http=kind, lifespan="off", log_config=None, ws="none", timeout_keep_alive=120
        )
        config.load()
        self.connection = kind(config=config, server_state=ServerState(), app_state={}, _loop=self.loop)
        self.connection.connection_made(self.transport)

    def send(self, data):
        self.connection.data_received(data)

    def answer(self):
        """Let the request that is being answered be over."""
        self.connection.cycle.response_complete = True
        self.connection.on_response_complete()

    @property
    def problem(self):
        """Status and type of the problem that was sent."""
        head, _, body = self.transport.written.partition(b"\r\n\r\n")
        assert b"content-type: application/problem+json" in head
        assert b"connection: close" in head
        assert f"content-length: {len(body)}".encode() in head
        value = json.loads(body)
        assert head.startswith(f"HTTP/1.1 {value['status']} ".encode())
        return value["status"], value["type"]


def test_whoever_sends_nothing_is_hung_up_on():
    on = Scene()
    on.loop.pass_time(10)
    assert (on.transport.ended, on.transport.written) == ("closed", b"")


def test_half_a_head_is_waited_for_ten_seconds_from_the_beginning():
    on = Scene()
    for byte in REQUEST[:-1]:
        on.send(bytes([byte]))
    assert on.transport.ended is None
    on.loop.pass_time(10)
    assert (on.transport.ended, on.problem) == ("closed", (408, "urn:duplicati-task:too-slow"))


def test_a_whole_head_is_waited_for_no_more():
    on = Scene()
    on.send(REQUEST[:7])
    on.send(REQUEST[7:])
    on.loop.pass_time(10)
    assert (on.transport.ended, on.loop.tasks_count) == (None, 1)


def test_half_of_the_next_head_has_its_own_ten_seconds():
    on = Scene()
    on.send(REQUEST)
    on.answer()
    on.loop.pass_time(10)
    assert on.transport.ended is None
    on.send(REQUEST[:7])
    on.loop.pass_time(10)
    assert on.problem[0] == 408


def test_half_of_a_head_behind_a_request_is_waited_for_once_that_is_answered():
    on = Scene()
    on.send(REQUEST + REQUEST[:7])
    on.loop.pass_time(10)
    assert on.transport.ended is None
    on.answer()
    on.loop.pass_time(10)
    assert on.transport.ended == "closed"


def test_line_ends_between_requests_are_no_reason_to_wait():
    on = Scene()
    on.send(REQUEST)
    on.answer()
    on.send(b"\r\n")
    on.loop.pass_time(10)
    assert on.transport.ended == "closed"


def test_a_head_without_an_end_is_refused_before_it_fills_the_memory():
    on = Scene()
    on.send(b"GET / HTTP/1.1\r\n")
    for _ in range(70):
        on.send(b"x-more: " + b"x" * 1000 + b"\r\n")
    assert (on.transport.ended, on.problem) == ("closed", (431, "urn:duplicati-task:head-too-large"))


def test_what_is_no_http_is_told_so():
    for nonsense in (b"\x16\x03\x01\x02\x00\x01\x00", b"HELO example.org\r\n", b"GET  HTTP/1.1\r\n\r\n"):
        on = Scene()
        on.send(nonsense)
        assert (on.transport.ended, on.problem) == ("closed", (400, "urn:duplicati-task:malformed"))


def test_nonsense_behind_a_request_spoils_no_answer():
    on = Scene()
    on.send(REQUEST)
    on.send(b"\x00\x01\x02\r\n\r\n")
    assert (on.transport.ended, on.transport.written) == ("closed", b"")


@pytest.mark.parametrize("ending", ["nonsense", "lost", "aborted"])
def test_nothing_is_written_of_any_answer_once_the_connection_has_ended(ending):
    on = Scene()
    on.send(REQUEST)
    begun = [on.connection.cycle]
    on.send(REQUEST)
    begun.append(on.connection.cycle)
    if ending == "nonsense":
        on.send(b"\x00\x01\x02\r\n\r\n")
    elif ending == "lost":
        on.connection.connection_lost(None)
    else:
        on.connection.abort()
    assert [cycle.disconnected for cycle in begun] == [True, True]


def test_whoever_does_not_read_is_hung_up_on_after_a_minute():
    on = Scene()
    on.send(REQUEST)
    on.connection.pause_writing()
    on.connection.resume_writing()
    on.loop.pass_time(60)
    assert on.transport.ended is None
    on.connection.pause_writing()
    on.loop.pass_time(59)
    assert on.transport.ended is None
    on.loop.pass_time(60)
    assert on.transport.ended == "aborted"
