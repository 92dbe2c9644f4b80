"""Journals and messages as an earlier release wrote them, kept as files, are still read for what they say.

A file is never changed; whoever changes a format adds files of the release that wrote it, and keeps the old ones.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from duplicati_client.daemon.journal import NAME, Journal
from duplicati_client.protocol.result import Result, Status, read_receipt
from duplicati_client.protocol.task import Malformed, read_tasks
from tests.model_folder import ModelDisk
from tests.unit.daemon.bench import Clock

FIXTURES = Path(__file__).parents[1] / "fixtures"
JOURNALS = sorted((FIXTURES / "journal").iterdir())
MESSAGES = sorted((FIXTURES / "messages").iterdir())
FRAME = ("Format", "LSN", "Task", "Step", "At", "Mark", "MarkSum", "Sum")


@pytest.mark.parametrize("path", JOURNALS, ids=lambda path: path.name)
def test_journal_of_an_earlier_release_is_read_whole(path: Path) -> None:
    data, clock = path.read_bytes(), Clock()
    lines = [line for line in yaml.safe_load(data) if "Task" in line]
    journal = Journal(ModelDisk({NAME: data}).mount(), clock.now, clock)
    assert (journal.opening.torn_bytes, journal.opening.describe_damage()) == (0, None)
    for line in lines:
        steps = {step.value: fields for step, fields in journal.entries[line["Task"]].steps.items()}
        said = {name: value for name, value in line.items() if name not in FRAME}
        assert said.items() <= dict(steps[line["Step"]]).items()


def test_journals_that_are_kept_have_every_step_but_the_last() -> None:
    lines = [line for path in JOURNALS for line in yaml.safe_load(path.read_bytes())]
    assert {line["Step"] for line in lines if "Step" in line} >= {
        "received",
        "decided",
        "intent",
        "submitted",
        "outcome",
    }


@pytest.mark.parametrize("path", MESSAGES, ids=lambda path: path.name)
def test_answers_of_an_earlier_task_server_are_understood_by_the_daemon(path: Path) -> None:
    kept = json.loads(path.read_text(encoding="utf-8"))
    told = kept["FromServer"]
    tasks = read_tasks(json.dumps(told["tasks"]).encode())
    assert len(tasks) == len(told["tasks"])
    assert not [task for task in tasks if isinstance(task, Malformed)]
    results = [sent["Body"] for sent in kept["FromDaemon"] if sent["Path"].endswith("/result")]
    for sent, receipt in zip(results, told["receipts"], strict=True):
        assert read_receipt(json.dumps(receipt).encode(), _read(sent)) == receipt["Recorded"]


def _read(sent: dict[str, Any]) -> Result:
    return Result(sent["ID"], Status(sent["Status"]), sent.get("Data", {}), sent.get("Attempt"))
