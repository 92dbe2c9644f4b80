"""What the pages quote of real servers is in the recordings, where they say it is."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.docs.fences import ROOT, pages

RECORDINGS = ROOT / "tests" / "recordings"
_QUOTATION = re.compile(r"<!-- recorded: (\S+ \S+) -->\n+```json\n(.*?)```", re.DOTALL)
_PLACE = re.compile(r"(?P<release>\d+\.\d+\.\d+\.\d+) (?P<file>[a-z-]+):(?P<number>\d+)")


def quotations() -> list[tuple[str, str]]:
    return [found for page in pages() for found in _QUOTATION.findall(page.read_text(encoding="utf-8"))]


@pytest.mark.parametrize(("place", "quoted"), quotations(), ids=lambda text: text if len(text) < 40 else "")
def test_quotation_is_in_the_recording(place, quoted):
    found = _PLACE.fullmatch(place)
    record = read_recording(found["release"], found["file"])[int(found["number"])]
    body = record["response"]["body"]["json"] if "response" in record else record["json"]
    assert any(holds(part, json.loads(quoted)) for part in parts_of(body))


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_place_that_a_page_cites_is_recorded(page):
    found = {match.group() for match in _PLACE.finditer(page.read_text(encoding="utf-8"))}
    assert {place for place in found if not is_recorded(place)} == set()


def test_quotation_that_nobody_recorded_is_found():
    assert not holds({"Status": "Failed", "ID": 3}, {"Status": "Completed"})
    assert not is_recorded("2.3.1.0 restart:99999")


def is_recorded(place: str) -> bool:
    found = _PLACE.fullmatch(place)
    path = RECORDINGS / found["release"] / f"{found['file']}.jsonl"
    return path.exists() and int(found["number"]) in read_recording(found["release"], found["file"])


@cache
def read_recording(release: str, file: str) -> dict[int, Any]:
    text = Path(RECORDINGS / release / f"{file}.jsonl").read_text(encoding="utf-8")
    return {record["seq"]: record for record in map(json.loads, text.splitlines()) if "seq" in record}


def parts_of(value: Any) -> list[Any]:
    """Return a value and all that is in it, also what is JSON in a text."""
    inner: list[Any] = []
    if isinstance(value, dict):
        inner = list(value.values())
    elif isinstance(value, list):
        inner = value
    elif isinstance(value, str) and value.startswith("{"):
        inner = [json.loads(value)]
    return [value, *(part for item in inner for part in parts_of(item))]


def holds(value: Any, quoted: Any) -> bool:
    """Say whether a value has all that is quoted; what a quotation leaves out may be there."""
    if isinstance(quoted, dict):
        return isinstance(value, dict) and all(name in value and holds(value[name], quoted[name]) for name in quoted)
    return bool(value == quoted)
