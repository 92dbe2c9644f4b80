"""Lets the daemon of a demonstration in, and sends it away; one that an earlier one left is sent away first."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Final

from .enrolment import Invitation
from .enrolment import invite as make_code
from .records import DaemonState
from .store.interface import DaemonChange, Store

NAME: Final = "demo"
LABELS: Final = {"demo": "yes"}
_BY: Final = "demonstration"
_CODE_LIFE: Final = timedelta(minutes=5)


async def invite(store: Store) -> tuple[str, str]:
    """Return the daemon's name, and a code for it that is told only now."""
    await dismiss(store)
    is_taken = await store.daemons.get_by_name(NAME) is not None
    name = f"{NAME}-{secrets.token_hex(3)}" if is_taken else NAME
    _, text = await make_code(store, Invitation(_BY, _CODE_LIFE, name=name, labels=LABELS))
    return name, text


async def dismiss(store: Store) -> None:
    """Send the daemon of a demonstration away, if there is one; its tasks end with it."""
    daemon = await store.daemons.get_by_name(NAME)
    if daemon is not None and daemon.labels == LABELS:
        await store.daemons.change(daemon.daemon_id, DaemonChange(state=DaemonState.REVOKED), _BY)
