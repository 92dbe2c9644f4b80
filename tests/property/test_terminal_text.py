"""Whatever a server sends, what reaches the terminal cannot act on it, and fits where it was put."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duplicati_client.cli.output.columns import Column, Listing
from duplicati_client.cli.output.table import Look, render_listing
from duplicati_client.cli.text import cut, is_harmless, measure, neutralise, neutralise_lines, pad, wrap

# Characters that surrogateescape or a server's half pairs may bring count too.
ANY_TEXT = st.text(st.characters() | st.sampled_from("\x1b\x9b\u202e\u2066\u200f\ud800\u2028\x00\n\r\t\x7f\U000e0041"))
JOINERS = "\u200c\u200d"


def is_dangerous(character: str) -> bool:
    return unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"} and character not in JOINERS


@given(ANY_TEXT)
def test_neutralised_text_has_no_control_direction_or_half_character(text):
    assert not any(is_dangerous(character) for character in neutralise(text))


@given(ANY_TEXT)
def test_neutralising_twice_changes_nothing_more(text):
    assert neutralise(neutralise(text)) == neutralise(text)


@given(ANY_TEXT)
def test_text_is_harmless_exactly_if_neutralising_leaves_it_alone(text):
    assert is_harmless(text) is (neutralise(text) == text)


@given(ANY_TEXT)
def test_neutralised_lines_hold_no_control_character_but_the_breaks(text):
    assert not any(is_dangerous(character) for line in neutralise_lines(text).split("\n") for character in line)


@pytest.mark.parametrize(
    "text", ["Documents", "Füße ließen", "日本語のバックアップ", "سلام دنیا", "می‌خواهم", "👩‍💻 work", "a b"]
)
def test_ordinary_names_of_any_script_are_shown_as_they_are(text):
    assert neutralise(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred", "\\x1b[31mred"),
        ("evil\u202egnp.exe", "evil\\u202egnp.exe"),
        ("two\nlines", "two\\nlines"),
        ("\x9b2J", "\\x9b2J"),
        ("\U000e0041", "\\U000e0041"),
    ],
)
def test_dangerous_characters_are_shown_as_escapes(text, shown):
    assert neutralise(text) == shown


@given(ANY_TEXT.map(neutralise), st.integers(0, 60))
def test_cut_text_is_never_wider_than_told(text, width):
    assert measure(cut(text, width)) <= width


@given(ANY_TEXT.map(neutralise), st.integers(1, 60))
def test_text_is_cut_only_if_it_does_not_fit_and_then_says_so(text, width):
    shown = cut(text, width)
    assert shown == text if measure(text) <= width else shown.endswith("…")


@given(ANY_TEXT.map(neutralise), st.integers(0, 60), st.booleans())
def test_padded_text_has_the_width_told_unless_it_was_wider(text, width, is_right):
    assert measure(pad(text, width, is_right=is_right)) == max(width, measure(text))


@given(ANY_TEXT.map(neutralise), st.integers(4, 60))
def test_wrapped_text_fits_and_loses_only_the_gaps_between_lines(text, width):
    lines = wrap(text, width)
    assert all(measure(line) <= width for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")


@given(st.lists(st.tuples(ANY_TEXT, ANY_TEXT), min_size=1), st.integers(40, 200), st.booleans())
def test_a_table_has_a_line_a_row_and_no_line_is_wider_than_the_terminal(rows, width, is_coloured):
    columns = (Column("name", "NAME", "text", 0), Column("note", "NOTE", "text", 1))
    text = render_listing(Listing("things", columns, rows), Look(width))
    lines = text.split("\n")[:-1]
    assert len(lines) == len(rows) + 1
    assert all(measure(line) <= width for line in lines)
    assert not any(is_dangerous(character) for line in lines for character in line)
