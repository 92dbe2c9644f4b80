"""The YAML text of a definition: what explains it, and what is said of a text that is wrong."""

from __future__ import annotations

import pytest
import yaml

from duplicati_client import errors
from duplicati_client.operations.definition import FIELDS, read_fields
from duplicati_client.operations.document import explain_option, read_document, write_document
from duplicati_client.sdk.options import read_options
from tests.definition_server import OPTIONS, SECRET_OPTIONS, definition

KNOWN = read_options({"Options": OPTIONS})
WHOLE = read_fields(definition(), frozenset(SECRET_OPTIONS))
TEXT = write_document(WHOLE, KNOWN, "first\nsecond")


def refusal(text: str) -> str:
    with pytest.raises(errors.InvalidValue) as refused:
        read_document(text)
    return f"{refused.value.message} / {refused.value.hint}"


def test_every_field_is_explained_and_stands_in_order():
    for kind in FIELDS:
        assert f"\n{kind.name}:" in TEXT
    lines = TEXT.splitlines()
    assert lines[:2] == ["# first", "# second"]
    assert lines[lines.index("name: Documents") - 1].startswith("# What the backup is called")


def test_a_setting_is_explained_by_what_the_server_says_of_it():
    assert "  # Limit the size of volumes (size; usually 50mb)\n  dblock-size: 50mb\n" in TEXT
    assert "one of Store, Follow, Ignore" in explain_option(KNOWN["symlink-policy"])


def test_a_schedule_is_told_in_words():
    assert "# Runs by itself every 1D, on mon, fri only" in TEXT
    none = {name: value for name, value in WHOLE.items() if not name.startswith("schedule.")}
    assert "#   repeat: 1D\n" in write_document(none, KNOWN)


def test_any_other_program_reads_the_same_names():
    told = yaml.safe_load(TEXT)
    assert told["sources"] == ["/home/me/docs/", "/home/me/photos/"]
    assert told["settings"]["passphrase"] == "********"
    assert told["schedule"]["allowed_days"] == ["mon", "fri"]


def test_what_a_server_says_cannot_leave_its_comment():
    evil = read_options({"Options": [{"Name": "dblock-size", "ShortDescription": "x\nname: other\x1b[31m"}]})
    text = write_document(WHOLE, evil)
    assert "\nname: other" not in text
    assert "\x1b" not in text
    assert read_document(text).fields == WHOLE


def test_values_are_texts_whatever_they_look_like():
    text = TEXT.replace("dblock-size: 50mb", "dblock-size: 0x10").replace("description: Letters", "description: 12:30")
    fields = read_document(text).fields
    assert (fields["settings.dblock-size"], fields["description"]) == ("0x10", "12:30")


def test_what_may_be_missing_is_empty_then():
    assert read_document("name: A\ndestination: b\nsources: /one/\n").fields == {
        "name": "A", "destination": "b", "sources": ("/one/",), "description": "", "filters": (), "tags": (),
    }  # fmt: skip


@pytest.mark.parametrize("stars", ["****", "*" * 10, "*" * 15])
def test_a_placeholder_of_any_length_means_the_secret_that_is_there(stars):
    assert read_document(TEXT.replace("'********'", f"'{stars}'")).fields == WHOLE


def test_broken_yaml_is_told_with_line_and_column():
    assert refusal("name: A\nsources: [\n").startswith("line 3, column 1: this is no YAML: ")
    assert refusal("name: A\n\tx: 1\n").startswith("line 2, column 1: this is no YAML: ")
    assert refusal("name: \x01\n").startswith("this is no YAML: ")


def test_an_unknown_field_is_told_with_its_line_and_what_comes_near():
    assert refusal("name: A\ndescripton: x\n") == (
        "line 2: there is no field “descripton” / did you mean “description”?"
    )
    assert "“schedule.repeat”" in refusal("schedule:\n  repat: 1D\n")


def test_a_name_that_stands_twice_is_refused_where_it_does():
    assert refusal("name: A\nname: B\n").startswith("line 2, column 1: “name” stands here a second time")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- a\n", "this is no definition"),
        ("", "this is no definition"),
        ("name: A\n", "destination is missing"),
        ("name: [a]\n", "line 1, column 7: name is one text here"),
        ("sources: {a: b}\n", "line 1, column 10: sources is a list"),
        ("settings: [a]\n", "line 1, column 11: settings holds names and values"),
        ("settings:\n  x: {a: b}\n", "line 2, column 6: settings.x is one text here"),
        ("? [a]\n: b\n", "line 1, column 3: a name is missing here"),
        ("schedule:\n  repeat: 1d\n", "line 2: “1d” is not a length of time / did you mean 1D?"),
        ("schedule:\n  next_at: soon\n", "line 2: “soon” is no time"),
        ("schedule:\n  allowed_days: [someday]\n", "line 2: “someday” is no day of the week"),
    ],
)
def test_what_is_wrong_is_told_where_it_is(text, said):
    assert said in refusal(text)


def test_a_text_that_refers_to_itself_costs_nothing():
    bomb = "name: &a [x, x]\n" + "".join(f"k{n}: &b{n} [*a, *a]\n" for n in range(50))
    assert refusal(bomb).startswith("line 1, column 7: name is one text here")
    assert "sources" in refusal("name: A\nsources: &s [*s]\n")
