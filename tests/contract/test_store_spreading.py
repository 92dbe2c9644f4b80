"""The tables of a store can be spread over machines by their daemon, as the page on PostgreSQL says."""

from __future__ import annotations

import re
from pathlib import Path

import psycopg
import pytest

from duplicati_client.taskserver.store.database import load_queries
from tests.contract.store_stage import opened

PAGE = Path(__file__).parents[2] / "docs/how-to/task-server.md"
SPREAD = set(re.findall(r"create_distributed_table\('(\w+)', 'daemon_id'", PAGE.read_text(encoding="utf-8")))
OWNED = """
select table_name from information_schema.columns where column_name = 'daemon_id' and table_schema = 'public'
"""
KEYS = """
select relname, array_agg(attname::text) from pg_index join pg_class on pg_class.oid = indrelid
join pg_attribute on attrelid = indrelid and attnum = any (indkey) where indisunique group by relname, indexrelid
"""
LOCKING = {name for name, text in load_queries("postgres").items() if "for update" in text}


def ask(make_place, query):
    place = make_place()
    with opened(place), psycopg.connect(place) as connection:
        return connection.execute(query).fetchall()


def test_every_table_of_daemons_is_spread_but_the_one_that_keeps_their_names_apart(make_place):
    assert {name for (name,) in ask(make_place, OWNED)} == SPREAD | {"daemon_names"}


def test_every_key_of_a_table_that_is_spread_has_the_daemon_in_it(make_place):
    keys = [(table, columns) for table, columns in ask(make_place, KEYS) if table in SPREAD]
    assert len(keys) == len(SPREAD)
    assert [table for table, columns in keys if "daemon_id" not in columns] == []


@pytest.mark.parametrize("name", sorted(LOCKING))
def test_rows_are_locked_of_one_daemon_at_a_time(name):
    parts = re.split(r"\bfrom\b", load_queries("postgres")[name])[1:]
    assert [part for part in parts if "daemon_id = :daemon_id" not in part] == []
