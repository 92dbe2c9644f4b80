"""What is shown of one thing, and of something that goes on, as data: for people and for programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from .columns import Listing


class Field(NamedTuple):
    """A labelled value of a page; kinds as for `Column`.

    `mark` is a verdict to be drawn before the label: ok, warning, refused, skipped or not-reached.
    """

    label: str
    value: Any
    kind: str = "text"
    mark: str = ""


class Section(NamedTuple):
    """A part of a page: fields, and a table below them."""

    title: str
    fields: Sequence[Field] = ()
    table: Listing | None = None


class Page(NamedTuple):
    """One thing: `item` is what programs get, `sections` what people see, `item_id` what --output ids shows."""

    kind: str
    item: Mapping[str, Any]
    sections: Sequence[Section]
    item_id: str | None = None

    def of_server(self, label: str) -> Page:
        """Return the page with the name of the server it comes from, for answers of several."""
        head = Section("", (Field("server", label),))
        item_id = None if self.item_id is None else f"{label}/{self.item_id}"
        return self._replace(item={"server": label, **self.item}, sections=(head, *self.sections), item_id=item_id)


class StreamRecord(NamedTuple):
    """One step of something that goes on. JSON and YAML write every one.

    The others write only those that are results: `text` is the line for people, `record_id` what --output ids shows.
    """

    event: str
    item: Mapping[str, Any]
    text: str | None = None
    record_id: str | None = None
