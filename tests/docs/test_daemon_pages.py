"""The pages on the daemon name what its code has: states, codes, conditions, events, files; their examples are read."""

from __future__ import annotations

import json
import re
import subprocess
import tomllib
from datetime import UTC, datetime
from pathlib import Path

import pytest

from duplicati_client import errors
from duplicati_client.cli.daemon import status
from duplicati_client.cli.daemon.once import status_of_entry
from duplicati_client.daemon import config, policy
from duplicati_client.daemon.entries import Entry, Step
from duplicati_client.daemon.health import Connection
from duplicati_client.daemon.tables import Document
from duplicati_client.protocol.task import Task, read_task
from tests.daemon_stage import stage
from tests.docs import names
from tests.docs.fences import ROOT, pages
from tests.sandbox_process import PROGRAM

REFERENCE = ROOT / "docs" / "reference"
STATES, POLICY, SETTINGS = (REFERENCE / f"{name}.md" for name in ("daemon-states", "policy", "daemon-configuration"))
FOUND = {
    "states": names.find_states,
    "codes": lambda: names.find_codes() | {policy.PROHIBITED, errors.Unreachable.code},
    "conditions": lambda: names.find_conditions() - {"state"} | set(Connection) - {"connected", "unknown"},
    "events": names.find_events,
}
NOON = datetime(2030, 7, 1, 10, 0, tzinfo=UTC)
BACKUPS = {"3": "Photos", "7": "Archive 2024"}
_EXAMPLE = re.compile(r"<!-- (daemon configuration|daemon policy) -->\n```toml\n(.*?)```", re.DOTALL)
EXAMPLES = [
    pytest.param(*found, id=f"{page.relative_to(ROOT)}: {found[0]}")
    for page in pages()
    for found in _EXAMPLE.findall(page.read_text(encoding="utf-8"))
]


@pytest.mark.parametrize("kind", FOUND)
def test_page_explains_the_names_that_the_code_has_and_no_others(kind):
    assert set(names.read_names(STATES, kind)) == FOUND[kind]()


def test_conditions_have_the_exit_statuses_that_the_page_says():
    told = {name: int(cells[1]) for name, cells in names.read_names(STATES, "conditions").items()}
    assert told == status._STATUSES


def test_codes_have_the_exit_statuses_of_a_round_that_the_page_says():
    for code, cells in names.read_names(STATES, "codes").items():
        outcome = {"Status": cells[0], "Data": {"Code": code}}
        assert int(cells[4]) == status_of_entry(Entry("i:1", Step.OUTCOME, {Step.OUTCOME: outcome})), code


def test_page_has_the_steps_of_the_journal_in_their_order():
    section = STATES.read_text(encoding="utf-8").partition("## Steps of the journal")[2].partition("\n\nA refused")[0]
    assert re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE) == [step.value for step in Step]


@pytest.mark.parametrize(("kind", "text"), EXAMPLES)
def test_example_is_read_by_the_daemon(kind, text):
    document = Document("daemon.toml", text, tomllib.loads(text))
    found = policy.read(document)
    assert found.allow
    if kind == "daemon configuration":
        assert policy.read(document, config.read(document).servers) is not None


def test_page_decides_on_its_tasks_as_the_policy_does():
    text = POLICY.read_text(encoding="utf-8")
    _, example = _EXAMPLE.search(text).groups()
    rules = policy.read(Document("daemon.toml", example, tomllib.loads(example)))
    rows = re.findall(r"^\| `(\{.*\})` \| (\w+) \| `(.*)` \|$", text.partition("<!-- decisions -->")[2], re.MULTILINE)
    assert len(rows) == 8
    for content, told, rule in rows:
        task = read_task(json.loads(content))
        assert isinstance(task, Task), content
        decision = rules.judge(task, NOON, policy.Facts("main", BACKUPS))
        assert ("allowed" if decision.is_allowed else decision.code, decision.rule) == (told, rule), content


def test_page_lists_every_file_that_a_daemon_leaves_in_its_folder(tmp_path: Path):
    with stage(tmp_path / "d", level=1) as on:
        on.tasks.give({"ID": 1, "Operation": "run", "Resources": [{"Type": "backup", "ID": 1}]})
        subprocess.run([str(PROGRAM), "daemon", "once", "--config", on.config], check=True, capture_output=True)
    left = {path.name.replace("main", "ALIAS") for path in (tmp_path / "d" / "state").iterdir()}
    listed = set(re.findall(r"`([\w.-]+)`", SETTINGS.read_text(encoding="utf-8").partition("## What lies in")[2]))
    assert {"task-list.yml", "lock"} <= left
    assert left - listed == set()
