"""What makes a server that lets us in a good one to work with: live events, its clock, how soon it answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ... import errors
from ...sdk.events import try_socket

if TYPE_CHECKING:
    from ...sdk.channel import Channel
    from .visit import Visit

_CLOCK_TOLERANCE_SECONDS = 60.0
_SLOW_MS = 1000.0


def walk(visit: Visit, channel: Channel | None) -> None:
    """Tell of all three; none of them refuses."""
    _try_websocket(visit, channel)
    _compare_clocks(visit)
    _tell_speed(visit)


def _try_websocket(visit: Visit, channel: Channel | None) -> None:
    findings = visit.findings
    if visit.is_legacy or not visit.has_subscriptions:
        findings.skipped("websocket", "this release has no live events; long polling is used")
        return
    try:
        try_socket(visit.transport, channel)
    except errors.NotSupported as exc:
        findings.skipped("websocket", exc.message)
    except errors.DuplicatiClientError as exc:
        hint = "let the proxy pass the headers Upgrade and Connection on for /notifications (HTTP/1.1)"
        findings.warn("websocket", exc.code, f"{exc.message}; polling is used instead", hint)
    else:
        findings.passed("websocket", "live events come" if channel is not None else "a live connection is accepted")


def _compare_clocks(visit: Visit) -> None:
    """By the server's own word, else by the Date header, whose second may be a proxy's."""
    read = visit.server_clock
    source = "its description" if read else "the Date header"
    if read is None:
        read = _read_date(visit)
    if read is None:
        visit.findings.skipped("clock", "the server does not tell the time")
        return
    offset = read[0] - read[1]
    evidence = {"offset_seconds": round(offset, 1), "source": source}
    if abs(offset) < _CLOCK_TOLERANCE_SECONDS:
        visit.findings.passed("clock", f"{abs(offset):.1f} s from this machine's", **evidence)
        return
    told = f"{_tell_span(abs(offset))} {'ahead of' if offset > 0 else 'behind'} this machine's"
    hint = "set both by a time server: tokens, certificates and schedules go by the clock"
    visit.findings.warn("clock", "clock-offset", f"the server's clock is {told}", hint, **evidence)


def _read_date(visit: Visit) -> tuple[float, float] | None:
    from email.utils import parsedate_to_datetime  # noqa: PLC0415 - a server that lets us in tells its time itself

    exchange = visit.transport.exchanges[-1]
    try:
        at = parsedate_to_datetime(exchange.answer.header("Date") or "").timestamp()
    except (ValueError, TypeError, OverflowError):
        return None
    return at + 0.5, exchange.answered_at  # a Date has whole seconds, cut off


def _tell_span(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} minutes" if seconds < 7200 else f"{seconds / 3600:.0f} hours"


def _tell_speed(visit: Visit) -> None:
    """The first request made the connection too, so that the others say more, where there are some."""
    times = [exchange.took_ms for exchange in visit.transport.exchanges]
    later = sorted(times[1:] or times)
    usual = (later[len(later) // 2] + later[~(len(later) // 2)]) / 2
    evidence = {"median_ms": round(usual, 1), "slowest_ms": round(max(times), 1), "requests_count": len(times)}
    if usual < _SLOW_MS:
        visit.findings.passed("speed", f"{usual:.0f} ms to an answer, {max(times):.0f} at most", **evidence)
        return
    hint = "is the machine or the network busy? Give --timeout where a verb waits"
    visit.findings.warn("speed", "slow", f"{usual / 1000:.1f} s to an answer", hint, **evidence)
