"""Write answers as JSON in a versioned shape: on one line for programs, spread out on a terminal."""

from __future__ import annotations

import json
from json.encoder import encode_basestring
from math import isfinite
from typing import TYPE_CHECKING, Any

from ..text import escape_for_json
from .columns import SCHEMA
from .plain import by_column, make_plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .columns import Listing
    from .pages import Page, StreamRecord
    from .table import Look


def render_listing(listing: Listing, look: Look) -> str:
    """Return `{"schema", "kind", "items": […]}`, and the `errors` of several servers."""
    gap = "\n" if look.is_terminal else ""
    items = f",{gap or ' '}".join(_encode_rows(listing))
    body = f"[{gap}{items}{gap}]" if items else "[]"
    errors = (
        "" if listing.errors is None else f', "errors": {json.dumps(make_plain(listing.errors), ensure_ascii=False)}'
    )
    head = f'"schema": "{SCHEMA}", "kind": {encode_basestring(listing.kind)}'
    return escape_for_json(f'{{{head}, "items": {body}{errors}}}\n')


def _encode_rows(listing: Listing) -> Iterable[str]:
    """Encode column by column and put the rows together by a template: half the time of an encoder on each row."""
    if not listing.rows:
        return ()
    names = [encode_basestring(column.name).replace("%", "%%") for column in listing.columns]
    template = "{" + ", ".join(f"{name}: %s" for name in names) + "}"
    encoded = [_encode_column(column.kind, values) for column, values in by_column(listing)]
    return map(template.__mod__, zip(*encoded, strict=True))


def _encode_column(kind: str, values: Sequence[Any]) -> list[str]:
    if kind == "time":
        return ["null" if value is None else f'"{value.isoformat()}"' for value in values]
    return [
        "null" if value is None else encode_basestring(value) if type(value) is str else _encode(value)
        for value in values
    ]


def _encode(value: Any) -> str:
    if type(value) is int or (type(value) is float and isfinite(value)):
        return repr(value)
    return json.dumps(make_plain(value), ensure_ascii=False)


def render_page(page: Page, look: Look) -> str:
    """Return `{"schema", "kind", "item": {…}}`."""
    document = {"schema": SCHEMA, "kind": page.kind, "item": make_plain(page.item)}
    return escape_for_json(json.dumps(document, ensure_ascii=False, indent=2 if look.is_terminal else None) + "\n")


def render_record(record: StreamRecord, look: Look) -> str:
    """Return one line of a stream: `{"event", …}`."""
    plain = {"event": record.event, **make_plain(record.item)}
    return escape_for_json(json.dumps(plain, ensure_ascii=False) + "\n")
