"""Changes as a person reads them: only what differs, harmless on a terminal, the same words without colours."""

from __future__ import annotations

from duplicati_client.cli.difference import draw_changes
from duplicati_client.operations.changes import Change


def drawn(*changes: Change) -> list[str]:
    return draw_changes(changes, is_coloured=False).splitlines()


def test_a_text_is_shown_before_and_after():
    assert drawn(Change("name", "Old", "New")) == ["  name", "    - Old", "    + New"]


def test_what_comes_and_what_goes_has_one_line():
    assert drawn(Change("settings.x", None, "1"), Change("settings.y", "2", None)) == [
        *("  settings.x", "    + 1"),
        *("  settings.y", "    - 2"),
    ]


def test_an_empty_text_is_named():
    assert drawn(Change("description", "", "x")) == ["  description", "    - (empty)", "    + x"]


def test_of_a_list_only_the_entries_that_differ_are_shown():
    assert drawn(Change("sources", ("/a/", "/b/", "/c/"), ("/a/", "/c/", "/d/"))) == [
        "  sources",
        "    - /b/",
        "    + /d/",
    ]
    moved = drawn(Change("filters", ("-*.a", "-*.b"), ("-*.b", "-*.a")))
    assert sorted(line.strip()[:2] for line in moved[1:]) == ["+ ", "- "]


def test_of_a_text_with_several_lines_only_those_that_differ_are_shown():
    assert drawn(Change("description", "one\ntwo\nthree", "one\n2\nthree")) == ["  description", "    - two", "    + 2"]


def test_what_a_server_says_moves_no_cursor():
    text = draw_changes([Change("settings.\x1b]0;x", "\x1b[2J", ("\r", "\u202eabc"))], is_coloured=True)
    assert "\x1b]" not in text
    assert "\x1b[2J" not in text
    assert "\r" not in text
    assert "\u202e" not in text


def test_colours_add_nothing_to_read():
    coloured = draw_changes([Change("name", "Old", "New")], is_coloured=True)
    assert coloured == "  name\n    \x1b[31m- Old\x1b[0m\n    \x1b[32m+ New\x1b[0m\n"
