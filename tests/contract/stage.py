"""The world around a recorded server: its folders, and what was done to them between two requests."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

RECORDED_ROOT = "/srv/duplicati"
# Throttled scenarios moved megabytes; a tenth of everything tells the same story.
SCALE = 10
BIG_FILE_BYTES = 1_000_000 // SCALE


class Stage:
    """The folder that stands for `/srv/duplicati`."""

    def __init__(self, root: Path, release: str) -> None:
        self.root = root
        # Before 2.3, uploads in parallel made the recorders take twice as many files.
        slow_files = 120 if release in {"2.1.0.5", "2.2.0.3"} else 60
        self._acts: list[tuple[str, str, Callable[[str], None]]] = [
            ("backups", "empty list", lambda _: self._documents()),
            ("run", "run 2", lambda _: self._change_documents()),
            ("outcomes", "create Missing source", lambda _: self._outcomes()),
            ("outcomes", "create Blocked destination", lambda _: self._block()),
            ("outcomes", "run: remote volume missing", lambda _: self._lose_volume()),
            ("outcomes", "run: extra remote file", lambda _: self._add_foreign_volume()),
            ("outcomes", "run: remote volume damaged, same size", lambda _: self._damage_volume()),
            ("outcomes", r"run: .*(script|called off).*", self._script),
            ("outcomes", "create Odd files", lambda _: self._odd_files()),
            ("outcomes", "create Source half gone", lambda _: self._closed()),
            ("control.*", "create Slow", lambda _: self._big("slow", "big", slow_files)),
            ("control.*", "run slow again", lambda _: self._big("slow", "more", 60)),
            ("control.*", "run slow, third", lambda _: self._big("slow", "third", 30)),
            ("control.*", "create Slow four", lambda _: self._big("slow four", "big", 30)),
            ("websocket", "run", lambda _: self._again()),
            ("websocket", "create Slow for the socket", lambda _: self._big("slow for the socket", "big", 14)),
            ("extra", "run", lambda _: self._big("slow for the socket", "more", 12)),
            ("restart", "create Slow two", lambda _: self._big("slow two", "big", 40)),
            ("stop", "create Slow to stop", lambda _: self._big("slow to stop", "big", 60)),
        ]

    def prepare(self, file: str, note: str) -> None:
        """Do to the world what was done before the request with this note."""
        for in_file, pattern, act in self._acts:
            if re.fullmatch(in_file, file) and re.fullmatch(pattern, note):
                act(note)

    def _write(self, path: str, content: bytes) -> None:
        full = self.root / path
        full.parent.mkdir(parents=True, exist_ok=True)
        full.write_bytes(content)

    def _documents(self) -> None:
        self._write("source/documents/letter.txt", b"a" * 600)
        self._write("source/documents/empty.txt", b"")
        self._write("source/documents/photos/cat.jpg", bytes(range(256)) * 1171 + b"c" * 224)
        self._write("source/documents/photos/ünïcode näme.txt", b"hello")

    def _change_documents(self) -> None:
        self._write("source/documents/letter.txt", b"a" * 1140)
        self._write("source/documents/new.txt", b"new")

    def _again(self) -> None:
        self._write("source/documents/again.txt", b"again" * 3400)

    def _outcomes(self) -> None:
        for number in range(5):
            self._write(f"source/outcomes/file{number}.bin", bytes([number]) * 200_000)

    def _block(self) -> None:
        self._write("destination/blocked", b"a file, no folder")

    def _volumes(self, name: str) -> list[Path]:
        return sorted((self.root / "destination" / name).glob("*.dblock.*"))

    def _lose_volume(self) -> None:
        self._volumes("damaged")[0].unlink()

    def _add_foreign_volume(self) -> None:
        self._write(f"destination/foreign/duplicati-b{'0' * 32}.dblock.zip", b"foreign")

    def _damage_volume(self) -> None:
        volume = self._volumes("rotten")[0]
        content = bytearray(volume.read_bytes())
        content[len(content) // 2] ^= 0xFF
        volume.write_bytes(content)
        self._write("source/outcomes/file5.bin", b"f" * 100_000)

    def _script(self, note: str) -> None:
        found = re.search(r"exits? (\d)", note)
        if found:
            self._write("script.sh", f"#!/bin/sh\nexit {found[1]}\n".encode())

    def _odd_files(self) -> None:
        self._write("source/loop/a.txt", b"a")
        os.symlink(".", self.root / "source/loop/self")
        os.mkfifo(self.root / "source/loop/pipe")

    def _closed(self) -> None:
        self._write("source/closed/a.txt", b"a")
        self._write("source/closed/b.txt", b"b")

    def _big(self, folder: str, name: str, number_of_files: int) -> None:
        for number in range(number_of_files):
            head = f"{folder} {name} {number}".encode()
            self._write(f"source/{folder}/{name}{number}.bin", head.ljust(BIG_FILE_BYTES, b"."))
