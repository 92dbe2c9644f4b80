"""Verify, repair, compact and vacuum in the sandbox: what each makes of scripts, passphrases and what is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from duplicati_client.sandbox.engine.engine import Engine
from duplicati_client.sandbox.release import RELEASES, Release
from tests.unit.sandbox.engine.test_engine import NEWEST, body, name_of, play, results, run_to_end

ALL = list(RELEASES.values())


def set_option(engine: Engine, backup_id: str, name: str, value: str) -> None:
    kept = [item for item in engine.backups[backup_id].settings if item["Name"] != f"--{name}"]
    engine.backups[backup_id].settings = [*kept, {"Name": f"--{name}", "Value": value}]


def errors_of(engine: Engine, backup_id: str) -> list[str]:
    return [item["Message"] for item in engine.notices.items if item["BackupID"] == backup_id]


@pytest.mark.parametrize(
    ("script", "verdict", "is_interrupted"),
    [
        ("exit 0", "Success", False),
        ("exit 2", "Warning", False),
        ("exit 4", "Error", False),
        ("exit 1", "Success", True),
    ],
)
@pytest.mark.parametrize("release", [NEWEST, RELEASES["2.0.8.1"]], ids=name_of)
def test_start_script_is_minded_before_a_verify(
    release: Release, script: str, verdict: str, is_interrupted: bool, tmp_path: Path
) -> None:
    async def scene(engine: Engine) -> None:
        backup_id = engine.create(body(tmp_path))
        await run_to_end(engine, backup_id)
        path = tmp_path / "script.sh"
        path.write_text(f"#!/bin/sh\n{script}\n")
        set_option(engine, backup_id, "run-script-before", str(path))
        assert await run_to_end(engine, backup_id, "Verify") == "Completed"
        newest = results(engine, backup_id)[0]
        assert (newest["MainOperation"], newest["ParsedResult"], newest["Interrupted"]) == (
            "Test",
            verdict,
            is_interrupted,
        )

    play(release, tmp_path, scene)


@pytest.mark.parametrize("kind", ["Verify", "Repair"])
@pytest.mark.parametrize("release", ALL, ids=name_of)
def test_unknown_option_is_warned_of(release: Release, kind: str, tmp_path: Path) -> None:
    async def scene(engine: Engine) -> None:
        backup_id = engine.create(body(tmp_path))
        await run_to_end(engine, backup_id)
        set_option(engine, backup_id, "no-such-option", "1")
        await run_to_end(engine, backup_id, kind)
        assert results(engine, backup_id)[0]["ParsedResult"] == "Warning"

    play(release, tmp_path, scene)


@pytest.mark.parametrize("kind", ["Verify", "Repair", "Compact"])
@pytest.mark.parametrize("release", ALL, ids=name_of)
def test_another_passphrase_is_refused(release: Release, kind: str, tmp_path: Path) -> None:
    async def scene(engine: Engine) -> None:
        definition = body(tmp_path)
        definition["Backup"]["Settings"] = [{"Name": "passphrase", "Value": "first"}]
        backup_id = engine.create(definition)
        await run_to_end(engine, backup_id)
        engine.backups[backup_id].settings = [{"Name": "passphrase", "Value": "second"}]
        await run_to_end(engine, backup_id, kind)
        assert errors_of(engine, backup_id)[0].startswith("You have attempted to change a passphrase")

    play(release, tmp_path, scene)


@pytest.mark.parametrize("kind", ["Verify", "Compact"])
@pytest.mark.parametrize("release", ALL, ids=name_of)
def test_what_needs_a_database_fails_without_one(release: Release, kind: str, tmp_path: Path) -> None:
    async def scene(engine: Engine) -> None:
        backup_id = engine.create(body(tmp_path))
        await run_to_end(engine, backup_id, kind)
        assert results(engine, backup_id) == []
        assert errors_of(engine, backup_id)[0].startswith("Database file does not exist")

    play(release, tmp_path, scene)
