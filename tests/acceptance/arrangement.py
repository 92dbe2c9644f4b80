"""Make the backups that a script asks for on a server, under a prefix of their own, and remove them again."""

from __future__ import annotations

import os
import secrets
import shutil
import time
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from duplicati_client import Duplicati, Outcome, errors
from duplicati_client.sdk.followed import Ended

# Twenty seconds of uploading. Small volumes and one compressor keep the reading from running far ahead of it, since a
# stop that comes after the last file was read changes nothing (2.3.0.4 control-late-stop:64).
SLOW_FILES_COUNT = 100
SLOW_FILE_BYTES = 200_000
SLOW_SETTINGS = {
    "--throttle-upload": "1mb",
    "--asynchronous-upload-limit": "1",
    "--concurrency-compressors": "1",
    "dblock-size": "2mb",
}
REMOVAL_TIMEOUT_SECONDS = 180
SECRET = "acceptance-secret"
# What is taken from the destination after a first run: an index can be made anew, data cannot.
LOSSES = {"mendable": "dindex", "broken": "dblock"}

PLAIN_SETTINGS = {
    "compression-module": "zip",
    "dblock-size": "10mb",
    "encryption-module": "",
    "--no-encryption": "true",
}


class NotArrangeable(Exception):
    """This server cannot be brought into the state that a script needs; says why."""


