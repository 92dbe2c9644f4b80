"""How often a daemon may ask: much at once, little for long, and what brings something new is free."""

from __future__ import annotations

import pytest

from duplicati_client.taskserver.allowances import Allowances
from duplicati_client.taskserver.errors import TooManyRequests
from duplicati_client.taskserver.settings import Current


class Scene:
    def __init__(self, per_minute=6):
        self.now = 0.0
        current = Current(None, lambda: self.now)
        current.settings = current.settings._replace(requests_per_minute=per_minute)
        self.allowances = Allowances(current, lambda: self.now)

    def ask(self, count, daemon_id="d-1"):
        """Return how many of so many requests pass."""
        passed = 0
        for _ in range(count):
            try:
                self.allowances.take(daemon_id)
            except TooManyRequests:
                continue
            passed += 1
        return passed


def test_ten_minutes_worth_pass_at_once_and_then_as_many_as_fill_up():
    on = Scene()
    assert on.ask(100) == 60
    on.now += 60.0
    assert on.ask(100) == 6
    on.now += 3600.0
    assert on.ask(100) == 60


def test_one_daemon_takes_nothing_from_another():
    on = Scene()
    on.ask(100)
    assert on.ask(10, "d-2") == 10


def test_what_brings_something_new_is_given_back():
    on = Scene()
    for _ in range(500):
        on.allowances.take("d-1")
        on.allowances.give_back("d-1")
    assert on.ask(100) == 60


def test_nought_is_no_limit():
    assert Scene(0).ask(1000) == 1000


def test_who_is_refused_is_told_when_to_come_again():
    on = Scene()
    on.ask(60)
    with pytest.raises(TooManyRequests) as refused:
        on.allowances.take("d-1")
    assert (refused.value.status, refused.value.retry_after_seconds) == (429, 10)
