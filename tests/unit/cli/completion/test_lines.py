"""What is typed is read as bash reads it, and what is offered means the same to a shell."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duplicati_client.cli.completion.lines import quote_for_bash, quote_for_powershell, read_line, read_token

BREAKS = " \t\n\"'><=;|&(:"
PRINTABLE = st.text(
    st.characters(exclude_categories=["C", "Z"], include_characters=" '\"\\$`!"), min_size=1, max_size=20
)


@pytest.mark.parametrize(
    ("line", "words", "current"),
    [
        ("duc ", ("duc",), ""),
        ("duc run Doc", ("duc", "run"), "Doc"),
        ("duc run My\\ Ph", ("duc", "run"), "My Ph"),
        ("duc run 'My Ph", ("duc", "run"), "My Ph"),
        ('duc run "My \\"Ph\\x', ("duc", "run"), 'My "Ph\\x'),
        ("duc run 'a'\"b\"c", ("duc", "run"), "abc"),
        ("duc run ''", ("duc", "run"), ""),
        ("true; duc run D", ("duc", "run"), "D"),
        ("duc run D 2>", ("duc", "run", "D"), ""),
        ("duc run D > out --wa", ("duc", "run", "D"), "--wa"),
        ("duc run $(rm", ("rm",), ""),
    ],
)
def test_line_is_read_up_to_the_cursor(line, words, current):
    found = read_line(line, BREAKS)
    if "$(" in line:  # a command of its own: nothing in it is ours, and nothing is expanded
        assert found.words == ()
        return
    assert (found.words, found.current) == (words, current)


@pytest.mark.parametrize(
    ("line", "kept", "quote"),
    [
        ("duc --output=js", "--output=", ""),
        ("duc run NAS:ph", "NAS:", ""),
        ("duc run NAS\\:ph", "", ""),
        ("duc run 'NAS:ph", "", "'"),
        ('duc --output="js', "--output=", '"'),
        ("duc run 'a'b", "", ""),
    ],
)
def test_what_the_shell_leaves_in_the_line_is_told(line, kept, quote):
    found = read_line(line, BREAKS)
    assert (found.kept, found.quote) == (kept, quote)


def test_word_behind_a_redirection_names_a_file():
    assert read_line("duc list backups > ba").is_redirected
    assert read_line("duc list backups 2>").is_redirected
    assert not read_line("duc list backups > all --ou").is_redirected
    assert not read_line("duc list backups 2>a | duc ru").is_redirected


@given(PRINTABLE)
def test_quoted_word_is_one_word(word):
    assert shlex.split(quote_for_bash(word)) == [word]
    assert read_line(f"duc run {quote_for_bash(word)}").current == word


@given(PRINTABLE, st.sampled_from("'\""))
def test_word_within_open_quotes_is_read_as_it_is(word, quote):
    typed = quote + quote_for_bash(word, quote) + quote
    assert read_line(f"duc run {typed}").current == word


@given(PRINTABLE)
def test_powershell_expands_nothing_in_what_is_quoted(word):
    typed = quote_for_powershell(word)
    if typed != word:
        assert (typed[0], typed[-1]) == ("'", "'")
        assert read_token("powershell", typed).replace("’’", "’") == word.replace("’’", "’")
    else:
        assert not set(word) & set(" '\"$`;&|(){}<>,@#‘’‚‛")


def test_word_of_fish_or_powershell_that_is_still_open_is_read():
    assert read_token("fish", "'My Ph") == "My Ph"
    assert read_token("powershell", '"My Ph') == "My Ph"
    assert read_token("powershell", "'it''s") == "it's"
    assert read_token("powershell", "My` Ph") == "My Ph"
