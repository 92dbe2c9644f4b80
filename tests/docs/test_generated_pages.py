"""The blocks that are generated from the code say what the code says now."""

from __future__ import annotations

import pytest

from docs.generate.markdown import table, text
from docs.generate.pages import BLOCKS, DOCS, generated_pages, renew


@pytest.mark.parametrize("page", generated_pages(), ids=lambda page: str(page.relative_to(DOCS)))
def test_generated_blocks_are_up_to_date(page):
    text = page.read_text(encoding="utf-8")
    assert renew(text) == text, "make reference writes them anew"


def test_every_block_stands_on_some_page():
    text = "".join(page.read_text(encoding="utf-8") for page in generated_pages())
    assert [name for name in BLOCKS if f"<!-- generated: {name} -->" not in text] == []


def test_signs_of_markdown_are_shown_as_they_are_and_options_as_code():
    assert text("a|b, <re>, [options] and --fault") == r"a\|b, \<re\>, \[options\] and `--fault`"


def test_column_without_any_value_is_left_out():
    assert table(("name", "default"), [("port", ""), ("data", "")]) == "| name |\n| --- |\n| port |\n| data |"


def test_text_around_a_block_stays_as_it_is():
    page = "before\n<!-- generated: effects -->\nold\n<!-- end of effects -->\nafter\n"
    renewed = renew(page)
    assert renewed.startswith("before\n<!-- generated: effects -->\n\n| effect | meaning |")
    assert renewed.endswith("<!-- end of effects -->\nafter\n")
