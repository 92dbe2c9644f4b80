"""Wrong codes of a network: some are free, then the delay doubles, and it never becomes a lock-out."""

from __future__ import annotations

import pytest

from duplicati_client.taskserver.errors import TooManyCodes
from duplicati_client.taskserver.guesses import Guesses

ADDRESS = "192.0.2.1"
FREE_COUNT = 20
MINUTE = 60.0


class Scene:
    def __init__(self):
        self.now = 1000.0
        self.guesses = Guesses(lambda: self.now)

    def guess(self, address=ADDRESS):
        """Return for how long a wrong code of an address has to wait, 0 if it is told that it is wrong."""
        try:
            self.guesses.note(address)
        except TooManyCodes as exc:
            return exc.retry_after_seconds
        return 0


@pytest.fixture
def on():
    return Scene()


def spend(on, address=ADDRESS):
    assert [on.guess(address) for _ in range(FREE_COUNT)] == [0] * FREE_COUNT


def test_delay_doubles_with_each_wrong_code_and_ends_at_five_minutes(on):
    spend(on)
    delays = []
    for _ in range(12):
        delays.append(on.guess())
        on.now += delays[-1]
        assert on.guess() == 0
    assert delays == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]


def test_haste_makes_the_delay_no_longer(on):
    spend(on)
    assert [on.guess() for _ in range(1000)] == [1] * 1000
    on.now += 1
    assert on.guess() == 0


def test_wrong_codes_are_forgotten_after_a_quarter_of_an_hour_of_none(on):
    spend(on)
    assert on.guess() > 0
    on.now += 15 * MINUTE
    spend(on)


def test_one_network_makes_no_other_wait_and_an_ipv6_network_is_one_whatever_its_addresses(on):
    spend(on, "2001:db8::1")
    assert on.guess("2001:db8::2") > 0
    assert on.guess("2001:db8:0:1::1") == 0
    assert on.guess() == 0


def test_as_many_networks_are_remembered_as_there_is_room_for(on):
    for number in range(15_000):
        on.guess(f"10.0.{number >> 8}.{number & 255}")
    assert len(on.guesses._failed) == 10_000
