"""Running a script's commands: what is in the background is not held up by nobody listening."""

from __future__ import annotations

import pytest

from tests.acceptance.runner import Mismatch, Run
from tests.acceptance.script import parse_script

TALKER = """#!/bin/sh
case "$1" in
  talk) head -c 200000 /dev/zero | tr '\\0' x; touch talked; exec sleep 60 ;;
  asked) test -e talked ;;
esac
"""


@pytest.fixture
def run(tmp_path):
    program = tmp_path / "program"
    program.write_text(TALKER, encoding="utf-8")
    program.chmod(0o755)
    run = Run(tmp_path, {}, program)
    yield run
    run.end()


def test_command_in_the_background_may_say_more_than_a_pipe_holds(run):
    text = "# It talks.\n$ duplicati talk &\n$ ready\n$ within 20 duplicati asked\n$ interrupt\n$ wait\n<x{200000}>\n"
    *steps, wait = parse_script("talk", text).steps
    for step in [*steps, wait._replace(statuses=(-2,))]:
        run.perform(step)


def test_command_in_the_background_that_ends_without_a_word_is_not_waited_for(run):
    background, ready = parse_script("silent", "# It is silent.\n$ duplicati nothing &\n$ ready\n").steps
    run.perform(background)
    with pytest.raises(Mismatch, match="says nothing"):
        run.perform(ready)
