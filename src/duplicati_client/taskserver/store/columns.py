"""How values lie in columns: times as milliseconds since 1970 in UTC, records as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, cast

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def write_time(at: datetime | None) -> int | None:
    """Return milliseconds."""
    return None if at is None else (at - _EPOCH) // _MILLISECOND


def read_time(value: int | None) -> datetime | None:
    """Return the time, in UTC."""
    return None if value is None else _EPOCH + value * _MILLISECOND


def known_time(value: int) -> datetime:
    """Return the time of a column that is never empty."""
    return _EPOCH + value * _MILLISECOND


def write_span(span: timedelta) -> int:
    """Return milliseconds."""
    return span // _MILLISECOND


def write_json(value: Mapping[str, Any]) -> str:
    """Return it in ASCII: PostgreSQL keeps no U+0000, and JSON's escapes are none."""
    return json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))


def read_json(text: str | None) -> dict[str, Any] | None:
    """Return what `write_json` wrote."""
    return None if text is None else cast("dict[str, Any]", json.loads(text))
