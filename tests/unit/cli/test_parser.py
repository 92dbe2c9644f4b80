"""Arguments after a verb: options and words in any order, in every way of writing them."""

from __future__ import annotations

import pytest

from duplicati_client.cli.options import Option
from duplicati_client.cli.parser import parse

OPTIONS = (
    Option("name", "", metavar="NAME", short="n"),
    Option("wait", "", "flag", short="w"),
    Option("filter", "", is_repeatable=True),
    Option("secret", "", places="e"),
)


@pytest.mark.parametrize(
    ("arguments", "words", "values"),
    [
        (["a", "--name", "x", "b"], ("a", "b"), {"name": "x"}),
        (["--name=x", "a"], ("a",), {"name": "x"}),
        (["--name=", "a"], ("a",), {"name": ""}),
        (["-n", "x=y"], (), {"name": "x=y"}),
        (["--name", "-x"], (), {"name": "-x"}),
        (["--name", "--"], (), {"name": "--"}),
        (["--name", "x", "--name", "y"], (), {"name": "y"}),
        (["--filter", "a=1", "--filter=b=2"], (), {"filter": ["a=1", "b=2"]}),
        (["-w", "a"], ("a",), {"wait": True}),
        (["--wait", "--no-wait"], (), {"wait": False}),
        (["a", "--", "--wait", "--"], ("a", "--wait", "--"), {}),
        (["-", ""], ("-", ""), {}),
    ],
)
def test_options_and_words_are_parted(arguments, words, values):
    assert parse("run", OPTIONS, arguments) == (words, values)


def test_negative_number_is_a_word():
    assert parse("pause", (), ["-5", "-1h30m"]).words == ("-5", "-1h30m")
