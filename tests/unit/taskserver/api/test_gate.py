"""What the gate lets pass: bodies within their cap and their time, so many requests at once, and so much in memory."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from types import SimpleNamespace

from duplicati_client.taskserver.api.gate import Gate, Limits
from duplicati_client.taskserver.errors import NotAllowed
from duplicati_client.taskserver.origin import Proxies, read_network
from duplicati_client.taskserver.settings import Settings

KIB = 1024
PATIENCE_SECONDS = 5.0
SLOW = object()
"""Among what a client sends: nothing more, and it does not hang up either."""


class Scene:
    """A gate before an application that reads whole bodies and tells who asked and how much came."""

    def __init__(self, *, waiters=0, proxies=(), **limits):
        parts = SimpleNamespace(
            current=SimpleNamespace(settings=Settings()._replace(body_kibibytes=128)),
            attentions=SimpleNamespace(waiters_count=waiters),
            counts=SimpleNamespace(refusals=Counter()),
        )
        networks = [read_network(one) for one in proxies]
        self.gate = Gate(self.answer, parts, Proxies(networks), Limits(body_seconds=0.0, linger_seconds=0.0, **limits))
        self.refusals = parts.counts.refusals
        self.inside = asyncio.Event()
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.reads = True

    async def answer(self, scope, receive, send):
        size, is_whole = 0, not self.reads
        while not is_whole:
            message = await receive()
            size += len(message["body"])
            is_whole = not message.get("more_body")
        self.inside.set()
        await self.go_on.wait()
        body = json.dumps({"size": size, "client": scope["client"][0]}).encode()
        length = (b"content-length", str(len(body)).encode())
        await send({"type": "http.response.start", "status": 200, "headers": [length]})
        await send({"type": "http.response.body", "body": body, "more_body": False})

    async def ask(self, *chunks, headers=(), peer="192.0.2.1", method="POST"):
        """Send a request whose body comes in these pieces; return status, headers and what the answer says."""
        queue = list(chunks)
        sent = []
        if chunks and SLOW not in chunks:
            self.gate.limits = self.gate.limits._replace(body_seconds=30.0, linger_seconds=3.0)

        async def receive():
            if not queue:
                return {"type": "http.request", "body": b"", "more_body": False}
            chunk = queue.pop(0)
            if chunk is SLOW:
                await asyncio.Event().wait()
            return {"type": "http.request", "body": chunk, "more_body": bool(queue)}

        async def send(message):
            sent.append(message)

        scope = {"type": "http", "method": method, "client": (peer, 1), "raw_path": b"/x", "query_string": b"",
                 "headers": list(headers)}  # fmt: skip
        async with asyncio.timeout(PATIENCE_SECONDS):
            await self.gate(scope, receive, send)
        start, *bodies = sent
        assert [body.get("more_body", False) for body in bodies] == [True] * (len(bodies) - 1) + [False]
        value = json.loads(b"".join(body["body"] for body in bodies))
        return SimpleNamespace(status=start["status"], headers=dict(start["headers"]), value=value, left=queue)


CHUNKED = (b"transfer-encoding", b"chunked")


def length(size):
    return (b"content-length", str(size).encode())


def test_a_body_within_the_cap_passes():
    answer = asyncio.run(Scene().ask(b"x" * KIB, b"y" * KIB, headers=[length(2 * KIB)]))
    assert (answer.status, answer.value["size"]) == (200, 2 * KIB)


def test_a_body_that_says_it_is_too_large_is_refused_before_it_comes():
    on = Scene()
    answer = asyncio.run(on.ask(b"x" * KIB, headers=[length(129 * KIB)]))
    assert (answer.status, answer.headers[b"connection"], on.inside.is_set()) == (413, b"close", False)
    assert answer.value["type"] == "urn:duplicati-task:too-large"


def test_a_body_without_a_length_is_refused_once_it_is_too_large():
    answer = asyncio.run(Scene().ask(*[b"x" * 64 * KIB] * 5, headers=[CHUNKED]))
    assert (answer.status, answer.headers[b"connection"]) == (413, b"close")


def test_a_body_that_does_not_come_is_not_waited_for():
    on = Scene()
    answer = asyncio.run(on.ask(SLOW, headers=[length(9)]))
    assert (answer.status, answer.headers[b"connection"]) == (408, b"close")
    assert on.refusals == {"408": 1}


def test_a_compressed_body_is_refused():
    answer = asyncio.run(Scene().ask(b"x", headers=[length(1), (b"content-encoding", b"gzip")]))
    assert answer.status == 415


def test_a_head_that_is_too_large_is_refused():
    answer = asyncio.run(Scene().ask(headers=[(b"x-many", b"x" * 9 * KIB), (b"x-more", b"x" * 9 * KIB)], method="GET"))
    assert answer.status == 431


def test_only_so_many_requests_are_in_work_at_once():
    async def act():
        on = Scene(work_count=2)
        on.go_on.clear()
        works = [asyncio.create_task(on.ask(b"x", headers=[length(1)])) for _ in range(2)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        refused = await on.ask(method="GET")
        on.go_on.set()
        ended = await asyncio.gather(*works)
        return refused, [answer.status for answer in ended], await on.ask(method="GET"), on.gate

    refused, others, later, counting = asyncio.run(act())
    assert (refused.status, refused.value["type"]) == (503, "urn:duplicati-task:overloaded")
    assert (refused.headers[b"retry-after"], others, later.status) == (b"5", [200, 200], 200)
    assert (counting.working_count, counting.bodies_bytes) == (0, 0)


def test_requests_that_wait_and_bodies_that_come_slowly_are_not_in_work():
    async def act():
        on = Scene(waiters=1, work_count=1)
        on.gate.limits = on.gate.limits._replace(body_seconds=30.0)
        on.go_on.clear()
        held = asyncio.create_task(on.ask(method="GET"))
        slow = asyncio.create_task(on.ask(SLOW, headers=[length(1)]))
        await on.inside.wait()
        on.go_on.set()
        answer = await on.ask(method="GET")
        slow.cancel()
        return (await held).status, answer.status

    assert asyncio.run(act()) == (200, 200)


def test_of_large_bodies_only_so_much_is_in_memory_and_small_ones_pass():
    async def act():
        on = Scene(bodies_bytes=40 * KIB)
        on.go_on.clear()
        large = [b"x" * 96 * KIB]
        first = asyncio.create_task(on.ask(*large, headers=[CHUNKED]))
        await on.inside.wait()
        second = await on.ask(*large, headers=[CHUNKED])
        small = asyncio.create_task(on.ask(b"x" * 64 * KIB, headers=[CHUNKED]))
        on.go_on.set()
        return [(await first).status, second.status, (await small).status], on.gate.bodies_bytes

    assert asyncio.run(act()) == ([200, 503, 200], 0)


def test_who_asks_is_whom_a_named_proxy_speaks_for():
    header = (b"x-forwarded-for", b"203.0.113.1")
    told = asyncio.run(Scene(proxies=["192.0.2.1"]).ask(headers=[header], method="GET"))
    untold = asyncio.run(Scene().ask(headers=[header], method="GET"))
    assert (told.value["client"], untold.value["client"]) == ("203.0.113.1", "192.0.2.1")


def test_an_answer_before_the_body_is_whole_ends_the_connection_and_lets_the_sender_end():
    on = Scene()
    on.reads = False
    answer = asyncio.run(on.ask(b"x", b"y", b"z", headers=[length(3)]))
    assert (answer.status, answer.headers[b"connection"], answer.left) == (200, b"close", [])


def test_what_the_application_refuses_to_the_gate_is_a_problem():
    on = Scene()

    async def refuse(*_):
        raise NotAllowed("not you")

    on.gate._application = refuse
    assert asyncio.run(on.ask(method="GET")).status == 403


def test_a_refusal_is_told_in_the_level_of_who_is_refused():
    scene = Scene()
    level = (b"duplicati-task-protocol", b"1")
    refused = asyncio.run(scene.ask(headers=[level, (b"x", b"y" * 20 * KIB)], method="GET"))
    assert (refused.status, refused.headers.get(level[0])) == (431, b"1")
    refused = asyncio.run(scene.ask(headers=[(b"x", b"y" * 20 * KIB), level], method="GET"))
    assert (refused.status, refused.headers.get(level[0])) == (431, b"1")
    refused = asyncio.run(scene.ask(headers=[(b"x", b"y" * 20 * KIB)], method="GET"))
    assert (refused.status, level[0] in refused.headers) == (431, False)


def test_a_bug_is_told_as_one_and_logged_without_what_was_sent(caplog):
    on, sent = Scene(), "a secret"

    async def fail(*_):
        raise ValueError(sent)

    on.gate._application = fail
    answer = asyncio.run(on.ask(method="GET"))
    assert (answer.status, answer.value["type"]) == (500, "urn:duplicati-task:internal")
    assert "ValueError" in caplog.text
    assert "in fail" in caplog.text
    assert sent not in caplog.text
