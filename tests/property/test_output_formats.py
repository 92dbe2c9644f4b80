"""What is written as JSON, YAML or CSV is read back as the same data, whatever characters it has."""

from __future__ import annotations

import csv
import io
import json
import string
from datetime import UTC, datetime, timedelta, timezone

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from duplicati_client import errors
from duplicati_client.cli.output import csv as csv_output
from duplicati_client.cli.output import ids as ids_output
from duplicati_client.cli.output import json as json_output
from duplicati_client.cli.output import yaml as yaml_output
from duplicati_client.cli.output.columns import Column, Listing
from duplicati_client.cli.output.pages import Page, StreamRecord
from duplicati_client.cli.output.table import Look
from duplicati_client.cli.text import is_harmless

STRANGE = st.sampled_from("\x1b\x9b\u202e\u2066\u200f\u2028\x85\x00\n\r\t\x7f\U000e0041\"'\\=+-@,;:#&*!|>%`{}[]~")
# Half characters cannot be encoded: JSON writes them as escapes, the others as what stderr and stdout make of them.
TEXTS = st.text(st.characters(exclude_categories=["Cs"]) | STRANGE)
ZONES = st.sampled_from([UTC, timezone(timedelta(hours=2)), timezone(timedelta(hours=-9, minutes=-30))])
TIMES = st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30), timezones=ZONES)
COLUMNS = (
    Column("item_id", "ID", "id"),
    Column("name", "NAME", "text"),
    Column("at", "AT", "time"),
    Column("size", "SIZE", "size"),
    Column("is_on", "ON", "flag"),
)
ROWS = st.lists(
    st.tuples(
        st.text(string.ascii_letters + string.digits, min_size=1),
        st.none() | TEXTS,
        st.none() | TIMES,
        st.none() | st.integers(0, 2**63),
        st.booleans(),
    )
)
LOOKS = st.sampled_from([Look(), Look(80, is_terminal=True)])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


def expected(rows):
    return [
        {"item_id": i, "name": name, "at": at and at.isoformat(), "size": size, "is_on": is_on}
        for i, name, at, size, is_on in rows
    ]


@given(ROWS, LOOKS)
def test_a_listing_comes_back_from_json(rows, look):
    document = json.loads(json_output.render_listing(Listing("things", COLUMNS, rows), look))
    assert document == {"schema": "duplicati-client/1", "kind": "things", "items": expected(rows)}


@given(ROWS)
def test_a_listing_for_programs_is_one_line_of_json(rows):
    assert json_output.render_listing(Listing("things", COLUMNS, rows), Look()).count("\n") == 1


@given(ROWS, LOOKS)
def test_a_listing_comes_back_from_yaml(rows, look):
    document = yaml.safe_load(yaml_output.render_listing(Listing("things", COLUMNS, rows), look))
    assert document == {"schema": "duplicati-client/1", "kind": "things", "items": expected(rows)}


@given(ROWS)
def test_a_listing_comes_back_from_csv(rows):
    text = csv_output.render_listing(Listing("things", COLUMNS, rows), Look())
    heading, *cells = csv.reader(io.StringIO(text, newline=""), strict=True)
    assert heading == [column.name for column in COLUMNS]
    assert cells == [
        [i, name or "", at.isoformat() if at else "", "" if size is None else str(size), str(is_on).lower()]
        for i, name, at, size, is_on in rows
    ]


@given(st.dictionaries(TEXTS, VALUES), LOOKS)
def test_a_page_comes_back_from_json_and_yaml(item, look):
    page = Page("thing", item, ())
    assert json.loads(json_output.render_page(page, look))["item"] == item
    assert yaml.safe_load(yaml_output.render_page(page, look))["item"] == item


@given(st.dictionaries(TEXTS.filter(lambda name: name != "event"), VALUES))
def test_a_record_of_a_stream_is_one_line_of_json_and_one_document_of_yaml(item):
    record = StreamRecord("moved", item)
    line = json_output.render_record(record, Look())
    assert line.count("\n") == 1
    assert json.loads(line) == {"event": "moved", **item}
    assert list(yaml.safe_load_all(yaml_output.render_record(record, Look()) * 2)) == [{"event": "moved", **item}] * 2


@given(ROWS, LOOKS)
def test_json_and_yaml_never_send_a_terminal_a_control_character(rows, look):
    listing = Listing("things", COLUMNS, rows)
    for text in (json_output.render_listing(listing, look), yaml_output.render_listing(listing, look)):
        assert all(is_harmless(line) for line in text.split("\n"))


@given(ROWS)
def test_csv_for_a_terminal_holds_no_control_character(rows):
    text = csv_output.render_listing(Listing("things", COLUMNS, rows), Look(is_terminal=True))
    assert all(is_harmless(line) for line in text.split("\n"))


@given(st.text(min_size=1))
def test_ids_are_a_line_each_or_refused(text):
    listing = Listing("things", COLUMNS, [(text, None, None, None, False)])
    if text.isprintable():
        assert ids_output.render_listing(listing, Look()) == f"{text}\n"
    else:
        with pytest.raises(errors.NotUnderstood):
            ids_output.render_listing(listing, Look())


def test_half_a_character_is_an_escape_in_json():
    listing = Listing("things", COLUMNS[:2], [("1", "a\ud800b")])
    text = json_output.render_listing(listing, Look())
    assert text.isascii()
    assert json.loads(text)["items"][0]["name"] == "a\ud800b"


def test_a_cell_that_looks_like_a_formula_stays_the_data_it_is():
    text = csv_output.render_listing(Listing("things", COLUMNS[:2], [("1", "=HYPERLINK(1)")]), Look())
    assert text == "item_id,name\r\n1,=HYPERLINK(1)\r\n"
