"""The sandbox's engine by itself: queue, stopping, pausing, restarting, and what each kind of run leaves behind."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from duplicati_client.sandbox.clock import Clock
from duplicati_client.sandbox.engine.engine import Engine
from duplicati_client.sandbox.engine.failures import Refused
from duplicati_client.sandbox.release import RELEASES, Release, find

NEWEST = RELEASES["2.3.1.0"]
SPEED = 100
MODERN = [release for release in RELEASES.values() if not release.is_legacy]


def name_of(release: Release) -> str:
    return release.version


def body(root: Path, name: str = "Documents", **settings: str) -> dict:
    source = root / "source"
    source.mkdir(exist_ok=True)
    (source / "letter.txt").write_text("dear reader")
    options = {"--no-encryption": "true"} | {f"--{key.replace('_', '-')}": value for key, value in settings.items()}
    backup = {
        "Name": name,
        "TargetURL": f"file://{root}/destination/{name}",
        "Sources": [f"{source}/"],
        "Settings": [{"Name": key, "Value": value} for key, value in options.items()],
    }
    return {"Backup": backup, "Schedule": None}


def play(release: Release, root: Path, scene: Callable[[Engine], Awaitable[None]]) -> None:
    async def run() -> None:
        engine = Engine(release, folder=str(root), clock=Clock(SPEED))
        await engine.start()
        try:
            await scene(engine)
        finally:
            await engine.close()

    asyncio.run(run())


async def until(is_true: Callable[[], object], seconds: float = 10) -> None:
    async with asyncio.timeout(seconds):
        while not is_true():
            await asyncio.sleep(0.002)


async def run_to_end(engine: Engine, backup_id: str, kind: str = "Backup") -> str:
    task = engine.task(engine.enqueue(kind, backup_id))
    assert task is not None
    await until(lambda: task.status in {"Completed", "Failed"} and engine.queue.active is not task)
    return task.status


def results(engine: Engine, backup_id: str) -> list[dict]:
    return [json.loads(row["Message"]) for row in engine.log_rows(backup_id, 100)]


@pytest.mark.parametrize("release", RELEASES.values(), ids=name_of)
def test_a_run_copies_the_source_and_a_restore_brings_it_back(release: Release, tmp_path: Path) -> None:
    async def scene(engine: Engine) -> None:
        backup_id = engine.create(body(tmp_path))
        assert await run_to_end(engine, backup_id) == "Completed"
        assert results(engine, backup_id)[0]["ParsedResult"] == "Success"
        target = tmp_path / "restored"
        task_id = engine.enqueue("Restore", backup_id, options={"restore_path": str(target)})
        await until(lambda: engine.tasks() == [])
        assert engine.task(task_id) is not None
        assert (target / "letter.txt").read_text() == "dear reader"

    play(release, tmp_path, scene)


def test_a_run_that_changes_nothing_adds_no_version(tmp_path: Path) -> None:
    async def scene(engine: Engine) -> None:
        backup_id = engine.create(body(tmp_path))
        await run_to_end(engine, backup_id)
        await run_to_end(engine, backup_id)
        assert len(engine.database(backup_id).versions) == 1
        assert len(results(engine, backup_id)) == 2

    play(NEWEST, tmp_path, scene)


def test_a_run_of_a_busy_backup_is_absorbed_but_two_verifications_are_two_tasks(tmp_path: Path) -> None:
    async def scene(engine: Engine) -> None:
        backup_id = engine.create(body(tmp_path))
        engine.pause(None)
        first = engine.enqueue("Backup", backup_id)
        assert engine.enqueue("Backup", backup_id) == first
        assert engine.enqueue("Verify", backup_id) != engine.enqueue("Verify", backup_id)

    play(NEWEST, tmp_path, scene)


def test_a_waiting_task_takes_no_notice_of_stop_and_abort(tmp_path: Path) -> None:
    async def scene(engine: Engine) -> None:
        backup_id = engine.create(body(tmp_path))
        engine.pause(None)
        task_id = engine.enqueue("Backup", backup_id)
        assert engine.stop(task_id)
        assert engine.abort(task_id)
        engine.resume()
        await until(lambda: engine.tasks() == [])
        assert results(engine, backup_id)[0]["ParsedResult"] == "Success"

    play(NEWEST, tmp_path, scene)


@pytest.mark.parametrize(
    ("outcome", "verdict", "notice"), [("warning", "Warning", "Warning"), ("error", "Error", "Error")]
)
def test_a_run_ends_as_the_sandbox_was_told(outcome: str, verdict: str, notice: str, tmp_path: Path) -> None:
    async def scene(engine: Engine) -> None:
        backup_id = engine.create(body(tmp_path, sandbox_run=outcome))
        assert await run_to_end(engine, backup_id) == "Completed"
        assert results(engine, backup_id)[0]["ParsedResult"] == verdict
        assert [item["Type"] for item in engine.notices.items if item["BackupID"] == backup_id] == [notice]

    play(NEWEST, tmp_path, scene)


@pytest.mark.parametrize("release", MODERN, ids=name_of)
def test_a_first_run_that_fails_early_leaves_no_row(release: Release, tmp_path: Path) -> None:
    async def scene(engine: Engine) -> None:
        backup_id = engine.create(body(tmp_path, sandbox_run="fatal"))
        status = await run_to_end(engine, backup_id)
        assert status == ("Completed" if release.calls_failed_tasks_completed else "Failed")
        assert results(engine, backup_id) == []
        assert "LastErrorDate" in engine.backup(backup_id).metadata

    play(release, tmp_path, scene)


@pytest.mark.parametrize("release", MODERN, ids=name_of)
def test_an_abort_leaves_what_the_release_leaves(release: Release, tmp_path: Path) -> None:
    async def scene(engine: Engine) -> None:
        backup_id = engine.create(body(tmp_path, sandbox_seconds="60"))
        task_id = engine.enqueue("Backup", backup_id)
        await until(lambda: (engine.progress() or {}).get("Phase") == "Backup_ProcessingFiles")
        engine.abort(task_id)
        await until(lambda: engine.tasks() == [])
        verdicts = [result["ParsedResult"] for result in results(engine, backup_id)]
        assert verdicts == ([] if release.drops_row_of_aborted else ["Fatal"])

    play(release, tmp_path, scene)


def test_a_stop_before_the_first_file_still_says_partial(tmp_path: Path) -> None:
    async def scene(engine: Engine) -> None:
        backup_id = engine.create(body(tmp_path, sandbox_seconds="5"))
        task_id = engine.enqueue("Backup", backup_id)
        await until(lambda: engine.queue.active is not None)
        engine.stop(task_id)
        await until(lambda: engine.tasks() == [])
        result = results(engine, backup_id)[0]
        assert (result["PartialBackup"], result["ParsedResult"]) == (True, "Warning")

    play(NEWEST, tmp_path, scene)


@pytest.mark.parametrize("release", RELEASES.values(), ids=name_of)
def test_a_restart_in_mid_run_leaves_no_trace_of_it(release: Release, tmp_path: Path) -> None:
    async def scene(engine: Engine) -> None:
        backup_id = engine.create(body(tmp_path, sandbox_seconds="60"))
        task_id = engine.enqueue("Backup", backup_id)
        await until(lambda: (engine.progress() or {}).get("Phase") == "Backup_ProcessingFiles")
        engine.pause(None)
        await engine.restart(kill=True)
        assert engine.task(task_id) is None
        assert engine.progress() is None
        assert results(engine, backup_id) == []
        assert engine.is_paused is release.keeps_pause
        assert engine.queue.next_id() == 2

    play(release, tmp_path, scene)


def test_a_failing_disk_fails_the_task_and_not_the_server(tmp_path: Path) -> None:
    async def scene(engine: Engine) -> None:
        backup_id = engine.create(body(tmp_path, number_of_retries="many"))
        assert await run_to_end(engine, backup_id) == "Failed"
        other_id = engine.create(body(tmp_path, "Other"))
        assert await run_to_end(engine, other_id) == "Completed"

    play(NEWEST, tmp_path, scene)


def test_what_is_saved_is_there_again_in_another_process(tmp_path: Path) -> None:
    async def scene(engine: Engine) -> None:
        backup_id = engine.create(body(tmp_path))
        await run_to_end(engine, backup_id)
        engine.save()
        other = Engine(NEWEST, folder=str(tmp_path))
        assert other.load()
        assert other.backup(backup_id).metadata == engine.backup(backup_id).metadata
        assert results(other, backup_id) == results(engine, backup_id)

    play(NEWEST, tmp_path, scene)


def test_a_scheduled_time_in_the_past_starts_a_run_at_once_and_none_never(tmp_path: Path) -> None:
    async def scene(engine: Engine) -> None:
        past, never = body(tmp_path, "Past"), body(tmp_path, "Never")
        past["Schedule"] = {"Repeat": "1D", "Time": "2020-01-01T00:00:00Z"}
        never["Schedule"] = {"Repeat": "1D"}
        past_id, never_id = engine.create(past), engine.create(never)
        await until(lambda: not engine.tasks() and "LastBackupFinished" in engine.backup(past_id).metadata)
        assert len(results(engine, past_id)) == 1
        assert [backup_id for backup_id, _ in engine.configuration.proposed()] == [past_id]
        assert results(engine, never_id) == []

    play(NEWEST, tmp_path, scene)


def test_a_long_poll_returns_at_the_next_event_and_not_before(tmp_path: Path) -> None:
    async def scene(engine: Engine) -> None:
        seen = engine.events.event_id
        waiting = asyncio.ensure_future(engine.wait_event(seen, 3600))
        await asyncio.sleep(0.01)
        assert not waiting.done()
        engine.pause(None)
        await asyncio.wait_for(waiting, 5)
        await asyncio.wait_for(engine.wait_event(seen, 3600), 5)

    play(NEWEST, tmp_path, scene)


def test_names_are_unique_without_regard_to_case(tmp_path: Path) -> None:
    async def scene(engine: Engine) -> None:
        engine.create(body(tmp_path))
        with pytest.raises(Refused) as refused:
            engine.create(body(tmp_path, "DOCUMENTS"))
        assert refused.value.status == 409

    play(NEWEST, tmp_path, scene)


def test_an_engine_without_a_folder_leaves_nothing_on_disk() -> None:
    async def run() -> str:
        engine = Engine(NEWEST)
        await engine.start()
        await engine.close()
        return engine.folder

    assert not os.path.exists(asyncio.run(run()))


def test_a_release_is_found_by_the_names_that_people_use() -> None:
    assert [find(name).version for name in ("2.3.1", "2.3", "2.2.0.3", "2.0.8")] == [
        "2.3.1.0",
        "2.3.1.0",
        "2.2.0.3",
        "2.0.8.1",
    ]
    with pytest.raises(KeyError):
        find("3.0")
