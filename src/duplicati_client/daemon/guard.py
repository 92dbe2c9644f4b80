"""Who may touch the state folder: its owner, its modes, those of the folders above, and one daemon at a time."""

from __future__ import annotations

import errno
import os
import stat
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from .. import errors
from .storage import describe_at_start

if TYPE_CHECKING:
    from .storage import PathFolder

_FOLDER_MODE = 0o700
_LOCK = "lock"
_HOLDER_BYTES = 400
# Beyond what is ever written: Windows lets nobody read what is locked.
_LOCKED_AT_BYTES = 1 << 30


class Held(errors.Busy):
    """Another daemon has the state folder."""

    code = "state-held"
    default_hint = "one daemon a state folder: stop that one, or give this one a folder of its own"


def make_folder(path: str) -> None:
    """Make a state folder for this user alone; those above it as everybody makes them."""
    try:
        os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
        os.mkdir(path, _FOLDER_MODE)
    except FileExistsError:
        return
    except OSError as exc:
        raise errors.ConfigurationInvalid(
            f"the state folder {path} cannot be made: {exc.strerror}",
            hint="let state_folder name a place that the user who runs this can write to",
        ) from exc


def check_folder(path: str, descriptor: int) -> None:
    """Raise `ConfigurationInvalid` unless only this user can read, write or exchange an open folder."""
    found = os.fstat(descriptor)
    if found.st_uid != os.geteuid():
        raise errors.ConfigurationInvalid(
            f"the state folder {path} belongs to user {found.st_uid}, and this is run by user {os.geteuid()}",
            hint="run it as its owner, or give the folder to this user with chown",
        )
    if stat.S_IMODE(found.st_mode) & 0o077:
        raise errors.ConfigurationInvalid(
            f"others may enter the state folder {path} (mode {stat.S_IMODE(found.st_mode):04o})",
            hint=f"chmod 700 {path}",
        )
    check_parents(path)


def check_parents(path: str) -> None:
    """Raise `ConfigurationInvalid` if somebody else could put another file or folder in the place of this one."""
    for start in {os.path.abspath(path), os.path.realpath(path)}:
        parent = os.path.dirname(start)
        while True:
            if not _is_kept(os.stat(parent)):
                raise errors.ConfigurationInvalid(
                    f"others may write to {parent}, and so exchange {path}",
                    hint=f"chmod go-w {parent}, or choose a place that only you and root can write to",
                )
            if parent == os.path.dirname(parent):
                break
            parent = os.path.dirname(parent)


def _is_kept(folder: os.stat_result) -> bool:
    """Say whether nobody but root and this user can exchange what this user has in a folder."""
    if folder.st_uid not in (0, os.geteuid()):
        return False
    if folder.st_mode & stat.S_ISVTX:
        return True
    is_closed_to_others = not folder.st_mode & stat.S_IWOTH
    return is_closed_to_others and (not folder.st_mode & stat.S_IWGRP or _is_own_group(folder.st_gid))


def _is_own_group(group_id: int) -> bool:
    """Say whether a group holds this user alone: some systems give each user one, and let it write everywhere."""
    if sys.platform == "win32":
        return False
    import grp  # noqa: PLC0415 - few systems have folders that a group may write to
    import pwd  # noqa: PLC0415

    try:
        group, user = grp.getgrgid(group_id), pwd.getpwuid(os.geteuid())
    except KeyError:
        return False
    return user.pw_gid == group_id and group.gr_name == user.pw_name and not set(group.gr_mem) - {user.pw_name}


class Lock:
    """One daemon a folder, for as long as the process lives; a crash lets go of it."""

    def __init__(self, folder: PathFolder, holder: str) -> None:
        """Take it, or raise `Held` with what the other one wrote about itself, or what `describe_at_start` returns."""
        try:
            self._descriptor = folder.open(_LOCK, os.O_RDWR | os.O_CREAT)
        except OSError as exc:
            raise describe_at_start(exc) from exc
        if not _try_to_lock(self._descriptor):
            other = os.read(self._descriptor, _HOLDER_BYTES).decode("ascii", "replace").strip()
            os.close(self._descriptor)
            shown = "".join(character if character.isprintable() else "?" for character in other)
            raise Held(f"another daemon has the state folder {folder.path}: {shown or 'it does not say which'}")
        with suppress(OSError):  # a full disk has no room for it, and it is only for people
            os.ftruncate(self._descriptor, 0)
            os.write(self._descriptor, f"{holder}\n".encode("ascii", "replace")[:_HOLDER_BYTES])

    def close(self) -> None:
        """Let another one have it."""
        os.close(self._descriptor)


def _try_to_lock(descriptor: int) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt  # noqa: PLC0415 - Windows only

            os.lseek(descriptor, _LOCKED_AT_BYTES, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
            os.lseek(descriptor, 0, os.SEEK_SET)
        else:
            import fcntl  # noqa: PLC0415 - not on Windows

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as exc:
        if exc.errno in (errno.EWOULDBLOCK, errno.EACCES, errno.EDEADLK):
            return False
        raise
    return True
