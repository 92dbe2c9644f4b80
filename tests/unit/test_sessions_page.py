"""The page about sessions names a test for each promise, and each of those tests exists."""

from __future__ import annotations

import re
from pathlib import Path

PROJECT = Path(__file__).parents[2]
PAGE = PROJECT / "docs" / "explanation" / "sessions.md"


def test_every_test_that_the_page_names_exists():
    named = set(re.findall(r"`(test_\w+)`", PAGE.read_text(encoding="utf-8")))
    texts = [file.read_text(encoding="utf-8") for file in (PROJECT / "tests").rglob("test_*.py")]
    there = {name for text in texts for name in re.findall(r"def (test_\w+)\(", text)}
    assert len(named) > 30
    assert named - there == set()


def test_every_promise_of_the_page_has_a_test():
    rows = PAGE.read_text(encoding="utf-8").partition("## Each promise and its test")[2].splitlines()
    promises = [row for row in rows if row.startswith("| ") and not row.startswith(("| promise", "|---"))]
    assert [row for row in promises if "`test_" not in row] == []
