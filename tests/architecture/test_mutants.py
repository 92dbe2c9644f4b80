"""The planted bugs still fit the code that they spoil, and name tests that there are."""

from __future__ import annotations

import subprocess

import pytest

from tests.mutants.__main__ import ROOT, load_mutants

MUTANTS = load_mutants()


def test_there_are_ten_planted_bugs():
    assert len(MUTANTS) >= 10


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_planted_bug_fits_the_code_and_names_its_tests(mutant):
    assert mutant.about.endswith(".")
    assert mutant.tests
    assert all((ROOT / test).exists() for test in mutant.tests)
    subprocess.run(["git", "apply", "--check", mutant.patch], cwd=ROOT, check=True, capture_output=True)
