"""Plays the recordings of the legacy server behind its login, which has tests of its own."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlencode

from comparison import differences
from player import Difference, Player
from stage import RECORDED_ROOT

from duplicati_client.sandbox import legacy
from duplicati_client.sandbox.serve import Call, Reply, Upgrade
from recordings import Entry

FILES = ("configuring-backups", "run-outcomes", "slow-run-and-queue", "stop-and-abort")
AFTER_THE_END = frozenset({433, 454, 455, 482, 483})
MEDIA_FILES = 24
MEDIA_BYTES = 1_000_000
NEW_MEDIA = re.compile(
    r"slow-run-and-queue (create|command line: run in mid-run of another)|stop-and-abort (stop\w+|abort): run"
)
# Before these the recorder waited for the end of what ran.
WAITING = re.compile(
    r"(task|progress|state) afterwards|state before|.*(: (get|notifications|filesets|row)|newest log row)$|.*output$"
)


class LegacyStage:
    """The world of the legacy recordings."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._aside = root / "aside"
        self._lost = self._damaged = self._aside
        self._good = b""
        self._write("source/documents/letter.txt", b"a" * 600)
        self._write("source/documents/photos/cat.jpg", bytes(range(256)) * 1171 + b"c" * 224)
        self._write("source/documents/photos/empty.txt", b"12345678")

    def prepare(self, file: str, note: str) -> None:
        """Do to the world what was done before the request with this note."""
        acts: dict[str, Callable[[], None]] = {
            "run with one change": lambda: self._write("source/documents/new.txt", b"new" * 4),
            "error: run": self._damage,
            "back to plain settings": lambda: self._damaged.write_bytes(self._good),
            "fatal, remote volume missing: run": self._lose,
            "fatal, destination folder missing: run": self._hide_folder,
            "success again: run": self._show_folder,
        }
        if note in acts:
            acts[note]()
        if NEW_MEDIA.fullmatch(f"{file} {note}"):
            for number in range(MEDIA_FILES):
                head = f"{note} {number}".encode()
                self._write(f"source/media/clip-{number:02d}.bin", head.ljust(MEDIA_BYTES, b"."))

    def _write(self, path: str, content: bytes) -> None:
        full = self._root / path
        full.parent.mkdir(parents=True, exist_ok=True)
        full.write_bytes(content)

    def _folder(self) -> Path:
        return self._root / "destination/documents"

    def _volume(self) -> Path:
        """Return the second volume, or the only one; that it is tested in the middle is as recorded."""
        oldest_first = sorted(self._folder().glob("*.dblock.*"), key=lambda path: path.stat().st_mtime_ns)
        return oldest_first[:2][-1]

    def _damage(self) -> None:
        self._write("source/documents/newer.txt", b"newer")
        self._damaged = self._volume()
        self._good = self._damaged.read_bytes()
        middle = len(self._good) // 2
        self._damaged.write_bytes(self._good[:middle] + b"!!" + self._good[middle + 2 :])

    def _lose(self) -> None:
        self._lost = self._volume()
        self._lost.rename(self._aside)

    def _hide_folder(self) -> None:
        self._aside.rename(self._lost)
        self._folder().rename(self._root / "hidden")

    def _show_folder(self) -> None:
        if self._folder().exists():
            for path in self._folder().iterdir():
                path.unlink()
            self._folder().rmdir()
        (self._root / "hidden").rename(self._folder())


class LegacyPlayer(Player):
    """A player for 2.0.8.1."""

    def __init__(self, root: Path) -> None:
        super().__init__("2.0.8.1", root)
        self._world = LegacyStage(root)
        self._content_type = ""

    def _files(self) -> list[str]:
        return list(FILES)

    def _build_gate(self) -> Callable[[Call], Awaitable[Reply | Upgrade]]:
        return legacy.Face(self.engine)

    async def _headers(self) -> dict[str, str]:
        return {"content-type": self._content_type}

    async def _play_entry(self, entry: Entry) -> None:
        if WAITING.fullmatch(entry.note) or entry.file == "configuring-backups" or entry.seq in AFTER_THE_END:
            await self._finish_all()
        if entry.note.endswith("newest log row"):
            self._compare_row(entry)
        elif entry.is_exchange and "response" in entry.raw:
            headers = {name.lower(): value for name, value in entry.raw["request"]["headers"].items()}
            self._content_type = headers.get("content-type", "")
            self._world.prepare(entry.file, entry.note)
            await super()._play_entry(entry)

    def _compare_row(self, entry: Entry) -> None:
        found = re.search(r"/backup/(\d+)/", entry.path)
        rows = self.engine.log_rows(self.names.backups[found[1] if found else ""], 10)
        # The legacy server shows no exception as null, which is the face's work.
        ours = rows[0] | {"Exception": rows[0]["Exception"] or None} if rows else None
        for text in differences(entry.raw["json_newest"][0], ours, ".row"):
            self.found.append(Difference(entry, text))

    def _sent(self, body: Any) -> bytes:
        if not isinstance(body, str):
            return super()._sent(body)
        root = str(self.stage.root)
        if body.startswith("data="):
            return urlencode({"data": parse_qs(body)["data"][0].replace(RECORDED_ROOT, root)}).encode()
        return body.replace(RECORDED_ROOT, root).replace(quote(RECORDED_ROOT, safe=""), quote(root, safe="")).encode()
