"""What one replica does while another is in the midst of something with the same task, on PostgreSQL."""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta

import psycopg
import pytest

from duplicati_client.taskserver.records import TaskState
from tests.contract.store_stage import opened

RIPE = {
    "it is past its time": "expires_at = 1",
    "it was offered too often": "state = 'offered', offers_count = 10, lease_ends_at = 1",
    "it shall be cancelled": "state = 'offered', is_cancel_wanted = 1, lease_ends_at = 1",
}


@pytest.fixture
def place(make_place):
    return make_place()


@contextmanager
def in_the_midst(place: str, change: str):
    """Hold a row that was changed, and commit it at the end."""
    with psycopg.connect(place) as connection:
        connection.execute("set statement_timeout = 20000")
        connection.execute(change)
        yield connection


def wait_until_it_is_held(connection: psycopg.Connection, act: Future) -> None:
    """Wait until something waits for what this connection holds, or `act` is done without.

    A database of several machines does not say here what waits on another: then three seconds have to do.
    """
    ends_at = time.monotonic() + 3
    asked = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
    while not act.done() and time.monotonic() < ends_at and connection.execute(asked).fetchone() == (0,):
        time.sleep(0.02)


@pytest.mark.parametrize("why", RIPE)
def test_task_that_is_accepted_while_another_tidies_up_stays_accepted(place, why):
    with opened(place) as stage, ThreadPoolExecutor(1) as pool:
        daemon_id = stage.add_daemon()
        (number,) = stage.give(daemon_id)
        with psycopg.connect(place) as connection:
            connection.execute(f"update tasks set {RIPE[why]}")
        with in_the_midst(place, "update tasks set state = 'accepted', accepted_at = 1") as accepting:
            tidying = pool.submit(stage.run, stage.store.tasks.tidy(timedelta(days=90), 100))
            wait_until_it_is_held(accepting, tidying)
        tidying.result(20)
        assert stage.run(stage.store.tasks.get(daemon_id, number)).state is TaskState.ACCEPTED
