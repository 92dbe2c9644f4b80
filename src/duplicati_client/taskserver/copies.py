"""Backup and restore of a store in a folder: whole or not at all, and what was there before is never lost by it."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Final

from ..errors import CannotCreate
from .errors import CopyUnusable, PlaceUnusable, StoreFilled
from .founding import begin_epoch
from .places import NAME, Lock, make_private
from .store import copying

_BESIDE: Final = ("-wal", "-shm")
BY: Final = "restore"


def back_up(folder: str, file: str, *, may_replace: bool) -> None:
    """Copy the store of a folder into a file for its owner alone, whether or not a task server runs there.

    Raises `CopyUnusable`, or `CannotCreate`, also if there is such a file already and it may not be replaced.
    """
    place = os.path.join(folder, NAME)
    if not os.path.exists(place):
        raise CopyUnusable(f"there is no store in {folder}", hint="name its folder with --data")
    if os.path.lexists(file) and not may_replace:
        raise CannotCreate(f"{file} is there already", hint="name another file, or replace it with --force")
    with _partial(file) as partial:
        copying.copy_database(place, partial)
        try:
            give_name(partial, file, may_replace=may_replace)
        except OSError as exc:
            raise CannotCreate(f"{file} cannot be made: {exc.strerror}") from exc
        _sync_folder(os.path.dirname(os.path.abspath(file)))


def give_name(partial: str, file: str, *, may_replace: bool, link: Callable[[str, str], None] = os.link) -> None:
    """Let a file have another name too, or take the place of what has that name; raises `OSError`."""
    if may_replace:
        os.replace(partial, file)
        return
    try:
        link(partial, file)  # fails where something is, whoever made it meanwhile
    except FileExistsError:
        raise
    except OSError:  # on a file system that knows no second names
        if os.path.lexists(file):
            raise
        os.rename(partial, file)


async def restore(folder: str, file: str, *, may_replace: bool) -> str | None:
    """Put a copy in the place of a folder's store, under a new epoch; return where the one before lies now, if any.

    Raises `FolderHeld` while a task server runs there, `StoreFilled`, `CopyUnusable`, and `PlaceUnusable`,
    also for a copy that a later release made.
    """
    place = os.path.join(folder, NAME)
    lock = Lock(folder)
    try:
        if copying.has_content(place) and not may_replace:
            raise StoreFilled(f"{folder} holds a store already", hint="--force puts it aside and takes the copy")
        copying.check_database(file)
        with _partial(place) as partial:
            copying.copy_database(file, partial)
            await begin_epoch(partial, BY)
            copying.fold_in(partial)
            return _put_in_place(partial, place)
    finally:
        lock.close()


@contextmanager
def _partial(file: str) -> Iterator[str]:
    """Make an empty private file beside another one, which is gone in the end, with what SQLite put beside it."""
    partial = f"{file}.{secrets.token_hex(4)}.partial"
    try:
        make_private(partial)
    except PlaceUnusable as exc:
        raise CannotCreate(f"{file} cannot be made: {exc.message}") from exc
    try:
        yield partial
    finally:
        for name in (partial, *(partial + end for end in _BESIDE)):
            with suppress(FileNotFoundError):
                os.unlink(name)


def _put_in_place(partial: str, place: str) -> str | None:
    """Exchange the store in one step; the one before keeps a name of its own."""
    aside = None
    if os.path.exists(place):
        aside = f"{place}.before-{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}"
        with suppress(CopyUnusable):  # a damaged one goes aside as it is
            copying.fold_in(place)
        for end in _BESIDE:  # else SQLite would take them for the new one's
            if os.path.exists(place + end):
                os.replace(place + end, aside + end)
        os.link(place, aside)
    os.replace(partial, place)
    _sync_folder(os.path.dirname(place))
    return aside


def _sync_folder(folder: str) -> None:
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
