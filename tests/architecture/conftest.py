"""A sandbox server for the tests that look at a command which talks to one."""

from __future__ import annotations

import pytest

from tests.sandbox_process import sandbox_process


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory):
    with sandbox_process(tmp_path_factory.mktemp("sandbox")) as process:
        yield process
