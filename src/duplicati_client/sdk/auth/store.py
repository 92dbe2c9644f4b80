"""Where a session is kept between two programs: in memory, or in one private file under a lock."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from threading import RLock
from typing import TYPE_CHECKING, NamedTuple, Protocol

from ... import errors

if TYPE_CHECKING:
    from io import BufferedWriter

# Longer than any renewal takes, its repeat included; whoever holds the lock longer hangs or was stopped.
_LOCK_PATIENCE_SECONDS = 60.0
_LOCK_POLL_SECONDS = 0.05
_LATEST_END = 4e9  # in the year 2096; a stored moment beyond is damage
_RESERVED_BYTES = 8 * 1024  # a session of any release takes less than 2 KiB


class Session(NamedTuple):
    """What lets a program in again. Modern: tokens, cookie and nonce; legacy: `xsrf_token` and `session_token`.

    `cookie_name`, `refresh_token` and `refresh_nonce` belong together: they are only ever written as one.
    `access_ends_at` is this machine's clock in epoch seconds. `version` is the server's, remembered only until the
    next renewal: servers are upgraded while sessions live.
    """

    url: str
    generation: str
    access_token: str | None = None
    access_ends_at: float = 0.0
    cookie_name: str | None = None
    refresh_token: str | None = None
    refresh_nonce: str | None = None
    xsrf_token: str | None = None
    session_token: str | None = None
    version: str | None = None

    @property
    def is_without_password(self) -> bool:
        """Say whether the server wanted none, as one of 2.0 may: whoever reaches it is let in, nothing is to end."""
        return self.xsrf_token is not None and self.session_token is None


class SessionStore(Protocol):
    """Keeps one session. All of it may be called under `lock`, which other processes respect."""

    def load(self) -> Session | None:
        """Return what is kept, or None."""
        ...

    def reserve(self) -> None:
        """Make sure that the next `save` has room; raises `InputOutputFailed`. Called before a server is asked."""
        ...

    def save(self, session: Session) -> None:
        """Keep this instead, all of it or nothing."""
        ...

    def clear(self) -> None:
        """Forget it."""
        ...

    def lock(self) -> AbstractContextManager[object]:
        """Return a context manager: between its start and its end nobody else changes the session."""
        ...


def read_session_file(path: str) -> Session | None:
    """Return the session that a file keeps, or None; a damaged or foreign file counts as none."""
    try:
        with open(path, encoding="utf-8") as file:
            return decode_session(file.read(256 * 1024))
    except (OSError, ValueError):
        return None


def encode_session(session: Session) -> str:
    """Write a session as text; it holds secrets."""
    return json.dumps(session._asdict(), indent=1)


def decode_session(text: str) -> Session | None:
    """Read a session from text; what is damaged or foreign counts as none."""
    try:
        return _read_session(json.loads(text))
    except (ValueError, RecursionError):
        return None


def load_own(store: SessionStore, url: str, generation: str | None = None) -> Session | None:
    """Return what is kept if it belongs to this server: a token must never reach another one."""
    session = store.load()
    if session is None or session.url != url or generation not in (None, session.generation):
        return None
    return session


class MemorySessionStore:
    """Keeps a session as long as the program runs."""

    def __init__(self) -> None:
        self._session: Session | None = None
        self._lock = RLock()

    def load(self) -> Session | None:
        """Return what is kept, or None."""
        return self._session

    def reserve(self) -> None:
        """Memory has room."""

    def save(self, session: Session) -> None:
        """Keep this instead."""
        self._session = session

    def clear(self) -> None:
        """Forget it."""
        self._session = None

    def lock(self) -> AbstractContextManager[object]:
        """Return the lock, for threads."""
        return self._lock


class FileSessionStore:
    """Keeps a session in one file: written to a neighbour, synced, renamed; mode 0600; locked across processes.

    Where the folder cannot be written (`is_persistent` turns False) the session lives in memory. A stored session is
    then not used either: renewing it without being able to store the new pair would kill it for everybody (the server
    takes a second use of an old pair for theft, API reference 2.4).
    """

    def __init__(self, path: str, *, lock_patience_seconds: float = _LOCK_PATIENCE_SECONDS) -> None:
        self._path = path
        self._lock_patience_seconds = lock_patience_seconds
        self._neighbour = f"{path}.new"
        self._reserved: BufferedWriter | None = None
        self._memory = MemorySessionStore()
        self.is_persistent = _make_private_folder(os.path.dirname(path) or ".")

    def load(self) -> Session | None:
        """Return what is kept, or None; a damaged or foreign file counts as none."""
        return read_session_file(self._path) if self.is_persistent else self._memory.load()

    def reserve(self) -> None:
        """Write a neighbour that the next `save` fills in, so that a full disk is met before the server is asked.

        The answer to a renewal is the only copy of the new pair, and the old one is good for 30 s more. Where a disk
        writes changed blocks elsewhere (ZFS, Btrfs) this is a good sign and no promise.
        """
        if not self.is_persistent or self._reserved is not None:
            return
        with self._storing():
            self._reserved = self._open_neighbour()
            self._reserved.write(b" " * _RESERVED_BYTES)
            self._reserved.flush()
            os.fsync(self._reserved.fileno())
            self._reserved.seek(0)

    def save(self, session: Session) -> None:
        """Keep this instead, atomically; raises `InputOutputFailed` when the disk is full. Call it under the lock."""
        if not self.is_persistent:
            self._memory.save(session)
            return
        content = encode_session(session).encode()
        with self._storing():
            with self._reserved or self._open_neighbour() as file:
                file.write(content)
                file.truncate()
                file.flush()
                os.fsync(file.fileno())
            os.replace(self._neighbour, self._path)
            self._reserved = None

    def _open_neighbour(self) -> BufferedWriter:
        """Make the file that will take the place of the stored one: new, so that it is private and no link."""
        with suppress(FileNotFoundError):
            os.unlink(self._neighbour)  # left by a program that was killed while it wrote
        return open(os.open(self._neighbour, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")

    def _drop_neighbour(self) -> None:
        if self._reserved is not None:
            with suppress(OSError):  # what was not written out needs no room any more
                self._reserved.close()
            self._reserved = None
        with suppress(OSError):
            os.unlink(self._neighbour)

    @contextmanager
    def _storing(self) -> Iterator[None]:
        try:
            yield
        except OSError as exc:
            self._drop_neighbour()
            raise errors.InputOutputFailed(f"the session cannot be stored in {self._path}: {exc.strerror}") from exc

    def clear(self) -> None:
        """Remove the file."""
        self._memory.clear()
        with suppress(OSError):
            os.unlink(self._path)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Wait for the lock file's lock, a minute at most; without a writable folder only threads are kept apart.

        Raises `Busy` when another program does not let go of it.
        """
        if not self.is_persistent:
            with self._memory.lock():
                yield
            return
        name = f"{self._path}.lock"
        try:
            descriptor = os.open(name, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as exc:
            raise errors.InputOutputFailed(f"the session cannot be locked with {name}: {exc.strerror}") from exc
        try:
            _lock_file(descriptor, name, self._lock_patience_seconds)
            yield
        finally:
            if self._reserved is not None:
                self._drop_neighbour()
            os.close(descriptor)


def _make_private_folder(folder: str) -> bool:
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK)


def _lock_file(descriptor: int, name: str, patience_seconds: float) -> None:
    started_at = time.monotonic()
    while not _try_lock(descriptor, name):
        if time.monotonic() - started_at >= patience_seconds:
            raise errors.Busy("another program holds the session", hint=f"which one: fuser {name}")
        time.sleep(_LOCK_POLL_SECONDS)


def _try_lock(descriptor: int, name: str) -> bool:
    try:
        if os.name == "nt":
            import msvcrt  # noqa: PLC0415 - only on Windows

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
        else:
            import fcntl  # noqa: PLC0415 - not on Windows

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    except OSError as exc:
        raise errors.InputOutputFailed(f"the session cannot be locked with {name}: {exc.strerror}") from exc
    return True


def _read_session(raw: object) -> Session | None:
    if not isinstance(raw, dict) or not isinstance(raw.get("url"), str):
        return None
    known = {name: raw[name] for name in Session._fields if name in raw and isinstance(raw[name], str)}
    ends_at = raw.get("access_ends_at")
    known["access_ends_at"] = 0.0
    if isinstance(ends_at, int | float) and 0 <= ends_at < _LATEST_END:
        known["access_ends_at"] = float(ends_at)
    return Session(**known) if "generation" in known else None
