"""The words of the help are read as forms of a line."""

from __future__ import annotations

import re
from importlib import import_module

import pytest

from duplicati_client.cli.completion.grammar import Next, find_next, read_form, read_forms
from duplicati_client.cli.verbs import VERBS


def following(form, *words):
    return [found.literal or (found.placeholder, found.kind) for found in find_next(read_form(form), words)]


@pytest.mark.parametrize(
    ("form", "words", "expected"),
    [
        ("backups [SELECTOR …]", (), ["backups"]),
        ("backups [SELECTOR …]", ("backup",), [("SELECTOR", "backup")]),
        ("backups [SELECTOR …]", ("backups", "a", "b"), [("SELECTOR", "backup")]),
        ("backups [SELECTOR …]", ("tasks",), []),
        ("versions BACKUP", ("versions", "a"), []),
        ("[backup] SELECTOR …", (), [("SELECTOR", None)]),
        ("[backup] SELECTOR …", ("backup",), [("SELECTOR", None), ("SELECTOR", "backup")]),
        ("bash|zsh", (), ["bash", "zsh"]),
        ("set KEY VALUE …", ("set", "output"), [("VALUE", None)]),
        ("(nothing)", (), []),
        ("Photos, Mail", (), []),
    ],
)
def test_next_words_follow_from_the_form(form, words, expected):
    assert sorted(following(form, *words), key=str) == sorted(expected, key=str)


def test_type_that_was_named_goes_with_what_is_named_after_it():
    assert find_next(read_form("task NUMBER"), ["task"]) == [Next(placeholder="NUMBER", kind="task")]


@pytest.mark.parametrize("name", VERBS)
def test_verb_whose_usage_names_something_has_a_form(name):
    verb = import_module(f"duplicati_client.cli.commands.{name.replace('-', '_')}").VERB
    assert any(find_next(form, []) for form, _ in read_forms(verb)) or not re.search("[A-Z]{2}", verb.usage)
