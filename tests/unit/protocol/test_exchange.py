"""What kind of problem a task server states."""

from __future__ import annotations

import pytest

from duplicati_client.protocol.exchange import INSTANCE_CONFLICT, read_problem


@pytest.mark.parametrize(
    "uri",
    ["urn:duplicati-task:instance-conflict", "https://example.org/problems#instance-conflict", "instance-conflict"],
)
def test_kind_of_a_problem_is_the_end_of_its_type(uri):
    assert read_problem(f'{{"type": "{uri}", "title": "any"}}'.encode()) == INSTANCE_CONFLICT


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b"{}", b'{"type": 7}', b'{"type": ""}', b'{"type": "a:\\u001b"}']
)
def test_other_bodies_state_no_problem(body):
    assert read_problem(body) is None
