"""The classes of effect, and which parameters may hold secrets."""

from __future__ import annotations

from duplicati_client.protocol.catalogue import CATALOGUE, Effect


def test_classes_of_effect_are_numbered_as_the_guarantees_number_them():
    assert [effect.short_name for effect in Effect] == [f"E{number}" for number in range(7)]
    assert Effect.KEYED_CREATE.short_name == "E3"
    assert (Effect.COALESCING.short_name, Effect.NOT_REPEATABLE.short_name) == ("E1", "E6")


def test_free_texts_that_change_a_server_may_hold_secrets():
    found = {(o.name, p.name) for o in CATALOGUE.values() for p in o.parameters if p.may_hold_secrets}
    assert found == {("edit", "definition"), ("set", "assignments")}
