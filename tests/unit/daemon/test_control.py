"""The daemon's socket: for its owner alone, and no use to one who says nonsense."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

from duplicati_client.daemon.control import SOCKET, Control, ask


def test_owner_asks_and_is_answered(tmp_path: Path) -> None:
    control = Control(str(tmp_path), lambda question: {"asked": question})
    assert ask(str(tmp_path), "status") == {"asked": "status"}
    control.close()
    assert ask(str(tmp_path), "status") is None


def test_socket_is_for_its_owner_alone(tmp_path: Path) -> None:
    control = Control(str(tmp_path), lambda question: {})
    assert stat.S_IMODE(os.stat(tmp_path / SOCKET).st_mode) == 0o600
    control.close()


def test_socket_that_a_killed_daemon_has_left_is_replaced(tmp_path: Path) -> None:
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(tmp_path / SOCKET))
    left.close()
    assert ask(str(tmp_path), "status") is None
    control = Control(str(tmp_path), lambda question: {"state": "running"})
    assert ask(str(tmp_path), "status") == {"state": "running"}
    control.close()


def test_nonsense_is_not_answered_and_the_next_one_is(tmp_path: Path) -> None:
    control = Control(str(tmp_path), lambda question: {"asked": question})
    for nonsense in (b"\n", b"[]\n", b"\xff\xfe\n", b"{" * 5000 + b"\n"):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(tmp_path / SOCKET))
            connection.sendall(nonsense)
            connection.shutdown(socket.SHUT_WR)
            assert len(connection.recv(100)) < 100
    assert ask(str(tmp_path), "status") == {"asked": "status"}
    control.close()


def test_folder_with_a_very_long_path_has_a_socket_too(tmp_path: Path) -> None:
    folder = tmp_path / ("x" * 120)
    folder.mkdir()
    control = Control(str(folder), lambda question: {"asked": question})
    assert ask(str(folder), "status") == {"asked": "status"}
    control.close()
