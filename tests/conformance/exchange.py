"""One HTTP exchange as the protocol has them, and a tally of what was checked; follows nothing and believes nothing."""

from __future__ import annotations

import http.client
import json
import ssl
import sys
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

BYTES_MAX = 8 * 1024 * 1024


class Answer(NamedTuple):
    """What came back; header names in small letters."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def value(self) -> Any:
        """The body as JSON; None where it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None


class Peer:
    """The other side, by its base URL."""

    def __init__(self, url: str, headers: Mapping[str, str] | None = None) -> None:
        self.url = url.rstrip("/")
        self.headers = dict(headers or {})

    def ask(self, method: str, path: str, value: Any = None, *, seconds: float = 70.0, **headers: str | None) -> Answer:
        """Send one request; a header given as None is left out, `_` in a name is a hyphen."""
        parts = urlsplit(self.url)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        options = {"context": ssl.create_default_context()} if parts.scheme == "https" else {}
        connection = kind(parts.hostname or "", parts.port, timeout=seconds, **options)
        given = {**self.headers, **{name.replace("_", "-"): text for name, text in headers.items()}}
        body = None if value is None else json.dumps(value).encode()
        if body is not None:
            given["Content-Type"] = "application/json"
        try:
            sent = {name: text for name, text in given.items() if text is not None}
            connection.request(method, f"{parts.path}/{path}", body, sent)
            answer = connection.getresponse()
            found = {name.lower(): text for name, text in answer.getheaders()}
            return Answer(answer.status, found, answer.read(BYTES_MAX))
        finally:
            connection.close()

    def report(self, task_id: Any, status: str, **members: Any) -> Answer:
        """Post a result."""
        path = f"api/tasks/{quote(str(task_id), safe='')}/result"
        return self.ask("POST", path, {"ID": task_id, "Status": status, **members})

    def list_tasks(self) -> list[Any]:
        """Return the tasks offered, in whichever of the three forms; an empty list for anything else."""
        answer = self.ask("GET", "api/tasks")
        value = answer.value if answer.status == 200 else []
        if isinstance(value, dict):
            value = value.get("Tasks", [value] if "ID" in value else [])
        return value if isinstance(value, list) else []


class Tally:
    """Counts and prints what was checked."""

    def __init__(self, write: Callable[[str], object] = sys.stdout.write) -> None:
        self.failed: list[str] = []
        self.passed_count = 0
        self._write = write

    def check(self, holds: object, rule: str, seen: object = "") -> bool:
        """Note one rule and whether it holds; `seen` is shown where it does not."""
        if holds:
            self.passed_count += 1
        else:
            self.failed.append(rule)
        self._write(
            f"{'ok    ' if holds else 'FAILED'} {rule}" + (f" - saw {seen!r}"[:200] if not holds else "") + "\n"
        )
        return bool(holds)

    def skip(self, rule: str, why: str) -> None:
        """Note that something could not be checked."""
        self._write(f"skip   {rule} - {why}\n")

    def end(self) -> int:
        """Print the sum; return 0 where every rule holds, else 1."""
        self._write(f"{self.passed_count} hold, {len(self.failed)} do not\n")
        return 1 if self.failed else 0
