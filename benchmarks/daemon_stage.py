"""A real daemon as a process between a task server and a Duplicati server, and what /proc tells of it."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.measuring import PROGRAM, private_home

PATIENCE_SECONDS = 60.0
PASSWORD = "correct-horse-battery"
_POLL_SECONDS = 0.02


class Setting(NamedTuple):
    """What is written into a daemon's configuration; what is None stays as the daemon has it."""

    task_server_url: str
    server_url: str
    password: str = PASSWORD
    poll_seconds: int | None = 1
    in_flight_count: int | None = None
    servers_count: int = 1


class DaemonProcess(NamedTuple):
    """A running daemon, its state folder, and the file with the lines that it tells."""

    process: subprocess.Popen[bytes]
    state_folder: Path
    log: Path

    @property
    def is_alive(self) -> bool:
        """Say whether it still runs."""
        return self.process.poll() is None

    def read_peak_mebibytes(self) -> float:
        """Return the most memory that it ever had resident."""
        return read_peak_mebibytes(self.process.pid)

    def read_processor_seconds(self) -> float:
        """Return what its threads that live have used of the processor, in finer steps than those of the clock."""
        threads = Path(f"/proc/{self.process.pid}/task").iterdir()
        return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e9

    def wait_until(self, holds: Callable[[], Any], what: str, seconds: float = PATIENCE_SECONDS) -> Any:
        """Wait until something is true and return it; raises `TimeoutError` with what the daemon told."""
        ends_at = time.monotonic() + seconds
        while not (found := holds()):
            if time.monotonic() > ends_at or not self.is_alive:
                raise TimeoutError(
                    f"waited {seconds:.0f} s in vain for {what}; the daemon told:\n{self.read_log()[-2000:]}"
                )
            time.sleep(_POLL_SECONDS)
        return found

    def stop(self) -> float:
        """End it by SIGTERM; return the seconds until it was gone."""
        asked_at = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(PATIENCE_SECONDS)
        return time.monotonic() - asked_at

    def read_log(self) -> str:
        """Return the lines that it told."""
        return self.log.read_text(encoding="utf-8", errors="replace")


def has_proc() -> bool:
    """Say whether this system tells of processes in /proc; what is measured by it is measured on Linux only."""
    return Path("/proc/self/status").exists()


def read_peak_mebibytes(process_id: int | str = "self") -> float:
    """Return the most memory that a process ever had resident."""
    lines = Path(f"/proc/{process_id}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024


def write_configuration(folder: Path, setting: Setting) -> Path:
    """Write a daemon's configuration and its password file; return its path."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    password = folder / "password"
    password.write_text(setting.password + "\n")
    password.chmod(0o600)
    lines = ['name = "bench"', 'state_folder = "state"']
    lines += [] if setting.poll_seconds is None else [f"poll_seconds = {setting.poll_seconds}"]
    lines += ["[task_server]", f'url = "{setting.task_server_url}"']
    for number in range(setting.servers_count):
        lines += [f"[servers.main{number or ''}]", f'url = "{setting.server_url}"', 'password_file = "password"']
    lines += [] if setting.in_flight_count is None else ["[limits]", f"in_flight = {setting.in_flight_count}"]
    path = folder / "daemon.toml"
    path.write_text("\n".join([*lines, "[policy]", 'preset = "full"', ""]))
    return path


@contextmanager
def daemon_process(config: Path) -> Iterator[DaemonProcess]:
    """Run `duplicati daemon run` until the block ends; it has a folder for itself."""
    log, state_folder = config.parent / "log", config.parent / "state"
    command = [PROGRAM, "daemon", "run", "--config", str(config)]
    with private_home() as environment, log.open("ab") as told:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=told, stderr=told, env=environment, cwd=config.parent
        )
        try:
            yield DaemonProcess(process, state_folder, log)
        finally:
            process.kill()
            process.wait()
