"""Write listings as CSV (RFC 4180, heading first); cells are the data itself, also where one looks like a formula.

A spreadsheet may compute a cell that starts with `=`, `+`, `-` or `@`: import such columns as text. Changing the cell
here would change the data for every other reader.
"""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

from ..text import neutralise_lines
from .plain import make_plain, make_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .columns import Listing
    from .pages import Page, StreamRecord
    from .table import Look


def render_listing(listing: Listing, look: Look) -> str:
    """Return heading and rows; on a terminal control characters are shown as escapes."""
    return _write([[column.name for column in listing.columns], *make_rows(listing)], look)


def render_page(page: Page, look: Look) -> str:
    """Return a heading and one row; lists and objects within are JSON."""
    plain = make_plain(page.item)
    return _write([list(plain), list(plain.values())], look)


def render_record(record: StreamRecord, look: Look) -> str:
    """Return a row without a heading for each result."""
    return _write([list(make_plain(record.item).values())], look) if record.text else ""


def _write(rows: Iterable[Sequence[Any]], look: Look) -> str:
    target = io.StringIO(newline="")
    csv.writer(target).writerows([_write_cell(value) for value in row] for row in rows)
    text = target.getvalue()
    return neutralise_lines(text) if look.is_terminal else text


def _write_cell(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, dict)):
        import json  # noqa: PLC0415 - few listings hold lists

        return json.dumps(make_plain(value), ensure_ascii=False)
    return value
