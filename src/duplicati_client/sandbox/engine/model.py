"""A backup's configuration, schedule and metadata as the sandbox stores them, and how they are read from a request."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from typing import Any

from ..clock import YEAR_ONE, read_moment, whole_seconds
from ..release import Release
from . import schedules
from .failures import BadBinding

SHORT_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
LONG_DAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")


class Schedule:
    """When a backup runs by itself."""

    def __init__(self, schedule_id: int, backup_id: str) -> None:
        self.schedule_id = schedule_id
        self.tags = [f"ID={backup_id}"]
        self.time_at = YEAR_ONE
        self.repeat = ""
        self.last_run_at = YEAR_ONE
        self.rule = ""

    @property
    def allowed_days(self) -> list[int]:
        """Return the allowed days, 0 for Sunday; empty when every day is allowed."""
        return schedules.days_of_rule(self.rule)

    def as_dict(self, release: Release) -> dict[str, Any]:
        """Return the schedule object of the API."""
        days: list[str] | None = [SHORT_DAYS[day] for day in self.allowed_days] or None
        if days and release.doubles_allowed_days and not release.is_legacy:
            days = [name for day in self.allowed_days for name in (SHORT_DAYS[day], LONG_DAYS[day])]
        return {
            "ID": self.schedule_id,
            "Tags": list(self.tags),
            "Time": whole_seconds(self.time_at),
            "Repeat": self.repeat,
            "LastRun": whole_seconds(self.last_run_at),
            "Rule": self.rule,
            "AllowedDays": days,
        }

    def update(self, body: dict[str, Any]) -> None:
        """Take repetition, time and days from a request."""
        self.repeat = body.get("repeat") or ""
        self.time_at = body.get("time") or YEAR_ONE
        if body.get("alloweddays") is not None:
            self.rule = schedules.rule_of_days(body["alloweddays"])
        else:
            self.rule = body.get("rule") or ""


class Backup:
    """One backup's configuration with its metadata."""

    def __init__(self, backup_id: str, name: str) -> None:
        self.backup_id = backup_id
        self.external_id = ""
        self.name = name
        self.description = ""
        self.tags: list[str] = []
        self.target_url = ""
        self.db_path = ""
        self.sources: list[str] = []
        self.settings: list[dict[str, Any]] = []
        self.filters: list[dict[str, Any]] = []
        self.metadata: dict[str, str] = {}
        self.schedule: Schedule | None = None
        self.additional_target_urls: list[dict[str, Any]] = []
        self.operation_type = "Backup"
        self.is_temporary = False

    def setting(self, name: str) -> str | None:
        """Return the value stored under exactly this name."""
        return next((item["Value"] for item in self.settings if item["Name"] == name), None)

    def options(self) -> dict[str, str]:
        """Return the options the engine gets: names without dashes in lower case; a missing value counts as true."""
        return {
            item["Name"].lstrip("-").lower(): "true" if item["Value"] is None else item["Value"]
            for item in self.settings
        }

    def copy(self) -> Backup:
        """Return an independent copy, as a queued task holds one."""
        return copy.deepcopy(self)

    def update(self, body: dict[str, Any]) -> None:
        """Take the configuration of a request; metadata and schedule are the engine's business."""
        self.name = body["name"] or ""
        self.description = body["description"] or ""
        self.tags = list(body["tags"] or [])
        self.target_url = body["targeturl"] or ""
        self.sources = list(body["sources"] or [])
        self.settings = body["settings"]
        self.filters = body["filters"]
        self.additional_target_urls = body["additionaltargeturls"]
        self.operation_type = body.get("operationtype") or "Backup"


def _lowered(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise BadBinding
    return {str(name).lower(): member for name, member in value.items()}


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    raise BadBinding


def _texts(value: Any) -> list[str]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise BadBinding
    return [item for item in map(_text, value) if item is not None]


def _settings(value: Any) -> list[dict[str, Any]]:
    result = []
    for item in map(_lowered, value or []):
        if "name" not in item:
            raise BadBinding
        result.append(
            {
                "Filter": _text(item.get("filter")) or "",
                "Name": _text(item["name"]) or "",
                "Value": _text(item.get("value")),
                "Argument": None,
            }
        )
    return result


def _filters(value: Any) -> list[dict[str, Any]]:
    return [
        {
            "Order": int(item.get("order") or 0),
            "Include": bool(item.get("include")),
            "Expression": _text(item.get("expression")),
        }
        for item in map(_lowered, value or [])
    ]


def read_backup(value: Any) -> dict[str, Any]:
    """Read the `Backup` member of a request; BadBinding when its shape is wrong."""
    body = _lowered(value)
    metadata = body.get("metadata")
    return {
        "name": _text(body.get("name")),
        "description": _text(body.get("description")),
        "dbpath": _text(body.get("dbpath")),
        "tags": _texts(body.get("tags")),
        "targeturl": _text(body.get("targeturl")),
        "sources": _texts(body.get("sources")),
        "settings": _settings(body.get("settings")),
        "filters": _filters(body.get("filters")),
        "metadata": {str(key): str(text) for key, text in metadata.items()} if isinstance(metadata, dict) else None,
        "additionaltargeturls": list(body.get("additionaltargeturls") or []),
        "operationtype": _text(body.get("operationtype")),
    }


def read_schedule(value: Any, release: Release) -> dict[str, Any] | None:
    """Read the `Schedule` member of a request; None for no schedule; BadBinding when its shape is wrong."""
    if value is None:
        return None
    body = _lowered(value)
    time_at: datetime | None = None
    if body.get("time"):
        time_at = read_moment(str(body["time"]))
        if time_at is None:
            raise BadBinding
        time_at = time_at.astimezone(UTC).replace(microsecond=0)
    days = body.get("alloweddays")
    return {
        "time": time_at,
        "repeat": _text(body.get("repeat")),
        "rule": _text(body.get("rule")),
        "alloweddays": None if days is None else [_day(name, release) for name in days],
    }


def _day(name: Any, release: Release) -> int:
    text = str(name).lower()
    if text in SHORT_DAYS:
        return SHORT_DAYS.index(text)
    for index, long_name in enumerate(LONG_DAYS):
        # 2.1.0.5 refuses its own output, which names each day twice (2.1.0.5 backups:108).
        if long_name.lower() == text and release.has_v2:
            return index
    raise BadBinding
