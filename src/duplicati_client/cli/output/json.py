"""Write answers as JSON in a versioned shape: on one line for programs, spread out on a terminal."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ..text import escape_for_json
from .columns import SCHEMA
from .plain import make_plain, make_records

if TYPE_CHECKING:
    from .columns import Listing, Page, StreamRecord
    from .table import Look


def render_listing(listing: Listing, look: Look) -> str:
    """Return `{"schema", "kind", "items": […]}`."""
    encode = json.JSONEncoder(ensure_ascii=False).encode
    gap = "\n" if look.is_terminal else ""
    items = f",{gap or ' '}".join(map(encode, make_records(listing)))
    body = f"[{gap}{items}{gap}]" if items else "[]"
    return escape_for_json(f'{{"schema": "{SCHEMA}", "kind": {encode(listing.kind)}, "items": {body}}}\n')


def render_page(page: Page, look: Look) -> str:
    """Return `{"schema", "kind", "item": {…}}`."""
    document = {"schema": SCHEMA, "kind": page.kind, "item": make_plain(page.item)}
    return escape_for_json(json.dumps(document, ensure_ascii=False, indent=2 if look.is_terminal else None) + "\n")


def render_record(record: StreamRecord, look: Look) -> str:
    """Return one line of a stream: `{"event", …}`."""
    plain = {"event": record.event, **make_plain(record.item)}
    return escape_for_json(json.dumps(plain, ensure_ascii=False) + "\n")
