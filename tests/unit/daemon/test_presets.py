"""What an owner allows by one word."""

from __future__ import annotations

import pytest

from duplicati_client.daemon.presets import DELETING, OFFERED, PRESETS, Preset
from duplicati_client.protocol.catalogue import CATALOGUE, Effect

READS = {"status", "doctor", "list", "get", "describe", "logs", "watch"}
ALLOWED = {
    "none": set(),
    "observe": READS,
    "default": READS | {"run", "verify"},
    "run": READS | {"run", "verify", "stop"},
    "restore": READS | {"run", "verify", "stop"},
    "full": set(CATALOGUE) - {"dismiss"},
}


@pytest.mark.parametrize("name", PRESETS)
def test_preset_allows_what_it_says(name: str) -> None:
    assert set(PRESETS[name].list_operations()) == ALLOWED[name]
    assert PRESETS[name].list_careful() == []


def test_no_preset_allows_a_deletion_whatever_the_catalogue_holds() -> None:
    deletions = {name for name, operation in CATALOGUE.items() if operation.effect in DELETING}
    assert deletions == {"dismiss"}
    for preset in PRESETS.values():
        assert not deletions & {*preset.list_operations(), *preset.list_careful()}


def test_what_may_only_go_to_new_places_is_not_among_what_is_allowed_without_a_condition() -> None:
    preset = Preset("a test", frozenset({Effect.READ, Effect.SET_STATE}), ("run",), ("set",))
    assert "set" not in preset.list_operations()
    assert preset.list_careful() == ["set"]


def test_every_preset_on_offer_exists() -> None:
    assert set(OFFERED) <= set(PRESETS)
