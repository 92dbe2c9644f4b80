"""--filter and --sort: typed comparisons, ages, patterns, and unknown values."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duplicati_client import errors
from duplicati_client.cli.output.columns import Column, Listing
from duplicati_client.cli.output.selection import (
    choose_columns,
    keep_rows,
    parse_condition,
    parse_size,
    sort_rows,
)

NOW = datetime(2026, 7, 10, 8, 0, tzinfo=UTC)
COLUMNS = (
    Column("id", "ID", "id"),
    Column("name", "NAME"),
    Column("at", "WHEN", "time"),
    Column("size", "SIZE", "size"),
    Column("took", "TOOK", "seconds"),
    Column("count", "COUNT", "number"),
    Column("is_on", "ON", "flag"),
)
ROWS = [
    ("2", "Photos", NOW - timedelta(days=1), 5000, 90.0, 3, True),
    ("10", "documents", NOW - timedelta(days=30), 2_000_000, 7200.0, 20, False),
    ("9", "Mail", None, None, None, None, False),
]
LISTING = Listing("things", COLUMNS, ROWS)


def kept(*filters):
    return [row[0] for row in keep_rows(LISTING, filters, NOW).rows]


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("name=photos", ["2"]),
        ("name!=photos", ["10", "9"]),
        ("name~o", ["2", "10"]),
        ("name~*l", ["9"]),
        ("id>5", ["10", "9"]),
        ("size>1M", ["10"]),
        ("size<1M", ["2"]),
        ("took>1h", ["10"]),
        ("count=3", ["2"]),
        ("is-on=yes", ["2"]),
        ("at>7d", ["2"]),
        ("count>=3", ["2", "10"]),
        ("count<=3", ["2"]),
        ("count==3", ["2"]),
        ("id>=9", ["10", "9"]),
        ("name!~o", ["9"]),
        ("size>1GB", []),
        ("size>=5000", ["2", "10"]),
        ("size=", ["9"]),
        ("took<=90s", ["2"]),
        ("at<2026-07-01", ["10"]),
        ("at=", ["9"]),
        ("at!=", ["2", "10"]),
        ("when<7d", ["10"]),
    ],
)
def test_rows_are_kept_by_what_a_field_is(text, ids):
    assert kept(text) == ids


def test_every_filter_has_to_be_met():
    assert kept("name~o", "size>1M") == ["10"]


@pytest.mark.parametrize("text", ["name", "=x", "", "name:x"])
def test_a_filter_without_field_or_comparison_is_wrong_usage(text):
    with pytest.raises(errors.UsageInvalid):
        parse_condition(text)


@pytest.mark.parametrize("text", ["size>big", "took>soon", "count=many", "at>soon"])
def test_a_value_of_the_wrong_kind_is_told_with_an_example_or_its_kind(text):
    with pytest.raises(errors.InvalidValue):
        kept(text)


@pytest.mark.parametrize(
    ("order", "ids"),
    [
        ("id", ["2", "9", "10"]),
        ("-id", ["10", "9", "2"]),
        ("name", ["10", "9", "2"]),
        ("size", ["2", "10", "9"]),
        ("-size", ["10", "2", "9"]),
        ("is_on,-id", ["10", "9", "2"]),
    ],
)
def test_rows_are_sorted_and_unknown_values_come_last(order, ids):
    assert [row[0] for row in sort_rows(LISTING, order).rows] == ids


def test_columns_are_chosen_in_the_order_told():
    chosen = choose_columns(LISTING, "size, id")
    assert [column.name for column in chosen.columns] == ["size", "id"]
    assert chosen.rows[0] == (5000, "2")


@given(st.lists(st.tuples(st.text(), st.none() | st.integers()), unique_by=lambda row: row[0]))
def test_sorting_loses_no_row(rows):
    listing = Listing("things", (Column("name", "NAME"), Column("size", "SIZE", "size")), rows)
    assert sorted(sort_rows(listing, "size,-name").rows, key=str) == sorted(rows, key=str)


@pytest.mark.parametrize(
    ("text", "size_bytes"), [("10", 10), ("10b", 10), ("5k", 5120), ("1.5 GiB", 1_610_612_736), ("2MB", 2**21)]
)
def test_sizes_are_read(text, size_bytes):
    assert parse_size(text) == size_bytes


@pytest.mark.parametrize(
    ("name", "hint"), [("sise", "did you mean size?"), ("tok", "did you mean took?"), ("xyz", "fields: id, name")]
)
def test_near_miss_of_a_field_is_suggested(name, hint):
    with pytest.raises(errors.UsageInvalid) as caught:
        choose_columns(LISTING, name)
    assert caught.value.hint.startswith(hint)


@pytest.mark.parametrize("condition", ["is_on=maybe", "size>big", "took>long", "count>many", "at>someday"])
def test_value_of_another_kind_is_refused(condition):
    with pytest.raises(errors.InvalidValue):
        kept(condition)
