"""A task server in a thread, of level 0 or 1, with faults on demand: the standard library, and none of the package.

    with TaskServer(level=0) as server:
        server.give({"ID": 1, "Operation": "status"})
        fault = server.fault("result", cut="after")     # the receipt of the next result is lost
        ...                                             # let a daemon at server.url
        server.wait_for(lambda: server.find_results(1, "completed"))
        assert fault.fired_count == 1 and not server.complaints

It has one queue, for whoever may come in. `complaints` holds what no daemon should do, so that a test can ask for none.
"""

from __future__ import annotations

import copy
import gzip
import json
import secrets
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

PATIENCE_SECONDS = 10.0
WAIT_SECONDS_MAX = 50.0
PROBLEM = "urn:duplicati-task:"
_LOOK_SECONDS = 0.5
_TERMINAL = ("refused", "completed", "error")
_ROUTES = {
    ("GET", "tasks/status"): "status",
    ("GET", "tasks"): "tasks",
    ("POST", "enrol"): "enrol",
    ("POST", "daemon/token"): "token",
    ("POST", "daemon/heartbeat"): "heartbeat",
    ("PUT", "daemon/inventory"): "inventory",
}

Key = tuple[type, Any]


class Seen(NamedTuple):
    """A request as it came."""

    route: str
    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


class Reply(NamedTuple):
    """An answer; `members` are written as JSON unless `body` says otherwise."""

    status: int
    members: Any = None
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None

    @property
    def content(self) -> bytes:
        if self.body is not None:
            return self.body
        return b"" if self.members is None else json.dumps(self.members).encode()


class Fault:
    """What goes wrong with some requests of a route; `fired_count` says how often it did.

    It strikes from the `nth` request from now, `times` times (None: for ever). `cut` ends the connection: `before`
    the request takes effect, `after` it did and before the answer, or `inside` the answer. `status`, `headers`, `body`
    replace those of the answer; given any, the request takes effect only where `has_effect`. `endless` sends body
    until the other side has had enough, `drip_seconds` sends one byte at a time.
    """

    def __init__(  # noqa: PLR0917 - each is given by name
        self,
        route: str,
        nth: int = 1,
        times: int | None = 1,
        status: int | None = None,
        headers: Iterable[tuple[str, str]] | None = None,
        body: bytes | None = None,
        delay_seconds: float = 0.0,
        drip_seconds: float = 0.0,
        cut: str | None = None,
        has_effect: bool = False,
        is_gzip: bool = False,
        endless: bool = False,
    ) -> None:
        self.route, self.status, self.body, self.cut = route, status, body, cut
        self.headers = tuple(headers) if headers is not None else None
        self.delay_seconds, self.drip_seconds = delay_seconds, drip_seconds
        self.is_gzip, self.endless = is_gzip, endless
        self.has_effect = has_effect or (cut != "before" and status is None and body is None and not endless)
        self.fired_count = 0
        self._waits, self._left = nth - 1, times

    def take(self, route: str) -> bool:
        """Tell whether it strikes this request."""
        if self.route not in (route, "any") or self._left == 0:
            return False
        if self._waits:
            self._waits -= 1
            return False
        self._left = self._left if self._left is None else self._left - 1
        self.fired_count += 1
        return True

    def spoil(self, reply: Reply) -> Reply:
        headers = reply.headers if self.headers is None else self.headers
        content = reply.content if self.body is None else self.body
        if self.is_gzip:
            headers, content = (*headers, ("Content-Encoding", "gzip")), gzip.compress(content)
        return Reply(self.status or reply.status, headers=headers, body=content)

    def end(self) -> None:
        """Let it strike no more."""
        self._left = 0


class Given:
    """A task of the queue and how far it is."""

    def __init__(self, position: int, item: Any) -> None:
        self.position, self.item = position, item
        self.is_accepted = self.is_withdrawn = False
        self.terminal: dict[str, Any] | None = None
        self.leased_until = float("-inf")
        self.offered_count = 0

    @property
    def key(self) -> Key:
        task_id = self.item.get("ID") if isinstance(self.item, dict) else None
        return type(task_id), str(task_id)

    @property
    def is_answered(self) -> bool:
        return self.is_accepted or self.is_withdrawn or self.terminal is not None


