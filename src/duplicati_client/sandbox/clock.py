"""The sandbox's own clock, which tests may let run faster than the world; it knows nothing of servers or tasks."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta

YEAR_ONE = datetime(1, 1, 1, tzinfo=UTC)


class Clock:
    """Tell the time and wait, both at `speed` times the real pace."""

    def __init__(self, speed: float = 1.0, start_at: datetime | None = None) -> None:
        self.speed = speed
        self._start_at = start_at or datetime.now(UTC)
        self._origin = time.monotonic()
        self._skipped_seconds = 0.0

    def now(self) -> datetime:
        """Return the sandbox's time, always in UTC."""
        elapsed = (time.monotonic() - self._origin) * self.speed + self._skipped_seconds
        return self._start_at + timedelta(seconds=elapsed)

    async def sleep(self, seconds: float) -> None:
        """Wait for sandbox seconds."""
        await asyncio.sleep(max(seconds, 0) / self.speed)

    async def wait_for(self, event: asyncio.Event, seconds: float) -> None:
        """Wait until something happens, but no longer than so many sandbox seconds."""
        with suppress(TimeoutError):
            await asyncio.wait_for(event.wait(), seconds / self.speed)

    def skip(self, seconds: float) -> None:
        """Move the time forward at once, without letting anything wait."""
        self._skipped_seconds += seconds


def _fraction(moment: datetime) -> str:
    # .NET prints up to seven digits and drops trailing zeros, so clients meet every length from none to seven.
    digits = f"{moment.microsecond:06d}{moment.microsecond % 10}".rstrip("0")
    return f".{digits}" if digits else ""


def with_offset(moment: datetime) -> str:
    """Write a moment as the server does for local time: `2026-11-24T14:12:49.6528331+00:00`."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S") + _fraction(moment) + "+00:00"


def with_z(moment: datetime) -> str:
    """Write a moment as the server does for UTC: `2026-11-24T14:12:49.6528331Z`."""
    if moment.year == 1:
        return "0001-01-01T00:00:00Z"
    return moment.strftime("%Y-%m-%dT%H:%M:%S") + _fraction(moment) + "Z"


def whole_seconds(moment: datetime) -> str:
    """Write a moment in UTC without a fraction, as schedules and notifications are stored."""
    return with_z(moment.replace(microsecond=0))


def compact(moment: datetime) -> str:
    """Write a moment as metadata do: `20261124T141249Z`."""
    return f"{moment.year:04d}" + moment.strftime("%m%dT%H%M%SZ")


def duration(seconds: float) -> str:
    """Write a length of time as .NET does: `00:00:41.1234567`, the fraction only if there is one."""
    ticks = round(seconds * 10_000_000)
    whole, fraction = divmod(ticks, 10_000_000)
    minutes, second = divmod(whole, 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    text = f"{hour:02d}:{minute:02d}:{second:02d}"
    return (f"{days}." if days else "") + text + (f".{fraction:07d}" if fraction else "")


def read_moment(text: str) -> datetime | None:
    """Read an ISO date as the server's JSON does; None when it is no date. Without an offset it is UTC."""
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
