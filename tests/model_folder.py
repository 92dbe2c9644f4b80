"""A state folder in memory on a disk that can lose its power: what was not synced is lost, torn, reordered, or there.

    disk = ModelDisk(seed=7)
    journal = Journal(disk.mount())               # a `Folder` like that on the disk
    disk.cut_at = disk.operations_count + 3       # the power fails instead of the third operation from now on
    disk.cut_at_durable = disk.durable_count + 3  # or of the third of those that make something durable
    ...                                           # `PowerCut` comes out of it, and out of every later operation
    for image in disk.images(limit=50):           # what may be on the disk when the power is back
        journal = Journal(ModelDisk(image.files).mount())

What it promises is what POSIX does, and no more. A file's bytes are sure once `sync` has returned; before, any of its
blocks may be there (the others read as zeros), at any length. A name is sure once the folder was synced; before, any of
the changes may have happened without the others, each as a whole. After a sync of a file that failed nothing is known
of what was to be synced, and no later sync makes it sure; one of the folder may be tried again, for a file system that
cannot keep its names stops altogether.

`fault` lets operations fail by plan, `capacity_bytes` ends the room. `fired` counts what went wrong, by kind.
"""

from __future__ import annotations

import errno
import os
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from itertools import product
from typing import NamedTuple

# Faults may strike at each operation, and the power may fail at each that changes something.
CHANGES = ("make", "append", "allocate", "sync", "unlink", "replace", "sync_names")
OPERATIONS = (*CHANGES, "open", "read")
# Before these the most is not sure; a power cut in between leaves nothing that one here cannot leave.
DURABLE = ("sync", "sync_names")
BLOCK_BYTES = 64
_ENDLESS_BYTES = 1 << 40
_EXHAUSTIVE_COUNT = 10
_ZEROS_BYTES_MIN = 4096


class PowerCut(BaseException):
    """The machine has no power. No `Exception`, so that nothing goes on as if a file could not be written."""


class Image(NamedTuple):
    """What a disk may hold when the power is back; `kinds` names what happened to it."""

    files: Mapping[str, bytes]
    kinds: frozenset[str]


class Fault:
    """Lets operations fail with an error: from the `nth` from now, `times` times (None: for ever).

    `operation` is one of them, or `write` for all but `read`, or `any`; `name` is that of the file, None for all.
    """

    def __init__(self, operation: str, number: int, nth: int = 1, times: int | None = 1, name: str | None = None):
        assert operation in {*OPERATIONS, "any", "write"}, operation
        self.operation, self.number, self.name = operation, number, name
        self.fired_count = 0
        self._waits, self._left = nth - 1, times

    def strikes(self, operation: str, name: str) -> bool:
        is_meant = self.operation in (operation, "any") or (self.operation == "write" and operation != "read")
        if not is_meant or self._left == 0 or self.name not in (None, name):
            return False
        if self._waits:
            self._waits -= 1
            return False
        self._left = self._left if self._left is None else self._left - 1
        self.fired_count += 1
        return True

    def end(self) -> None:
        """Let it strike no more."""
        self._left = 0


class _Extent:
    """Bytes that were written and are not sure."""

    def __init__(self, offset_bytes: int, data: bytes) -> None:
        self.offset_bytes, self.data = offset_bytes, data
        self.is_given_up = False


