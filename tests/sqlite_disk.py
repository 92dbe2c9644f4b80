"""What SQLite asks of the disk, seen call by call: a file system of SQLite's own kind, put under all of this process.

    disk = Steps(ends_at=17)
    put_under_sqlite(disk)     # every database that is opened from now on; before any thread uses one
    disk.count                 # how many steps there were

Each write, cut and sync of a database or of its log passes the observer before it is done, and each sync after it
again. It works where Python shares the library of SQLite with the system: `is_possible`.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import os
import signal
import threading
from collections.abc import Callable
from typing import Any, Final, NamedTuple, Protocol

OK: Final = 0
NAME: Final = b"observed"

Open = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)
Write = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_int64)
Truncate = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int64)
Sync = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int)


class Vfs(ctypes.Structure):
    """The head of `sqlite3_vfs`; what follows is copied as it is."""

    _fields_ = [
        ("version", ctypes.c_int),
        ("file_bytes", ctypes.c_int),
        ("path_bytes", ctypes.c_int),
        ("next", ctypes.c_void_p),
        ("name", ctypes.c_char_p),
        ("own", ctypes.c_void_p),
        ("open", Open),
        ("rest", ctypes.c_void_p * 15),
    ]


class Methods(ctypes.Structure):
    """`sqlite3_io_methods`: what can be asked of an open file."""

    _fields_ = [
        ("version", ctypes.c_int),
        ("close", ctypes.c_void_p),
        ("read", ctypes.c_void_p),
        ("write", Write),
        ("truncate", Truncate),
        ("sync", Sync),
        ("rest", ctypes.c_void_p * 13),
    ]


class File(ctypes.Structure):
    """The head of `sqlite3_file`."""

    _fields_ = [("methods", ctypes.POINTER(Methods))]


class Observer(Protocol):
    """Sees each step, before it is done; of a sync once more after it."""

    def write(self, path: str, offset: int, data: bytes) -> None: ...
    def truncate(self, path: str, size: int) -> None: ...
    def sync(self, path: str, *, is_done: bool) -> None: ...


class Steps:
    """Counts the steps, and kills its process at the one with the number `ends_at`; 0 lets it live."""

    def __init__(self, ends_at: int = 0) -> None:
        self.count = 0
        self._ends_at = ends_at
        self._lock = threading.Lock()

    def write(self, path: str, offset: int, data: bytes) -> None:
        self._take()

    def truncate(self, path: str, size: int) -> None:
        self._take()

    def sync(self, path: str, *, is_done: bool) -> None:
        self._take()

    def _take(self) -> None:
        with self._lock:
            self.count += 1
            if self.count == self._ends_at:
                os.kill(os.getpid(), signal.SIGKILL)


class Asked(NamedTuple):
    """One step: `what` is `write`, `truncate` or `sync`, whose end it is; `data` and `at` are of the first two."""

    what: str
    path: str
    at: int = 0
    data: bytes = b""


class Record:
    """Keeps every step; a sync is kept once it is done, for until then nothing is sure."""

    def __init__(self) -> None:
        self.steps: list[Asked] = []

    def write(self, path: str, offset: int, data: bytes) -> None:
        self.steps.append(Asked("write", path, offset, data))

    def truncate(self, path: str, size: int) -> None:
        self.steps.append(Asked("truncate", path, size))

    def sync(self, path: str, *, is_done: bool) -> None:
        if is_done:
            self.steps.append(Asked("sync", path))


_kept: list[Any] = []
"""What SQLite holds pointers to."""


def _load() -> ctypes.CDLL | None:
    name = ctypes.util.find_library("sqlite3")
    return ctypes.CDLL(name) if name is not None else None


def is_possible() -> bool:
    """Say whether Python's SQLite is the system's, so that what is put under one is under the other."""
    import _sqlite3
    import sqlite3

    library = _load()
    if library is None or not getattr(_sqlite3, "__file__", None):
        return False
    library.sqlite3_libversion.restype = ctypes.c_char_p
    is_shared = "libsqlite3" in _read_maps()
    return is_shared and library.sqlite3_libversion().decode() == sqlite3.sqlite_version


def _read_maps() -> str:
    try:
        with open("/proc/self/maps", encoding="utf-8", errors="replace") as maps:
            return maps.read()
    except OSError:
        return ""


def put_under_sqlite(observer: Observer) -> Callable[[], None]:
    """Put the observer under all databases that are opened from now on; return what takes it away for later ones."""
    library = _load()
    assert library is not None
    library.sqlite3_vfs_find.restype = ctypes.POINTER(Vfs)
    library.sqlite3_vfs_find.argtypes = [ctypes.c_char_p]
    library.sqlite3_vfs_register.argtypes = [ctypes.POINTER(Vfs), ctypes.c_int]
    library.sqlite3_vfs_unregister.argtypes = [ctypes.POINTER(Vfs)]
    plain = library.sqlite3_vfs_find(None).contents
    watched = Vfs()
    ctypes.memmove(ctypes.byref(watched), ctypes.byref(plain), ctypes.sizeof(Vfs))
    watched.name, watched.next = NAME, None
    watched.open = _Opening(plain.open, observer).callback
    _kept.append(watched)
    library.sqlite3_vfs_register(ctypes.byref(watched), 1)
    return lambda: library.sqlite3_vfs_unregister(ctypes.byref(watched))


class _Opening:
    """Opens as the system does, and then lets the file's methods pass by the observer."""

    def __init__(self, plain: Any, observer: Observer) -> None:
        self._plain, self._observer = plain, observer
        self._paths: dict[int, str] = {}
        self._watched: dict[int, Methods] = {}
        self.callback = Open(self._open)
        _kept.append(self)

    def _open(self, vfs: int, name: int | None, file: int, flags: int, out: int | None) -> int:
        # SQLite keeps the name's address, so that it is passed on as one.
        status = self._plain(vfs, name, file, flags, out)
        opened = File.from_address(file)
        if status == OK and opened.methods and name:
            self._paths[file] = os.fsdecode(ctypes.string_at(name))
            address = ctypes.addressof(opened.methods.contents)
            if address not in self._watched:
                self._watched[address] = self._watch(opened.methods.contents)
            opened.methods = ctypes.pointer(self._watched[address])
        return status

    def _watch(self, plain: Methods) -> Methods:
        watched = Methods()
        ctypes.memmove(ctypes.byref(watched), ctypes.byref(plain), ctypes.sizeof(Methods))

        def write(file: int, data: int, count: int, offset: int) -> int:
            self._observer.write(self._paths[file], offset, ctypes.string_at(data, count))
            return int(plain.write(file, data, count, offset))

        def truncate(file: int, size: int) -> int:
            self._observer.truncate(self._paths[file], size)
            return int(plain.truncate(file, size))

        def sync(file: int, flags: int) -> int:
            self._observer.sync(self._paths[file], is_done=False)
            status = int(plain.sync(file, flags))
            self._observer.sync(self._paths[file], is_done=True)
            return status

        watched.write, watched.truncate, watched.sync = Write(write), Truncate(truncate), Sync(sync)
        _kept.append((write, truncate, sync))
        return watched
