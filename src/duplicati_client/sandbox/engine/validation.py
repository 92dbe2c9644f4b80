"""What the server refuses to store as a backup, with its texts and in its order (`backups` recordings 77 to 95)."""

from __future__ import annotations

from typing import Any

from ..release import Release
from .failures import Refused
from .masking import has_masked_query, is_placeholder
from .timespan import read_size, read_timespan


def _refuse(text: str) -> None:
    raise Refused(400, text)


def _check_time(text: str | None, too_short: str, invalid: str) -> None:
    seconds = read_timespan(text)
    if seconds is None:
        _refuse(invalid)
    elif seconds <= 300:
        _refuse(too_short)


def _check_size(text: str | None, least_bytes: int, too_small: str, invalid: str) -> None:
    size = read_size(text)
    if size is None:
        _refuse(invalid)
    elif size < least_bytes:
        _refuse(too_small)


def _check_setting(name: str, value: str | None) -> None:
    if name == "keep-versions" and not ((value or "").isdigit() and int(value or "0") > 0):
        _refuse("Retention value must be a positive integer")
    if name == "keep-time":
        _check_time(value, "Retention value must be more than 5 minutes", "Retention value must be a valid timespan")
    if name == "dblock-size":
        _check_size(value, 1024**2, "DBlock size must be at least 1MB", "DBlock value must be a valid size string")
    if name == "--blocksize":
        _check_size(
            value, 1024, "The blocksize must be at least 1KB", "The blocksize value must be a valid size string"
        )
    if name == "--prefix" and "-" in (value or ""):
        _refuse("The prefix cannot contain hyphens (-)")


def _needs_passphrase(settings: list[dict[str, Any]]) -> bool:
    for setting in settings:
        if setting["Name"] == "--no-encryption" and (setting["Value"] or "true").lower() not in {
            "false",
            "0",
            "off",
            "no",
        }:
            return False
        if setting["Name"] == "--gpg-encryption-command" and setting["Value"] == "--encrypt":
            return False
    return not any(setting["Name"] == "passphrase" and setting["Value"] for setting in settings)


def check_backup(body: dict[str, Any], schedule: dict[str, Any] | None, release: Release) -> None:
    """Refuse (400) what the server would not store; `body` and `schedule` as `model` read them."""
    if not (body["name"] or "").strip():
        _refuse("Missing a name")
    if not (body["targeturl"] or "").strip():
        _refuse("Missing a target")
    _check_placeholders(body, release)
    if not any(source.strip() for source in body["sources"]):
        _refuse("Invalid source list")
    if release.refuses_placeholder_settings and any(map(is_placeholder, body["sources"])):
        _refuse("Source is password placeholder value")
    for setting in body["settings"]:
        _check_setting(setting["Name"], setting["Value"])
    if _needs_passphrase(body["settings"]):
        _refuse("Missing passphrase")
    if schedule is not None:
        _check_time(
            schedule["repeat"],
            "Schedule repetition time must be more than 5 minutes",
            "Schedule repetition value must be a valid timespan",
        )


def _check_placeholders(body: dict[str, Any], release: Release) -> None:
    if not release.refuses_placeholder_settings:
        return
    if has_masked_query(body["targeturl"]):
        _refuse("TargetURL is password placeholder value")
    if any(is_placeholder(setting["Value"]) for setting in body["settings"]):
        _refuse("Settings is password placeholder value")


def check_placeholder_url(body: dict[str, Any], release: Release) -> None:
    """Refuse (500) a target that is only the placeholder, as 2.1 and 2.2 do later on (`2.2.0.3 backups:83`)."""
    if not release.refuses_placeholder_settings and is_placeholder(body["targeturl"]):
        text = "Attempted to save a backup with the password placeholder"
        raise Refused(500, f"Unable to save schedule or backup object: {text}")
