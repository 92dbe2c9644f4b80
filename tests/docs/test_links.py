"""Links between pages lead somewhere, as text too: to a file that exists, and to a heading of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.fences import ROOT, pages

_FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\((?!https?:)([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_links_of_a_page_lead_somewhere(page):
    text = _FENCE.sub("", page.read_text(encoding="utf-8"))
    assert [target for target in _LINK.findall(text) if not leads_somewhere(page, target)] == []


@pytest.mark.parametrize("target", ["docs/nowhere.md", "docs/reference/exits.md#nothing"])
def test_link_that_leads_nowhere_is_found(target):
    assert not leads_somewhere(ROOT / "README.md", target)


def leads_somewhere(page: Path, target: str) -> bool:
    path, _, anchor = target.partition("#")
    file = page.parent / path if path else page
    return file.exists() and (not anchor or anchor in anchors_of(file))


def anchors_of(page: Path) -> set[str]:
    """Return the names by which headings can be linked to, as code hosts and the site make them."""
    headings = _HEADING.findall(_FENCE.sub("", page.read_text(encoding="utf-8")))
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
