"""What the status says of a daemon that does not run: as documented, by its files, and nothing is made."""

from __future__ import annotations

import json

from tests.shapes.checking import faults_of
from tests.unit.cli.daemon.owner import Owner


def test_daemon_that_never_ran_is_told_as_documented_and_no_folder_is_made(owner: Owner) -> None:
    ended = owner.run("status", "--output", "json")
    item = json.loads(ended.stdout)["item"]
    assert (ended.status, item["state"], item["tasks"]["open_count"]) == (69, "not-running", 0)
    assert faults_of(ended.stdout) == []
    assert not owner.state.exists()
    assert "no daemon answers" in owner.run("status").stdout


def test_snapshot_of_another_release_or_a_spoilt_one_counts_for_nothing(owner: Owner) -> None:
    owner.keep()
    for left in ('{"version": "0.0.0", "task_server": "elsewhere"}', "[1]", "{"):
        (owner.state / "status.json").write_text(left)
        ended = owner.run("status", "--output", "json")
        assert (ended.status, faults_of(ended.stdout)) == (69, [])
        assert json.loads(ended.stdout)["item"]["task_server"] is None
