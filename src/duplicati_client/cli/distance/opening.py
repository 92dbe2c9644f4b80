"""Opens the way to a server beside a daemon, as configuration and options say."""

from __future__ import annotations

from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from ...fleet.performing import Clock
from ..fleets import open_target
from .there import There

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..call import Call
    from ..context import Place, Target
    from ..talk import Talk


@contextmanager
def open_there(call: Call, target: Target, place: Place, talk: Talk) -> Iterator[There]:
    """Open it; raises `LoginMissing` where nobody has logged in to the task server."""
    with closing(open_target(call, target)) as fleet:
        max_age_seconds = call.value("max_age") if call.verb.name == "list" else None
        yield There(fleet, place, talk, max_age_seconds=max_age_seconds, clock=Clock(sleep=call.process.sleep))
