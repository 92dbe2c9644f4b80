"""Configurations that leave the server and come back: export files, command lines, import.

A sealed export only looks like AES Crypt from outside; real programs cannot open it, nor can the sandbox open theirs.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from . import masking
from .failures import BadBinding, Refused, Unexpected
from .model import Backup, read_backup, read_schedule

if TYPE_CHECKING:
    from .engine import Engine

_HEADER = b"AES\x02\x00\x00!CREATED_BY\x00Duplicati sandbox\x00\x00\x00"
PROGRAM = "/opt/duplicati/duplicati-cli"


def _stream(passphrase: str, length: int) -> bytes:
    blocks = (hashlib.sha256(f"{passphrase}:{number}".encode()).digest() for number in range(length // 32 + 1))
    return b"".join(blocks)[:length]


def seal(content: bytes, passphrase: str) -> bytes:
    """Hide an export file from plain sight; this is not encryption to rely on."""
    mark = hashlib.sha256(passphrase.encode()).digest()
    key = int.from_bytes(_stream(passphrase, len(content)))
    return _HEADER + mark + (int.from_bytes(content) ^ key).to_bytes(len(content))


def decode(content: bytes, passphrase: str) -> dict[str, Any]:
    """Read an export file; Refused (500) with the server's text when it cannot be read."""
    if content.startswith(b"AES"):
        start = len(_HEADER)
        mark = hashlib.sha256(passphrase.encode()).digest()
        if not content.startswith(_HEADER) or content[start : start + 32] != mark:
            raise _failed("Invalid password or corrupted data")
        body = content[start + 32 :]
        key = int.from_bytes(_stream(passphrase, len(body)))
        content = (int.from_bytes(body) ^ key).to_bytes(len(body))
    try:
        value = json.loads(content)
    except ValueError:
        first = content[:1].decode("latin-1")
        text = f"Unexpected character encountered while parsing value: {first}. Path '', line 0, position 0."
        raise _failed(text) from None
    if not isinstance(value, dict) or value.get("Backup") is None:
        raise Unexpected
    return value


def _failed(text: str) -> Refused:
    return Refused(500, f"Failed to import backup: {text}")


def prepare(engine: Engine, value: dict[str, Any], wishes: dict[str, Any]) -> dict[str, Any]:
    """Apply what an import always clears and what the request wants replaced."""
    backup = value["Backup"]
    for name in ("ID", "DBPath"):
        backup[name] = None
    if not wishes.get("import_metadata"):
        backup["Metadata"] = {}
    if value.get("Schedule") is not None:
        value["Schedule"]["ID"] = -1
    if engine.release.has_import_overrides:
        _replace(backup, wishes.get("replace_settings") or {})
    return value


def _replace(backup: dict[str, Any], wishes: dict[str, str]) -> None:
    plain = {"name": "Name", "targeturl": "TargetURL", "description": "Description"}
    for name, text in wishes.items():
        if name in plain:
            backup[plain[name]] = text
        elif name == "sources":
            backup["Sources"] = text.split(":")
        elif name.lower().startswith("settings."):
            option = name[len("settings.") :]
            kept = [item for item in backup.get("Settings") or [] if item["Name"].lower() != option.lower()]
            backup["Settings"] = [*kept, {"Filter": "", "Name": option, "Value": text, "Argument": None}]


def _free_name(engine: Engine, name: str) -> str:
    taken = {backup.name.lower() for backup in engine.backups.values()}
    candidates = [name, *(f"{name} ({number})" for number in range(1, 101))]
    return next((candidate for candidate in candidates if candidate.lower() not in taken), name)


def create(engine: Engine, value: dict[str, Any]) -> str:
    """Create a backup from an import and return its id."""
    value["Backup"]["Name"] = _free_name(engine, value["Backup"].get("Name") or "")
    try:
        return engine.create({"Backup": value["Backup"], "Schedule": _short_days(value.get("Schedule"))})
    except BadBinding:
        raise _failed("Invalid configuration") from None
    except Refused as refusal:
        raise _failed(refusal.text) from None


def _short_days(schedule: dict[str, Any] | None) -> dict[str, Any] | None:
    # Even 2.1.0.5 reads the long names of its own files here.
    if schedule is None or not schedule.get("AllowedDays"):
        return schedule
    return schedule | {"AllowedDays": [day[:3].lower() for day in schedule["AllowedDays"]]}


def as_imported(engine: Engine, value: dict[str, Any]) -> dict[str, Any]:
    """Return a decoded file as the import answers it, with days named as in the API."""
    body = read_backup(value["Backup"])
    schedule = value.get("Schedule")
    if schedule is not None:
        read_schedule(_short_days(schedule), engine.release)
        if schedule.get("AllowedDays"):
            short = [day[:3].lower() for day in schedule["AllowedDays"]]
            doubled = [name for pair in zip(short, schedule["AllowedDays"], strict=True) for name in pair]
            schedule["AllowedDays"] = doubled if engine.release.doubles_allowed_days else short
    value["Backup"]["Settings"] = body["settings"]
    return value


def target(backup: Backup, *, with_secrets: bool) -> str:
    """Return the target URL, without its secrets unless they are wanted."""
    return backup.target_url if with_secrets else masking.strip_url(backup.target_url)


def options(backup: Backup, *, with_secrets: bool) -> list[str]:
    """Return a backup's settings as options of the command line."""
    own = [
        f"--{item['Name'].lstrip('-')}={item['Value']}"
        for item in backup.settings
        if with_secrets or not masking.is_secret(item["Name"])
    ]
    filters = [f"--{'include' if item['Include'] else 'exclude'}={item['Expression']}" for item in backup.filters]
    head = [f"--backup-name={backup.name}", f"--dbpath={backup.db_path}", f"--backup-id=DB-{backup.backup_id}"]
    return [*head, *own, "--disable-module=console-password-input", *filters]


def command_line(backup: Backup, *, with_secrets: bool) -> str:
    """Return a backup as one command line."""
    parts = [PROGRAM, "backup", masking.quote_for_shell(target(backup, with_secrets=with_secrets))]
    parts += [masking.quote_for_shell(source) for source in backup.sources]
    for option in options(backup, with_secrets=with_secrets):
        name, _, value = option.partition("=")
        parts.append(f"{name}={masking.quote_for_shell(value)}")
    return " ".join(parts)
