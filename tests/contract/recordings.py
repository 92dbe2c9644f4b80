"""Read the recordings of real servers line by line, in the order in which they happened; knows nothing of outcomes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs

FOLDER = Path(__file__).resolve().parent.parent / "recordings"
RELEASES = ("2.0.8.1", "2.1.0.5", "2.2.0.3", "2.3.0.4", "2.3.1.0")


class Entry(NamedTuple):
    """One line: an exchange, a poll whose answer changed, or a note.

    `answer` is the decoded JSON or None; `at` is in seconds since 1970, whole where only the `Date` header tells.
    """

    release: str
    file: str
    seq: int
    note: str
    method: str | None
    path: str
    status: int | None
    body: Any
    answer: Any
    at: float | None
    raw: dict[str, Any]

    @property
    def where(self) -> str:
        """Cite this line as the documentation does, such as `2.3.1.0 outcomes:475`."""
        return f"{self.release} {self.file}:{self.seq}"

    @property
    def is_exchange(self) -> bool:
        return "request" in self.raw


def read_file(release: str, file: str) -> list[Entry]:
    """Read one recording, such as `read_file("2.3.1.0", "outcomes")`."""
    lines = (FOLDER / release / f"{file}.jsonl").read_text(encoding="utf-8").splitlines()
    return [_entry(release, file, json.loads(line)) for line in lines]


def files(release: str) -> list[str]:
    """Name the recordings of a release, sorted by name."""
    return sorted(path.stem for path in (FOLDER / release).glob("*.jsonl"))


@cache
def read_release(release: str) -> tuple[Entry, ...]:
    """Read all recordings of a release, one file after the other, in the order of their first moments."""
    recorded = [read_file(release, file) for file in files(release)]
    recorded.sort(key=lambda entries: (min(entry.at for entry in entries if entry.at), entries[0].seq))
    return tuple(entry for entries in recorded for entry in entries)


def websocket_messages(entry: Entry) -> Iterator[dict[str, Any]]:
    """Give the objects that a recorded socket received, in order."""
    for item in entry.raw.get("log", ()):
        if isinstance(item.get("received"), dict):
            yield item["received"]


def _entry(release: str, file: str, raw: dict[str, Any]) -> Entry:
    request = raw.get("request") or {}
    response = raw.get("response") or {}
    return Entry(
        release=release,
        file=file,
        seq=raw["seq"],
        note=raw.get("note", ""),
        method=request.get("method"),
        path=request.get("path") or raw.get("path", ""),
        status=response.get("status", raw.get("status")),
        body=_sent(request.get("body")),
        answer=_content(response.get("body")) if request else raw.get("json_newest", raw.get("json")),
        at=raw.get("at") or _date(response),
        raw=raw,
    )


def _sent(body: Any) -> Any:
    """Decode what the client sent: JSON, or JSON in the form field `data`, else as it is."""
    if not isinstance(body, str):
        return body
    try:
        return json.loads(parse_qs(body).get("data", [body])[0])
    except ValueError:
        return body


def _content(body: Any) -> Any:
    return body.get("json") if isinstance(body, dict) else None


def _date(response: dict[str, Any]) -> float | None:
    for name, value in response.get("headers", ()):
        if name.lower() == "date":
            return parsedate_to_datetime(value).timestamp()
    return None
