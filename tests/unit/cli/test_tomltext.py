"""Changing one key of a configuration leaves the rest of it as a person wrote it."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duplicati_client import errors
from duplicati_client.cli.tomltext import remove, set_key

TEXT = """\
# My servers. Keep this line.

output = "json"  # for scripts
lines = [
  1, # one
  2,
]
"odd = key" = "a # b"  # and a remark

# At home
[contexts.nas] # the small one
url = "http://nas:8200"

[contexts."b.c"]
url = '''
[contexts.not-a-table]
'''
"""


def lines_lost(before: str, after: str) -> list[str]:
    kept = after.splitlines()
    return [line for line in before.splitlines() if line not in kept]


def test_a_changed_value_keeps_its_remark_and_all_other_lines():
    after = set_key(TEXT, ("output",), "yaml")
    assert 'output = "yaml"  # for scripts\n' in after
    assert lines_lost(TEXT, after) == ['output = "json"  # for scripts']


def test_a_new_key_of_a_table_is_put_at_its_end():
    after = set_key(TEXT, ("contexts", "nas", "pin"), "ab12")
    assert 'url = "http://nas:8200"\npin = "ab12"\n\n[contexts."b.c"]' in after
    assert lines_lost(TEXT, after) == []


def test_a_new_table_is_put_at_the_end_of_the_file():
    after = set_key(TEXT, ("contexts", "attic", "url"), "http://attic")
    assert after == TEXT + '\n[contexts.attic]\nurl = "http://attic"\n'


def test_a_new_top_key_is_put_before_the_tables_and_their_remarks():
    assert set_key("# At home\n[contexts.nas]\nurl = 'x'\n", ("current",), "nas") == (
        "current = \"nas\"\n\n# At home\n[contexts.nas]\nurl = 'x'\n"
    )


def test_the_first_key_makes_the_file():
    assert set_key("", ("current",), "nas") == 'current = "nas"\n'


def test_a_value_of_many_lines_is_replaced_whole():
    assert tomllib.loads(set_key(TEXT, ("lines",), ["a"]))["lines"] == ["a"]


def test_a_removed_table_takes_its_keys_and_leaves_every_remark():
    after = remove(TEXT, ("contexts", "nas"))
    assert "nas" not in tomllib.loads(after)["contexts"]
    assert "# At home" in after


def test_removing_what_is_not_there_changes_nothing():
    assert remove(TEXT, ("contexts", "attic")) == TEXT


@pytest.mark.parametrize(
    "text",
    ["contexts.nas = { url = 'x' }\n", "[contexts]\nnas = { url = 'x' }\n", "contexts = { nas = { url = 'x' } }\n"],
)
def test_what_is_written_in_another_way_is_refused_and_not_damaged(text):
    with pytest.raises(errors.ConfigurationInvalid, match="does not change"):
        set_key(text, ("contexts", "nas", "pin"), "ab12")


def test_windows_line_ends_are_read():
    assert tomllib.loads(set_key('a = "1"\r\n[t]\r\nb = 2\r\n', ("t", "c"), True)) == {
        "a": "1",
        "t": {"b": 2, "c": True},
    }


KEYS = st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=3).map(tuple)
VALUES = st.text() | st.booleans() | st.integers(-(2**60), 2**60) | st.lists(st.text(), max_size=3)


@given(KEYS, VALUES.filter(lambda value: "\ud800" not in str(value)))
def test_any_key_and_value_come_back_from_the_text(path, value):
    try:
        parsed = tomllib.loads(set_key(TEXT, path, value))
    except errors.ConfigurationInvalid:
        before = tomllib.loads(TEXT)
        assert any(part in before or part in before["contexts"] for part in path)  # a value stands where a table should
        return
    for part in path:
        parsed = parsed[part]
    assert parsed == value
