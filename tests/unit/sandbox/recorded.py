"""Reads recorded exchanges for the tests of the sandbox's access, and puts the sandbox's own tokens into them."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import unquote

from duplicati_client.sandbox.web.serve import Call

RECORDINGS = Path(__file__).parents[2] / "recordings"
VOLATILE = {"Date", "ETag", "Last-Modified", "Last-modified"}


class StillClock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.speed = 1.0
        self._now = datetime(2026, 11, 24, 14, 12, 47, 250_000, UTC)

    def now(self) -> datetime:
        return self._now

    def skip(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)


def read_lines(release: str, scenario: str) -> list[dict]:
    text = (RECORDINGS / release / f"{scenario}.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def body_text(body: object) -> str:
    if body is None:
        return ""
    return body if isinstance(body, str) else json.dumps(body)


class Own:
    """Recorded secrets and what the sandbox gave in their place."""

    def __init__(self) -> None:
        self.given: dict[str, str] = {}

    def put(self, text: str) -> str:
        for recorded, own in self.given.items():
            text = text.replace(recorded, own)
        return text

    def learn(self, recorded: str, own: str) -> None:
        known = self.given.setdefault(recorded, own)
        assert known == own, f"{recorded} was another token before"


def as_call(request: dict, own: Own, body: str) -> Call:
    path, _, query = request["path"].partition("?")
    pairs = (pair.partition("=") for pair in query.split("&") if pair)
    return Call(
        method=request["method"],
        path=path,
        query={name.lower(): unquote(own.put(value)) for name, _, value in pairs},
        headers={name.lower(): own.put(value) for name, value in request["headers"].items()},
        body=own.put(body).encode(),
        host=request["headers"]["Host"],
    )


def split_answer(answer: bytes) -> tuple[str, list[tuple[str, str]], bytes]:
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    return first, [tuple(line.split(": ", 1)) for line in lines], body


def without_secrets(pairs: list, volatile: set[str] = VOLATILE) -> list[tuple[str, str]]:
    hidden = [re.sub(r"(?<=[=])[^;]*(?=; expires=(?!Thu, 01 Jan))", "*", value, count=1) for _, value in pairs]
    hidden = [re.sub(r"expires=(?!Thu, 01 Jan)[^;]*", "expires=*", value) for value in hidden]
    hidden = [re.sub(r"expired at '[^']*'", "expired at '*'", value) for value in hidden]
    return [(name, value) for (name, _), value in zip(pairs, hidden, strict=True) if name not in volatile]
