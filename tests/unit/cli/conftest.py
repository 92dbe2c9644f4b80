"""The stage that commands are tried on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.cli.stage import Stage, in_zone


@pytest.fixture
def stage(tmp_path) -> Iterator[Stage]:
    with in_zone("UTC"):
        yield Stage(tmp_path)
