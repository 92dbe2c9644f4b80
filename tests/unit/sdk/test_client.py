"""The examples of the library's documentation, run against a sandbox."""

from __future__ import annotations

import doctest
from pathlib import Path

import pytest

from duplicati_client.sandbox.app import Options, start_in_thread
from duplicati_client.sdk import client


def test_example_does_what_it_shows() -> None:
    with start_in_thread(Options()) as sandbox:
        found = doctest.testmod(client, extraglobs={"URL": sandbox.url, "PASSWORD": sandbox.password})
    assert found.failed == 0
    assert found.attempted >= 2


def test_example_of_the_reference_does_what_it_shows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = (Path(__file__).parents[3] / "docs" / "reference" / "library.md").read_text(encoding="utf-8")
    start = page.index("from duplicati_client import")
    example = page[start : page.index("\n```", start)]
    with start_in_thread(Options(speed=8)) as sandbox:
        example = example.replace("https://backup.example.org:8200", sandbox.url)
        example = example.replace("/var/lib/my-program/session.json", str(tmp_path / "session.json"))
        exec(compile(example, "library.md", "exec"), {"password": sandbox.password})
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("Documents 20")
    assert lines[-1] == "success It succeeded."
