"""Write answers as JSON in a versioned shape, one item a line, so that tools that read lines can read them too."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ..text import escape_for_json
from .columns import SCHEMA
from .plain import make_plain, make_records

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .columns import Listing, Page, StreamRecord


def render_listing(listing: Listing) -> str:
    """Return `{"schema", "kind", "items": […]}`."""
    encode = json.JSONEncoder(ensure_ascii=False).encode
    items = ",\n".join(map(encode, make_records(listing)))
    body = f"[\n{items}\n]" if items else "[]"
    return escape_for_json(f'{{"schema": "{SCHEMA}", "kind": {encode(listing.kind)}, "items": {body}}}\n')


def render_page(page: Page) -> str:
    """Return `{"schema", "kind", "item": {…}}`."""
    return render_document({"schema": SCHEMA, "kind": page.kind, "item": make_plain(page.item)})


def render_document(document: Mapping[str, Any]) -> str:
    """Return one object, indented."""
    return escape_for_json(json.dumps(document, ensure_ascii=False, indent=2) + "\n")


def render_record(record: StreamRecord) -> str:
    """Return one line of a stream: `{"event", …}`."""
    plain = {"event": record.event, **make_plain(record.item)}
    return escape_for_json(json.dumps(plain, ensure_ascii=False) + "\n")
