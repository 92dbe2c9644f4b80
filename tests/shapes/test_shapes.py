"""What is published stays: every name is on the page, explained, kept in the list, and written as promised."""

from __future__ import annotations

import json

import pytest

from docs.generate.shapes import DOCUMENTS, LINES
from duplicati_client.cli import listings
from duplicati_client.cli.output.columns import SCHEMA
from tests.shapes import published
from tests.shapes.checking import faults_of

SHAPES = [*DOCUMENTS, *LINES]
BACKUP = {
    **{"backup_id": "1", "name": "a", "outcome": "never", "reason": "", "last_started_at": None},
    **{"last_finished_at": None, "duration_seconds": None, "versions_count": 3, "source_bytes": None},
    **{"destination_bytes": None, "next_run_at": "2026-07-10T08:00:00+00:00"},
}


def test_no_published_name_is_gone_or_means_another_type():
    assert published.broken(published.read(), published.present()) == []


def test_every_name_is_in_the_list_of_published_names():
    assert published.present() == published.read(), "python -m tests.shapes.published adds new names"


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: f"{shape.commands} {shape.name}")
def test_every_name_is_explained_and_no_shape_is_empty(shape):
    assert [field.path for field in shape.fields if not field.meaning] == []
    assert shape.fields or shape.is_open


@pytest.mark.parametrize("kind", [kind for kind in listings.KINDS if kind != "runs"])  # a part of a page alone
def test_every_listing_is_a_document(kind):
    assert [shape.name for shape in DOCUMENTS if (shape.name, shape.part) == (kind, "items")] == [kind]


def test_a_kind_means_one_document():
    assert len({(shape.name, shape.part) for shape in DOCUMENTS}) == len(DOCUMENTS)


def test_name_that_goes_or_changes_its_type_is_found():
    kept = {"list backups: backups": {"name": "text", "when": "time or null", "size": "integer"}}
    assert published.broken(kept, {"list backups: backups": {"name": "text", "when": "time", "size": "integer"}}) == []
    assert published.broken(kept, {"list backups: backups": {"name": "text", "when": "text or null"}}) == [
        "list backups: backups: size",
        "list backups: backups: when was time or null, is text or null",
    ]
    nullable = {"list backups: backups": {"name": "text or null", "when": "time", "size": "integer"}}
    assert published.broken(kept, nullable) == ["list backups: backups: name was text, is text or null"]
    assert len(published.broken(kept, {})) == 3


def write(**changes):
    return json.dumps({"schema": SCHEMA, "kind": "backups", "items": [BACKUP | changes]})


def test_document_as_promised_has_no_fault():
    assert faults_of(write()) == []
    assert faults_of(write(server="nas")) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"name": None},
        {"versions_count": "3"},
        {"versions_count": True},
        {"next_run_at": "2026-07-10T08:00:00"},
        {"new": 1},
    ],
)
def test_document_that_breaks_the_promise_has_a_fault(changes):
    assert len(faults_of(write(**changes))) == 1


def test_name_that_is_missing_is_a_fault_unless_columns_were_chosen():
    text = json.dumps({"schema": SCHEMA, "kind": "backups", "items": [{"name": "a"}]})
    assert len(faults_of(text)) == 10
    assert faults_of(text, is_whole=False) == []


def test_kind_and_event_on_no_page_are_faults_and_other_output_is_passed_over():
    assert len(faults_of('{"schema": "duplicati-client/1", "kind": "new", "items": []}')) == 1
    assert len(faults_of('{"event": "new"}\n{"event": "note", "backup_id": "1", "name": "a", "text": "t"}\n')) == 1
    assert faults_of('{"URL": "http://127.0.0.1"}\nplain\n') == []
