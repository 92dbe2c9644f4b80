"""What is weaker at level 0 is told: by name to programs, in words to people."""

from __future__ import annotations

import pytest

from duplicati_client.cli.daemon.status import make_page
from duplicati_client.cli.output.layout import render_page
from duplicati_client.cli.output.table import Look
from duplicati_client.daemon.health import WEAKNESSES, Contact, describe_contact

SNAPSHOT = {
    "state": "running",
    "name": "nas",
    "config": "daemon.toml",
    "problems": [],
    "running": [],
    "tasks": {"open_count": 0, "ended_count": 0},
}


def show(level: int | None) -> str:
    contact = describe_contact(Contact(), "https://tasks.example.org", level)
    return "".join(render_page(make_page({**SNAPSHOT, "task_server": contact}), Look(120)))


def test_at_level_0_status_names_each_promise_that_is_weaker():
    shown = show(0)
    assert [weakness for weakness in WEAKNESSES if weakness.text not in shown or weakness.promise not in shown] == []


@pytest.mark.parametrize("level", [1, None])
def test_at_level_1_and_before_the_first_contact_nothing_is_said_to_be_weaker(level):
    assert "WEAKER" not in show(level)
    assert describe_contact(Contact(), "https://tasks.example.org", level)["weaker"] == []
