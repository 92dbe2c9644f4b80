"""The machine that a daemon's owner types commands at."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.cli.daemon.owner import Owner
from tests.unit.cli.stage import in_zone


@pytest.fixture
def owner(tmp_path: Path) -> Iterator[Owner]:
    with in_zone("UTC"):
        yield Owner(tmp_path)
