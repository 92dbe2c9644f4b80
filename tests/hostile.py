"""Servers that answer like nothing good: recorded answers spoilt node by node, raw bytes, and a person to ask them."""

from __future__ import annotations

import base64
import copy
import hashlib
import io
import json
import random
import re
import socket
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from duplicati_client import errors
from duplicati_client.cli.call import Process
from duplicati_client.cli.console import Console
from duplicati_client.cli.main import main
from duplicati_client.http import Answer, Request
from tests.contract.recordings import read_release
from tests.loopback import Peer, message

URL = "http://nas.test:8200"
PASSWORD = "correct-horse-battery"
TOKEN = "access.token.7f3a9c"
COOKIE = "refresh-cookie-51d2e8"
NONCE = "refresh-nonce-c4b7a1"
XSRF = "xsrf-token-90e6f2"
SESSION = "session-auth-8a1d3b"
SECRETS = (PASSWORD, TOKEN, COOKIE, NONCE, XSRF, SESSION)

# Everything that must not reach a terminal as it is: escapes, titles, clipboard, links, reversals, hidden marks.
NASTY = "\x1b[2J\x1b]0;owned\x07\x1b]52;c;cm0=\x07\x1b]8;;http://evil\x07x\x9b31m\r\n\tA\u202eB\u2066C\u200bD\u2028E\x00F\u061cG"
UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]"
)
STRANGE_TEXTS = (
    "", " ", "\n", "../1", "1/../../x", "1?x=1", "-1", "1" * 41, "0", "null", "٣", NASTY, "\ud800", "x" * 70_000,
    "%s%n{}", "0000-00-00T00:00:00Z", "9999-12-31T23:59:59.9999999Z", "9999-12-31T23:59:59-14:00",
    "0001-01-02T00:00:00+14:00",
    "2026-11-24T24:00:00Z", "2026-11-24T12:00:00+99:99", "99991231T235959Z", "999999.23:59:59", "-00:00:01",
    "1000000000.00:00:00", "[]", "{}", "=1+1", "9" * 5000, "Completed", "Running", "Success", "Backup",
)  # fmt: skip
STRANGE_VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 10**40, -(10**40), 1e308, float("1e999"), 1.5, 253402300799, [], {}, [None], [[]],
    {"ID": 1}, {"Name": "password", "Value": 1}, [1, "x", {}], {"": ""}, {"Item1": {}, "Item2": []},
)  # fmt: skip


def recorded(release: str) -> Mapping[str, list[Any]]:
    """Give the good answers of a release by `METHOD path`, ids replaced by `N`."""
    return _recorded(release)


