"""A server however it is reached: whatever a verb wants of it is said as a call here, and as an operation there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ..sdk.client import Duplicati
    from .distance.there import There

T = TypeVar("T")
Reach: TypeAlias = "Here | There"


class Asked(NamedTuple):
    """An operation of the catalogue, as a daemon is asked for it.

    `resources` are types with a selector, or None for all of a type; parameters that are None are left out.
    """

    operation: str
    resources: Sequence[tuple[str, str | None]] = ()
    parameters: Mapping[str, Any] = {}


class Here(NamedTuple):
    """A server that this program talks to itself."""

    server: Duplicati

    def do(self, here: Callable[[Duplicati], T], there: Asked) -> T:
        """Do it; both must come to the same. Raises what the operation raises."""
        return here(self.server)
