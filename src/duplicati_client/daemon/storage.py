"""The daemon's state folder: every file operation it needs, relative to a held descriptor, none through a link."""

from __future__ import annotations

import errno
import os
import stat
import sys
from contextlib import suppress
from datetime import datetime
from typing import Protocol

from .. import errors

_COPIES_COUNT = 5
FILE_MODE = 0o600
_FREE_SHARE = 0.05
# No such flag on Windows, where `PathFolder` does without.
_CLOSE_ON_EXEC = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOINHERIT", 0)
_FOLLOW_NOT = getattr(os, "O_NOFOLLOW", 0)
# A pipe that somebody put there would hold the daemon up for ever.
_BLOCK_NOT = getattr(os, "O_NONBLOCK", 0)
_BINARY = getattr(os, "O_BINARY", 0)
_FLAGS = _CLOSE_ON_EXEC | _FOLLOW_NOT | _BLOCK_NOT | _BINARY


class Log(Protocol):
    """A file that only grows. What was appended is kept over a power cut once `sync` has returned."""

    def append(self, data: bytes) -> None:
        """Add bytes at the end; raises `OSError`, after which part of them may be there."""

    def sync(self) -> None:
        """Make what was appended durable; raises `OSError`, after which nothing is known of what was not."""

    def close(self) -> None:
        """Let go of the file."""


class Folder(Protocol):
    """A folder of plain files by name; every method may raise `OSError`."""

    def read(self, name: str) -> bytes | None:
        """Return a file's bytes, None if there is no such file."""

    def read_part(self, name: str, offset_bytes: int, size_bytes: int) -> bytes:
        """Return some bytes of a file, fewer at its end, none if there is no such file."""

    def open_log(self, name: str) -> Log:
        """Open a file for appending, made if missing."""

    def create(self, name: str, data: bytes) -> None:
        """Write a new file, synced, in the place of any of this name; that it has this name is not durable."""

    def reserve(self, name: str, size_bytes: int) -> None:
        """Make a file that takes up room, so that removing it gives some."""

    def rename(self, name: str, new_name: str) -> None:
        """Rename a file over another, durably; where it raises, either name may be the one that stays."""

    def remove(self, name: str) -> None:
        """Remove a file if it is there."""

    def names(self) -> list[str]:
        """Return the names of all files, sorted."""

    def room(self) -> tuple[int, int]:
        """Return the bytes left for this user, and those of the whole disk."""


def write(folder: Folder, name: str, data: bytes) -> None:
    """Write a file anew, whole and durable or not at all; raises `OSError`."""
    folder.create(f"{name}.new", data)
    folder.rename(f"{name}.new", name)


def keep_copy(folder: Folder, name: str, data: bytes, at: datetime) -> str:
    """Keep what cannot be believed of a file beside it, the last few times; return the copy's name. Raises `OSError`.

    Whoever looks into it has something to look at.
    """
    stem, _, ending = name.rpartition(".")
    prefix = f"{stem}.damaged-"
    copy = f"{prefix}{at:%Y%m%dT%H%M%S}.{ending}"
    others = [known for known in folder.names() if known.startswith(prefix) and known != copy]
    for oldest in others[: max(0, len(others) - _COPIES_COUNT + 1)]:
        folder.remove(oldest)
    write(folder, copy, data)
    return copy


def open_folder(path: str) -> PathFolder:
    """Open a state folder, made if it is missing, in the way this system offers."""
    if os.open in os.supports_dir_fd and _FOLLOW_NOT:
        from .guard import check_folder, make_folder  # noqa: PLC0415 - Windows has no modes to check

        make_folder(path)
        folder = DiskFolder(path)
        check_folder(path, folder.descriptor)
        return folder
    os.makedirs(path, exist_ok=True)
    return PathFolder(path)


