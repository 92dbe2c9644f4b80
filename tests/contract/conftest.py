"""A store for each test, once on SQLite and once on a PostgreSQL that is one for all of them."""

from __future__ import annotations

import pytest

from tests.contract.store_stage import opened, postgresql_stores


@pytest.fixture(scope="session")
def make_place():
    with postgresql_stores() as make:
        yield make


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request, tmp_path):
    if request.param == "sqlite":
        return str(tmp_path / "store.db")
    return request.getfixturevalue("make_place")()


@pytest.fixture
def stage(place):
    with opened(place) as stage:
        yield stage


@pytest.fixture
def daemon_id(stage):
    return stage.add_daemon()
