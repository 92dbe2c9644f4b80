"""Turn typed values into what JSON and YAML know: texts, numbers, lists and objects; times in RFC 3339 with offset."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .columns import Column, Listing


def make_plain(value: Any) -> Any:
    """Convert records, times and mappings at any depth; a record becomes an object of its fields."""
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, str):
        return str(value)
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if hasattr(value, "_asdict"):
        return {name: make_plain(item) for name, item in value._asdict().items()}
    if isinstance(value, dict) or hasattr(value, "items"):
        return {str(name): make_plain(item) for name, item in value.items()}
    return [make_plain(item) for item in value]


def make_records(listing: Listing) -> list[dict[str, Any]]:
    """Return each row as an object keyed by column name."""
    names = [column.name for column in listing.columns]
    return [dict(zip(names, values, strict=True)) for values in make_rows(listing)]


def make_rows(listing: Listing) -> Sequence[Sequence[Any]]:
    """Return the rows with plain values, column by column because that is what makes long lists quick."""
    if not listing.rows:
        return []
    converted = [_convert(column.kind, values) for column, values in by_column(listing)]
    return list(zip(*converted, strict=True))


def by_column(listing: Listing) -> Iterable[tuple[Column, Sequence[Any]]]:
    """Yield each column with its values; for a listing that has rows."""
    return zip(listing.columns, zip(*listing.rows, strict=True), strict=True)


def _convert(kind: str, values: Sequence[Any]) -> Sequence[Any]:
    if kind == "time":
        return [value if value is None else value.isoformat() for value in values]
    if kind in ("size", "seconds", "number", "flag"):
        return values
    return [value if type(value) is str or value is None else make_plain(value) for value in values]