class _File:
    """A file: as it reads now, and what of it is sure."""

    def __init__(self, content: bytes = b"") -> None:
        self.live = bytearray(content)
        self.sure = bytearray(content)
        self.extents: list[_Extent] = []
        self.reserved_bytes = self.sure_reserved_bytes = 0
        if len(content) >= _ZEROS_BYTES_MIN and content == _zeros(len(content)):
            self.live, self.sure = bytearray(), bytearray()
            self.reserved_bytes = self.sure_reserved_bytes = len(content)

    @property
    def size_bytes(self) -> int:
        return max(len(self.live), self.reserved_bytes)

    def read(self) -> bytes:
        return bytes(self.live) or _zeros(self.reserved_bytes)

    def append(self, data: bytes) -> None:
        self.extents.append(_Extent(len(self.live), data))
        self.live += data

    def sync(self) -> None:
        for extent in self.extents:
            if not extent.is_given_up:
                _put(self.sure, extent.offset_bytes, extent.data)
        self.extents = [extent for extent in self.extents if extent.is_given_up]
        self.sure_reserved_bytes = self.reserved_bytes

    def give_up(self) -> None:
        for extent in self.extents:
            extent.is_given_up = True

    def blocks(self, size_bytes: int) -> list[tuple[int, bytes]]:
        """Return what is not sure, in pieces that arrive as a whole or not at all."""
        pieces = []
        for extent in self.extents:
            at, end = extent.offset_bytes, extent.offset_bytes + len(extent.data)
            while at < end:
                stop = min(end, (at // size_bytes + 1) * size_bytes)
                pieces.append((at, extent.data[at - extent.offset_bytes : stop - extent.offset_bytes]))
                at = stop
        return pieces


class _Change:
    """A change of the names in the folder, in the order in which they were made."""

    def __init__(self, name: str, file: _File | None, old_name: str | None = None) -> None:
        self.name, self.file, self.old_name = name, file, old_name

    def apply(self, names: dict[str, _File]) -> None:
        if self.old_name is not None and names.get(self.old_name) is self.file:
            del names[self.old_name]
        if self.file is None:
            names.pop(self.name, None)
        else:
            names[self.name] = self.file


class ModelDisk:
    """The disk, empty or with the files of an image.

    `at_cut` is called once, by whoever meets the power cut, before `PowerCut` is raised; nobody else gets to the disk
    meanwhile, so that it may take an image and end the process, or hold all threads for ever.
    """

    def __init__(
        self,
        files: Mapping[str, bytes] | None = None,
        *,
        seed: int = 0,
        block_bytes: int = BLOCK_BYTES,
        capacity_bytes: int = _ENDLESS_BYTES,
    ) -> None:
        self.capacity_bytes = capacity_bytes
        self.operations_count = 0
        self.durable_count = 0
        self.cut_at: int | None = None
        self.cut_at_durable: int | None = None
        self.is_off = False
        self.at_cut: Callable[[], None] = lambda: None
        self.fired: Counter[str] = Counter()
        self.lock = threading.RLock()
        self._chance = random.Random(seed)
        self._block_bytes = block_bytes
        self._faults: list[Fault] = []
        self._names = {name: _File(content) for name, content in (files or {}).items()}
        self._sure_names = dict(self._names)
        self._changes: list[_Change] = []

    def mount(self) -> ModelFolder:
        """Return the folder on it, one for each process."""
        return ModelFolder(self)

    def revive(self) -> None:
        """Let it go on after `cut_at`, as if only a process had died: what it wrote is there, and still not sure."""
        self.is_off, self.cut_at, self.cut_at_durable = False, None, None

    def fault(
        self, operation: str, number: int, *, nth: int = 1, times: int | None = 1, name: str | None = None
    ) -> Fault:
        """Let operations fail with an error number, see `Fault`."""
        self._faults.append(Fault(operation, number, nth, times, name))
        return self._faults[-1]

    def files(self) -> dict[str, bytes]:
        """Return what can be read as long as the power is there."""
        return {name: file.read() for name, file in self._names.items()}

    def images(self, limit: int) -> Iterator[Image]:
        """Yield what may be there after a power cut now, each once: all of it if that is little, else a seeded choice.

        The two ends, nothing and everything of what is not sure, come first.
        """
        seen: set[tuple[tuple[str, bytes], ...]] = set()
        for image in self._choose(limit):
            content = tuple(sorted(image.files.items()))
            if content not in seen:
                seen.add(content)
                self.fired.update(image.kinds)
                yield image

    def any_image(self) -> Image:
        """Return one of them, chosen by the seed."""
        image = self._make_image(self._draw_changes(), self._draw_content)
        self.fired.update(image.kinds)
        return image

    # --- operations, for the folder ---------------------------------------------------------------------

    def step(self, operation: str, name: str) -> None:
        """Count an operation that begins; the power may fail here, or the operation."""
        self.operations_count += operation in CHANGES
        self.durable_count += operation in DURABLE
        if not self.is_off and self._is_to_cut(operation):
            self.is_off = True
            self.fired[f"power cut at {operation}"] += 1
            self.at_cut()
        if self.is_off:
            raise PowerCut
        for fault in self._faults:
            if fault.strikes(operation, name):
                self.fired[f"{operation} {errno.errorcode[fault.number]}"] += 1
                raise OSError(fault.number, os.strerror(fault.number), name)

    def _is_to_cut(self, operation: str) -> bool:
        if self.cut_at is not None and self.operations_count >= self.cut_at:
            return True
        return operation in DURABLE and self.cut_at_durable is not None and self.durable_count >= self.cut_at_durable

    def find(self, name: str) -> _File:
        if name not in self._names:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), name)
        return self._names[name]

    def names(self) -> list[str]:
        return sorted(self._names)

    def make(self, name: str) -> _File:
        self.step("make", name)
        if name in self._names:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), name)
        file = _File()
        self._change(_Change(name, file))
        return file

    def append(self, name: str, file: _File, data: bytes) -> None:
        try:
            self.step("append", name)
        except OSError:
            file.append(data[: self._chance.randint(0, len(data))])
            raise
        left = self.left_bytes()
        file.append(data[: max(0, left)])
        if len(data) > left:
            self._tell_full(name)

    def allocate(self, name: str, file: _File, size_bytes: int) -> None:
        self.step("allocate", name)
        if size_bytes > self.left_bytes():
            self._tell_full(name)
        file.reserved_bytes = size_bytes

    def sync(self, name: str, file: _File) -> None:
        try:
            self.step("sync", name)
        except OSError:
            file.give_up()
            raise
        file.sync()

    def unlink(self, name: str) -> None:
        self.step("unlink", name)
        self.find(name)
        self._change(_Change(name, None))

    def replace(self, name: str, new_name: str) -> None:
        self.step("replace", name)
        self._change(_Change(new_name, self.find(name), name))

    def sync_names(self) -> None:
        self.step("sync_names", "")
        for change in self._changes:
            change.apply(self._sure_names)
        self._changes.clear()

    def left_bytes(self) -> int:
        return self.capacity_bytes - sum(file.size_bytes for file in self._names.values())

    def _tell_full(self, name: str) -> None:
        self.fired["full"] += 1
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), name)

    def _change(self, change: _Change) -> None:
        self._changes.append(change)
        change.apply(self._names)

    # --- what is left -----------------------------------------------------------------------------------

    def _choose(self, limit: int) -> Iterator[Image]:
        yield self._make_image(set(), lambda file: (0, []))
        yield self._make_image(set(self._changes), _keep_all(self._block_bytes))
        if len(self._changes) + self._count_blocks() <= min(_EXHAUSTIVE_COUNT, limit.bit_length()):
            yield from self._choose_all()
        else:
            for _ in range(limit - 2):
                yield self._make_image(self._draw_changes(), self._draw_content)

    def _choose_all(self) -> Iterator[Image]:
        files = self._open_files()
        contents = [list(_list_contents(file, self._block_bytes)) for file in files]
        for flags in product((False, True), repeat=len(self._changes)):
            kept = {change for change, is_kept in zip(self._changes, flags, strict=True) if is_kept}
            for chosen in product(*contents):
                by_file = dict(zip(map(id, files), chosen, strict=True))
                yield self._make_image(kept, lambda file, by_file=by_file: by_file.get(id(file), (0, [])))

    def _open_files(self) -> list[_File]:
        found = {id(file): file for file in (*self._sure_names.values(), *self._names.values()) if file.extents}
        found |= {id(change.file): change.file for change in self._changes if change.file and change.file.extents}
        return list(found.values())

    def _count_blocks(self) -> int:
        return sum(len(file.blocks(self._block_bytes)) for file in self._open_files())

    def _draw_changes(self) -> set[_Change]:
        """Draw the changes of names that have happened, half the time those up to some moment."""
        if self._chance.random() < 0.5:
            return set(self._changes[: self._chance.randint(0, len(self._changes))])
        return {change for change in self._changes if self._chance.random() < 0.5}

    def _draw_content(self, file: _File) -> tuple[int, list[tuple[int, bytes]]]:
        """Draw the length of a file and those of its blocks that have arrived: none, all, its first bytes, or any."""
        size_bytes = self._chance.randint(len(file.sure), max(len(file.sure), len(file.live)))
        blocks = file.blocks(self._block_bytes)
        what = self._chance.choice(("none", "all", "first", "any"))
        if what != "any":
            return {"none": (0, []), "all": (len(file.live), blocks), "first": (size_bytes, blocks)}[what]
        return size_bytes if self._chance.random() < 0.3 else len(file.live), [
            block for block in blocks if self._chance.random() < 0.5
        ]

    def _make_image(self, kept: set[_Change], choose: Callable[[_File], tuple[int, list[tuple[int, bytes]]]]) -> Image:
        names, kinds = dict(self._sure_names), set[str]()
        for change in self._changes:
            if change in kept:
                change.apply(names)
            kinds.add("change of a name kept" if change in kept else "change of a name lost")
        files = {}
        for name, file in names.items():
            size_bytes, blocks = choose(file) if file.extents else (0, [])
            files[name] = _assemble(file, size_bytes, blocks)
            if file.extents:
                kinds.add(_name_kind(file, files[name]))
        return Image(files, frozenset(kinds))


