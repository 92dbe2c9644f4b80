"""A link to a task server for tests: its state in a folder of the test, its clock turned by hand, what it told kept."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from duplicati_client.daemon.config import Way
from duplicati_client.daemon.identity import Identity
from duplicati_client.daemon.link import Link, open_transport
from duplicati_client.http import Answer, Request

START_AT = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
LEVEL_1 = ("Duplicati-Task-Protocol", "1")


class MemoryFolder:
    """As much of a state folder as an identity needs."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.is_full = False

    def read(self, name: str) -> bytes | None:
        return self.files.get(name)

    def create(self, name: str, data: bytes) -> None:
        if self.is_full:
            raise OSError(28, "No space left on device")
        self.files[name] = data

    def rename(self, name: str, new_name: str) -> None:
        self.files[new_name] = self.files.pop(name)


class Hurried:
    """A real transport with shorter deadlines; `asked_seconds` are those that were asked for."""

    def __init__(self, inner: Any, seconds: float) -> None:
        self._inner, self._seconds = inner, seconds
        self.base_url, self.headers = inner.base_url, inner.headers
        self.asked_seconds: list[float] = []
        self.asked_bytes: list[int] = []

    def send(self, request: Request) -> Answer:
        self.asked_seconds.append(request.deadline_seconds)
        self.asked_bytes.append(request.max_bytes)
        return self._inner.send(request._replace(deadline_seconds=self._seconds))

    def close(self) -> None:
        self._inner.close()


class Linked(Link):
    """A link that also tells what a test wants to look at."""

    def __init__(self, transport: Any, identity: Identity) -> None:
        self.told: list[tuple[str, str]] = []
        self.at, self.seconds = START_AT, 1000.0
        tell = lambda code, text: self.told.append((code, text))  # noqa: E731
        super().__init__(transport, identity, lambda: self.at, tell, lambda: self.seconds)

    @property
    def codes(self) -> list[str]:
        return [code for code, _ in self.told]

    def pass_time(self, **what: float) -> None:
        self.at += timedelta(**what)
        self.seconds += timedelta(**what).total_seconds()


def write_token(path: Path, token: str) -> str:
    path.write_text(token + "\n")
    path.chmod(0o600)
    return str(path)


def way_to(url: str, **what: Any) -> Way:
    return Way(**{"url": url, "ca_file": None, "pin": None, "proxy": None, "is_plain": False, **what})


def link_to(url: str, *, seconds: float = 5.0, token_file: str | None = None, **what: Any) -> Linked:
    """Make a link over real sockets, with every deadline cut to these seconds."""
    transport = Hurried(open_transport(way_to(url, **what)), seconds)
    link = Linked(transport, Identity(MemoryFolder(), url, token_file=token_file))
    _OPEN.append(link)
    return link


def close_links() -> None:
    """Close all that `link_to` has made."""
    while _OPEN:
        _OPEN.pop().close()


_OPEN: list[Linked] = []
