"""A task server, a Duplicati server and the configuration of a daemon between them; and what of all three is true."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from duplicati_client.sandbox.app import Handle, Options, start_in_thread
from tests.task_server import TaskServer

PASSWORD = "correct-horse"
DONE = ("Backup", "Test")
TERMINAL = ("completed", "error", "refused")
BACKUPS = range(1, 6)


class Stage:
    """Everything a daemon meets. `config` is the path of its configuration."""

    def __init__(self, folder: Path, tasks: TaskServer, server: Handle, preset: str) -> None:
        self.tasks, self.server = tasks, server
        self._folder, self._preset = folder, preset
        self._before: dict[tuple[int, str], int] = {}
        self.begin("state")

    def begin(self, state: str) -> None:
        """Forget what was counted, and give the next daemon a state folder of its own."""
        self.tasks.complaints.clear()
        self.config = write_configuration(self._folder, self.tasks.url, self.server.url, self._preset, state)
        self._before = {(backup_id, what): self._count(backup_id, what) for backup_id in BACKUPS for what in DONE}

    def count_runs(self, backup_id: int, operation: str = "Backup") -> int:
        """Return how often something was done to a backup since `begin`, by the rows of its own log."""
        return self._count(backup_id, operation) - self._before[backup_id, operation]

    def find_ends(self, task_id: Any) -> list[dict[str, Any]]:
        """Return the different terminal results that came for a task."""
        found: list[dict[str, Any]] = []
        for result in self.tasks.find_results(task_id, *TERMINAL):
            if result not in found:
                found.append(result)
        return found

    def find_wrongs(self, tasks: Mapping[Any, int | None]) -> list[str]:
        """Return what was lost, doubled or made up; `tasks` maps ids to the backups that they run, if they run one."""
        wrongs = list(self.tasks.complaints)
        expected = Counter(backup_id for backup_id in tasks.values() if backup_id is not None)
        for task_id, backup_id in tasks.items():
            ends = self.find_ends(task_id)
            if len(ends) != 1:
                wrongs.append(f"task {task_id} has {len(ends)} ends: {ends}")
            if backup_id is None:
                continue
            count = self.count_runs(backup_id)
            if count > expected[backup_id]:
                wrongs.append(f"backup {backup_id} ran {count} times")
            if not count and any(end["Status"] == "completed" for end in ends):
                wrongs.append(f"task {task_id} is said to be completed, and backup {backup_id} never ran")
        return wrongs

    def _count(self, backup_id: int, operation: str) -> int:
        rows = self.server.call(lambda: list(self.server.engine.database(str(backup_id)).rows))
        told = [str(row.get("Message", "")).replace(" ", "") for row in rows]
        return sum(f'"MainOperation":"{operation}"' in text for text in told)


@contextmanager
def stage(
    folder: Path, *, level: int = 0, version: str = "2.3.1", speed: float = 100.0, preset: str = "full"
) -> Iterator[Stage]:
    """Start both servers and write the configuration of a daemon."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    options = Options(version=version, password=PASSWORD, speed=speed)
    with TaskServer(level=level) as tasks, start_in_thread(options) as server:
        server.call(lambda: _unschedule(server))
        yield Stage(folder, tasks, server, preset)


def _unschedule(server: Handle) -> None:
    """Let no backup run by itself: its time passes quickly, and at night that would be counted as a run too many."""
    for backup in server.engine.backups.values():
        backup.schedule = None


def write_configuration(
    folder: Path, tasks_url: str, server_url: str, preset: str = "full", state: str = "state"
) -> str:
    """Write a daemon's configuration and its password file; return its path."""
    password = folder / "password"
    password.write_text(PASSWORD + "\n")
    password.chmod(0o600)
    path = folder / "daemon.toml"
    path.write_text(
        f'name = "nas"\nstate_folder = "{state}"\npoll_seconds = 1\n'
        f'[task_server]\nurl = "{tasks_url}"\n'
        f'[servers.main]\nurl = "{server_url}"\npassword_file = "password"\n'
        f'[policy]\npreset = "{preset}"\n'
    )
    return str(path)
