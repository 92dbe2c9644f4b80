"""The names in machine formats are a promise: `duplicati-client/1` has these, and a change needs another number."""

from __future__ import annotations

import json

import pytest

from duplicati_client.cli.output.columns import SCHEMA
from tests.unit.cli.stage import BACKUP_1_LOG, Stage

LISTINGS = {
    "backups": [
        *("backup_id", "name", "outcome", "reason", "last_started_at", "last_finished_at", "duration_seconds"),
        *("versions_count", "source_bytes", "destination_bytes", "next_run_at"),
    ],
    "tasks": ["task_id", "status", "operation", "backup_id", "backup_name", "started_at"],
    "versions": ["version", "created_at", "is_full", "files_count", "files_bytes"],
    "notifications": ["notification_id", "created_at", "kind", "title", "message", "backup_id", "exception"],
    "logs": ["logged_at", "level", "source", "message", "exception"],
    "settings": ["name", "value"],
}
STATUS = [
    *("url", "version", "version_name", "generation", "machine_name", "os", "user_name", "session", "state"),
    *("backups_count", "warnings_count", "errors_count", "clock_offset_seconds"),
]
DESCRIPTION = [
    *LISTINGS["backups"],
    *("description", "destination", "sources", "settings", "filters", "schedule", "runs", "runs_note", "definition"),
]


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


@pytest.mark.parametrize("kind", LISTINGS)
def test_listings_have_these_names(full, kind):
    words = ["1"] if kind in ("versions", "logs") else []
    document = document_of(full, "list", kind, *words)
    assert document["kind"] == kind
    assert list(document["items"][0]) == LISTINGS[kind]


def test_the_status_has_these_names(full):
    assert list(document_of(full, "status")["item"]) == STATUS


def test_a_description_has_these_names(full):
    assert list(document_of(full, "describe", "1")["item"]) == DESCRIPTION


def test_times_have_an_offset_and_sizes_are_bytes(full):
    assert document_of(full, "list", "logs", "1")["items"][0]["logged_at"] == "2026-02-02T02:40:00+00:00"
    assert document_of(full, "list", "versions", "1")["items"][0]["version"] == 0