def _keep_all(block_bytes: int) -> Callable[[_File], tuple[int, list[tuple[int, bytes]]]]:
    return lambda file: (len(file.live), file.blocks(block_bytes))


def _list_contents(file: _File, block_bytes: int) -> Iterator[tuple[int, list[tuple[int, bytes]]]]:
    """Yield every set of blocks that may have arrived, the file as long as if all had or as its last one."""
    blocks = file.blocks(block_bytes)
    for flags in product((False, True), repeat=len(blocks)):
        kept = [block for block, is_kept in zip(blocks, flags, strict=True) if is_kept]
        yield len(file.live), kept
        yield max((offset + len(data) for offset, data in kept), default=0), kept


def _assemble(file: _File, size_bytes: int, blocks: list[tuple[int, bytes]]) -> bytes:
    if file.sure_reserved_bytes:
        return _zeros(file.sure_reserved_bytes)
    content = bytearray(file.sure)
    for offset_bytes, data in blocks:
        _put(content, offset_bytes, data[: max(0, size_bytes - offset_bytes)])
    return bytes(content.ljust(size_bytes, b"\0"))


def _name_kind(file: _File, content: bytes) -> str:
    if content == file.live:
        return "unsynced bytes kept"
    if content == file.sure:
        return "unsynced bytes lost"
    return "unsynced bytes cut" if file.live.startswith(content) else "unsynced bytes torn"


