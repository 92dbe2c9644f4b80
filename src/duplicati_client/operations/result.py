"""The data of a task's result: records turned into plain values, and cut to the size that may travel; asks nobody."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from .. import errors
from ..protocol.result import DATA_BYTES
from .masking import hide_text

_DEEPEST = 24  # a decoder of the protocol takes 32 levels, the result around it included
_LONGEST_NUMBER = 10**18
_ROUNDS = 50
_TRUNCATED = "Truncated"
_CAPITALS = {"id": "ID", "ids": "IDs", "url": "URL", "os": "OS"}


class Performed(NamedTuple):
    """What an operation gives: `data` as it travels, and for work that was followed how it went."""

    data: Mapping[str, Any]
    outcome: str | None = None


def make_data(value: Any) -> dict[str, Any]:
    """Return a record as the object of a result; a list becomes `Items`, anything else `Item`."""
    plain = _make_plain(value, _DEEPEST)
    if isinstance(value, list | tuple) and not hasattr(value, "_asdict"):
        return {"Items": plain}
    return plain if hasattr(value, "_asdict") else {"Item": plain}


def _make_plain(value: Any, levels: int) -> Any:
    """Return what JSON can say: members of records get the protocol's names, keys of the server's objects stay."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return hide_text(_mend(str(value)))
    if isinstance(value, int):
        return value if abs(value) < _LONGEST_NUMBER else str(value)[:_DEEPEST]
    if isinstance(value, float):
        return value if value - value == 0 else None
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, errors.DuplicatiClientError):
        return make_failure(value)
    return _make_plain_container(value, levels - 1) if levels > 0 else None


def _make_plain_container(value: Any, levels: int) -> Any:
    if hasattr(value, "_asdict"):
        members = value._asdict().items()
        return {name_member(name): _make_plain(item, levels) for name, item in members if name != "raw"}
    if isinstance(value, Mapping):
        return {_mend(str(name)): _make_plain(item, levels) for name, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_make_plain(item, levels) for item in value]
    return hide_text(_mend(str(value)))


def _mend(text: str) -> str:
    """Replace halves of surrogate pairs, which no decoder of the protocol takes."""
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def name_member(name: str) -> str:
    """Return the protocol's name of a record's member: `backup_id` is `BackupID`."""
    return "".join(_CAPITALS.get(part, part.capitalize()) for part in name.split("_"))


def make_failure(error: errors.DuplicatiClientError) -> dict[str, Any]:
    """Return an error as a result tells it."""
    told = {"Code": error.code, "Message": hide_text(_mend(error.message))[:2000]}
    return told | ({"Hint": hide_text(_mend(error.hint))} if error.hint else {})


def cut(data: Mapping[str, Any], *, keeps_end: bool = False, limit_bytes: int = DATA_BYTES) -> dict[str, Any]:
    """Return the data cut to its limit by whole items of its longest lists, with `Truncated` if anything is missing.

    `keeps_end` drops the first items instead of the last ones.
    """
    kept, size = dict(data), _measure(data)
    for _ in range(_ROUNDS):
        if size <= limit_bytes:
            return kept
        kept.pop(_TRUNCATED, None)
        kept = {**_shorten(kept, size - limit_bytes + 32, keeps_end=keeps_end), _TRUNCATED: True}
        size = _measure(kept)
    return {_TRUNCATED: True}


def _measure(value: Any) -> int:
    return len(json.dumps(value, separators=(",", ":")))


def _shorten(value: Any, excess: int, *, keeps_end: bool) -> Any:
    """Take at least so many bytes away if it can, from the largest thing inside."""
    if isinstance(value, str):
        return value[: max(0, (len(value) - excess) // 2)]
    if not isinstance(value, dict | list) or not value:
        return None
    keys = list(value) if isinstance(value, dict) else list(range(len(value)))
    sizes = {key: _measure(value[key]) + 1 for key in keys}
    largest = max(keys, key=lambda key: sizes[key])
    is_enough = sizes[largest] > excess and isinstance(value, dict)
    if is_enough or len(keys) == 1 or sizes[largest] > 0.9 * sum(sizes.values()):
        inner = _shorten(value[largest], min(excess, sizes[largest]), keeps_end=keeps_end)
        if isinstance(value, dict):
            return {**value, largest: inner}
        return [inner if key == largest else value[key] for key in keys]
    return _drop_items(value, keys, sizes, excess, keeps_end=keeps_end)


def _drop_items(value: Any, keys: list[Any], sizes: dict[Any, int], excess: int, *, keeps_end: bool) -> Any:
    order = keys if keeps_end else keys[::-1]
    dropped: set[Any] = set()
    for key in order:
        if excess <= 0:
            break
        dropped.add(key)
        excess -= sizes[key]
    if isinstance(value, dict):
        return {key: item for key, item in value.items() if key not in dropped}
    return [item for key, item in zip(keys, value, strict=True) if key not in dropped]
