"""The stage that commands are tried on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.cli.safe_keyring import SafeKeyring
from tests.unit.cli.stage import Stage, in_zone


@pytest.fixture
def stage(tmp_path) -> Iterator[Stage]:
    with in_zone("UTC"):
        yield Stage(tmp_path)


@pytest.fixture
def keyring(stage) -> SafeKeyring:
    """Give the stage a keyring."""
    stage.keyring = SafeKeyring()
    return stage.keyring