class DiskLog:
    """A log on the disk."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def append(self, data: bytes) -> None:
        """Write all of it; the system may take it in pieces."""
        written_bytes = os.write(self._descriptor, data)
        while written_bytes < len(data):
            written_bytes += os.write(self._descriptor, memoryview(data)[written_bytes:])

    def sync(self) -> None:
        """Wait for the disk."""
        sync_data(self._descriptor)

    def close(self) -> None:
        """Close the descriptor, once."""
        os.close(self._descriptor)


class PathFolder:
    """A folder by its path, for systems that open nothing relative to a folder; who may enter it is theirs to say."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._sure_names: set[str] = set()

    def read(self, name: str) -> bytes | None:
        """Read it whole."""
        try:
            descriptor = self.open(name, os.O_RDONLY)
        except FileNotFoundError:
            return None
        with os.fdopen(descriptor, "rb") as file:
            return file.read()

    def read_part(self, name: str, offset_bytes: int, size_bytes: int) -> bytes:
        """Read from a place on."""
        try:
            descriptor = self.open(name, os.O_RDONLY)
        except FileNotFoundError:
            return b""
        with os.fdopen(descriptor, "rb") as file:
            file.seek(offset_bytes)
            return file.read(size_bytes)

    def open_log(self, name: str) -> DiskLog:
        """Open it, and make sure that the file still has this name after a power cut.

        One that was there already may have been made, or renamed, by a process that died before it was sure.
        """
        try:
            log = DiskLog(self.open(name, os.O_WRONLY | os.O_APPEND))
        except FileNotFoundError:
            log = DiskLog(self.open(name, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL))
        if name not in self._sure_names:
            try:
                self._sync_names()
            except OSError:
                log.close()
                raise
            self._sure_names.add(name)
        return log

    def create(self, name: str, data: bytes) -> None:
        """Write and sync; what is left of a failed attempt is removed."""
        self.remove(name)
        log = DiskLog(self.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
        try:
            log.append(data)
            log.sync()
        except OSError:
            with suppress(OSError):
                self.remove(name)
            raise
        finally:
            log.close()

    def reserve(self, name: str, size_bytes: int) -> None:
        """Allocate; random bytes where the system cannot, because zeros may be stored as nothing."""
        self.remove(name)
        descriptor = self.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        try:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(descriptor, 0, size_bytes)
            else:
                DiskLog(descriptor).append(os.urandom(size_bytes))
            os.fsync(descriptor)
        except OSError:
            with suppress(OSError):
                self.remove(name)
            raise
        finally:
            os.close(descriptor)

    def rename(self, name: str, new_name: str) -> None:
        """Replace, then sync the folder, without which the old name may come back."""
        self._sure_names -= {name, new_name}
        self._replace(name, new_name)
        self._sync_names()
        self._sure_names.add(new_name)

    def remove(self, name: str) -> None:
        """Unlink it."""
        self._sure_names.discard(name)
        with suppress(FileNotFoundError):
            self._unlink(name)

    def names(self) -> list[str]:
        """List the folder."""
        return sorted(os.listdir(self.path))

    def room(self) -> tuple[int, int]:
        """Ask the file system."""
        import shutil  # noqa: PLC0415 - only where there is no statvfs

        usage = shutil.disk_usage(self.path)
        return usage.free, usage.total

    def open(self, name: str, flags: int) -> int:
        """Open a file, never through a link and never kept open in children; made with a mode for its owner alone."""
        return os.open(os.path.join(self.path, name), flags | _FLAGS, FILE_MODE)

    def _unlink(self, name: str) -> None:
        os.unlink(os.path.join(self.path, name))

    def _replace(self, name: str, new_name: str) -> None:
        os.replace(os.path.join(self.path, name), os.path.join(self.path, new_name))

    def _sync_names(self) -> None:
        """Do nothing: a system without descriptors of folders syncs their names itself, or never."""


class DiskFolder(PathFolder):
    """A folder on the disk, held open: renaming a folder above it leads nobody elsewhere."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.descriptor = _open_without_links(path)

    def close(self) -> None:
        """Let go of the folder."""
        os.close(self.descriptor)

    def names(self) -> list[str]:
        """List what the descriptor holds, whatever lies at the path meanwhile."""
        return sorted(os.listdir(self.descriptor))

    def room(self) -> tuple[int, int]:
        """Ask the file system for what a user other than root may take."""
        disk = os.fstatvfs(self.descriptor)
        return disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize

    def open(self, name: str, flags: int) -> int:
        """Open it relative to the folder; raises `ConfigurationInvalid` for what is no plain file of one name."""
        try:
            descriptor = os.open(name, flags | _FLAGS, FILE_MODE, dir_fd=self.descriptor)
        except OSError as exc:
            if exc.errno == errno.ELOOP:
                raise _not_plain(f"{self.path}/{name}") from exc
            raise
        found = os.fstat(descriptor)
        # A second name, for a file that only this user may write, is somebody's way to have it changed or kept.
        if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
            os.close(descriptor)
            raise _not_plain(f"{self.path}/{name}")
        return descriptor

    def _unlink(self, name: str) -> None:
        os.unlink(name, dir_fd=self.descriptor)

    def _replace(self, name: str, new_name: str) -> None:
        os.replace(name, new_name, src_dir_fd=self.descriptor, dst_dir_fd=self.descriptor)

    def _sync_names(self) -> None:
        os.fsync(self.descriptor)


def sync_data(descriptor: int) -> None:
    """Wait until a file's bytes and size are on the disk, its times need not be."""
    if sys.platform == "darwin":
        import fcntl  # noqa: PLC0415 - there fsync waits for the drive's cache only if asked in this way

        fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
    elif hasattr(os, "fdatasync"):
        os.fdatasync(descriptor)
    else:
        os.fsync(descriptor)


def describe_at_start(exc: Exception) -> errors.DuplicatiClientError:
    """Return what an `OSError`, or what was made of one, means for a start.

    A read-only disk stays so until its owner does something: a start that is tried again would be none the wiser.
    """
    cause = exc if isinstance(exc, OSError) else exc.__cause__
    told = cause.strerror or cause if isinstance(cause, OSError) else exc
    if isinstance(cause, OSError) and cause.errno == errno.EROFS:
        hint = "mount its disk for writing, or let state_folder name another place"
        return errors.ConfigurationInvalid(f"the state folder cannot be written: {told}", hint=hint)
    return errors.InputOutputFailed(f"the state folder cannot be used: {told}")


def _open_without_links(path: str) -> int:
    try:
        return os.open(path, os.O_RDONLY | os.O_DIRECTORY | _CLOSE_ON_EXEC | _FOLLOW_NOT)
    except OSError as exc:
        if exc.errno in (errno.ELOOP, errno.ENOTDIR):
            raise errors.ConfigurationInvalid(f"{path} is no folder", hint="a link will not do either") from exc
        raise errors.ConfigurationInvalid(f"the state folder {path} cannot be opened: {exc.strerror}") from exc


def _not_plain(path: str) -> errors.ConfigurationInvalid:
    return errors.ConfigurationInvalid(
        f"{path} is a link or no plain file, and nothing in this folder may be", hint="look at it, then remove it"
    )


def find_floor(total_bytes: int, floor_bytes: int) -> int:
    """Return how many bytes of a disk have to be free for new work: the owner's number, or a part of a large disk.

    0 if the owner wants no such limit.
    """
    return max(floor_bytes, int(total_bytes * _FREE_SHARE)) if floor_bytes > 0 else 0
