"""Dismiss notifications, and say what is true afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from .. import errors
from ..sdk.client import Duplicati
from ..sdk.models import Notification
from .list import hide_notification
from .selection import select_backups


class Dismissal(NamedTuple):
    """What went, what was named but was gone already, and what the server has now; secrets hidden."""

    dismissed: tuple[Notification, ...]
    gone_ids: tuple[int, ...]
    left_count: int
    has_warning: bool
    has_error: bool


def dismiss_by_id(server: Duplicati, notification_ids: Sequence[int]) -> Dismissal:
    """Dismiss these; one that is gone already is no failure."""
    wanted = dict.fromkeys(notification_ids)
    listed = {found.notification_id: found for found in server.notifications.list()}
    return _dismiss(server, [listed[n] for n in wanted if n in listed], [n for n in wanted if n not in listed])


def dismiss_of_backups(server: Duplicati, selectors: Sequence[str]) -> Dismissal:
    """Dismiss all of some backups; an id counts also where its backup is gone and has left notifications."""
    listed = server.notifications.list()
    orphans = {found.backup_id for found in listed} & set(selectors)
    known = server.backups.list()
    wanted = orphans - {backup.backup_id for backup in known}
    wanted |= {b.backup_id for b in select_backups(known, [s for s in selectors if s not in wanted])}
    return _dismiss(server, [found for found in listed if found.backup_id in wanted])


def dismiss_all(server: Duplicati) -> Dismissal:
    """Dismiss all that are there now; what comes meanwhile stays."""
    return _dismiss(server, server.notifications.list())


def _dismiss(server: Duplicati, chosen: Sequence[Notification], gone_ids: Sequence[int] = ()) -> Dismissal:
    went = [found for found in chosen if server.notifications.dismiss(found.notification_id)]
    gone_ids = [*gone_ids, *(found.notification_id for found in chosen if found not in went)]
    left = server.notifications.list()
    # A number comes back with the next failure (2.3.1.0 outcomes:347): only the same one again was kept.
    kept = {(found.notification_id, found.created_at) for found in left}
    for found in went:
        if (found.notification_id, found.created_at) in kept:
            raise errors.ServerFailed(f"the server has kept notification {found.notification_id}")
    state = server.state.get()
    return Dismissal(
        dismissed=tuple(hide_notification(found) for found in went),
        gone_ids=tuple(gone_ids),
        left_count=len(left),
        has_warning=state.has_warning,
        has_error=state.has_error,
    )
