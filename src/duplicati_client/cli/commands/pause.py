"""`pause`: keeps a server from beginning anything new."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ... import errors
from ...durations import parse_duration, parse_future, parse_moment
from ...operations.pause import Pausing, pause
from ..asking import Answer, ask
from ..options import Option
from ..output.cells import format_duration
from ..output.pages import StreamRecord
from ..pausing import make_record
from ..reach import Asked
from ..verbs import Verb

if TYPE_CHECKING:
    from datetime import datetime

    from ..call import Call
    from ..reach import Reach
    from ..talk import Talk

VERB = Verb(
    "pause",
    "pause [DURATION] [options]",
    "Let the server begin nothing new; what runs goes on, what is asked for waits. A pause that there is gets the new "
    "end.",
    (("DURATION", "how long, for example 90 (seconds), 15m, 1h30m, 2d; without it until duplicati resume"),),
    (
        Option("for", "how long, as DURATION", "seconds", "DURATION", places="o"),
        Option("until", "until when: 18:00, tomorrow 07:00, 2026-12-24T08:00+01:00", metavar="TIME", places="o"),
        Option("transfers", "halt the transfers of what runs, too (server 2.2 and later)", "flag", scope="pause"),
    ),
    (
        ("duplicati pause 1h30m", "nothing begins for an hour and a half"),
        ("duplicati pause --until 'tomorrow 07:00' --transfers", "nothing begins and nothing is transferred till then"),
        ("duplicati pause --all", "every server, until duplicati resume --all"),
    ),
    (0, 65, 66, 69, 75, 77),
)


def perform(call: Call) -> int:
    """Pause every server that is meant."""
    seconds, ends_at = _read_length(call)
    return ask(call, lambda reach, talk: _pause(call, reach, talk, seconds, ends_at))


def _read_length(call: Call) -> tuple[float | None, datetime | None]:
    """Return the duration or the end that was said, None and None for a pause without an end."""
    told = [*call.words, *(call.value(field) for field in ("for", "until") if call.value(field) is not None)]
    if len(told) > 1:
        raise errors.UsageInvalid("a pause has one end", hint=f"duplicati {VERB.usage}")
    if call.words:
        return _check_length(_read_duration(call.words[0])), None
    if call.value("until") is not None:
        now = _now()
        ends_at = parse_future(call.value("until"), now)
        _check_length((ends_at - now).total_seconds())
        return None, ends_at
    return (None if call.value("for") is None else _check_length(call.value("for"))), None


def _read_duration(word: str) -> float:
    try:
        return parse_duration(word)
    except errors.InvalidValue as exc:
        raise _suggest_until(word) or exc from None


def _suggest_until(word: str) -> errors.InvalidValue | None:
    try:
        parse_moment(word, _now())
    except errors.InvalidValue:
        return None
    return errors.InvalidValue(f"this is a time and not a duration: {word}", hint=f"duplicati pause --until '{word}'")


def _check_length(seconds: float) -> float:
    from ...sdk.state import LONGEST_PAUSE_SECONDS  # noqa: PLC0415 - loaded with the first server anyway

    if not 0 < seconds <= LONGEST_PAUSE_SECONDS:
        raise errors.InvalidValue(
            f"a pause lasts from a second to {LONGEST_PAUSE_SECONDS // 86400} days",
            hint="duplicati pause, for one that lasts until duplicati resume",
        )
    return seconds


def _pause(call: Call, reach: Reach, talk: Talk, seconds: float | None, ends_at: datetime | None) -> Answer:
    if ends_at is not None:
        seconds = max(1.0, (ends_at - _now()).total_seconds())
    transfers = call.flag("transfers")
    found = reach.do(
        lambda server: pause(server, seconds, transfers=transfers, sleep=call.process.sleep),
        Asked("pause", (), {"duration": seconds, "transfers": transfers or None}),
    )
    talk.print_record(make_record(found) if found.is_paused else _make_lapsed(found, seconds or 0))
    if found.is_paused and not found.is_pause_kept:
        talk.say("a restart of this server ends the pause; servers of 2.2 and later keep it")
    return Answer()


def _make_lapsed(found: Pausing, seconds: float) -> StreamRecord:
    record = make_record(found)
    return record._replace(text=f"was paused for {format_duration(seconds)}, which is over: {record.text}")


def _now() -> datetime:
    from datetime import UTC, datetime  # noqa: PLC0415 - loaded with the library anyway

    return datetime.now(UTC)
