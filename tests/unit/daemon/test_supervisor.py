"""What systemd hears."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from duplicati_client.daemon.supervisor import Supervisor


def test_start_life_and_end_are_told(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        supervisor = Supervisor({"NOTIFY_SOCKET": str(tmp_path / "notify")})
        supervisor.say_ready("works")
        supervisor.say_alive("works")
        supervisor.say_stopping()
        heard = [manager.recv(200) for _ in range(3)]
    assert heard == [b"READY=1\nSTATUS=works", b"WATCHDOG=1\nSTATUS=works", b"STOPPING=1"]


def test_nobody_listens_and_nothing_happens() -> None:
    Supervisor({}).say_ready("works")
    Supervisor({"NOTIFY_SOCKET": "/nowhere/at/all"}).say_stopping()


def test_watchdog_of_another_process_is_not_ours() -> None:
    assert Supervisor({"WATCHDOG_USEC": "30000000"}).watchdog_seconds == 30.0
    assert Supervisor({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}).watchdog_seconds == 30.0
    assert Supervisor({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}).watchdog_seconds is None
    assert Supervisor({"WATCHDOG_USEC": "soon"}).watchdog_seconds is None
