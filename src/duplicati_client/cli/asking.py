"""Ask one server, or several side by side, and print what they answer; one dead server spoils nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from .. import errors
from ..sdk.auth.store import MemorySessionStore
from . import exits
from .context import Target, choose_targets, open_server, open_store
from .output.columns import Column, Listing
from .output.printer import Choice, Printer
from .talk import Talk

if TYPE_CHECKING:
    from ..sdk.client import Duplicati
    from .call import Call
    from .output.pages import Page

_SERVER = Column("server", "SERVER", "text", 0)
_SIDE_BY_SIDE = 16
_JOIN_SECONDS = 0.5  # a wait without an end cannot be interrupted on Windows


class Left(KeyboardInterrupt):
    """The person has left with Ctrl-C, and was told what goes on."""


class Answer(NamedTuple):
    """What one server's part came to: something to print at the end, and how it went."""

    shown: Listing | Page | None = None
    status: int = exits.SUCCESS


Work = Callable[["Duplicati", Talk], Answer]


def ask(call: Call, work: Work) -> int:
    """Do the work on every server the person means, print the answers, and return the exit status of it all."""
    targets = choose_targets(call)
    printer = make_printer(call)
    if len(targets) == 1 and not _are_many_meant(call):
        return _ask_one(call, targets[0], work, printer)
    answers = _ask_many(call, targets, work, printer)
    _print_all(printer, [(target, answer) for target, answer in zip(targets, answers, strict=True)])
    return exits.merge([answer.status for answer in answers])


def make_printer(call: Call) -> Printer:
    """Return the printer for the format the person chose."""
    choice = Choice(call.value("output"), call.value("columns"), call.value("sort"), call.value("filter") or ())
    return Printer(call.console, choice)


def _are_many_meant(call: Call) -> bool:
    return bool(call.value("on") or call.value("all")) and not {"server", "context"} & set(call.given)


def _ask_one(call: Call, target: Target, work: Work, printer: Printer) -> int:
    with _opened(call, target) as server:
        answer = work(server, Talk(call.console, printer))
    if isinstance(answer.shown, Listing):
        printer.print_listing(answer.shown)
    elif answer.shown is not None:
        printer.print_page(answer.shown)
    return answer.status


def _ask_many(call: Call, targets: Sequence[Target], work: Work, printer: Printer) -> list[Answer]:
    from threading import RLock, Thread  # noqa: PLC0415 - one server needs no threads

    lock = RLock()
    answers: dict[str, Answer] = {}
    remaining = iter(targets)

    def ask_the_next() -> None:
        while True:
            with lock:
                target = next(remaining, None)
            if target is None:
                return
            answers[target.label] = _ask_carefully(call, target, work, Talk(call.console, printer, target.label, lock))

    # They do not outlive the program: whoever leaves with Ctrl-C is not made to wait for a hanging server.
    threads = [Thread(target=ask_the_next, daemon=True) for _ in range(min(_SIDE_BY_SIDE, len(targets)))]
    for thread in threads:
        thread.start()
    try:
        for thread in threads:
            while thread.is_alive():
                thread.join(_JOIN_SECONDS)
    except KeyboardInterrupt:
        call.console.say("left; what the servers have begun goes on")
        raise Left from None
    return [answers[target.label] for target in targets]


def _ask_carefully(call: Call, target: Target, work: Work, talk: Talk) -> Answer:
    try:
        with _opened(call, target) as server:
            return work(server, talk)
    except errors.DuplicatiClientError as exc:
        talk.complain(exc.message, exc.hint)
        return Answer(status=exits.status_of_error(exc))
    except Exception as exc:  # one server's bug spoils nothing for the others
        from .bugs import report  # noqa: PLC0415 - hopefully never

        return Answer(status=report(exc, call.process))


class _opened:  # noqa: N801 - read as a word: with _opened(…)
    """Opens a server; a session that nobody could use again is ended on the server when all is done."""

    def __init__(self, call: Call, target: Target) -> None:
        store = open_store(call, target)
        self._server = open_server(call, target, store)
        self._is_passing = isinstance(store, MemorySessionStore)

    def __enter__(self) -> Duplicati:
        return self._server

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._is_passing and kind is None and self._server.session is not None:
            with suppress(errors.DuplicatiClientError):
                self._server.logout()
        self._server.close()


def _print_all(printer: Printer, answers: Sequence[tuple[Target, Answer]]) -> None:
    shown = [(target.label, answer.shown) for target, answer in answers if answer.shown is not None]
    listings = [(label, item) for label, item in shown if isinstance(item, Listing)]
    if listings:
        first = listings[0][1]
        rows = [(label, *row) for label, listing in listings for row in listing.rows]
        printer.print_listing(first._replace(columns=[_SERVER, *first.columns], rows=rows))
    for label, page in shown:
        if not isinstance(page, Listing):
            printer.print_page(page.of_server(label))
