"""What no task may do, whatever a policy allows: hand in secrets, name programs, mean a backup by something else."""

from __future__ import annotations

from typing import Any

import pytest

from duplicati_client import errors
from duplicati_client.operations.bounds import check_changes
from duplicati_client.operations.changes import Change
from duplicati_client.operations.perform import Performed, Request, perform
from duplicati_client.protocol.task import Resource
from duplicati_client.sdk.client import Duplicati
from tests.definition_server import DefinitionServer, definition
from tests.unit.operations.test_dismiss import Board, notice

BACKUP = Resource("backup", resource_id="3")
SETTING = Resource("setting")
PROGRAMS = [
    "settings.run-script-before=/tmp/x.sh",
    "settings.--run-script-before=/tmp/x.sh",
    "settings.Run-Script-Before=/tmp/x.sh",
    "settings.before-script=/tmp/x.sh",
    "destination=rclone://x/y?rclone-executable=/bin/sh",
    "destination=rclone://x/y?a=b&--Rclone%2Dexecutable=/bin/sh",
]


def change(server: DefinitionServer, *resources: Resource, operation: str = "set", **parameters: Any) -> Performed:
    request = Request(operation, resources, parameters)
    return next(item for item in perform(server.connect(), request) if isinstance(item, Performed))


@pytest.mark.parametrize("assignment", PROGRAMS)
def test_no_task_names_a_program_that_the_server_would_run(assignment: str) -> None:
    server = DefinitionServer(definition())
    with pytest.raises(errors.UsageInvalid, match="names a program, and no task may"):
        change(server, BACKUP, assignments=f"description=harmless\n{assignment}")
    assert server.writes == []


@pytest.mark.parametrize(
    "name",
    [
        "run-script-after",
        "run-script-before-required",
        "rclone-executable",
        "gpg-program-path",
        "gpg-encryption-command",
    ],
)
def test_name_says_that_a_program_is_meant(name: str) -> None:
    for field in (f"settings.{name}", f"settings.--{name.upper()}", f"--{name}", name):
        with pytest.raises(errors.UsageInvalid, match="names a program"):
            check_changes([Change(field, None, "/x")], {})
        check_changes([Change(field, "/x", None)], {})


@pytest.mark.parametrize("name", ["run-script-before", "--run-script-before", "before-script", "Run-Script-Before"])
def test_no_task_names_a_program_in_a_definition_either(name: str) -> None:
    server = DefinitionServer(definition())
    text = f"name: Documents\ndestination: file:///x\nsources: [/a/]\nsettings:\n  {name}: /tmp/x.sh\n"
    with pytest.raises(errors.UsageInvalid, match="names a program, and no task may"):
        change(server, BACKUP, operation="edit", definition=text)
    assert server.writes == []


@pytest.mark.parametrize("assignment", ["run-script-before=/tmp/x.sh", "--run-script-before=/x", "before-script=/x"])
def test_no_task_names_a_program_for_all_backups(assignment: str) -> None:
    server = DefinitionServer(definition())
    with pytest.raises(errors.UsageInvalid, match="names a program, and no task may"):
        change(server, SETTING, assignments=assignment)
    assert server.writes == []


def test_program_that_the_owner_has_set_stays_and_may_be_taken_away() -> None:
    script = {"Filter": "", "Name": "run-script-before", "Value": "/opt/mount.sh", "Argument": None}
    server = DefinitionServer(definition(Settings=[script]))
    change(server, BACKUP, assignments="description=new")
    assert server.stored["Backup"]["Settings"][0]["Value"] == "/opt/mount.sh"
    change(server, BACKUP, assignments="settings.run-script-before-")
    assert server.stored["Backup"]["Settings"] == []


@pytest.mark.parametrize("assignment", ["settings.keep-versions=9", "destination=file:///x?keep-time=1D", "tags=a,b"])
def test_what_names_no_program_is_changed(assignment: str) -> None:
    server = DefinitionServer(definition())
    change(server, BACKUP, assignments=assignment)
    assert len(server.writes) == 1


def dismiss(server: Duplicati, *ids: str) -> Any:
    resources = [Resource("backup", resource_id=found) for found in ids]
    return next(iter(perform(server, Request("dismiss", resources)))).data


def test_id_of_a_backup_is_never_its_name() -> None:
    board = Board(notice(1, backup_id="1"), notice(2, backup_id="2"))
    board.names = ("2030", "Photos")
    server, _ = board.open()
    with pytest.raises(errors.BackupNotFound, match="no backup with the id 2030"):
        dismiss(server, "2030")
    assert [found["ID"] for found in board.notices] == [1, 2]
    dismiss(server, "1")
    assert [found["ID"] for found in board.notices] == [2]
