"""A store for each test, once on SQLite and once on a PostgreSQL that runs for all of them."""

from __future__ import annotations

import psycopg
import pytest

from tests.contract.store_stage import make_database, opened, postgresql, rename

TEMPLATE = "empty_store"


@pytest.fixture(scope="session")
def postgresql_url():
    with postgresql() as url:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(f'create database "{TEMPLATE}"')
        with opened(rename(url, TEMPLATE)):
            pass
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request, tmp_path):
    if request.param == "sqlite":
        return str(tmp_path / "store.db")
    return make_database(request.getfixturevalue("postgresql_url"), TEMPLATE)


@pytest.fixture
def stage(place):
    with opened(place) as stage:
        yield stage


@pytest.fixture
def daemon_id(stage):
    return stage.add_daemon()
