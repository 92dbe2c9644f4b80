"""What a policy allows before its owner writes a rule: sets of operations under one name, as data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from ..protocol.catalogue import CATALOGUE, Effect

DELETING: Final = frozenset({Effect.CONVERGENT_DELETE})
"""Effects that no preset and no rule by effect allows: such operations are named one by one."""


class Preset(NamedTuple):
    """Operations by effect and by name; `new_places_only` are allowed where they overwrite nothing.

    A name that the catalogue does not have yet allows nothing.
    """

    about: str
    effects: frozenset[Effect] = frozenset()
    operations: tuple[str, ...] = ()
    new_places_only: tuple[str, ...] = ()

    def list_operations(self) -> list[str]:
        """Return the operations of the catalogue that it allows without a condition, sorted."""
        return sorted(
            operation.name
            for operation in CATALOGUE.values()
            if operation.effect not in DELETING
            and operation.name not in self.new_places_only
            and (operation.effect in self.effects or operation.name in self.operations)
        )

    def list_careful(self) -> list[str]:
        """Return the operations of the catalogue that it allows where they overwrite nothing, sorted."""
        return sorted(name for name in self.new_places_only if name in CATALOGUE)


_READS = frozenset({Effect.READ})

PRESETS: Final[Mapping[str, Preset]] = {
    "none": Preset("nothing; the rules say all"),
    "observe": Preset("what only reads", _READS),
    "default": Preset("what only reads, run and verify", _READS, ("run", "verify")),
    "run": Preset("what only reads, run, verify and stop", _READS, ("run", "verify", "stop")),
    "restore": Preset("what run does, and restores to new places", _READS, ("run", "verify", "stop"), ("restore",)),
    "full": Preset("everything but deletions", frozenset(Effect) - DELETING),
}
OFFERED: Final = ("observe", "run", "restore", "full")
"""What `daemon init` offers."""
