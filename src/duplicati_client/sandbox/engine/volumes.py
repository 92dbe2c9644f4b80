"""Turns files into volumes: chunks new to the destination are packed, full volumes wait for the uploader."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from .database import Version
from .destination import pack
from .sources import Entry
from .timespan import read_size

if TYPE_CHECKING:
    from .work import Work

CHUNK_BYTES = 1048576
FULL_SHARE = 0.95
# The reader gets this many chunks into the next volume before it has to wait (2.3.1.0 control:35, 64).
READ_AHEAD_FILES = 3
READER = "Duplicati.Library.Main.Operation.Backup.FileBlockProcessor"
Volume = dict[str, bytes]


class Packer:
    """Fills volumes for one run and uploads them in the order they became full."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._waiting: asyncio.Queue[Volume | None] = asyncio.Queue()
        self._ahead = 0
        limit = work.options.get("asynchronous-upload-limit", "4") or "4"
        # Before 2.3 uploads went four at a time whatever the option said (2.2.0.3 control:10).
        self._ahead_limit = 4 if work.release.uploads_in_parallel else max(int(limit), 1)
        self._limit = read_size(work.options.get("dblock-size", "50mb")) or 1
        self._volume: Volume = {}
        self._size = 0
        self._new: set[str] = set()
        self.uploading: asyncio.Task[None] | None = None
        self.has_packed = False
        self.last_size = -1

    async def add(self, entry: Entry, version: Version, previous: dict[str, list[Any]]) -> None:
        """Take an entry into the version, reading a file only if it seems to have changed."""
        old = previous.get(entry.path)
        members = self._work.result.members
        if entry.kind == "d":
            members["AddedFolders"] += old is None
            version.entries[entry.path] = ["d", -1, entry.modified, []]
        elif entry.kind == "l":
            members["AddedSymlinks"] += old is None
            members["ModifiedSymlinks"] += old is not None and old[3] != [entry.link]
            version.entries[entry.path] = ["l", 0, entry.modified, [entry.link]]
        else:
            await self._add_file(entry, version, old)

    async def _add_file(self, entry: Entry, version: Version, old: list[Any] | None) -> None:
        members = self._work.result.members
        members["ExaminedFiles"] += 1
        members["SizeOfExaminedFiles"] += entry.size
        if old is not None and old[1] == entry.size and old[2] == entry.modified:
            version.entries[entry.path] = list(old)
            return
        members["OpenedFiles"] += 1
        members["SizeOfOpenedFiles"] += entry.size
        try:
            chunks = [await self._store(content) for content in _read_chunks(entry.path)]
        except OSError as failure:
            members["OpenedFiles"] -= 1
            members["SizeOfOpenedFiles"] -= entry.size
            problem = f"Access to the path '{entry.path}' is denied."
            text = f"Error while processing file: {entry.path}\n{type(failure).__name__}: {problem}"
            tag = f"{READER}-FileAccessError"
            if self._work.release.is_legacy:
                tag, text = (
                    f"{READER}.FileEntry-PathProcessingFailed",
                    f"Failed to process path: {entry.path}\n{problem}",
                )
            self._work.log("Warning", tag, text)
            return
        word = "Added" if old is None else "Modified"
        if old is None or old[3] != chunks:
            members[f"{word}Files"] += 1
            members[f"SizeOf{word}Files"] += entry.size
        version.entries[entry.path] = ["f", entry.size, entry.modified, chunks]

    async def _store(self, content: bytes) -> str:
        name = hashlib.sha256(content).hexdigest()
        if name in self._work.database.chunks or name in self._new:
            return name
        if self._volume and self._size + len(content) > self._limit:
            self._close()
        self._new.add(name)
        self._volume[name] = content
        self._size += len(content)
        if self._size > self._limit * FULL_SHARE:
            self._close()
        await self._hold_back()
        return name

    def _close(self) -> None:
        self._hand_over(self._volume)
        self._volume, self._size = {}, 0

    def _hand_over(self, volume: Volume | None) -> None:
        self.has_packed = self.has_packed or volume is not None
        self._ahead += 1
        self._waiting.put_nowait(volume)

    async def _hold_back(self) -> None:
        """Wait while the uploader is too far behind; fails if it failed."""
        read_ahead = READ_AHEAD_FILES if self._work.release.has_v2 else 0
        while self._ahead > self._ahead_limit and len(self._volume) >= read_ahead:
            if self.uploading is not None and self.uploading.done():
                self.uploading.result()
            await self._work.wait()

    def finish(self) -> None:
        """Hand over the last, not yet full volume, and the end."""
        self.last_size = self._size if self._volume else -1
        if self._volume:
            self._hand_over(self._volume)
        self._volume = {}
        self._hand_over(None)

    async def upload(self) -> None:
        """Upload volumes, several at a time, until told (None) that there are no more."""
        workers = [asyncio.create_task(self._upload()) for _ in range(self._ahead_limit)]
        try:
            await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)

    async def _upload(self) -> None:
        while (volume := await self._waiting.get()) is not None:
            if not self._work.result.members["Dryrun"]:
                await self._upload_one(volume)
            self._ahead -= 1
        # The other workers are to hear of the end too.
        self._waiting.put_nowait(None)

    async def _upload_one(self, volume: Volume) -> None:
        work = self._work
        block, index = work.destination.new_name("b"), work.destination.new_name("i")
        await work.put(block, work.destination.seal(pack(volume)))
        await work.put(index, _index_of(work, block, list(volume)))
        work.database.volumes[index]["block"] = block
        work.database.chunks |= dict.fromkeys(volume, block)
        work.database.save()

    def count_deleted(self, version: Version, previous: dict[str, list[Any]]) -> None:
        """Count what the previous version had and this one has no more."""
        members = self._work.result.members
        for path, entry in previous.items():
            if path not in version.entries:
                name = {"d": "DeletedFolders", "f": "DeletedFiles", "l": "DeletedSymlinks"}[entry[0]]
                members[name] += 1


def _index_of(work: Work, block: str, names: list[str]) -> bytes:
    listing = json.dumps({"blocks": names}).encode()
    return work.destination.seal(pack({f"vol/{block}": listing}))


async def put_index(work: Work, name: str) -> None:
    """Upload a lost index anew."""
    block = work.database.volumes[name].get("block", "")
    names = [chunk for chunk, volume in work.database.chunks.items() if volume == block]
    await work.put(name, _index_of(work, block, names))
    work.database.volumes[name]["block"] = block


def _read_chunks(path: str) -> Iterator[bytes]:
    with open(path, "rb") as file:
        while content := file.read(CHUNK_BYTES):
            yield content
