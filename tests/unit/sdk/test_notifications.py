"""Taking a notification away: once, again, and where the server has no such thing."""

from __future__ import annotations

import pytest

from duplicati_client import errors
from duplicati_client.sdk.notifications import Notifications
from tests.fakes import answer
from tests.unit.sdk.asking import channel_to


@pytest.mark.parametrize(("release", "reply"), [("2.3.1.0", answer(200)), ("2.0.8.1", answer(200, {"Status": "OK"}))])
def test_notification_that_is_there_goes(release: str, reply: object) -> None:
    channel, transport = channel_to(reply, release=release)
    assert Notifications(channel).dismiss(2) is True
    assert transport.asked == ["DELETE api/v1/notification/2"]


@pytest.mark.parametrize(
    ("release", "said"),
    [("2.3.1.0", {"Error": "Notification not found", "Code": 404}), ("2.0.8.1", {"Error": "No such notification"})],
)
def test_notification_that_is_gone_already_is_no_failure(release: str, said: object) -> None:
    channel, _ = channel_to(answer(404, said), release=release)
    assert Notifications(channel).dismiss(2) is False


def test_server_that_does_not_know_the_request_is_not_taken_for_one_that_did_it() -> None:
    channel, _ = channel_to(answer(404))
    with pytest.raises(errors.EndpointMissing):
        Notifications(channel).dismiss(2)


@pytest.mark.parametrize("number", [0, -1, True, 10**18, "2/../../backup/1"])
def test_what_is_no_number_never_enters_an_address(number: object) -> None:
    channel, transport = channel_to()
    with pytest.raises(errors.InvalidValue):
        Notifications(channel).dismiss(number)
    assert transport.asked == []
