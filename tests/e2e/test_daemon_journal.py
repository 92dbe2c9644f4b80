"""A daemon's journal as its owner finds it beside a running daemon, after a kill, and after an editor was in it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.daemon_stage import Stage, stage
from tests.e2e.test_daemon import LONG_RUN, PATIENCE_SECONDS, call, end, running, wait_for


def read(on: Stage, *words: str) -> Any:
    document = json.loads(call(on, words[0], *words[1:], "--output", "json").stdout)
    return document.get("items", document.get("item"))


def edit(file: Path, *steps: str) -> None:
    """Change the lines of these steps, as somebody does in an editor."""
    lines = file.read_text().splitlines(keepends=True)
    wanted = [f'"Step":"{step}"' for step in steps]
    changed = [line.replace('"At":"2', '"At":"3') if any(map(line.count, wanted)) else line for line in lines]
    assert changed != lines
    file.write_text("".join(changed))


def test_a_journal_edited_after_a_kill_is_repaired_and_the_run_is_not_started_again(tmp_path: Path) -> None:
    with stage(tmp_path / "d", level=1, speed=1.0) as on:
        journal = Path(on.config).parent / "state" / "task-list.yml"
        with running(on) as daemon:
            on.tasks.give({"ID": 1, **LONG_RUN})
            wait_for(lambda: on.server.call(lambda: on.server.engine.is_running("5")))
            (row,) = wait_for(lambda: [row for row in read(on, "tasks") if row["step"] == "submitted"])
            assert (row["id_type"], row["state"], row["attempts_count"]) == ("number", "running", 1)
            assert [one["step"] for one in read(on, "journal", "show", "i:1")["records"]][-1] == "submitted"
            refused = call(on, "journal", "repair", "--yes")
            assert (refused.returncode, f"process {daemon.pid}" in refused.stderr) == (75, True)
            daemon.kill()
            daemon.wait()
        edit(journal, "intent", "submitted")
        assert call(on, "journal", "check").returncode == 65
        assert call(on, "journal", "repair", "--yes").returncode == 0
        assert call(on, "journal", "check").returncode == 0
        (row,) = read(on, "tasks", "--filter", "is_uncertain=yes")
        assert (row["task_id"], row["step"]) == ("1", "decided")
        with running(on) as daemon:
            on.tasks.wait_for(lambda: on.find_ends(1), PATIENCE_SECONDS)
            end(daemon)
        assert len(on.server.call(lambda: [task for task in on.server.engine.tasks() if task.backup_id == "5"])) == 1
        assert on.tasks.complaints == []
        assert on.find_ends(1)[0]["Data"]["Code"] == "outcome-unknown"
        assert [row["state"] for row in read(on, "tasks", "--all")] == ["error: outcome-unknown"]


def test_a_task_that_a_repair_found_nothing_of_is_not_begun_when_it_is_offered_again(tmp_path: Path) -> None:
    with stage(tmp_path / "d", level=0, speed=1.0) as on:
        fault = on.tasks.fault("result", times=None, status=503)
        with running(on) as daemon:
            on.tasks.give({"ID": 1, **LONG_RUN})
            wait_for(lambda: on.server.call(lambda: on.server.engine.is_running("5")))
            wait_for(lambda: fault.fired_count)  # `accepted` is said a moment later
            daemon.kill()
            daemon.wait()
        (Path(on.config).parent / "state" / "task-list.yml").write_text("not a single record\n")
        assert call(on, "journal", "repair", "--yes").returncode == 0
        assert read(on, "tasks") == []
        fault.end()
        with running(on) as daemon:
            on.tasks.wait_for(lambda: on.find_ends(1), PATIENCE_SECONDS)
            end(daemon)
        assert on.find_ends(1)[0]["Data"]["Code"] == "outcome-unknown"
        assert len(on.server.call(lambda: [task for task in on.server.engine.tasks() if task.backup_id == "5"])) == 1


def test_an_imported_task_is_judged_and_performed_by_the_next_round(tmp_path: Path) -> None:
    with stage(tmp_path / "d", level=1, preset="run") as on:
        tasks = tmp_path / "tasks.yml"
        tasks.write_text("- {ID: 1, Operation: run, Resources: [{Type: backup, ID: 1}]}\n- {ID: no, Operation: stop}\n")
        assert call(on, "journal", "import", str(tasks)).returncode == 65
        tasks.write_text(tasks.read_text().replace("ID: no, Operation: stop", "ID: '2', Operation: pause"))
        assert call(on, "journal", "import", str(tasks)).returncode == 0
        call(on, "once")
        assert on.count_runs(1) == 1
        ends = {row["task_id"]: row["state"] for row in read(on, "tasks", "--all")}
        assert ends == {"1": "completed: success", "2": "refused: prohibited"}
        again = call(on, "journal", "import", str(tasks))
        assert (again.returncode, "is over already" in again.stderr) == (65, True)
