"""State, progress, settings, notifications and versions: one question each."""

from __future__ import annotations

import pytest

from duplicati_client import errors
from duplicati_client.sdk.activity import ServerState
from duplicati_client.sdk.notifications import Notifications
from duplicati_client.sdk.progress import ProgressReader
from duplicati_client.sdk.settings import Settings
from duplicati_client.sdk.state import States
from duplicati_client.sdk.versions import Versions
from tests.fakes import answer
from tests.unit.sdk.asking import channel_to


def test_long_poll_names_the_last_event_and_waits_longer_than_the_server() -> None:
    channel, transport = channel_to(answer(200, {"LastEventID": 43}))
    assert States(channel).wait(ServerState.read({"LastEventID": 42}), seconds=30).event_id == 43
    assert transport.asked == ["GET api/v1/serverstate?longpoll=true&lastEventId=42&duration=30s"]
    assert transport.requests[0].deadline_seconds > 30


@pytest.mark.parametrize("seconds", [10, 0, -1, 3601])
def test_length_that_a_server_refuses_is_refused_here(seconds: int) -> None:
    channel, transport = channel_to()
    with pytest.raises(errors.InvalidValue):
        States(channel).wait(ServerState.read({}), seconds=seconds)
    assert transport.requests == []


@pytest.mark.parametrize("reply", [answer(404, {"Error": "No active backup", "Code": 404}), answer(404)])
def test_no_task_yet_is_no_progress(reply: object) -> None:
    channel, _ = channel_to(reply)
    assert ProgressReader(channel).get() is None


def test_settings_are_texts_by_name() -> None:
    channel, _ = channel_to(answer(200, {"a": "1", "--b": "", "c": None, "d": {}}))
    assert Settings(channel).list() == {"a": "1", "--b": ""}


def test_notifications_and_versions_are_lists() -> None:
    channel, transport = channel_to(answer(200, [{"ID": 1}]), answer(200, [{"Version": 0}, {"Version": 1}]))
    assert [n.notification_id for n in Notifications(channel).list()] == [1]
    assert [v.version for v in Versions(channel).list("3")] == [0, 1]
    assert transport.asked[1] == "GET api/v1/backup/3/filesets?include-metadata=true"


@pytest.mark.parametrize("release", ["2.0.8.1", "2.1.0.5"])
def test_versions_of_a_running_backup_are_not_asked_for_where_that_does_harm(release: str) -> None:
    running = answer(200, {"ActiveTask": {"Item1": 7, "Item2": "3"}})
    channel, transport = channel_to(running, running, answer(200, [{"Version": 0}]), release=release)
    with pytest.raises(errors.DatabaseLocked):
        Versions(channel).list("3")
    assert [version.version for version in Versions(channel).list("4")] == [0]
    assert transport.asked[-1] == "GET api/v1/backup/4/filesets?include-metadata=true"


def test_locked_database_hides_the_versions() -> None:
    channel, _ = channel_to(answer(400, {"Error": "in use", "HelpId": "DatabaseLocked", "Code": 400}))
    with pytest.raises(errors.DatabaseLocked):
        Versions(channel).list("3")


@pytest.mark.parametrize(
    ("seconds", "transfers", "path"),
    [
        (None, False, "pause"),
        (5400, False, "pause?duration=5400s"),
        (0.2, False, "pause?duration=1s"),
        (49 * 86400, True, "pause?duration=4233600s&pauseTransfers=true"),
    ],
)
def test_pause_is_sent_as_a_duration(seconds: float | None, transfers: bool, path: str) -> None:
    channel, transport = channel_to(answer(200))
    States(channel).pause(seconds, transfers=transfers)
    assert transport.asked == [f"POST api/v1/serverstate/{path}"]


def test_legacy_server_is_told_by_a_form() -> None:
    channel, transport = channel_to(answer(200, {"Status": "OK"}), answer(200, {"Status": "OK"}), release="2.0.8.1")
    States(channel).pause(90)
    States(channel).resume()
    assert transport.asked == ["POST api/v1/serverstate/pause", "POST api/v1/serverstate/resume"]
    assert [request.body for request in transport.requests] == [b"duration=90s", b""]


@pytest.mark.parametrize("seconds", [0, -5, 49 * 86400 + 1, float("inf"), float("nan")])
def test_pause_that_a_server_would_take_for_another_is_refused_here(seconds: float) -> None:
    channel, transport = channel_to()
    with pytest.raises(errors.InvalidValue, match="49 days"):
        States(channel).pause(seconds)
    assert transport.requests == []


@pytest.mark.parametrize("release", ["2.0.8.1", "2.1.0.5"])
def test_transfers_of_old_servers_cannot_be_halted_and_nothing_is_sent(release: str) -> None:
    channel, transport = channel_to(answer(200, {"ServerVersion": release}), release=release)
    with pytest.raises(errors.NotSupported, match=r"cannot halt the transfers of a running task; 2\.2 and later can"):
        States(channel).pause(90, transfers=True)
    assert all(request.method == "GET" for request in transport.requests)
