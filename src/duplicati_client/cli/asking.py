"""Ask one server, or several side by side, and print what they answer; one dead server spoils nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, NamedTuple

from .. import errors
from ..sdk.auth.store import MemorySessionStore
from . import exits
from .choosing import choose_targets
from .connecting import open_server, open_store
from .console import ReaderGone
from .context import Target, is_fleet
from .output.columns import Column, Failure, Listing
from .output.printer import Choice, Printer
from .reach import Here
from .talk import Talk

if TYPE_CHECKING:
    from ..sdk.client import Duplicati
    from .call import Call
    from .output.pages import Page
    from .reach import Reach

_SERVER = Column("server", "SERVER", "text", 0)
_SIDE_BY_SIDE = 16
_JOIN_SECONDS = 0.5  # a wait without an end cannot be interrupted on Windows


class Left(KeyboardInterrupt):
    """The person has left with Ctrl-C, and was told what goes on."""


class Answer(NamedTuple):
    """What one server's part came to: something to print at the end, and how it went."""

    shown: Listing | Page | None = None
    status: int = exits.SUCCESS
    failure: Failure | None = None


Work = Callable[["Reach", Talk], Answer]


def ask(call: Call, work: Work, *, side_by_side: int = _SIDE_BY_SIDE, targets: Sequence[Target] | None = None) -> int:
    """Do the work on every server the person means, print the answers, and return the exit status of it all.

    `targets` are the servers where a verb has chosen them already.
    """
    targets = choose_targets(call) if targets is None else targets
    printer = make_printer(call)
    if len(targets) == 1 and not are_many_meant(call):
        return _ask_one(call, targets[0], work, printer)
    answers = _ask_many(call, targets, work, printer, side_by_side)
    _print_all(printer, [(target, answer) for target, answer in zip(targets, answers, strict=True)])
    return exits.merge([answer.status for answer in answers])


def make_printer(call: Call) -> Printer:
    """Return the printer for the format the person chose."""
    choice = Choice(call.value("output"), call.value("columns"), call.value("sort"), call.value("filter") or ())
    return Printer(call.console, choice)


def are_many_meant(call: Call) -> bool:
    """Say whether the person asked for several servers, even if it comes to one."""
    return bool(call.value("on") or call.value("all")) and not {"server", "context"} & set(call.given)


def _ask_one(call: Call, target: Target, work: Work, printer: Printer) -> int:
    talk = Talk(call.console, printer)
    with reached(call, target, talk) as reach:
        answer = work(reach, talk)
    if isinstance(answer.shown, Listing):
        printer.print_listing(answer.shown)
    elif answer.shown is not None:
        printer.print_page(answer.shown)
    return answer.status


def _ask_many(call: Call, targets: Sequence[Target], work: Work, printer: Printer, side_by_side: int) -> list[Answer]:
    from threading import RLock, Thread  # noqa: PLC0415 - one server needs no threads

    lock = RLock()
    answers: dict[str, Answer] = {}
    gone: list[ReaderGone] = []
    remaining = iter(targets)

    def ask_the_next() -> None:
        while True:
            with lock:
                target = next(remaining, None)
            if target is None:
                return
            talk = Talk(call.console, printer, target.label, lock)
            try:
                answers[target.label] = _ask_carefully(call, target, work, talk)
            except ReaderGone as exc:
                gone.append(exc)

    # They do not outlive the program: whoever leaves with Ctrl-C is not made to wait for a hanging server.
    threads = [Thread(target=ask_the_next, daemon=True) for _ in range(min(side_by_side, len(targets)))]
    for thread in threads:
        thread.start()
    try:
        for thread in threads:
            while thread.is_alive() and not gone:
                thread.join(_JOIN_SECONDS)
    except KeyboardInterrupt:
        call.console.say("left; what the servers have begun goes on")
        raise Left from None
    if gone:  # nobody reads the others either
        raise gone[0]
    return [answers[target.label] for target in targets]


def _ask_carefully(call: Call, target: Target, work: Work, talk: Talk) -> Answer:
    try:
        with reached(call, target, talk) as reach:
            return work(reach, talk)
    except errors.DuplicatiClientError as exc:
        talk.complain(exc.message, exc.hint)
        return _fail(target, exc)
    except ReaderGone:
        raise
    except Exception as exc:  # one server's bug spoils nothing for the others
        from .bugs import report  # noqa: PLC0415 - hopefully never

        return Answer(status=report(exc, call.process))


def _fail(target: Target, exc: errors.DuplicatiClientError) -> Answer:
    from ..operations.masking import hide_text  # noqa: PLC0415 - what a server says may hold addresses with passwords

    status = exits.status_of_error(exc)
    hint = None if exc.hint is None else hide_text(exc.hint)
    return Answer(status=status, failure=Failure(target.label, exc.code, hide_text(exc.message), hint, status))


@contextmanager
def reached(call: Call, target: Target, talk: Talk) -> Iterator[Reach]:
    """Open a server: to be talked to from here or, with a place, through its task server."""
    if target.place is not None:
        from .distance.opening import open_there  # noqa: PLC0415 - few have a task server

        with open_there(call, target, target.place, talk) as there:
            yield there
        return
    if is_fleet(call, target.context):
        raise errors.UsageInvalid(
            f"{target.label} is a task server: which daemon's server?",
            hint=f"--context {target.label}/DAEMON; duplicati task-server daemons lists them",
        )
    with _opened(call, target) as server:
        yield Here(server)


@contextmanager
def _opened(call: Call, target: Target) -> Iterator[Duplicati]:
    """Open a server; a session that nobody could use again is ended on the server when all is done."""
    store = open_store(call, target)
    server = open_server(call, target, store)
    try:
        yield server
        if isinstance(store, MemorySessionStore) and server.session is not None:
            with suppress(errors.DuplicatiClientError):
                server.logout()
    finally:
        server.close()


def _print_all(printer: Printer, answers: Sequence[tuple[Target, Answer]]) -> None:
    failures = [answer.failure for _, answer in answers if answer.failure is not None]
    shown = [(target.label, answer.shown) for target, answer in answers if answer.shown is not None]
    listings = [(label, item) for label, item in shown if isinstance(item, Listing)]
    if listings:
        first = listings[0][1]
        rows = [(label, *row) for label, listing in listings for row in listing.rows]
        printer.print_listing(first._replace(columns=[_SERVER, *first.columns], rows=rows, errors=failures))
    elif printer.form in ("json", "yaml"):
        from .output.pages import Page  # noqa: PLC0415 - hopefully every server answers

        for failure in failures:
            printer.print_page(Page("error", failure._asdict(), ()))
    for label, page in shown:
        if not isinstance(page, Listing):
            printer.print_page(page.of_server(label))