@cache
def _zeros(size_bytes: int) -> bytes:
    return bytes(size_bytes)


def _put(content: bytearray, offset_bytes: int, data: bytes) -> None:
    if data:
        content.extend(bytes(max(0, offset_bytes - len(content))))
        content[offset_bytes : offset_bytes + len(data)] = data


class ModelLog:
    """A log of a model folder."""

    def __init__(self, disk: ModelDisk, name: str, file: _File) -> None:
        self._disk, self._name, self._file = disk, name, file

    def append(self, data: bytes) -> None:
        with self._disk.lock:
            self._disk.append(self._name, self._file, data)

    def sync(self) -> None:
        with self._disk.lock:
            self._disk.sync(self._name, self._file)

    def close(self) -> None: ...


class ModelFolder:
    """A folder of a model disk: the same steps in the same order as `storage.DiskFolder` takes them."""

    path = "model"

    def __init__(self, disk: ModelDisk) -> None:
        self.disk = disk
        self._sure_names: set[str] = set()

    def read(self, name: str) -> bytes | None:
        with self.disk.lock:
            self.disk.step("read", name)
            return self.disk.find(name).read() if name in self.disk.names() else None

    def read_part(self, name: str, offset_bytes: int, size_bytes: int) -> bytes:
        with self.disk.lock:
            self.disk.step("read", name)
            file = self.disk.find(name) if name in self.disk.names() else _File()
            content = file.live or _zeros(file.reserved_bytes)
            return bytes(content[offset_bytes : offset_bytes + size_bytes])

    def open_log(self, name: str) -> ModelLog:
        disk = self.disk
        with disk.lock:
            if name in disk.names():
                disk.step("open", name)
            else:
                disk.make(name)
            if name not in self._sure_names:
                disk.sync_names()
                self._sure_names.add(name)
            return ModelLog(disk, name, disk.find(name))

    def create(self, name: str, data: bytes) -> None:
        disk = self.disk
        with disk.lock:
            self.remove(name)
            file = disk.make(name)
            try:
                disk.append(name, file, data)
                disk.sync(name, file)
            except OSError:
                self._remove_if_possible(name)
                raise

    def reserve(self, name: str, size_bytes: int) -> None:
        disk = self.disk
        with disk.lock:
            self.remove(name)
            file = disk.make(name)
            try:
                disk.allocate(name, file, size_bytes)
                disk.sync(name, file)
            except OSError:
                self._remove_if_possible(name)
                raise

    def rename(self, name: str, new_name: str) -> None:
        with self.disk.lock:
            self._sure_names -= {name, new_name}
            self.disk.replace(name, new_name)
            self.disk.sync_names()
            self._sure_names.add(new_name)

    def remove(self, name: str) -> None:
        with self.disk.lock:
            self._sure_names.discard(name)
            if name in self.disk.names():
                self.disk.unlink(name)

    def names(self) -> list[str]:
        with self.disk.lock:
            self.disk.step("read", "")
            return self.disk.names()

    def room(self) -> tuple[int, int]:
        with self.disk.lock:
            self.disk.step("read", "")
            return max(0, self.disk.left_bytes()), self.disk.capacity_bytes

    def _remove_if_possible(self, name: str) -> None:
        try:
            self.remove(name)
        except OSError:
            return
