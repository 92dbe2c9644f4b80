"""Where a task server keeps its store: a folder of its own on a local disk; checked before anything is made."""

from __future__ import annotations

import os
import stat
import sys
from contextlib import suppress
from typing import Final

from .errors import FolderHeld, PlaceUnusable

NAME: Final = "task-server.db"
_LOCK: Final = "task-server.lock"
_FOLDER_MODE: Final = 0o700
_FILE_MODE: Final = 0o600
_NETWORK_FILE_SYSTEMS: Final = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "9p", "ceph", "glusterfs", "fuse.sshfs", "fuse.s3fs", "fuse.rclone"}
)


def prepare_folder(folder: str) -> str:
    """Make the folder for this user alone and return the database's path in it; raises `PlaceUnusable`."""
    try:
        _make_folder(folder)
        found = os.stat(folder)
    except OSError as exc:
        raise PlaceUnusable(f"{folder} cannot be used: {exc.strerror}", hint="name another folder with --data") from exc
    if stat.S_IMODE(found.st_mode) & 0o077 and os.name == "posix":
        raise PlaceUnusable(f"others may enter {folder}", hint=f"chmod 700 {folder}")
    kind = find_file_system(os.path.realpath(folder))
    if kind in _NETWORK_FILE_SYSTEMS:
        raise PlaceUnusable(
            f"{folder} lies on a network file system ({kind}), where SQLite loses what it was told to keep",
            hint="use a folder on a local disk, or PostgreSQL with --database",
        )
    return os.path.join(folder, NAME)


def _make_folder(folder: str) -> None:
    """Make it with its mode whatever the umask is; those above it as everybody makes them."""
    os.makedirs(os.path.dirname(os.path.abspath(folder)), exist_ok=True)
    with suppress(FileExistsError):
        os.mkdir(folder, _FOLDER_MODE)
        os.chmod(folder, _FOLDER_MODE)


def make_private(path: str) -> None:
    """Make a file that only its owner may read, or make it one; SQLite gives those beside it the same mode.

    Raises `PlaceUnusable`, also if the way to it is a link.
    """
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
    try:
        descriptor = os.open(path, flags, _FILE_MODE)
        try:
            if os.name == "posix" and stat.S_IMODE(os.fstat(descriptor).st_mode) != _FILE_MODE:
                os.fchmod(descriptor, _FILE_MODE)
        finally:
            os.close(descriptor)
    except OSError as exc:
        raise PlaceUnusable(f"{path} cannot be used: {exc.strerror}") from exc


class Lock:
    """One task server a folder, for as long as the process lives; a crash lets go of it."""

    def __init__(self, folder: str) -> None:
        """Take it; raises `FolderHeld` if somebody has it, `PlaceUnusable`."""
        path = os.path.join(folder, _LOCK)
        make_private(path)
        self._descriptor = os.open(path, os.O_RDWR | getattr(os, "O_CLOEXEC", 0))
        if not _try_to_lock(self._descriptor):
            os.close(self._descriptor)
            raise FolderHeld(f"a task server has the folder {folder}", hint="stop it first, or name another --data")

    def close(self) -> None:
        """Let another one have it."""
        os.close(self._descriptor)


def _try_to_lock(descriptor: int) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt  # noqa: PLC0415 - Windows only

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl  # noqa: PLC0415 - not on Windows

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def find_file_system(path: str, table: str = "/proc/self/mounts") -> str | None:
    """Return the kind of file system that a path lies on, None where the system does not tell."""
    best: tuple[int, str | None] = (-1, None)
    with suppress(OSError), open(table, encoding="utf-8", errors="surrogateescape") as mounts:
        for line in mounts:
            point, kind = line.split(" ")[1:3]
            point = point.encode("utf-8", "surrogateescape").decode("unicode_escape", "replace")
            is_above = path == point or path.startswith(point.rstrip("/") + "/")
            if is_above and len(point) >= best[0]:
                best = (len(point), kind)
    return best[1]
