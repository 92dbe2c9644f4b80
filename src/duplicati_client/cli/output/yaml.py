"""Write answers as YAML of the same shape as JSON; streams become a document a record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from ..text import escape_for_yaml, is_harmless
from .columns import SCHEMA
from .plain import make_plain, make_records

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .columns import Listing
    from .pages import Page, StreamRecord
    from .table import Look


def render_listing(listing: Listing, look: Look) -> str:
    """Return a mapping with schema, kind and items, and the errors of several servers."""
    document = {"schema": SCHEMA, "kind": listing.kind, "items": make_records(listing)}
    return _dump(document if listing.errors is None else document | {"errors": make_plain(listing.errors)})


def render_page(page: Page, look: Look) -> str:
    """Return a mapping with schema, kind and item."""
    return _dump({"schema": SCHEMA, "kind": page.kind, "item": make_plain(page.item)})


def render_record(record: StreamRecord, look: Look) -> str:
    """Return one document of a stream."""
    return "---\n" + _dump({"event": record.event, **make_plain(record.item)})


def _dump(document: Mapping[str, Any]) -> str:
    text = yaml.dump(document, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=4096)
    return escape_for_yaml(str(text))


class _Dumper(yaml.SafeDumper):
    """Puts texts with control or direction characters into quotes, where they can be written as escapes."""


def _represent_text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    style = None if is_harmless(text) else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent_text)