class TaskServer:
    """A task server on loopback. Everything may be changed while it runs; `lock` guards what a test reads at length."""

    def __init__(
        self,
        *,
        level: int = 1,
        token: str | None = None,
        base_path: str = "",
        context: ssl.SSLContext | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.level, self.base_path = level, base_path
        self.tokens: list[str] = [token] if token else []
        self.lease_seconds, self.page_count, self.wait_seconds_max = 120.0, 500, WAIT_SECONDS_MAX
        self.poll_after_seconds: float | None = None
        self.link_form = "path"
        self.needs_approval = False
        self.codes: dict[str, str] = {}
        self.lock = threading.Condition()
        self.requests: list[Seen] = []
        self.counts: Counter[str] = Counter()
        self.results: list[dict[str, Any]] = []
        self.receipts: list[dict[str, Any]] = []
        self.heartbeats: list[dict[str, Any]] = []
        self.inventories: list[dict[str, Any]] = []
        self.enrolments: list[dict[str, Any]] = []
        self.complaints: list[str] = []
        self.alarms: list[str] = []
        self.cancelled: list[Any] = []
        self.given: list[Given] = []
        self.epoch = secrets.token_hex(8)
        self._port = 0
        self._context, self._now = context, now
        self._faults: list[Fault] = []
        self._successor: tuple[str, str] | None = None
        self._instances: list[str] = []
        self._has_conflict = False
        self._version = 0
        self._listener: _Listener | None = None
        self._stopping = threading.Event()

    # --- for tests ------------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        """The base URL, without a slash at its end; the same after a restart."""
        return f"{'https' if self._context else 'http'}://127.0.0.1:{self._port}{self.base_path}"

    def __enter__(self) -> TaskServer:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Listen; at the port of before after a `stop`."""
        self._stopping = threading.Event()
        self._listener = _Listener(("127.0.0.1", self._port), self, self._context)
        self._port = self._listener.server_address[1]
        threading.Thread(target=self._listener.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        """Be away: end every connection and refuse new ones."""
        if self._listener is None:
            return
        self._stopping.set()
        with self.lock:
            self.lock.notify_all()
        self._listener.shutdown()
        self._listener.cut_all()
        self._listener.server_close()
        self._listener = None

    def restart(self, *, forgets: bool = False) -> None:
        """Stop and start; one that forgets knows no task any more, and tells so by a new epoch (at level 1)."""
        self.stop()
        if forgets:
            with self.lock:
                self.given.clear()
                self.epoch = secrets.token_hex(8)
        self.start()

    def keep(self) -> list[Given]:
        """Return a copy of the queue, for `restore`."""
        with self.lock:
            return copy.deepcopy(self.given)

    def restore(self, queue: list[Given]) -> None:
        """Be as the older copy says, under a new epoch."""
        with self.lock:
            self.given = copy.deepcopy(queue)
            self.epoch = secrets.token_hex(8)
            self._change()

    def give(self, *tasks: Any) -> None:
        """Put tasks into the queue; anything that JSON can say."""
        with self.lock:
            self.given += [Given(len(self.given) + index, task) for index, task in enumerate(tasks)]
            self._change()

    def cancel(self, task_id: Any) -> None:
        """Ask in the next heartbeat's answer that a task be stopped."""
        with self.lock:
            self.cancelled.append(task_id)

    def withdraw(self, task_id: Any) -> None:
        """Take a task back; what is still said of it is `late`."""
        with self.lock:
            for given in self._find_all(task_id):
                given.is_withdrawn = True
            self._change()

    def add_code(self, code: str) -> None:
        """Let one daemon enrol with a code."""
        self.codes[code] = "new"

    def approve(self, code: str) -> None:
        """Approve a pending enrolment."""
        self.codes[code] = "approved"

    def fault(self, route: str, **what: Any) -> Fault:
        """Let something go wrong with a route (`any` for all), as `Fault` tells; earlier faults strike first."""
        fault = Fault(route, **what)
        with self.lock:
            self._faults.append(fault)
        return fault

    def forget_faults(self) -> None:
        """Let nothing more go wrong of what was ordered."""
        with self.lock:
            self._faults.clear()

    def resolve_conflict(self) -> None:
        """Forget which instances came, as an operator who chose does."""
        with self.lock:
            self._instances, self._has_conflict = [], False

    def find_results(self, task_id: Any, *statuses: str) -> list[dict[str, Any]]:
        """Return what came for an id of exactly that type, in order."""
        with self.lock:
            found = [result for result in self.results if _key(result.get("ID")) == _key(task_id)]
        return [result for result in found if not statuses or result["Status"] in statuses]

    def wait_for(self, holds: Callable[[], Any], seconds: float = PATIENCE_SECONDS) -> Any:
        """Wait for something that requests bring about; fails when it does not come true."""
        ends_at = time.monotonic() + seconds
        with self.lock:
            while not (found := holds()):
                left = ends_at - time.monotonic()
                assert left > 0, f"waited {seconds} s in vain; counts: {dict(self.counts)}"
                self.lock.wait(left)
        return found

    # --- what it does ---------------------------------------------------------------------------------

    def note(self, seen: Seen) -> Fault | None:
        """Remember a request, and return the fault that strikes it."""
        with self.lock:
            self.requests.append(seen)
            self.counts[seen.route] += 1
            self.lock.notify_all()
            return next((fault for fault in self._faults if fault.take(seen.route)), None)

    def pause(self, seconds: float) -> None:
        """Wait, at most until the server stops."""
        self._stopping.wait(seconds)

    def answer(self, seen: Seen) -> Reply:
        """Answer a request as a healthy server does."""
        if "content-encoding" in seen.headers:
            return _problem(415, "encoding-refused")
        refusal = self._check_identity(seen)
        reply = refusal or self._perform(seen)
        with self.lock:
            self.lock.notify_all()
        if self.level:
            headers = ("Duplicati-Task-Protocol", "1"), ("Duplicati-Epoch", self.epoch)
            reply = reply._replace(headers=(*headers, ("Cache-Control", "no-store"), *reply.headers))
        return reply

    def _perform(self, seen: Seen) -> Reply:
        path = urlsplit(seen.target).path
        if seen.route == "result":
            return self._take_result(seen, unquote(path.split("/")[-2]))
        if seen.route == "status":
            return self._answer_status(seen)
        if seen.route == "tasks":
            return self._hand_out(seen, path)
        perform = {
            "enrol": self._enrol,
            "token": self._renew_token,
            "heartbeat": self._beat,
            "inventory": self._keep_inventory,
        }.get(seen.route)
        if perform is None or not self.level:
            return _problem(404, "not-found")
        members = _decode(seen.body)
        return perform(members) if isinstance(members, dict) else _problem(400, "malformed")

    def _check_identity(self, seen: Seen) -> Reply | None:
        if seen.route == "enrol":
            return None
        with self.lock:
            token = seen.headers.get("authorization", "").removeprefix("Bearer ")
            if self._successor and token == self._successor[1]:
                self.tokens.remove(self._successor[0])
                self._successor = None
            if self.tokens and token not in self.tokens:
                self.alarms.append("a token that is not valid")
                challenge = ("WWW-Authenticate", 'Bearer error="invalid_token"')
                return _problem(401, "token-refused", challenge)
            instance = seen.headers.get("duplicati-instance")
            if self.level and instance:
                self._note_instance(instance)
            return _problem(409, "instance-conflict") if self._has_conflict else None

    def _note_instance(self, instance: str) -> None:
        if self._instances[-1:] == [instance]:
            return
        if instance in self._instances:
            self._has_conflict = True
        self._instances.append(instance)
        for given in self.given:
            given.leased_until = float("-inf")

    def _offerable(self) -> list[Given]:
        now = self._now()
        return [g for g in self.given if not g.is_answered and (not self.level or g.leased_until <= now)]

    def _answer_status(self, seen: Seen) -> Reply:
        wait_seconds = _read_wait(seen.headers.get("prefer", "")) if self.level else 0.0
        ends_at = time.monotonic() + min(wait_seconds, self.wait_seconds_max)
        with self.lock:
            while not (has_tasks := bool(self._offerable())) and not self._stopping.is_set():
                left = ends_at - time.monotonic()
                if left <= 0:
                    break
                self.lock.wait(min(left, _LOOK_SECONDS))  # a lease that ends tells nobody
            headers = [("ETag", f'"{self._version}"'), ("Vary", "Prefer")] if self.level else []
            if self.level and not has_tasks and self.poll_after_seconds is not None:
                headers.append(("Duplicati-Poll-After", f"{self.poll_after_seconds:g}"))
        return Reply(303 if has_tasks else 304, headers=tuple(headers))

    def _hand_out(self, seen: Seen, path: str) -> Reply:
        query = parse_qs(urlsplit(seen.target).query)
        after = int(query.get("after", ["-1"])[0])
        with self.lock:
            waiting = [given for given in self._offerable() if given.position > after]
            count = min(self.page_count, int(query.get("limit", [self.page_count])[0])) if self.level else len(waiting)
            page, rest = waiting[:count], waiting[count:]
            for given in page:
                given.offered_count += 1
                given.leased_until = self._now() + self.lease_seconds
            link = self._write_link(path, page[-1].position) if rest else ()
            return Reply(200, [given.item for given in page], (("Content-Type", "application/json"), *link))

    def _write_link(self, path: str, after: int) -> tuple[tuple[str, str], ...]:
        origin = self.url.removesuffix(self.base_path)
        prefix = {"path": path, "query": "", "absolute": origin + path}[self.link_form]
        return (("Link", f'<{prefix}?after={after}>; rel="next"'),)

    def _take_result(self, seen: Seen, id_text: str) -> Reply:
        result = _decode(seen.body)
        with self.lock:
            if not isinstance(result, dict) or result.get("Status") not in ("accepted", *_TERMINAL):
                self.complaints.append(f"a result that is none: {seen.body[:200]!r}")
                return _problem(400, "malformed")
            task_id = result.get("ID")
            if isinstance(task_id, bool) or not isinstance(task_id, int | str) or str(task_id) != id_text:
                self.complaints.append(f"the result of {task_id!r} at the address of {id_text!r}")
                return _problem(400, "malformed")
            recorded = self._record(result)
            self.results.append(result)
            receipt = {"ID": task_id, "Status": result["Status"], "Recorded": recorded}
            self.receipts.append(receipt)
            self._change()
        return Reply(200, receipt if self.level else None)

    def _record(self, result: dict[str, Any]) -> str:
        found = self._find_all(result["ID"])
        if not found:
            if not self.level:
                self.complaints.append(f"a result of {result['ID']!r}, which was never given in this type")
            return "orphan"
        given, is_accepted = found[-1], result["Status"] == "accepted"
        if not given.offered_count:
            self.complaints.append(f"a result of {result['ID']!r} before it was handed out")
        if given.is_withdrawn:
            return "late"
        if self._is_stale(given, result):
            return "stale"
        if given.terminal is not None:
            return "stale" if is_accepted else "duplicate" if _same(given.terminal, result) else "conflict"
        if is_accepted:
            was_accepted, given.is_accepted = given.is_accepted, True
            return "duplicate" if was_accepted else "recorded"
        given.terminal = result
        return "recorded"

    def _is_stale(self, given: Given, result: dict[str, Any]) -> bool:
        attempt = given.item.get("Attempt") if isinstance(given.item, dict) else None
        return bool(self.level) and attempt is not None and result.get("Attempt") != attempt

    def _find_all(self, task_id: Any) -> list[Given]:
        return [given for given in self.given if given.key == _key(task_id)]

    def _enrol(self, members: dict[str, Any]) -> Reply:
        with self.lock:
            code = members.get("Code")
            state = self.codes.get(code) if isinstance(code, str) else None
            if not isinstance(code, str) or state not in ("new", "pending", "approved"):
                return _problem(403, "code-refused")
            self.enrolments.append(members)
            if state == "pending" or (state == "new" and self.needs_approval):
                self.codes[code] = "pending"
                return Reply(202, {"Pending": True})
            self.codes[code] = "used"
            token = secrets.token_urlsafe(24)
            self.tokens.append(token)
            return Reply(200, {"DaemonID": f"d-{len(self.enrolments)}", "Token": token, "Epoch": self.epoch})

    def _renew_token(self, members: dict[str, Any]) -> Reply:
        with self.lock:
            if not self.tokens:
                return _problem(403, "no-token")
            if self._successor:
                self.tokens.remove(self._successor[1])
            old, new = self.tokens[0], secrets.token_urlsafe(24)
            self.tokens.append(new)
            self._successor = (old, new)
            return Reply(200, {"Token": new})

    def _beat(self, members: dict[str, Any]) -> Reply:
        with self.lock:
            self.heartbeats.append(members)
            answer: dict[str, Any] = {"Cancel": list(self.cancelled)}
            if self.poll_after_seconds is not None:
                answer["PollAfter"] = self.poll_after_seconds
            return Reply(200, answer)

    def _keep_inventory(self, members: dict[str, Any]) -> Reply:
        with self.lock:
            self.inventories.append(members)
        return Reply(204)

    def _change(self) -> None:
        self._version += 1
        self.lock.notify_all()


class _Listener(ThreadingHTTPServer):
    """Accepts connections, and can end them all."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], tasks: TaskServer, context: ssl.SSLContext | None) -> None:
        self.tasks = tasks
        self._open: set[Any] = set()
        self._context = context
        super().__init__(address, _Handler)

    def get_request(self) -> Any:
        sock, address = super().get_request()
        sock.settimeout(PATIENCE_SECONDS * 6)
        if self._context is not None:
            sock = self._context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
        self._open.add(sock)
        return sock, address

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def cut_all(self) -> None:
        for sock in list(self._open):
            with suppress(OSError):
                sock.shutdown(2)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: daemons hang up, and tests cut."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "tasks", ""
    disable_nagle_algorithm = True
    server: _Listener

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_PUT(self) -> None:
        self._serve()

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        tasks = self.server.tasks
        headers = {name.lower(): value for name, value in self.headers.items()}
        route = _find_route(self.command, urlsplit(self.path).path, tasks.base_path)
        seen = Seen(route, self.command, self.path, headers, body)
        fault = tasks.note(seen)
        if fault is None:
            self._send(tasks.answer(seen))
        else:
            self._fail(fault, seen)

    def _fail(self, fault: Fault, seen: Seen) -> None:
        tasks = self.server.tasks
        tasks.pause(fault.delay_seconds)
        reply = tasks.answer(seen) if fault.has_effect else Reply(200)
        if fault.cut in ("before", "after"):
            self.close_connection = True
            return
        reply = fault.spoil(reply)
        if fault.endless:
            self._send_endlessly(reply)
        elif fault.cut == "inside":
            self._send(reply._replace(body=reply.content[: len(reply.content) // 2]), missing_bytes=1000)
        elif fault.drip_seconds:
            self._send(reply._replace(body=b""), missing_bytes=len(reply.content))
            self._drip(reply.content, fault.drip_seconds)
        else:
            self._send(reply)

    def _send(self, reply: Reply, *, missing_bytes: int = 0) -> None:
        self.send_response(reply.status)
        for name, value in reply.headers:
            self.send_header(name, value)
        if reply.status not in (204, 304):
            self.send_header("Content-Length", str(len(reply.content) + missing_bytes))
        self.end_headers()
        if reply.status not in (204, 304):
            self.wfile.write(reply.content)
        if missing_bytes:
            self.close_connection = True

    def _drip(self, content: bytes, pause_seconds: float) -> None:
        for index in range(len(content)):
            self.wfile.write(content[index : index + 1])
            self.server.tasks.pause(pause_seconds)

    def _send_endlessly(self, reply: Reply) -> None:
        self._send(reply._replace(body=b""), missing_bytes=2**40)
        while True:
            self.wfile.write(b" " * 65536)


def _find_route(method: str, path: str, base_path: str) -> str:
    if not path.startswith(f"{base_path}/api/"):
        return "other"
    rest = path.removeprefix(f"{base_path}/api/")
    parts = rest.split("/")
    if method == "POST" and len(parts) == 3 and parts[0] == "tasks" and parts[2] == "result":
        return "result"
    return _ROUTES.get((method, rest), "other")


def _problem(status: int, kind: str, *headers: tuple[str, str]) -> Reply:
    content_type = ("Content-Type", "application/problem+json")
    return Reply(status, {"type": PROBLEM + kind, "title": kind, "status": status}, (content_type, *headers))


def _decode(body: bytes) -> Any:
    try:
        return json.loads(body or b"{}")
    except ValueError:
        return None


def _read_wait(prefer: str) -> float:
    for part in prefer.split(","):
        name, _, value = part.strip().partition("=")
        if name.lower() == "wait" and value.isdecimal():
            return float(value)
    return 0.0


def _same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    names = ("Status", "Data")
    return all(one.get(name) == other.get(name) for name in names)


def _key(task_id: Any) -> Key:
    return type(task_id), str(task_id)
