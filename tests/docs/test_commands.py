"""Every command that a page shows in a console block is run, and shows what the page says."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.docs.comparison import is_as_shown
from tests.docs.fences import ROOT, File, Step, pages_with_commands, read_steps
from tests.docs.stage import staged
from tests.docs.terminal import Differs, Terminal


@pytest.mark.parametrize("page", pages_with_commands(), ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_of_a_page_do_what_it_shows(page):
    # A long path would fold lines of output that a page shows whole.
    with TemporaryDirectory() as folder, staged(page, Path(folder)) as terminal:
        for step in read_steps(page):
            if isinstance(step, File):
                (terminal.home / step.name).write_text(terminal.rename(step.body), encoding="utf-8")
            else:
                terminal.type(step)
        terminal.expect_success()


def test_command_that_shows_something_else_is_found(tmp_path):
    with pytest.raises(Differs, match="good day"):
        Terminal(tmp_path, {}).type(Step(1, "echo good day", ("good night",)))


def test_exit_status_that_the_page_does_not_show_is_found(tmp_path):
    terminal = Terminal(tmp_path, {})
    terminal.type(Step(1, "false", ()))
    terminal.type(Step(2, "echo $?", ("1",)))
    terminal.type(Step(3, "false", ()))
    with pytest.raises(Differs, match="exit status 1"):
        terminal.type(Step(4, "echo next", ("next",)))
    with pytest.raises(Differs, match="exit status 1"):
        terminal.expect_success()


@pytest.mark.parametrize(
    ("output", "shown", "fits"),
    [
        ("Photos  warning  24 Nov 18:52  355 KiB\n", ("Photos warning 3 Jan 07:01 9.5 KiB",), True),
        ("Photos  warning  24 Nov 18:52\n", ("Photos success 3 Jan 07:01",), False),
        ("a\nb\nc\n", ("a", "…"), True),
        ("a\nb\n", ("a",), False),
        ("4\n", ("2",), False),
        ("task 4\n", ("task 2",), True),
    ],
)
def test_numbers_may_differ_and_words_may_not(output, shown, fits):
    assert is_as_shown(output, shown) is fits
