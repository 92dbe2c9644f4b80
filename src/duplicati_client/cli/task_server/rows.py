"""Records of a task server as rows: the columns of a listing say which of their fields, labels become text."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from ..output.columns import Listing
from .labels import write_labels

if TYPE_CHECKING:
    from ..output.columns import Column


def make_listing(kind: str, columns: Sequence[Column], records: Iterable[Any]) -> Listing:
    """Return a listing of records that have a field for each column."""
    row = namedtuple("Row", [column.name for column in columns])  # type: ignore[misc]
    return Listing(
        kind, tuple(columns), [row(*(_write(getattr(record, column.name)) for column in columns)) for record in records]
    )


def _write(value: Any) -> Any:
    return write_labels(value) if isinstance(value, dict) else value