class Arrangement:
    """One server under test: what it is, and the backups that were made there for the scripts.

    `data` is a folder that this program and the server both read and write, by the same path.
    """

    def __init__(self, server: Duplicati, data: Path | None) -> None:
        self.prefix = f"duc-acceptance-{secrets.token_hex(3)}"
        self._server = server
        self._was_paused = server.state.get().is_paused
        self._data = data / self.prefix if data else None
        self._made: list[str] = []
        self.release = server.release
        self.is_modern = server.generation == "modern"

    def require(self, needs: tuple[str, ...]) -> None:
        """Check what a script needs of the server, and here; raises NotArrangeable with the reason for skipping it."""
        for need in needs:
            kind, *words = need.split()
            if kind == "release" and not self._is_release(*words):
                raise NotArrangeable(f"is for releases {' '.join(words)}")
            if kind == "generation" and (words == ["modern"]) is not self.is_modern:
                raise NotArrangeable(f"is for the {words[0]} generation")
            if kind == "backup" and self._data is None:
                raise NotArrangeable("needs DATA, a folder that the server can read and write")
            if (kind == "backup" or need == "no pause") and self._server.state.get().is_paused:
                raise NotArrangeable("needs a server that is not paused")
            if need == "password" and not self._wants_password():
                raise NotArrangeable("needs a server with a password")
            if kind == "library" and find_spec(words[0]) is None:
                raise NotArrangeable(f"needs the library {words[0]} here")

    def make_backups(self, script: str, needs: tuple[str, ...]) -> dict[str, str]:
        """Make the backups a script needs and return its variables for them."""
        variables = {}
        for kind in [need.split()[1] for need in needs if need.split()[0] == "backup"]:
            name = f"{self.prefix}-{script}-{kind}"
            variables[f"NAME[{kind}]"] = name
            variables[f"ID[{kind}]"] = self._make_backup(kind, name)
        return variables

    def remove_backups(self) -> None:
        """Remove every backup made so far, with its data, after ending what still runs; safe to repeat."""
        if not self._was_paused:
            self._server.state.resume()
        for backup_id in list(self._made):
            self._remove_backup(backup_id)
            self._dismiss_notifications(backup_id)
            self._made.remove(backup_id)
        if self._data:
            shutil.rmtree(self._data, ignore_errors=True)

    def _wants_password(self) -> bool:
        """Say whether the server lets nobody in without one; one of 2.0 may let in everybody, with any."""
        session = self._server.session
        return session is not None and not session.is_without_password

    def _is_release(self, relation: str, release: str) -> bool:
        wanted = tuple(int(part) for part in release.split("."))
        own = self.release[: len(wanted)]
        return {">=": own >= wanted, "<": own < wanted, "=": own == wanted}[relation]

    def _make_backup(self, kind: str, name: str) -> str:
        assert self._data
        folder = self._data / name
        source, destination = folder / "source", folder / "destination"
        settings = PLAIN_SETTINGS | self._settings_for(kind, folder)
        _fill(source, slow=kind == "slow")
        destination.mkdir(parents=True)
        for shared in (self._data, folder, destination):
            shared.chmod(0o777)  # the server may run as somebody else
        if not self._is_seen(source):
            raise NotArrangeable(f"needs DATA at the same path for the server, which sees no {source}")
        query = f"?auth-username=somebody&auth-password={SECRET}" if kind == "secret" else ""
        made = self._server.backups.create(definition(name, source, destination, settings, query=query))
        self._made.append(made)
        if kind == "fatal":
            shutil.rmtree(source)
        if kind in LOSSES:
            *_, ended = self._server.follow(self._server.runs.start(made))
            if not isinstance(ended, Ended) or ended.verdict.outcome is not Outcome.SUCCESS:
                raise NotArrangeable(f"needs a first run of {name} that succeeds")
            next(destination.glob(f"*.{LOSSES[kind]}.*")).unlink()
        return made

    def _is_seen(self, folder: Path) -> bool:
        """Say whether the server has such a folder: one in a container, or with a /tmp of its own, may not."""
        path, what = "api/v1/filesystem/validate", "a look at DATA"
        fields = {"path": f"{folder.as_posix()}/"}
        try:
            if self.is_modern:
                self._server.channel.post(path, what, body=fields)
            else:
                self._server.channel.post(path, what, form=fields)
        except errors.NotFound:
            return False
        return True

    def _settings_for(self, kind: str, folder: Path) -> dict[str, str]:
        if kind == "slow":
            return SLOW_SETTINGS
        if kind == "secret":
            return {"encryption-module": "aes", "passphrase": SECRET, "--no-encryption": "false"}
        if kind == "warning":
            # What is recorded to warn: 2.1 and later outcomes, 2.0.8.1 run-outcomes:194.
            missing = {"--run-script-before": str(folder / "no-such-script")}
            return missing if self.is_modern else {"--no-such-option": "1"}
        if kind == "error":
            if os.name != "posix":
                raise NotArrangeable("needs a server on a POSIX system for a start script")
            folder.mkdir(parents=True, exist_ok=True)
            script = folder / "exits-with-4.sh"
            script.write_text("#!/bin/sh\nexit 4\n", encoding="utf-8")
            script.chmod(0o755)
            return {"--run-script-before": str(script)}
        return {}

    def _remove_backup(self, backup_id: str) -> None:
        """Ask for the removal until the server lists the backup no more: it may refuse in mid-run, or queue it."""
        deadline = time.monotonic() + REMOVAL_TIMEOUT_SECONDS
        is_asked = False
        while any(backup.backup_id == backup_id for backup in self._server.backups.list()):
            self._end_tasks(backup_id)
            if not is_asked:
                with suppress(errors.Busy, errors.NotFound):
                    self._server.backups.delete(backup_id, local_database=True)
                    is_asked = True
            if time.monotonic() > deadline:
                raise TimeoutError(f"backup {backup_id} could not be removed in {REMOVAL_TIMEOUT_SECONDS} s")
            time.sleep(0.3)

    def _dismiss_notifications(self, backup_id: str) -> None:
        for notification in self._server.notifications.list():
            if notification.backup_id == backup_id:
                with suppress(errors.DuplicatiClientError):
                    self._server.notifications.dismiss(notification.notification_id)

    def _end_tasks(self, backup_id: str) -> None:
        active = self._server.state.get().active
        if active and active.backup_id == backup_id:
            with suppress(errors.DuplicatiClientError):
                # The legacy generation goes on uploading to the end after an abort (2.0.8.1 stop-and-abort:468).
                end = self._server.tasks.abort if self.is_modern else self._server.tasks.stop
                end(active.task_id)


def definition(
    name: str, source: Path, destination: Path, settings: dict[str, str], *, query: str = ""
) -> dict[str, Any]:
    """Return a backup's definition as servers of all releases take it (recordings of `outcomes` and `run-outcomes`)."""
    backup = {
        "Name": name,
        "Description": "made by the acceptance scripts of duplicati-client",
        "Tags": [],
        "TargetURL": f"file://{destination.as_posix()}{query}",
        "Sources": [f"{source.as_posix()}/"],
        "Settings": [{"Name": key, "Value": value} for key, value in settings.items()],
        "Filters": [],
        "Metadata": {},
    }
    return {"Backup": backup, "Schedule": None}


def _fill(source: Path, *, slow: bool) -> None:
    source.mkdir(parents=True)
    source.chmod(0o755)
    for number in range(SLOW_FILES_COUNT if slow else 3):
        file = source / f"file{number}.bin"
        file.write_bytes(os.urandom(SLOW_FILE_BYTES if slow else 20_000))
        file.chmod(0o644)
