"""Change a backup's definition: read it as fields, check what became of them, send them if nobody was faster."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from .. import errors
from ..sdk.options import read_options
from .changes import Change, apply_changes, compare, name_fields
from .definition import FIELDS, SCHEDULE, SETTINGS, is_secret, read_fields, write_definition
from .selection import select_backup
from .values import check_option

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..sdk.client import Duplicati
    from ..sdk.options import KnownOption
    from .definition import Fields

# What the server changes by itself, or tells without being asked to keep it.
_VOLATILE = ("Metadata", "DBPath", "DBPathExists", "ExternalID", "IsUnencryptedOrPassphraseStored")
_VOLATILE_OF_SCHEDULE = ("Time", "LastRun", "Tags", "ID")
_NEXT_AT = f"{SCHEDULE}.next_at"


class Draft(NamedTuple):
    """A definition as it was when somebody began to change it; `raw` may hold clear secrets, `fields` never do."""

    backup_id: str
    raw: Mapping[str, Any]
    fields: Fields
    secret_options: frozenset[str]
    options: dict[str, KnownOption]
    release: tuple[int, ...]

    @property
    def name(self) -> str:
        """The name of the backup before any change."""
        return str(self.fields["name"])


class Edited(NamedTuple):
    """What became of a change. `adjusted` is where the server keeps something else than it was sent.

    `is_confirmed` says whether the server was read again afterwards; without, it had taken the change but then gave no
    answer.
    """

    backup_id: str
    name: str
    is_sent: bool
    changes: tuple[Change, ...]
    adjusted: tuple[Change, ...] = ()
    is_confirmed: bool = True


def open_draft(server: Duplicati, selector: str) -> Draft:
    """Read the definition of one backup; raises `BackupNotFound`, `AmbiguousName`."""
    return read_draft(server, select_backup(server.backups.list(), selector).backup_id)


def read_draft(server: Duplicati, backup_id: str) -> Draft:
    """Read the definition of the backup of this id."""
    raw = server.backups.get(backup_id).raw
    secret_options = server.system.secret_options
    fields = read_fields(raw, secret_options)
    return Draft(backup_id, raw, fields, secret_options, read_options(server.system.raw), server.release)


def preview(draft: Draft, fields: Fields) -> tuple[Change, ...]:
    """Return what would change, free of secrets."""
    return compare(draft.fields, fields, draft.secret_options)


def check(draft: Draft, fields: Fields, *, is_unchecked: bool = False, now_at: datetime | None = None) -> None:
    """Raise `InvalidValue` for what cannot be right, before anything is sent; only what was changed is looked at.

    `is_unchecked` takes settings as they are, for what a server does without listing it.
    """
    changed = {name for name in {*draft.fields, *fields} if draft.fields.get(name) != fields.get(name)}
    for kind in FIELDS:
        if kind.is_required and kind.name in changed and not fields.get(kind.name):
            raise errors.InvalidValue(f"{kind.name} cannot be empty", hint=kind.about)
    for name in sorted(changed & fields.keys()) if not is_unchecked else ():
        value, (group, _, key) = fields[name], name.partition(".")
        if group == SETTINGS and isinstance(value, str) and value and not is_secret(name, draft.secret_options):
            check_option(key, value, draft.options)
    _check_schedule(fields, changed, now_at or datetime.now(UTC))
    write_definition(draft.raw, fields, draft.secret_options, draft.release)


def _check_schedule(fields: Fields, changed: set[str], now_at: datetime) -> None:
    if not any(name.startswith(f"{SCHEDULE}.") for name in fields.keys() & changed):
        return
    for member, example in (("repeat", "1D"), ("next_at", "2027-01-31T03:00:00Z")):
        if not fields.get(f"{SCHEDULE}.{member}"):
            raise errors.InvalidValue(f"the schedule has no {member}", hint=f"{member}: {example}")
    if _NEXT_AT in changed and datetime.fromisoformat(str(fields[_NEXT_AT])) <= now_at:
        raise errors.InvalidValue(
            f"{_NEXT_AT} is in the past: the server would start the backup at once",
            hint="duplicati run, to start it now",
        )


def send(server: Duplicati, draft: Draft, fields: Fields) -> Edited:
    """Send what was changed since the draft, read it back, and say what is true; nothing is sent without a change.

    The server's copy is read again just before, and `ChangedMeanwhile` raised if somebody else has changed it;
    Duplicati cannot be told to compare by itself, so the moment between the two requests remains.
    """
    changes = preview(draft, fields)
    if not changes:
        return Edited(draft.backup_id, draft.name, False, ())
    fresh = read_draft(server, draft.backup_id)
    _refuse_if_changed(draft, fresh, fields)
    wanted = apply_changes(fresh.fields, draft.fields, fields)
    body = write_definition(fresh.raw, wanted, fresh.secret_options, fresh.release)
    server.backups.update(draft.backup_id, body)
    sent = read_fields(body, fresh.secret_options)
    edited = Edited(draft.backup_id, str(sent["name"]), True, changes)
    try:
        kept = read_draft(server, draft.backup_id).fields
    except errors.DuplicatiClientError:
        return edited._replace(is_confirmed=False)
    return edited._replace(adjusted=compare(sent, kept, fresh.secret_options))


def _refuse_if_changed(draft: Draft, fresh: Draft, fields: Fields) -> None:
    is_time_mine = draft.fields.get(_NEXT_AT) != fields.get(_NEXT_AT)
    is_time_theirs = draft.fields.get(_NEXT_AT) != fresh.fields.get(_NEXT_AT)
    if read_content(draft.raw) == read_content(fresh.raw) and not (is_time_mine and is_time_theirs):
        return
    theirs = name_fields(compare(draft.fields, fresh.fields)) or "something that is not shown, such as a secret"
    raise errors.ChangedMeanwhile(f"“{draft.name}” was changed on the server meanwhile: {theirs}")


def read_content(raw: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """Return what only a person changes."""
    inner = {name: value for name, value in raw["Backup"].items() if name not in _VOLATILE}
    schedule = raw.get("Schedule")
    if not isinstance(schedule, dict):
        return inner, None
    return inner, {name: value for name, value in schedule.items() if name not in _VOLATILE_OF_SCHEDULE}
