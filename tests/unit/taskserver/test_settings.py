"""Settings as a store holds them, and when they are read anew."""

from __future__ import annotations

import asyncio

import pytest

from duplicati_client.taskserver.settings import BOUNDS, Current, Settings, read_settings
from duplicati_client.taskserver.store.database import Change


class FakeRegister:
    def __init__(self):
        self.texts = {"epoch": "e1", "version": "1"}

    async def get_epoch(self):
        return self.texts["epoch"]

    async def list_settings(self):
        return self.texts


class Scene:
    def __init__(self):
        self.now = 0.0
        self.register = FakeRegister()
        self.current = Current(self.register, lambda: self.now)
        asyncio.run(self.current.load())

    def look_again(self):
        asyncio.run(self.current.look_again())


def test_each_setting_has_bounds_and_is_within_them_unless_it_is_changed():
    assert list(BOUNDS) == list(Settings._fields)
    assert all(bounds.least <= getattr(Settings(), name) <= bounds.most for name, bounds in BOUNDS.items())


@pytest.mark.parametrize("text", ["", "x", "-1", "0", "99999999999999999999", "1.5", "\u0661"])
def test_what_cannot_be_is_as_it_is_without(text):
    assert read_settings({"tasks_days": text, "unknown": "1"}) == Settings()


def test_what_is_kept_holds():
    assert read_settings({"tasks_days": "7"}) == Settings()._replace(tasks_days=7)


def test_a_change_elsewhere_holds_once_it_is_heard_of_and_else_in_half_a_minute():
    on = Scene()
    on.register.texts = {"epoch": "e2", "version": "2", "poll_seconds": "60"}
    on.look_again()
    assert (on.current.epoch, on.current.version) == ("e1", 1)
    on.current.hear(Change("task", "d-1"))
    on.look_again()
    assert on.current.version == 1
    on.current.hear(Change("settings", ""))
    on.look_again()
    assert (on.current.epoch, on.current.version, on.current.settings.poll_seconds) == ("e2", 2, 60)
    on.register.texts = {"epoch": "e3", "version": "3"}
    on.now += 31.0
    on.look_again()
    assert on.current.epoch == "e3"
