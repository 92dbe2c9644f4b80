"""The first page leads to every other."""

from __future__ import annotations

from tests.docs.fences import ROOT

DOCS = ROOT / "docs"
SECTIONS = ("tutorial", "how-to", "reference", "explanation")


def test_first_page_lists_every_page_for_readers():
    text = (DOCS / "README.md").read_text(encoding="utf-8")
    pages = [page.relative_to(DOCS).as_posix() for section in SECTIONS for page in (DOCS / section).glob("*.md")]
    assert [page for page in pages if f"({page})" not in text] == []
