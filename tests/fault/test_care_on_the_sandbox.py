"""Verify, repair, compact and vacuum over real sockets, on backups and servers that something happened to."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from duplicati_client.outcome import Outcome
from duplicati_client.sandbox.app import Handle
from duplicati_client.sdk.activity import Progress
from duplicati_client.sdk.client import Duplicati
from duplicati_client.sdk.followed import Ended, Note, StartedTask
from tests.fault.test_runs_on_the_sandbox import client, sandbox

DOCUMENTS, MAIL = "1", "3"
BOTH = ("2.3.1", "2.0.8")


def end(server: Duplicati, started: StartedTask, meanwhile: Callable[[object], None] = lambda item: None) -> Ended:
    ended: object = None
    for item in server.follow(started):
        meanwhile(item)
        ended = item
    assert isinstance(ended, Ended)
    return ended


def set_options(handle: Handle, backup_id: str, **options: str) -> None:
    settings = handle.sandbox.engine.backups[backup_id].settings
    handle.call(lambda: settings.extend({"Name": f"--{k.replace('_', '-')}", "Value": v} for k, v in options.items()))


def volumes(handle: Handle, backup_id: str, kind: str) -> list[Path]:
    folder = handle.sandbox.engine.backups[backup_id].target_url.removeprefix("file://")
    return sorted(Path(folder).glob(f"*.{kind}.*"))


@pytest.mark.parametrize("version", ["2.3.1", "2.1", "2.0.8"])
def test_server_that_is_killed_in_the_middle_of_a_verify_leaves_it_unknown(version: str) -> None:
    notes: list[str] = []
    with sandbox(version, speed=8) as handle, client(handle) as server:
        set_options(handle, DOCUMENTS, throttle_download="200b")

        def kill_once(item: object) -> None:
            if isinstance(item, Progress) and item.phase == "Verify_Running" and not notes:
                notes.append("killed")
                handle.restart(kill=True)
            notes.extend([item.text] if isinstance(item, Note) else [])

        ended = end(server, server.maintenance.verify(DOCUMENTS), kill_once)
    assert notes[0] == "killed"
    assert ended.verdict.outcome is Outcome.UNKNOWN
    assert any("restarted" in note for note in notes)


@pytest.mark.parametrize("version", BOTH)
def test_errors_of_the_run_before_it_are_not_those_of_a_verify(version: str) -> None:
    with sandbox(version, speed=16) as handle, client(handle) as server:
        assert end(server, server.runs.start(MAIL)).verdict.outcome is Outcome.ERROR
        set_options(handle, MAIL, throttle_download="16kb")
        run, verify = server.runs.start(MAIL), server.maintenance.verify(MAIL)
        assert (run.is_absorbed, verify.is_absorbed, verify.is_behind_own_backup) == (False, False, True)
        ended = end(server, verify)
    assert ended.verdict.outcome is Outcome.SUCCESS, ended.verdict


@pytest.mark.parametrize(
    ("version", "outcome"), [("2.3.1", Outcome.FATAL), ("2.1", Outcome.ERROR), ("2.0.8", Outcome.ERROR)]
)
def test_damaged_volume_ends_a_verify_as_the_release_ends_it(version: str, outcome: Outcome) -> None:
    with sandbox(version, speed=20) as handle, client(handle) as server:
        set_options(handle, DOCUMENTS, number_of_retries="1", retry_delay="1s", backup_test_samples="9")
        for volume in volumes(handle, DOCUMENTS, "dblock"):
            volume.write_bytes(b"x" * volume.stat().st_size)
        ended = end(server, server.maintenance.verify(DOCUMENTS))
    assert ended.verdict.outcome is outcome, ended.verdict
    assert ended.verdict.detail


@pytest.mark.parametrize("version", BOTH)
def test_missing_database_fails_a_verify_and_is_rebuilt_by_a_repair(version: str) -> None:
    with sandbox(version, speed=8) as handle, client(handle) as server:
        delete_database(handle, DOCUMENTS)
        assert end(server, server.maintenance.verify(DOCUMENTS)).verdict.outcome is Outcome.FATAL
        repaired = end(server, server.maintenance.repair(DOCUMENTS))
        assert (repaired.verdict.outcome, repaired.row_id) == (Outcome.SUCCESS, 1)
        assert end(server, server.maintenance.verify(DOCUMENTS)).verdict.outcome is Outcome.SUCCESS


def delete_database(handle: Handle, backup_id: str) -> None:
    engine: Any = handle.sandbox.engine
    path = engine.backups[backup_id].db_path
    handle.call(lambda: (os.remove(path), engine.databases.forget(path)))


@pytest.mark.parametrize("version", BOTH)
def test_repair_deletes_at_the_destination_what_the_database_does_not_know(version: str) -> None:
    with sandbox(version, speed=8) as handle, client(handle) as server:
        known = volumes(handle, DOCUMENTS, "dblock")
        foreign = known[0].with_name("duplicati-b00000000000000000000000000000000.dblock.zip")
        foreign.write_bytes(b"x")
        assert end(server, server.maintenance.verify(DOCUMENTS)).verdict.outcome is Outcome.FATAL
        assert end(server, server.maintenance.repair(DOCUMENTS)).verdict.outcome is Outcome.SUCCESS
    assert not foreign.exists()
