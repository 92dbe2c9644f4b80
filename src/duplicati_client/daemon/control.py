"""The daemon's ear for other programs of its owner: a Unix socket in the state folder; decides nothing about tasks."""

from __future__ import annotations

import json
import os
import socket
import struct
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final

SOCKET: Final = "control"
_REQUEST_BYTES = 4096
_ANSWER_BYTES = 8 * 1024 * 1024
_PATIENCE_SECONDS = 5.0

Answerer = Callable[[str], Mapping[str, Any]]


def is_supported() -> bool:
    """Say whether this system has such sockets; where not, the status file has to do."""
    return hasattr(socket, "AF_UNIX")


class Control:
    """Answers one question a connection, to this user and to root."""

    def __init__(self, folder: str, answer: Answerer) -> None:
        """Listen; raises `OSError`. Whoever calls holds the lock of the folder, so an old socket is nobody's."""
        self._path = os.path.join(folder, SOCKET)
        self._answer = answer
        with suppress(FileNotFoundError):
            os.unlink(self._path)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        before = os.umask(0o177)
        try:
            with _Near(self._path) as near:
                self._listener.bind(near)
        finally:
            os.umask(before)
        self._listener.listen(8)
        threading.Thread(target=self._serve, name="control", daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        with suppress(OSError):
            os.unlink(self._path)
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            # One after the other: nobody but the owner comes, and each gets a few seconds.
            with connection, suppress(OSError, ValueError):
                connection.settimeout(_PATIENCE_SECONDS)
                if _is_owner(connection):
                    self._serve_one(connection)

    def _serve_one(self, connection: socket.socket) -> None:
        line = connection.makefile("rb").readline(_REQUEST_BYTES)
        question = json.loads(line)
        asked = question.get("Ask") if isinstance(question, dict) else None
        connection.sendall(json.dumps(self._answer(str(asked))).encode() + b"\n")


def ask(folder: str, question: str, patience_seconds: float = _PATIENCE_SECONDS) -> dict[str, Any] | None:
    """Ask the daemon that has the state folder; None if none answers."""
    if not is_supported():
        return None
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(patience_seconds)
        try:
            with _Near(os.path.join(folder, SOCKET)) as near:
                connection.connect(near)
            connection.sendall(json.dumps({"Ask": question}).encode() + b"\n")
            answer = json.loads(connection.makefile("rb").readline(_ANSWER_BYTES))
        except (OSError, ValueError):
            return None
    return answer if isinstance(answer, dict) else None


def _is_owner(connection: socket.socket) -> bool:
    """Say whether this user or root is at the other end; where the system does not tell, the file's mode has to do."""
    option = getattr(socket, "SO_PEERCRED", None)
    if option is None:
        return True
    _, user_id, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, option, struct.calcsize("3i")))
    return user_id in (0, os.geteuid())


class _Near:
    """A name for a socket that fits its address, which holds about a hundred characters."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._folder: int | None = None

    def __enter__(self) -> str:
        if len(os.fsencode(self._path)) < 100:
            return self._path
        self._folder = os.open(os.path.dirname(self._path), os.O_RDONLY | os.O_DIRECTORY)
        return f"/proc/self/fd/{self._folder}/{os.path.basename(self._path)}"

    def __exit__(self, *_: object) -> None:
        if self._folder is not None:
            os.close(self._folder)
