"""The one translation between a server's definition of a backup and the fields a person edits; pure, it asks nobody.

Fields are flat: `name`, `sources`, `settings.keep-versions`, `schedule.repeat` … Each is a text or, for lists, a tuple
of texts; what is not there has no key. Secrets are placeholders in fields and never leave the definition.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from .. import errors
from ..sdk import answers
from ..sdk.evidence import read_time
from .masking import MASK, conceal, is_placeholder, is_secret_name, reveal
from .values import check_timespan

Value = str | tuple[str, ...]
Fields = dict[str, Value]

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_LONG_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_PLACES = {name: place for names in (DAYS, _LONG_DAYS, ("1", "2", "3", "4", "5", "6", "0")) for place, name in enumerate(names)}  # fmt: skip  # noqa: E501
_RULE_OF_DAYS = "AllowedWeekDays="
# Stored without dashes; everything else carries two (API reference, 7.3).
_PLAIN_SETTINGS = frozenset({"encryption-module", "compression-module", "passphrase", "dblock-size", "keep-time", "keep-versions", "retention-policy"})  # fmt: skip  # noqa: E501
_FIRST_TO_KEEP_METADATA = (2, 2)


class FieldKind(NamedTuple):
    """One field as a person meets it; `member` is the server's name for it. `about` explains it in one sentence."""

    name: str
    member: str
    about: str
    is_list: bool = False
    is_required: bool = False


FIELDS = (
    FieldKind("name", "Name", "What the backup is called; no two may have the same name.", is_required=True),
    FieldKind("description", "Description", "What a person wants to know about it."),
    FieldKind("destination", "TargetURL", "Where its data is stored, as an address.", is_required=True),
    FieldKind(
        "sources",
        "Sources",
        "What is backed up: paths on the server; a folder ends with a slash (Windows: backslash).",
        is_list=True,
        is_required=True,
    ),
    FieldKind(
        "filters",
        "Filters",
        "What to leave out (-) or take (+) of the sources; the first line that fits a path decides.",
        is_list=True,
    ),
    FieldKind("tags", "Tags", "Words to group backups by.", is_list=True),
)
SETTINGS = "settings"
SCHEDULE = "schedule"
SCHEDULE_FIELDS = (
    FieldKind(
        "repeat",
        "Repeat",
        "How long from one run to the next: a number with m (minutes), h, D (days), W, M (months) or Y.",
    ),
    FieldKind("next_at", "Time", "When it runs next; one in the past would start it at once."),
    FieldKind(
        "allowed_days",
        "AllowedDays",
        "The days on which it may run: mon tue wed thu fri sat sun; none named means every day.",
        is_list=True,
    ),
)
LISTS = frozenset(
    [kind.name for kind in FIELDS if kind.is_list]
    + [f"{SCHEDULE}.{kind.name}" for kind in SCHEDULE_FIELDS if kind.is_list]
)
_NAMES = (*(kind.name for kind in FIELDS), *(f"{SCHEDULE}.{kind.name}" for kind in SCHEDULE_FIELDS))


def is_field_name(field: str) -> bool:
    """Say whether a field has this name, or stands for all of the schedule; of a setting only the form is looked at."""
    group, _, rest = field.partition(".")
    return field in _NAMES or field == SCHEDULE or (group == SETTINGS and bool(rest.strip("-")))


def check_name(field: str) -> None:
    """Raise `InvalidValue` for a name that no field has; of a setting only the form is checked."""
    if is_field_name(field) and field != SCHEDULE:
        return
    from difflib import get_close_matches  # noqa: PLC0415 - only for a mistake

    known = {name.rpartition(".")[2]: name for name in sorted(_NAMES)} | {SETTINGS: SETTINGS, SCHEDULE: SCHEDULE}
    group, _, rest = field.partition(".")
    near = [known[name] for name in get_close_matches(field.rpartition(".")[2], known, 1)]
    near += [f"{name}.{rest}" for name in get_close_matches(group, (SETTINGS,), 1) if rest]
    hint = f"did you mean “{near[0]}”?" if near else f"a setting is {SETTINGS}.{field}; else {', '.join(_NAMES)}"
    raise errors.InvalidValue(f"there is no field “{field}”", hint=hint)


