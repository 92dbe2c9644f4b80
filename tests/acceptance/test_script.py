"""The grammar of acceptance scripts: what is read, what matches and what does not."""

from __future__ import annotations

import pytest

from tests.acceptance.script import ScriptInvalid, expand, parse_script, pattern_of, plain

TEXT = """\
# A run with warnings has exit status 2.
# needs: backup warning, release >= 2.2
$ duplicati run $ID[warning] --wait
task <(?P<task>\\d+)>
...
... 3 files
! ...warning...
[2, 3]

$ duplicati list tasks
!
~ hunter2
"""


def test_script_is_read_with_its_needs_and_expectations():
    script = parse_script("run", TEXT)
    first, second = script.steps
    assert (script.about, script.needs) == (
        "A run with warnings has exit status 2.",
        ("backup warning", "release >= 2.2"),
    )
    assert (first.line, first.command, first.statuses) == (3, "duplicati run $ID[warning] --wait", (2, 3))
    assert (first.stdout[0], first.stderr) == ("task <(?P<task>\\d+)>", ("...warning...",))
    assert (second.stdout, second.stderr, second.statuses) == ((), (), (0,))
    assert second.absent == ("hunter2",)


@pytest.mark.parametrize("text", ["", "# only words\n", "# about\nan expectation\n$ duplicati status\n"])
def test_script_without_about_line_or_command_is_refused(text):
    with pytest.raises(ScriptInvalid):
        parse_script("odd", text)


@pytest.mark.parametrize(
    ("output", "fits"),
    [
        ("task 12\ncopied 3 files\n", True),
        ("task 12\n\n  read   all\nuploaded\ncopied 3 files\n", True),
        ("task twelve\ncopied 3 files\n", False),
        ("task 12\ncopied 3 files\nand more\n", False),
        ("task 12\n", False),
    ],
)
def test_output_fits_only_what_the_script_says(output, fits):
    expected = parse_script("run", TEXT).steps[0].stdout
    assert (pattern_of(expected, {}).fullmatch(plain(output)) is not None) is fits


def test_named_group_keeps_what_it_matched():
    found = pattern_of(("task <(?P<task>\\d+)>",), {}).fullmatch(plain("task 12"))
    assert found
    assert found["task"] == "12"


def test_variables_are_taken_as_text_not_as_expressions():
    assert pattern_of(("id $ID[odd]",), {"ID[odd]": "a.b"}).fullmatch("id a.b\n")
    assert not pattern_of(("id $ID[odd]",), {"ID[odd]": "a.b"}).fullmatch("id aXb\n")


def test_unknown_variable_is_an_error_of_the_script():
    with pytest.raises(ScriptInvalid, match=r"\$NOWHERE"):
        expand("$NOWHERE", {})
