"""How listings, descriptions and errors look to a person: pictures of them, wide, narrow, with colours and without."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from duplicati_client import errors
from duplicati_client.cli.text import measure
from tests.unit.cli.picturing import compare
from tests.unit.cli.stage import Stage

OLD_NAME = "Pictures of the years 1998 to 2024 on the old computer"
BEGAN, ENDED = "20240214T083001Z", "20240214T083142Z"


def result(parsed: str, warnings: int = 0, errors_count: int = 0) -> dict[str, Any]:
    times = {"BeginTime": "2024-02-14T08:30:01Z", "EndTime": "2024-02-14T08:31:42Z"}
    counts = {"WarningsActualLength": warnings, "ErrorsActualLength": errors_count}
    message = {"MainOperation": "Backup", "ParsedResult": parsed, **times, **counts}
    return {"ID": 5, "Timestamp": 1707899502, "Type": "Result", "Message": json.dumps(message)}


def backup(backup_id: str, name: str, **metadata: str) -> dict[str, Any]:
    inner = {
        "ID": backup_id,
        "Name": name,
        "Description": "What the family keeps, from both computers, with letters and pictures of many years",
        "TargetURL": f"ftp://nas.lan/backups/{name}?auth-username=anna&auth-password=hidden",
        "Sources": ["/home/anna/documents/", "/home/anna/pictures/"],
        "Settings": [{"Name": "dblock-size", "Value": "50mb"}, {"Name": "passphrase", "Value": "hidden"}],
        "Metadata": metadata,
    }
    return {
        "Backup": inner,
        "Schedule": {"Repeat": "1D", "Time": "2024-02-15T03:00:00Z", "AllowedDays": ["mon", "fri"]},
    }


@pytest.fixture
def pictured(stage: Stage) -> Stage:
    stage.log_in()
    sizes = {"SourceFilesSize": "48318382080", "TargetFilesSize": "32212254720", "BackupListCount": "17"}
    times = {"LastBackupStarted": BEGAN, "LastBackupFinished": ENDED, "LastBackupDuration": "00:01:41"}
    known = {
        "1": (backup("1", "Documents", **sizes, **times), result("Success")),
        "2": (backup("2", OLD_NAME, **sizes, **times), result("Warning", 3)),
        "3": (backup("3", "Mail", **times), result("Error", 1, 2)),
        "4": (backup("4", "写真 café", LastErrorDate=ENDED, LastErrorMessage="The destination is full"), None),
        "5": (backup("5", "Never"), None),
    }  # fmt: skip
    answers = stage.server.answers
    answers["GET api/v1/backups"] = [entry for entry, _ in known.values()]
    for backup_id, (entry, row) in known.items():
        answers[f"GET api/v1/backup/{backup_id}"] = entry
        answers[f"GET api/v1/backup/{backup_id}/log"] = [row] if row else []
    answers["GET api/v1/serverstate"]["ProposedSchedule"] = [{"Item1": "1", "Item2": "2024-02-15T03:00:00Z"}]
    return stage


def refuse(stage: Stage) -> None:
    stage.server.failure = errors.ConnectionRefused("nothing answers at nas.test port 8200")


def leave(stage: Stage) -> None:
    """Change nothing."""


VIEWS: dict[str, tuple[list[str], Callable[[Stage], None]]] = {
    "list-backups": (["list", "backups"], leave),
    "describe": (["describe", "Documents"], leave),
    "error-unreachable": (["list", "backups"], refuse),
    "error-no-backup": (["run", "Documetns"], leave),
    "error-usage": (["list", "backups", "--sort", "nmae"], leave),
    "error-option": (["watch", "--untill-idle"], leave),
}


@pytest.mark.parametrize("name", VIEWS)
@pytest.mark.parametrize("width", [80, 40])
@pytest.mark.parametrize("colour", ["never", "always"])
def test_view_looks_as_pictured(pictured: Stage, name: str, width: int, colour: str) -> None:
    words, prepare = VIEWS[name]
    prepare(pictured)
    ended = pictured.run(*words, "--color", colour, is_terminal=True, COLUMNS=str(width))
    compare(ended.stdout + ended.stderr, f"{name}-{width}{'-coloured' if colour == 'always' else ''}.txt")
    assert "hidden" not in ended.stdout + ended.stderr.replace("secrets hidden", "")
    if colour == "never":
        assert max(map(measure, ended.stdout.splitlines()), default=0) <= width
