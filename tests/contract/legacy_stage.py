"""The world of the legacy recordings: its folders, and what was done to them between two requests."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

MEDIA_FILES = 24
MEDIA_BYTES = 1_000_000
NEW_MEDIA = re.compile(
    r"slow-run-and-queue (create|command line: run in mid-run of another)|stop-and-abort (stop\w+|abort): run"
    r"|deleting run|restart-in-mid-run (create|run again)"
)
HALF_NEW_MEDIA = re.compile(r"pause-and-resume pause in mid-run: run")


class LegacyStage:
    """The world of the legacy recordings."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._aside = root / "aside"
        self._lost = self._damaged = self._aside
        self._good = b""
        self._write("source/documents/letter.txt", b"a" * 600)
        self._write("source/documents/photos/cat.jpg", bytes(range(256)) * 1171 + b"c" * 224)
        self._write("source/documents/Füße.txt", b"12345678")

    def prepare(self, file: str, note: str) -> None:
        """Do to the world what was done before the request with this note."""
        acts: dict[str, Callable[[], None]] = {
            "run with one change": lambda: self._write("source/documents/letter.txt", b"abcdefgh"),
            "error: run": self._damage,
            "back to plain settings": lambda: self._damaged.write_bytes(self._good),
            "fatal, remote volume missing: run": self._lose,
            "fatal, destination folder missing: run": self._hide_folder,
            "success again: run": self._show_folder,
            "verify with a missing file": self._lose_index,
            "no language asked: test": lambda: (self._root / "destination/tested").mkdir(exist_ok=True),
        }
        if note in acts:
            acts[note]()
        if NEW_MEDIA.fullmatch(f"{file} {note}"):
            self._film(f"{file} {note}", MEDIA_FILES)
        if HALF_NEW_MEDIA.fullmatch(f"{file} {note}"):
            self._film(f"{file} {note}", MEDIA_FILES // 2)

    def files_in(self, folder: str) -> list[str]:
        """Name everything in a folder, sorted."""
        return sorted(str(path.relative_to(self._root / folder)) for path in (self._root / folder).rglob("*"))

    def _film(self, title: str, number_of_files: int) -> None:
        """Replace the big files by new ones."""
        for path in (self._root / "source/media").glob("*"):
            path.unlink()
        for number in range(number_of_files):
            self._write(f"source/media/clip-{number:02d}.bin", f"{title} {number}".encode().ljust(MEDIA_BYTES, b"."))

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
        self._write("source/documents/new.txt", b"1234")
        self._damaged = self._volume()
        self._good = self._damaged.read_bytes()
        middle = len(self._good) // 2
        self._damaged.write_bytes(self._good[:middle] + b"!!" + self._good[middle + 2 :])

    def _lose(self) -> None:
        self._lost = self._volume()
        self._lost.rename(self._aside)

    def _lose_index(self) -> None:
        next(self._folder().glob("*.dindex.*")).unlink()

    def _hide_folder(self) -> None:
        self._aside.rename(self._lost)
        self._folder().rename(self._root / "hidden")

    def _show_folder(self) -> None:
        if self._folder().exists():
            for path in self._folder().iterdir():
                path.unlink()
            self._folder().rmdir()
        (self._root / "hidden").rename(self._folder())