def read_value(field: str, value: Value) -> Value:
    """Return a value as a field holds it, whoever wrote it; raises `InvalidValue` for a wrong time, day or length."""
    if field == f"{SCHEDULE}.allowed_days" and value:
        return read_days(value if isinstance(value, tuple) else value.split(","))
    if not isinstance(value, str) or not value:
        return value
    if field == f"{SCHEDULE}.next_at":
        return read_moment(value)
    if field == f"{SCHEDULE}.repeat":
        check_timespan(value)
    return value


def is_secret(field: str, secret_options: frozenset[str]) -> bool:
    """Say whether a whole field is a secret."""
    return field.startswith(f"{SETTINGS}.") and is_secret_name(field.partition(".")[2], secret_options)


# --- from the server ------------------------------------------------------------------------------------


def read_fields(raw: Mapping[str, Any], secret_options: frozenset[str]) -> Fields:
    """Return the fields of a definition `{"Backup": …, "Schedule": …}`, with placeholders for all secrets."""
    inner = raw["Backup"]
    fields: Fields = {}
    for kind in FIELDS:
        if kind.is_list:
            told = _read_filters(inner) if kind.name == "filters" else _texts(inner.get(kind.member))
            fields[kind.name] = tuple(conceal(text, secret_options) for text in told)
        else:
            fields[kind.name] = conceal(answers.text(inner, kind.member), secret_options)
    for key, item in _name_settings(inner):
        value, name = answers.text(item, "Value"), f"{SETTINGS}.{key}"
        is_hidden = value and (is_secret(name, secret_options) or is_placeholder(value))
        fields[name] = MASK if is_hidden else conceal(value, secret_options)
    return fields | _read_schedule(raw.get("Schedule"))


def _read_filters(inner: Mapping[str, Any]) -> list[str]:
    """Return filters as a person writes them, in the order in which they are tried."""
    entries = [item for item in _items(inner.get("Filters")) if isinstance(item, dict)]
    entries.sort(key=lambda item: answers.number(item, "Order") or 0)
    return [f"{'+' if item.get('Include') is True else '-'}{answers.text(item, 'Expression')}" for item in entries]


