"""`FIELD=VALUE` as words: read, checked for secrets that would stand in a process list, and made on fields; pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from .. import errors
from .definition import LISTS, SCHEDULE, SETTINGS, check_name, is_secret, read_value
from .masking import conceal
from .selection import suggest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..sdk.options import KnownOption
    from .definition import Fields

_FORM = re.compile(r"(?P<field>-{0,2}[A-Za-z][\w.-]*?)(?P<deed>\+=|-=|=)(?P<value>.*)", re.DOTALL)
_REMOVAL = re.compile(r"(?P<field>[A-Za-z][\w.-]*[\w])-")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "D": 86400, "W": 604800, "M": 2592000, "Y": 31536000}
_SECRET_HINT = "{field}=@FILE reads it from a file, {field}=@- from stdin or, at a terminal, asks for it"  # noqa: S105


class Assignment(NamedTuple):
    """One change: `deed` is `=`, `+=`, `-=`, or `-` for a removal. `is_typed` says that the value was in a word."""

    field: str
    deed: str
    value: str = ""
    is_typed: bool = True


def read_assignment(word: str) -> Assignment | None:
    """Return what a word says, or None if it is no assignment."""
    found = _FORM.fullmatch(word)
    if found is not None:
        return Assignment(found["field"], found["deed"], found["value"])
    removed = _REMOVAL.fullmatch(word)
    return Assignment(removed["field"], "-") if removed is not None else None


def is_list(field: str) -> bool:
    """Say whether a field holds several texts."""
    return field in LISTS


def refuse_typed_secret(assignment: Assignment, secret_options: frozenset[str]) -> None:
    """Raise `UsageInvalid` for a secret that was typed where others can see it: in the arguments of a process."""
    field, value = assignment.field, assignment.value
    is_bad = is_secret(field, secret_options) or conceal(value, secret_options) != value
    if assignment.is_typed and value and is_bad:
        raise errors.UsageInvalid(
            f"{field} holds a secret, and what is typed here can be seen by others",
            hint=_SECRET_HINT.format(field=field),
        )


def make_assignments(
    fields: Fields, assignments: Sequence[Assignment], options: Mapping[str, KnownOption], now_at: datetime
) -> Fields:
    """Return the fields after all assignments, in their order; raises `InvalidValue`, and then nothing is changed."""
    changed, given = dict(fields), dict[str, str]()
    for assignment in assignments:
        field = _name_field(assignment.field, changed, options)
        if field in given and not (is_list(field) and assignment.deed == given[field]):
            raise errors.UsageInvalid(f"{field} is given twice")
        if assignment.deed == "-" or (assignment.value == "" and field.startswith(f"{SETTINGS}.")):
            _remove(changed, field, assignment.deed)
        elif is_list(field):
            _change_list(changed, field, assignment, is_first=field not in given)
        else:
            _assign(changed, field, assignment)
        given[field] = assignment.deed
    return _complete_schedule(changed, now_at)


def _name_field(name: str, fields: Fields, options: Mapping[str, KnownOption]) -> str:
    """Return a field by its exact name; of settings, dashes and case are forgiven as the server forgives them."""
    group, _, rest = name.partition(".")
    if name == SCHEDULE:
        return name
    if group != SETTINGS:
        if name.lower() in options:
            raise errors.InvalidValue(f"there is no field “{name}”", hint=f"did you mean {SETTINGS}.{name}?")
        check_name(name)
        return name
    wanted = f"{SETTINGS}.{rest.lstrip('-')}"
    known = next((field for field in fields if field.lower() in (wanted.lower(), name.lower())), None)
    option = options.get(rest.lstrip("-").lower())
    return known or (f"{SETTINGS}.{option.name}" if option is not None else wanted)


def _remove(fields: Fields, field: str, deed: str) -> None:
    parts = [name for name in fields if name == field or (field == SCHEDULE and name.startswith(f"{SCHEDULE}."))]
    if not parts and deed == "-" and field != SCHEDULE:
        near = suggest(field, [name for name in fields if name.startswith(f"{field.partition('.')[0]}.")])
        raise errors.InvalidValue(f"{field} is not set", hint=near)
    for name in parts:
        if is_list(name) and name == field:
            fields[name] = ()
        elif name.partition(".")[0] in (SETTINGS, SCHEDULE):
            del fields[name]
        else:
            fields[name] = ""


def _assign(fields: Fields, field: str, assignment: Assignment) -> None:
    if field == SCHEDULE:
        raise errors.UsageInvalid(f"{SCHEDULE} has parts", hint=f"{SCHEDULE}.repeat=1D, or {SCHEDULE}- to take it away")
    if assignment.deed != "=":
        raise errors.UsageInvalid(f"{field} is no list", hint=f"{field}=VALUE")
    if not assignment.value and field.startswith(f"{SCHEDULE}."):
        raise errors.InvalidValue(f"{field} cannot be empty", hint=f"{SCHEDULE}- takes the schedule away")
    fields[field] = _read(field, assignment.value)


def _change_list(fields: Fields, field: str, assignment: Assignment, *, is_first: bool) -> None:
    current = fields.get(field, ())
    current = current if isinstance(current, tuple) else ()
    texts = assignment.value.split(",") if field in ("tags", f"{SCHEDULE}.allowed_days") else [assignment.value]
    texts = [text for text in texts if text]
    if assignment.deed == "-=":
        missing = next((text for text in texts if text not in current), None)
        if missing is not None:
            raise errors.InvalidValue(f"{field} has no “{missing}”", hint=suggest(missing, current))
        kept = [text for text in current if text not in texts]
    else:
        kept = [*(() if assignment.deed == "=" and is_first else current), *texts]
    fields[field] = _read(field, tuple(dict.fromkeys(kept)))


def _read(field: str, value: str | tuple[str, ...]) -> str | tuple[str, ...]:
    try:
        return read_value(field, value)
    except errors.InvalidValue as exc:
        raise errors.InvalidValue(f"{field}: {exc.message}", hint=exc.hint) from exc


def _complete_schedule(fields: Fields, now_at: datetime) -> Fields:
    """Give a new schedule its first time, one interval from now: the server would never run one without."""
    repeat = fields.get(f"{SCHEDULE}.repeat")
    if isinstance(repeat, str) and f"{SCHEDULE}.next_at" not in fields:
        seconds = sum(int(number) * _SECONDS[unit] for number, unit in re.findall(r"(\d+)([smhDWMY])", repeat))
        first_at = now_at.astimezone(UTC).replace(second=0, microsecond=0) + timedelta(seconds=seconds or int(repeat))
        fields[f"{SCHEDULE}.next_at"] = first_at.isoformat().replace("+00:00", "Z")
    return fields