@cache
def _recorded(release: str) -> Mapping[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for entry in read_release(release):
        if entry.is_exchange and entry.status == 200 and entry.answer is not None:
            path = entry.path.partition("?")[0].removeprefix("/api/v1/")
            found.setdefault(f"{entry.method} {generalise(path)}", []).append(entry.answer)
    return found


def generalise(path: str) -> str:
    return re.sub(r"(?<=/)[0-9]+(?=/|$)", "N", path)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Give the way to every node."""
    yield path
    if isinstance(value, dict):
        for key, item in value.items():
            yield from places(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from places(item, (*path, index))


def replace(value: Any, path: tuple[Any, ...], by: Any) -> Any:
    """Return a copy in which one node is another."""
    if not path:
        return by
    spoilt = copy.copy(value)
    spoilt[path[0]] = replace(value[path[0]], path[1:], by)
    return spoilt


def spoil(value: Any, chance: random.Random) -> Any:
    """Replace one node at random, or one inside a text that holds JSON itself, as rows of logs do."""
    path = chance.choice(list(places(value)))
    node = value
    for key in path:
        node = node[key]
    if isinstance(node, str) and node.startswith("{") and chance.random() < 0.8:
        try:
            return replace(value, path, json.dumps(spoil(json.loads(node), chance)))
        except ValueError:
            pass
    strange = chance.choice(STRANGE_TEXTS) if chance.random() < 0.5 else chance.choice(STRANGE_VALUES)
    return replace(value, path, strange)


class Spoilt:
    """A transport to a server of a release whose every answer a function may change on its way.

    `change` gets `METHOD path` (ids as N) and the good JSON, and returns JSON, bytes, an `Answer` or an error.
    """

    def __init__(self, release: str, change: Callable[[str, Any], Any] = lambda key, good: good) -> None:
        self.base_url = URL
        self.headers: dict[str, str] = {}
        self.release = release
        self.is_legacy = release.startswith("2.0")
        self.change = change
        self.requests: list[Request] = []
        self.good = {key: max(answers, key=lambda found: len(str(found))) for key, answers in recorded(release).items()}
        self.good |= self._coherent()
        self.good.setdefault("GET systeminfo", {})
        option = {"Name": "passphrase", "Type": "Password"}
        known = {"ServerVersion": release, "ServerTime": "2026-11-24T12:00:00Z", "MachineName": "nas"}
        self.good["GET systeminfo"] = {**known, "Options": [option], **self.good["GET systeminfo"]}

    def _coherent(self) -> dict[str, Any]:
        """Make a run of backup 1 end well, so that following it goes the whole way."""
        began, ended = "2026-11-24T12:00:00Z", "2026-11-24T12:00:05Z"
        result = {"MainOperation": "Backup", "ParsedResult": "Success", "BeginTime": began, "EndTime": ended,
                  "Duration": "00:00:05", "ExaminedFiles": 3, "Warnings": [], "Errors": []}  # fmt: skip
        self.row = {"ID": 900, "OperationID": 7, "Timestamp": 1795521605, "Type": "Result", "Exception": {},
                    "Message": json.dumps(result)}  # fmt: skip
        task = {"ID": 11, "Status": "Completed", "TaskStarted": began, "TaskFinished": ended, "ErrorMessage": None}
        running = {"ProgramState": "Running", "LastEventID": 9, "ActiveTask": {"Item1": 11, "Item2": "1"},
                   "SchedulerQueueIds": [{"Item1": 12, "Item2": "2"}], "ProposedSchedule": []}  # fmt: skip
        return {
            "GET task/N": task,
            "POST backup/N/run": {"Status": "OK", "ID": 11},
            "POST task/N/stop": {"Status": "OK"},
            "POST task/N/abort": {"Status": "OK"},
            "POST task/N/stopaftercurrentfile": {"Status": "OK"},
            "GET serverstate": running,
            "GET tasks": [{"ID": 11, "Status": "Running", "BackupID": "1", "Operation": "Backup"}],
        }

    def send(self, request: Request) -> Answer:
        self.requests.append(request)
        assert len(self.requests) < 500, "this goes on for ever"
        path = request.path.partition("?")[0]
        if path.startswith("api/v1/auth/") and path.endswith(("login", "refresh", "signin")):
            return self._give(f"POST {path}", {"AccessToken": TOKEN, "RefreshNonce": NONCE},
                              ("Set-Cookie", f"RefreshToken_8200={COOKIE}; path=/api/v1/auth/refresh"))  # fmt: skip
        if path == "" or path.endswith(".cgi"):
            return self._answer_legacy_login(request, path)
        if self.is_legacy and "X-XSRF-Token" not in request.headers:
            return Answer(400, "Missing XSRF Token", (("Set-Cookie", f"xsrf-token={XSRF}"),), b"")
        if not self.is_legacy and "Authorization" not in request.headers:
            return Answer(401, "Unauthorized", (("WWW-Authenticate", "Bearer"),), b"")
        key = f"{request.method} {generalise(path.removeprefix('api/v1/'))}"
        if key.endswith("/log") and any(sent.path.endswith("/run") for sent in self.requests):
            return self._give(key, [self.row, *self.good.get(key, [])])
        return self._give(key, self.good.get(key))

    def _answer_legacy_login(self, request: Request, path: str) -> Answer:
        xsrf = ("Set-Cookie", f"xsrf-token={XSRF}; path=/")
        if path == "":
            is_in = SESSION in request.headers.get("Cookie", "")
            return Answer(200 if is_in else 302, "", (xsrf, ("Location", "login.html")), b"")
        if path == "login.cgi" and b"get-nonce" in (request.body or b""):
            nonce = {"Status": "OK", "Nonce": "+njYroVtM9iwDGCoI9VBMg==", "Salt": "A+TGXYlZHAHoI+KUu4Y1YA=="}
            return self._give("POST login.cgi", nonce, ("Set-Cookie", "session-nonce=abc%3D"))
        return self._give("POST login.cgi", {"Status": "OK"}, ("Set-Cookie", f"session-auth={SESSION}; path=/"))

    def _give(self, key: str, good: Any, *headers: tuple[str, str]) -> Answer:
        if good is None:
            return Answer(404, "Not Found", (), b'{"Error": "Not found"}')
        found = self.change(key, good)
        if isinstance(found, errors.DuplicatiClientError):
            raise found
        if isinstance(found, Answer):
            return found
        content = found if isinstance(found, bytes) else write(found)
        return Answer(200, "OK", (("Content-Type", "application/json"), *headers), content)

    def open_socket(self, deadline_seconds: float) -> socket.socket:
        raise errors.NotSupported("no socket here")

    def close(self) -> None:
        """Nothing is held."""


def serve(server: Spoilt, speak: Callable[[Peer], None] | None = None) -> Callable[[Peer], None]:
    """Give what a spoilt server answers over a real socket; `speak` says what comes over a WebSocket."""

    def handle(peer: Peer) -> None:
        while True:
            head, body = peer.read_request()
            if not head:
                return
            lines = [line.partition(": ") for line in head.split("\r\n")[1:]]
            headers = {name: value for name, _, value in lines}
            method, target, _ = head.split("\r\n")[0].split(" ")
            if "Upgrade" in headers:
                if speak is not None:
                    peer.send(_accept(headers["Sec-WebSocket-Key"]))
                    speak(peer)
                return
            found = server.send(Request(method, target.lstrip("/"), headers, body))
            told = "".join(f"{name}: {value}\r\n" for name, value in found.headers)
            peer.send(message(found.body, status=f"{found.status} {found.reason}", headers=told))

    return handle


def _accept(key: str) -> bytes:
    digest = hashlib.sha1(f"{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode(), usedforsecurity=False).digest()
    told = base64.b64encode(digest).decode()
    lines = ("HTTP/1.1 101 Switching", "Upgrade: websocket", "Connection: Upgrade", f"Sec-WebSocket-Accept: {told}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def frame(payload: bytes, opcode: int = 1) -> bytes:
    """Write a WebSocket message."""
    return bytes([0x80 | opcode, 127]) + len(payload).to_bytes(8, "big") + payload


def write(value: Any) -> bytes:
    """Write JSON, infinite numbers as a number too large for any."""
    return json.dumps(value).replace("Infinity", "1e999").encode()


class Ended(NamedTuple):
    """What a command did."""

    status: int
    stdout: str
    stderr: str


class Stream(io.StringIO):
    """A stream that says whether it is a terminal."""

    def __init__(self, text: str = "", *, is_terminal: bool = False) -> None:
        super().__init__(text)
        self._is_terminal = is_terminal

    def isatty(self) -> bool:
        return self._is_terminal


class Person:
    """Types commands in a home of their own; `transport` stands for the server, None for a real socket."""

    def __init__(self, home: Path, transport: Any = None) -> None:
        self.home = home
        self.transport = transport

    def run(self, *words: str, is_terminal: bool = False, **environ: str) -> Ended:
        stdout, stderr = Stream(is_terminal=is_terminal), Stream(is_terminal=is_terminal)
        told = {"HOME": str(self.home), "COLUMNS": "80", "TERM": "xterm", **environ}
        console = Console(Stream(), stdout, stderr, told)
        make = (lambda url, settings: self.transport) if self.transport is not None else None
        status = main(words, Process(told, console, _refuse_to_type, make, lambda seconds: None))
        return Ended(status, stdout.getvalue(), stderr.getvalue())

    def log_in(self, url: str = URL) -> Ended:
        return self.run("login", url, "--name", "s", DUPLICATI_CLIENT_PASSWORD=PASSWORD)

    @property
    def session(self) -> dict[str, Any] | None:
        """What is stored of the session."""
        file = self.home / ".local" / "state" / "duplicati-client" / "sessions" / "s.json"
        return json.loads(file.read_text()) if file.exists() else None


def _refuse_to_type(prompt: str) -> str:
    raise AssertionError(f"nobody should be asked: {prompt}")
