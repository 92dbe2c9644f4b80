"""The stage that commands are tried on."""

from __future__ import annotations

import time

import pytest

from tests.unit.cli.stage import Stage


@pytest.fixture(autouse=True)
def utc(monkeypatch):
    """Tables show local times; every machine that runs the tests has to agree on them."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


@pytest.fixture
def stage(tmp_path) -> Stage:
    return Stage(tmp_path)