def _name_settings(inner: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the settings that can be edited under the name each has as a field; the first of equals, without dashes."""
    taken: set[str] = set()
    for item in _items(inner.get("Settings")):
        stored = answers.text(item, "Name")
        key = next((name for name in (stored.lstrip("-"), stored) if name.lower() not in taken), "")
        if key.strip("-") and key.isprintable() and not answers.text(item, "Filter"):
            taken.add(key.lower())
            yield key, item


def _read_schedule(raw: Any) -> Fields:
    if not isinstance(raw, dict):
        return {}
    stored_at = answers.text(raw, "Time")
    at = read_time(stored_at)
    days = [str(day).lower() for day in _items(raw.get("AllowedDays"))]
    return {
        f"{SCHEDULE}.repeat": answers.text(raw, "Repeat"),
        f"{SCHEDULE}.next_at": stored_at if at is None else _write_time(at),
        f"{SCHEDULE}.allowed_days": read_days([day for day in days if day in _PLACES]),
    }


def _write_time(at: datetime) -> str:
    """Return a time as servers write it."""
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def read_moment(text: str) -> str:
    """Return a time that a person wrote, local without an offset, as servers write it; raises `InvalidValue`."""
    try:
        return _write_time(datetime.fromisoformat(text))
    except (ValueError, OverflowError) as exc:
        raise errors.InvalidValue(f"“{text}” is no time", hint="such as 2027-01-31T03:00, or with +01:00 or Z") from exc


def read_days(words: Iterable[str]) -> tuple[str, ...]:
    """Return days by their short names, each once, from Monday on; raises `InvalidValue` for what is no day.

    2.1.0.5 and 2.2.0.3 list each day twice, short and long; a number counts from Sunday.
    """
    places = set()
    for word in words:
        place = _PLACES.get(word.strip().lower())
        if place is None:
            raise errors.InvalidValue(f"“{word}” is no day of the week", hint="mon, tue, wed, thu, fri, sat or sun")
        places.add(place)
    return tuple(DAYS[place] for place in sorted(places))


# --- to the server --------------------------------------------------------------------------------------


def write_definition(
    raw: Mapping[str, Any], fields: Fields, secret_options: frozenset[str], release: tuple[int, ...]
) -> dict[str, Any]:
    """Return the body of a PUT that makes a stored definition agree with the fields, everything else as it was.

    Raises `InvalidValue` for a placeholder where no secret is stored. Metadata are left out where the server then keeps
    its own, newer ones; 2.1.0.5 and 2.0.8.1 would wipe them (2.0.8.1 configuring-backups:142).
    """
    before, inner = read_fields(raw, secret_options), dict(raw["Backup"])
    for kind in FIELDS:
        if fields.get(kind.name) != before.get(kind.name):
            with _naming(kind.name):
                inner[kind.member] = _write(kind, fields.get(kind.name), inner.get(kind.member), secret_options)
    inner["Settings"] = _write_settings(inner, before, fields, secret_options)
    if release >= _FIRST_TO_KEEP_METADATA:
        inner["Metadata"] = None
    return {"Backup": inner, "Schedule": _write_schedule(raw.get("Schedule"), before, fields)}


def _write(kind: FieldKind, value: Value | None, stored: Any, secret_options: frozenset[str]) -> Any:
    if not kind.is_list:
        known = [stored] if isinstance(stored, str) else []
        return reveal(value if isinstance(value, str) else "", known, secret_options)
    texts = value if isinstance(value, tuple) else ()
    if kind.name == "filters":
        known = _read_filters({kind.member: stored})
        return [_write_filter(order, reveal(text, known, secret_options)) for order, text in enumerate(texts)]
    return [reveal(text, _texts(stored), secret_options) for text in texts]


def _write_filter(order: int, text: str) -> dict[str, Any]:
    if text[:1] not in ("+", "-") or not text[1:].strip():
        raise errors.InvalidValue(f"“{text}” is no filter", hint="-*.tmp leaves such files out, +*.txt takes them")
    return {"Order": order, "Include": text[0] == "+", "Expression": text[1:]}


def _write_settings(
    inner: Mapping[str, Any], before: Fields, fields: Fields, secret_options: frozenset[str]
) -> list[Any]:
    editable = {id(item): f"{SETTINGS}.{key}" for key, item in _name_settings(inner)}
    written = []
    for item in _items(inner.get("Settings")):
        name = editable.get(id(item))
        if name is None or fields.get(name) == before[name]:
            written.append(item)
        elif name in fields:
            stored = [answers.text(item, "Value")]
            written.append({**item, "Value": _write_value(name, fields[name], stored, secret_options)})
    for name in fields:
        if name.startswith(f"{SETTINGS}.") and name not in before:
            value = _write_value(name, fields[name], [], secret_options)
            written.append({"Name": _stored_name(name.partition(".")[2]), "Value": value, "Filter": ""})
    return written


def _write_value(name: str, value: Value, stored: Sequence[str], secret_options: frozenset[str]) -> str:
    with _naming(name):
        return reveal(value if isinstance(value, str) else "", stored, secret_options)


def _stored_name(key: str) -> str:
    return key if key in _PLAIN_SETTINGS or key.startswith("--") else f"--{key}"


def _write_schedule(raw: Any, before: Fields, fields: Fields) -> dict[str, Any] | None:
    """Return the schedule; None, which removes it, only if no field of it is left."""
    if not any(name.startswith(f"{SCHEDULE}.") for name in fields):
        return None
    schedule = dict(raw) if isinstance(raw, dict) else {"Rule": ""}
    for kind in SCHEDULE_FIELDS[:2]:
        name = f"{SCHEDULE}.{kind.name}"
        if fields.get(name) != before.get(name):
            schedule[kind.member] = fields.get(name, "")
    days = fields.get(f"{SCHEDULE}.allowed_days", ())
    schedule["AllowedDays"] = list(days) or None
    if days != before.get(f"{SCHEDULE}.allowed_days", ()):
        rules = [rule for rule in answers.text(schedule, "Rule").split(";") if not rule.startswith(_RULE_OF_DAYS)]
        schedule |= {"Rule": ";".join(rules), "AllowedDays": list(days)}
    return schedule


class _naming:  # noqa: N801 - read as a word: with _naming(…)
    """Puts the field's name before what is wrong with its value."""

    def __init__(self, field: str) -> None:
        self._field = field

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: object) -> None:
        if isinstance(value, errors.InvalidValue):
            raise errors.InvalidValue(f"{self._field}: {value.message}", hint=value.hint) from value


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _texts(value: Any) -> list[str]:
    return [item for item in _items(value) if isinstance(item, str)]
