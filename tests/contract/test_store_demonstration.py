"""The daemon of a demonstration comes in once, and what an earlier one left is no obstacle; on both databases."""

from __future__ import annotations

from datetime import timedelta

from duplicati_client.taskserver import credentials
from duplicati_client.taskserver.demonstration import dismiss, invite
from duplicati_client.taskserver.records import DaemonState
from duplicati_client.taskserver.store.interface import Arrival


def arrive(stage):
    """Come in as a daemon does, and return it."""
    name, code = stage.run(invite(stage.store))
    arrival = Arrival(name, {}, credentials.digest(f"token of {code}"), timedelta(days=1))
    return stage.run(stage.store.codes.redeem(credentials.digest(code), arrival))


def test_daemon_comes_in_by_the_code(stage):
    daemon = arrive(stage)
    assert (daemon.name, daemon.state) == ("demo", DaemonState.ACTIVE)


def test_daemon_is_sent_away_at_the_end(stage):
    daemon = arrive(stage)
    stage.run(dismiss(stage.store))
    assert stage.run(stage.store.daemons.get(daemon.daemon_id)).state is DaemonState.REVOKED


def test_daemon_that_a_killed_demonstration_left_makes_room(stage):
    first, second = arrive(stage), arrive(stage)
    assert second.name == "demo"
    assert stage.run(stage.store.daemons.get(first.daemon_id)).state is DaemonState.REVOKED


def test_daemon_of_that_name_that_is_somebody_elses_stays(stage):
    theirs = stage.run(stage.store.daemons.add("demo", "digest", {}, "somebody"))
    assert arrive(stage).name.startswith("demo-")
    stage.run(dismiss(stage.store))
    assert stage.run(stage.store.daemons.get(theirs.daemon_id)).state is DaemonState.ACTIVE
