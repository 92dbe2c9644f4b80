"""What the commands write as JSON has the names that docs/reference/json.md promises, and their types."""

from __future__ import annotations

import json

import pytest

from duplicati_client.cli.output.columns import SCHEMA
from tests.shapes.checking import faults_of
from tests.unit.cli.stage import BACKUP_1_LOG, PASSWORD, URL, Stage


@pytest.fixture
def full(stage) -> Stage:
    stage.log_in()
    stage.server.answers |= {
        "GET api/v1/tasks": [{"ID": 3, "Status": "Running"}],
        "GET api/v1/serverstate": {"ProgramState": "Running", "ActiveTask": {"Item1": 3, "Item2": "1"}},
        "GET api/v1/notifications": [{"ID": 7, "Type": "Warning", "Title": "T", "Message": "M"}],
        "GET api/v1/backup/1/filesets": [{"Version": 0, "IsFullBackup": 1, "Time": "2026-07-10T08:00:00Z"}],
        "POST api/v2/backup/list-filesets": {"Success": True, "Data": [{"Version": 0, "IsFullBackup": True}]},
        "GET api/v1/backup/1/log": BACKUP_1_LOG,
    }
    return stage


def document_of(stage, *words):
    ended = stage.run(*words, "--output", "json")
    assert ended.status == 0, ended.stderr
    document = json.loads(ended.stdout)
    assert document["schema"] == SCHEMA == "duplicati-client/1"
    return document


@pytest.mark.parametrize(
    "words",
    [
        *(["list", kind] for kind in ("backups", "tasks", "notifications", "settings", "contexts")),
        *(["list", kind, "1"] for kind in ("versions", "logs")),
        ["logs"],
        ["status"],
        ["describe", "1"],
        ["doctor"],
        ["config"],
        ["config", "explain"],
        ["get", "backup", "1"],
        ["get", "setting", "update-channel"],
        ["login", URL],
        ["run", "1"],
        ["resume"],
        ["dismiss", "7"],
    ],
    ids=" ".join,
)
def test_what_is_written_is_as_documented(full, words):
    full.server.answers |= {
        "GET api/v1/logdata/log": [{"ID": 1, "Timestamp": 1770000000, "Type": "Error", "Message": "M"}],
        "GET api/v1/progressstate": {},
        **{f"GET api/v1/task/{number}": {"ID": number, "Status": "Completed"} for number in (1, 2)},
        "GET api/v1/task/3": {"ID": 3, "Status": "Running"},
        "POST api/v1/serverstate/resume": None,
        "DELETE api/v1/notification/7": None,
    }
    ended = full.run(*words, "--output", "json", DUPLICATI_CLIENT_PASSWORD=PASSWORD)
    assert ended.stdout.startswith('{"')
    assert faults_of(ended.stdout) == []


def test_times_have_an_offset_and_sizes_are_bytes(full):
    assert document_of(full, "list", "logs", "1")["items"][0]["logged_at"] == "2026-02-02T02:40:00+00:00"
    assert document_of(full, "list", "versions", "1")["items"][0]["version"] == 0
