"""A stage for the command line: streams to read, a home of its own, and small servers behind a fake transport."""

from __future__ import annotations

import io
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from duplicati_client import errors
from duplicati_client.cli.call import Process
from duplicati_client.cli.console import Console
from duplicati_client.cli.main import main
from duplicati_client.http import Answer, Request

PASSWORD = "correct horse"
URL = "http://nas.test:8200"
_RESULT = {"MainOperation": "Backup", "ParsedResult": "Success"}
BACKUP_1_LOG = [{"ID": 1, "Timestamp": 1770000000, "Type": "Result", "Message": json.dumps(_RESULT)}]


@contextmanager
def in_zone(zone: str) -> Iterator[None]:
    """Let local times be those of a zone: tables show them, and every machine has to agree on what they are."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = zone
    time.tzset()
    try:
        yield
    finally:
        os.environ.pop("TZ")
        if before is not None:
            os.environ["TZ"] = before
        time.tzset()


class Terminal(io.StringIO):
    """A stream that says whether it is a terminal."""

    def __init__(self, text: str = "", *, is_terminal: bool = False) -> None:
        super().__init__(text)
        self._is_terminal = is_terminal

    def isatty(self) -> bool:
        return self._is_terminal


class Ended(NamedTuple):
    """What a command did."""

    status: int
    stdout: str
    stderr: str


class FakeServer:
    """A tiny modern server: it says what is in `answers`, or what a function there returns, and keeps one login."""

    def __init__(self, url: str = URL) -> None:
        self.base_url = url
        self.headers: dict[str, str] = {}
        self.requests: list[str] = []
        self.failure: errors.DuplicatiClientError | None = None
        self.is_login_alive = False
        self.can_log_out = True
        self.answers: dict[str, Any] = {
            "GET api/v1/systeminfo": {"ServerVersion": "2.3.1.0", "ServerVersionName": "2.3.1.0_stable", "Options": []},
            "GET api/v1/backups": [backup("1", "Documents"), backup("2", "Photos")],
            "GET api/v1/serverstate": {"ProgramState": "Running", "LastEventID": 4, "ProposedSchedule": []},
            "GET api/v1/notifications": [],
            "GET api/v1/tasks": [],
            "GET api/v1/serversettings": {"update-channel": "stable", "server-passphrase": "hash"},
        }
        for entry in self.answers["GET api/v1/backups"]:
            backup_id = entry["Backup"]["ID"]
            self.answers[f"GET api/v1/backup/{backup_id}"] = entry
            self.answers[f"GET api/v1/backup/{backup_id}/log"] = []
            self.answers[f"POST api/v1/backup/{backup_id}/run"] = {"Status": "OK", "ID": 10 + int(backup_id)}

    def send(self, request: Request) -> Answer:
        """Answer as release 2.3.1.0 does."""
        path = request.path.partition("?")[0]
        self.requests.append(f"{request.method} {path}")
        if self.failure is not None:
            raise self.failure
        if path.startswith("api/v1/auth/"):
            return self._answer_auth(path, json.loads(request.body or b"{}"))
        if "Authorization" not in request.headers:
            return Answer(401, "Unauthorized", (("WWW-Authenticate", "Bearer"),), b"")
        found = self.answers.get(f"{request.method} {path}")
        if found is None:
            return _json_answer(404, {"Error": "Not found", "Code": 404})
        return _json_answer(200, found() if callable(found) else found)

    def open_socket(self, deadline_seconds: float) -> Any:
        """There is none, so that events come by polling."""
        raise errors.NotSupported("no socket")

    def close(self) -> None:
        """Nothing is held."""

    def _answer_auth(self, path: str, body: dict[str, Any]) -> Answer:
        if path.endswith("refresh/logout"):
            self.is_login_alive = not self.can_log_out
            return _json_answer(200, {"success": True})
        is_right = body.get("Password") == PASSWORD if path.endswith("login") else self.is_login_alive
        if not is_right:
            return _json_answer(401, {"Error": "Failed to log in", "Code": 401})
        self.is_login_alive = True
        cookie = ("Set-Cookie", "RefreshToken_8200=r1; path=/api/v1/auth/refresh")
        return _json_answer(200, {"AccessToken": "a.b.c", "RefreshNonce": "n1"}, cookie)


def backup(backup_id: str, name: str, **metadata: str) -> dict[str, Any]:
    inner = {"ID": backup_id, "Name": name, "TargetURL": f"file:///backups/{name}", "Metadata": metadata, "Sources": []}
    return {"Backup": inner, "Schedule": None}


class Stage:
    """Runs commands in one home folder against the fake servers by address."""

    def __init__(self, home: Path, *servers: FakeServer) -> None:
        self.home = home
        self.servers = {server.base_url: server for server in servers or (FakeServer(),)}
        self.environ = {"HOME": str(home), "COLUMNS": "80", "TZ": "UTC"}
        self.typed_password: str | None = None
        self.keyring: Any = None
        self.sleep: Callable[[float], None] = lambda seconds: None

    @property
    def server(self) -> FakeServer:
        return next(iter(self.servers.values()))

    @property
    def config_file(self) -> Path:
        return self.home / ".config" / "duplicati-client" / "config.toml"

    def run(self, *words: str, stdin: str = "", is_terminal: bool = False, **environ: str) -> Ended:
        stdout, stderr = Terminal(is_terminal=is_terminal), Terminal(is_terminal=is_terminal)
        told = {**self.environ, **environ}
        console = Console(Terminal(stdin, is_terminal=is_terminal), stdout, stderr, told)
        process = Process(
            told, console, self._ask_password, lambda url, _: self.servers[url], self.sleep, self._open_keyring
        )
        status = main(words, process)
        return Ended(status, stdout.getvalue(), stderr.getvalue())

    def log_in(self, *words: str, url: str = URL) -> Ended:
        return self.run("login", url, *words, DUPLICATI_CLIENT_PASSWORD=PASSWORD)

    def _open_keyring(self) -> Any:
        assert self.keyring is not None, "nobody should open the keyring"
        return self.keyring

    def _ask_password(self, prompt: str) -> str:
        assert self.typed_password is not None, f"nobody should be asked: {prompt}"
        return self.typed_password


def _json_answer(status: int, value: Any, *headers: tuple[str, str]) -> Answer:
    kind = ("Content-Type", "application/json")
    return Answer(status, "", (kind, *headers), json.dumps(value).encode())
