"""Where a session is kept between two programs: in memory, or in one private file under a lock."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from threading import RLock
from typing import NamedTuple, Protocol

from ... import errors

# Longer than any renewal takes, its repeat included; whoever holds the lock longer hangs or was stopped.
_LOCK_PATIENCE_SECONDS = 60.0
_LOCK_POLL_SECONDS = 0.05
_LATEST_END = 4e9  # in the year 2096; a stored moment beyond is damage


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


class SessionStore(Protocol):
    """Keeps one session. All four may be called under `lock`, which other processes respect."""

    def load(self) -> Session | None:
        """Return what is kept, or None."""
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
        self._memory = MemorySessionStore()
        self.is_persistent = _make_private_folder(os.path.dirname(path) or ".")

    def load(self) -> Session | None:
        """Return what is kept, or None; a damaged or foreign file counts as none."""
        if not self.is_persistent:
            return self._memory.load()
        try:
            with open(self._path, encoding="utf-8") as file:
                return _read_session(json.loads(file.read(256 * 1024)))
        except (OSError, ValueError, RecursionError):
            return None

    def save(self, session: Session) -> None:
        """Keep this instead, atomically; raises `InputOutputFailed` when the disk is full. Call it under the lock."""
        if not self.is_persistent:
            self._memory.save(session)
            return
        text = json.dumps(session._asdict(), indent=1)
        temporary = f"{self._path}.new"
        try:
            with suppress(FileNotFoundError):
                os.unlink(temporary)  # left by a program that was killed while it wrote
            with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, self._path)
        except OSError as exc:
            with suppress(OSError):
                os.unlink(temporary)
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
