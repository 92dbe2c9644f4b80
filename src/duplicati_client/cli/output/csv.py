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
    from .columns import Listing


def render_listing(listing: Listing, *, is_for_terminal: bool = False) -> str:
    """Return heading and rows; on a terminal control characters are shown as escapes."""
    target = io.StringIO(newline="")
    writer = csv.writer(target)
    writer.writerow([column.name for column in listing.columns])
    writer.writerows([[_write_cell(value) for value in row] for row in make_rows(listing)])
    text = target.getvalue()
    return neutralise_lines(text) if is_for_terminal else text


def _write_cell(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, dict)):
        import json  # noqa: PLC0415 - few listings hold lists

        return json.dumps(make_plain(value), ensure_ascii=False)
    return value
