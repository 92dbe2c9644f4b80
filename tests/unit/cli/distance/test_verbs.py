"""Each verb says the same through a task server as it does of the server itself, and ends with the same status."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from duplicati_client import errors
from tests.fake_fleet import End
from tests.unit.cli.distance.conftest import Scene
from tests.unit.cli.stage import BACKUP_1_LOG

NOTICE = {
    "ID": 7,
    "Type": "Warning",
    "Title": "A title",
    "Message": "A message",
    "BackupID": "1",
    "Timestamp": "2026-11-29T10:00:00Z",
}
SAME = (
    "list backups",
    "list backups --output json",
    "list backups --output ids",
    "list backups Documents 2",
    "list backups P* --output csv",
    "list backups Nothing",
    "list tasks",
    "list notifications --output json",
    "list settings --output json",
    "list logs Documents --output json",
    "get backup Documents --output json",
    "get backup 2",
    "get backup Nothing",
    "get setting update-channel --output json",
    "get setting nothing",
    "get notification 7 --output json",
    "get notification 8",
    "get task 5",
    "describe Documents --output json",
    "describe 1",
    "describe Nothing",
    "logs Documents",
    "logs Documents --output json",
    "logs Documents --lines 0",
    "logs Documents --level Error",
    "stop",
    "stop backup Documents",
    "abort task 99",
    "resume",
    "dismiss 99",
    "dismiss backup Nothing",
    "run Nothing",
    "run Documents Nothing",
    "run Documents",
    "run Documents --output json",
    "run 1 Photos",
    "set backup Nothing name=x",
    "set backup Documents schedule.repeat=never",
    "set settings nothing=1",
)


@pytest.fixture
def full(scene: Scene) -> Scene:
    scene.server.answers["GET api/v1/notifications"] = [NOTICE]
    scene.server.answers["GET api/v1/backup/1/log"] = BACKUP_1_LOG
    return scene


@pytest.mark.parametrize("words", SAME)
def test_verb_says_the_same_at_a_distance(full: Scene, words: str) -> None:
    near, far = full.near(*words.split()), full.far(*words.split())
    assert (far.status, far.stdout) == (near.status, near.stdout)
    assert far.stderr == near.stderr


def test_status_is_told_of_the_server_and_not_of_the_task_server(full: Scene) -> None:
    near, far = (json.loads(run("status", "--output", "json").stdout)["item"] for run in (full.near, full.far))
    for item in (near, far):
        del item["session"], item["state"]
    assert far == near


def test_version_of_a_backup_is_asked_for_by_name(full: Scene) -> None:
    full.far("list", "versions", "Documents")
    assert full.fleet.tasks[-1]["Task"] == {
        "Operation": "list",
        "Resources": [{"Type": "version"}],
        "Parameters": {"backup": "Documents"},
    }


def test_pause_tells_the_daemon_how_long(full: Scene) -> None:
    full.far("pause", "10m", "--transfers")
    assert full.fleet.tasks[-1]["Task"]["Parameters"] == {"duration": 600.0, "transfers": True}


def test_number_without_a_type_stops_nothing(full: Scene) -> None:
    ended = full.far("stop", "5")
    assert (ended.status, full.fleet.tasks) == (64, [])
    assert "stop task 5, or stop backup 5" in ended.stderr


def test_refusal_is_told_with_the_daemons_reason(scene: Scene) -> None:
    scene.fleet.carry = lambda _: End("refused", {"Code": "denied", "Reason": "the owner says no"})
    ended = scene.far("run", "Documents")
    assert ended.status == 77
    assert "nas refuses it: the owner says no" in ended.stderr


def test_what_nobody_knows_the_end_of_is_unknown(scene: Scene) -> None:
    scene.fleet.carry = lambda _: End("error", {"Code": "outcome-unknown", "Message": "nothing shows it"})
    assert scene.far("pause").status == 6


def test_task_that_came_too_late_was_not_done(scene: Scene) -> None:
    scene.fleet.carry = lambda _: End("expired")
    assert scene.far("resume").status == 75


@pytest.mark.parametrize("end", [End("cancelled"), End("error", {"Code": "cancelled", "Message": "as was asked"})])
def test_task_that_somebody_took_away_was_stopped_before_its_end(scene: Scene, end: End) -> None:
    scene.fleet.carry = lambda _: end
    ended = scene.far("resume")
    assert ended.status == 5
    assert "duplicati task-server audit" in ended.stderr


def test_answer_that_is_no_answer_of_the_operation_is_not_understood(scene: Scene) -> None:
    scene.fleet.carry = lambda _: End("completed", {"Items": [{"BackupID": 5}]})
    assert scene.far("list", "backups").status == 76


def test_answer_that_was_cut_is_told_to_be_cut(scene: Scene) -> None:
    scene.fleet.carry = lambda _: End("completed", {"Items": [], "Truncated": True})
    assert "some of it is missing" in scene.far("list", "backups").stderr


def test_task_server_alone_is_no_server_to_ask(scene: Scene) -> None:
    ended = scene.stage.run("list", "backups", "--context", "far")
    assert ended.status == 64
    assert "--context far/DAEMON" in ended.stderr


def test_daemon_that_is_unknown_is_not_found(scene: Scene) -> None:
    assert scene.stage.run("list", "backups", "--context", "far/attic").status == 66


def test_daemon_beside_several_servers_wants_one_to_be_named(scene: Scene) -> None:
    scene.fleet.daemon["Inventory"]["Servers"].append({"Alias": "second"})
    ended = scene.far("list", "backups")
    assert (ended.status, scene.fleet.tasks) == (64, [])
    assert "nas/main, nas/second" in ended.stderr
    assert scene.stage.run("list", "backups", "--context", "far/nas/second").status == 0
    assert scene.fleet.tasks[-1]["Task"]["Server"] == "second"


def test_ctrl_c_withdraws_what_was_asked(scene: Scene) -> None:
    scene.fleet.carry = lambda _: None
    scene.fleet.interrupts_at = 2
    assert scene.far("list", "backups").status == 130
    assert scene.fleet.tasks[0]["State"] == "cancelled"


# --- what the task server knows without asking --------------------------------------------------------------


def know(scene: Scene, age: timedelta) -> None:
    told = {"ID": "1", "Name": "Documents", "Outcome": "success", "LastFinished": "2026-11-29T10:00:00Z", "Versions": 3}
    scene.fleet.daemon["Inventory"]["Servers"][0]["Backups"] = [told]
    scene.fleet.daemon["InventoryAt"] = (datetime.now(UTC) - age).isoformat()


def test_backups_of_a_daemon_that_is_away_are_what_it_told_last(scene: Scene) -> None:
    know(scene, timedelta(hours=5))
    scene.fleet.daemon["Presence"] = "lost"
    ended = scene.far("list", "backups", "--output", "json")
    (item,) = json.loads(ended.stdout)["items"]
    assert (ended.status, item["name"], item["outcome"], item["versions_count"]) == (0, "Documents", "success", 3)
    assert "nas is not there: this is what nas told 5 h ago" in ended.stderr
    assert scene.fleet.tasks == []


@pytest.mark.parametrize(("age", "is_asked"), [(timedelta(minutes=4), False), (timedelta(minutes=6), True)])
def test_what_is_known_will_do_if_it_is_no_older_than_was_said(scene: Scene, age: timedelta, is_asked: bool) -> None:
    know(scene, age)
    assert scene.far("list", "backups", "--max-age", "5m").status == 0
    assert bool(scene.fleet.tasks) is is_asked


def test_daemon_that_is_away_and_told_nothing_is_not_reachable(scene: Scene) -> None:
    scene.fleet.daemon |= {"Presence": "lost", "Inventory": None, "InventoryAt": None}
    assert scene.far("list", "backups").status == 69


# --- several ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("selector", ["far/site=berlin", "far/n*", "far/*", "far/nas", "far/*/main"])
def test_servers_are_picked_by_label_and_pattern(scene: Scene, selector: str) -> None:
    ended = scene.stage.run("list", "backups", "--on", selector, "--output", "csv")
    assert ended.status == 0, ended.stderr
    assert "far/nas" in ended.stdout


@pytest.mark.parametrize("selector", ["far/site=paris,=", "far/x*", "far/*/other"])
def test_nothing_that_fits_is_said(scene: Scene, selector: str) -> None:
    assert scene.stage.run("list", "backups", "--on", selector).status in (64, 66)


def test_server_itself_and_one_at_a_distance_are_listed_together(scene: Scene) -> None:
    ended = scene.stage.run("list", "backups", "--on", "near", "--on", "far/nas", "--output", "csv")
    assert {line.split(",")[0] for line in ended.stdout.splitlines()[1:]} == {"near", "far/nas"}


def test_dead_task_server_spoils_nothing_for_the_others(scene: Scene) -> None:
    scene.fleet.failures = [errors.ConnectionRefused("nobody listens")] * 20
    ended = scene.stage.run("list", "backups", "--on", "near", "--on", "far/nas", "--output", "json")
    told = json.loads(ended.stdout)
    assert (ended.status, len(told["items"])) == (1, 2)
    assert told["errors"][0]["server"] == "far/nas"


def test_current_context_may_be_at_a_distance(scene: Scene) -> None:
    assert scene.stage.run("config", "use", "far/nas").status == 0
    assert "Documents" in scene.stage.run("list", "backups").stdout
    (far,) = (
        row
        for row in json.loads(scene.stage.run("list", "contexts", "-o", "json").stdout)["items"]
        if row["is_current"]
    )
    assert far["name"] == "far"


def test_place_beside_a_server_that_is_no_task_server_is_refused(scene: Scene) -> None:
    assert scene.stage.run("list", "backups", "--context", "near/nas").status == 78


# --- changing -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [
        "set backup Documents settings.passphrase=@{file}",
        "set backup Documents destination=@{url}",
        "set backup Documents name=x --dry-run",
        "set settings update-channel=beta --unchecked",
    ],
)
def test_what_may_not_go_this_way_is_refused_before_a_task_is_given(scene: Scene, words: str) -> None:
    (scene.stage.home / "file").write_text("secret")
    (scene.stage.home / "url").write_text("ftp://user:secret@host/")
    told = words.format(file=scene.stage.home / "file", url=scene.stage.home / "url")
    ended = scene.far(*told.split())
    assert (ended.status, scene.fleet.tasks) == (66, [])
    assert "secret@" not in ended.stderr
