"""What lets us in is looked for late, once, never repeated in a message; a full disk is met before anything is sent."""

from __future__ import annotations

import pytest

from duplicati_client import errors
from duplicati_client.http import Request
from duplicati_client.sdk.auth.credentials import Credentials
from duplicati_client.sdk.auth.legacy import LegacyAccess
from duplicati_client.sdk.auth.modern import ModernAccess
from duplicati_client.sdk.auth.store import MemorySessionStore
from duplicati_client.sdk.channel import Channel
from tests.fakes import Clock, FakeTransport, Reply, answer
from tests.modern_server import PASSWORD, ModernServer


class Place:
    """Where a password is looked for, and how often."""

    def __init__(self, password: str | None = PASSWORD, failure: errors.DuplicatiClientError | None = None) -> None:
        self.password, self.failure = password, failure
        self.visits_count = 0

    def __call__(self) -> str | None:
        self.visits_count += 1
        if self.failure is not None:
            raise self.failure
        return self.password


class FullStore(MemorySessionStore):
    """A session on a disk without room."""

    def reserve(self) -> None:
        raise errors.InputOutputFailed("no space left on device")


def make_channel(place: Place, clock: Clock, server: ModernServer, store: MemorySessionStore | None = None) -> Channel:
    store = store or MemorySessionStore()
    channel = Channel(FakeTransport(server.reply), Credentials(find_password=place), store)
    channel._generation = "modern"
    channel._access = ModernAccess(channel.transport, channel.credentials, store, clock=clock)
    return channel


def test_password_is_looked_for_when_a_login_needs_it_and_never_while_the_session_lives() -> None:
    clock, place = Clock(), Place()
    channel = make_channel(place, clock, ModernServer(clock))
    assert place.visits_count == 0
    channel.get("api/v1/serverstate", "the state")
    clock.now += 3600
    channel.get("api/v1/serverstate", "the state")
    assert place.visits_count == 1
    assert channel.transport.asked.count("POST api/v1/auth/refresh") == 1


def test_password_that_was_given_is_not_looked_for() -> None:
    place = Place()
    assert Credentials("given", find_password=place).password == "given"
    assert place.visits_count == 0


def test_place_without_a_password_leaves_the_login_missing() -> None:
    clock = Clock()
    with pytest.raises(errors.LoginMissing):
        make_channel(Place(None), clock, ModernServer(clock)).get("api/v1/serverstate", "the state")


def test_place_that_cannot_be_read_says_so_each_time() -> None:
    clock, place = Clock(), Place(failure=errors.InputOutputFailed("the keyring is locked"))
    channel = make_channel(place, clock, ModernServer(clock))
    for _ in range(2):
        with pytest.raises(errors.InputOutputFailed, match="locked"):
            channel.get("api/v1/serverstate", "the state")


def test_password_that_was_found_is_taken_out_of_a_message() -> None:
    credentials = Credentials(find_password=Place())
    assert credentials.known == ()
    assert credentials.password == PASSWORD
    assert credentials.known == (PASSWORD,)

    def repeat(request: Request) -> Reply:
        return answer(500, f"cannot log in with {PASSWORD}".encode())

    channel = Channel(FakeTransport(repeat), credentials, MemorySessionStore())
    channel._generation = "modern"
    with pytest.raises(errors.DuplicatiClientError) as caught:
        channel.get("api/v1/serverstate", "the state")
    assert PASSWORD not in caught.value.message


def test_renewal_is_not_asked_for_while_its_answer_could_not_be_stored() -> None:
    clock = Clock()
    server, store = ModernServer(clock), MemorySessionStore()
    make_channel(Place(), clock, server, store).get("api/v1/serverstate", "the state")
    clock.now += 3600
    full = FullStore()
    full.save(store.load())
    channel = make_channel(Place(), clock, server, full)
    with pytest.raises(errors.InputOutputFailed):
        channel.get("api/v1/serverstate", "the state")
    assert channel.transport.requests == []
    assert full.load() == store.load()


@pytest.mark.parametrize("kind", [ModernAccess, LegacyAccess])
def test_login_is_not_asked_for_while_its_answer_could_not_be_stored(kind: type) -> None:
    transport = FakeTransport(lambda request: answer(500))
    with pytest.raises(errors.InputOutputFailed):
        kind(transport, Credentials(PASSWORD), FullStore()).login()
    assert transport.requests == []
