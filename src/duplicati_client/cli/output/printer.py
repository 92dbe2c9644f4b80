"""Write answers in the format the person chose, to stdout; each format is loaded when it is used."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple, Protocol, cast

if TYPE_CHECKING:
    from ..console import Console
    from .columns import Listing
    from .pages import Page, StreamRecord
    from .table import Look


class Format(Protocol):
    """What each module of a format offers; the text is ready to be written."""

    def render_listing(self, listing: Listing, look: Look) -> str:
        """Return many things of one kind."""
        ...

    def render_page(self, page: Page, look: Look) -> str:
        """Return one thing."""
        ...

    def render_record(self, record: StreamRecord, look: Look) -> str:
        """Return one step of something that goes on."""
        ...


class Choice(NamedTuple):
    """What --output, --columns, --sort and --filter say."""

    form: str = "table"
    columns: str | None = None
    sort: str | None = None
    filters: Sequence[str] = ()


class Printer:
    """Writes to the console in one format. Listings are narrowed and sorted on the way."""

    def __init__(self, console: Console, choice: Choice) -> None:
        self._console = console
        self._choice = choice
        self.form = choice.form

    def print_listing(self, listing: Listing) -> None:
        """Write many things; that there are none is told on stderr, because stdout then stays empty."""
        listing = self._select(listing)
        self._console.write(self._format.render_listing(listing, self._console.look()))
        if not listing.rows:
            self._console.say(f"no {listing.kind.replace('-', ' ')}")

    def print_page(self, page: Page) -> None:
        """Write one thing."""
        self._console.write(self._format.render_page(page, self._console.look()))

    def print_record(self, record: StreamRecord) -> None:
        """Write one step of something that goes on, at once."""
        self._console.write(self._format.render_record(record, self._console.look()))
        self._console.flush()

    @property
    def _format(self) -> Format:
        return cast(Format, import_module(f".{self.form}", __package__))

    def _select(self, listing: Listing) -> Listing:
        is_for_people = self.form == "table"
        if (self._choice.columns, self._choice.sort, *self._choice.filters) == (None, None):
            return listing.shown() if is_for_people else listing
        from .selection import choose_columns, keep_rows, sort_rows  # noqa: PLC0415 - most listings are shown as they come

        if self._choice.filters:
            from datetime import UTC, datetime  # noqa: PLC0415

            listing = keep_rows(listing, self._choice.filters, datetime.now(UTC))
        if self._choice.sort:
            listing = sort_rows(listing, self._choice.sort)
        if self._choice.columns:
            return choose_columns(listing, self._choice.columns)
        return listing.shown() if is_for_people else listing
