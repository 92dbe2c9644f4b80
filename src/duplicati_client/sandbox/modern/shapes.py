"""The objects of the modern API that show a backup, in the release's members and order."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from ..engine import masking
from ..engine.model import LONG_DAYS, Backup

if TYPE_CHECKING:
    from ..engine.engine import Engine


def list_item(engine: Engine, backup: Backup) -> dict[str, Any]:
    """Return an item of `GET backups`, without settings and with the target URL in clear."""
    schedule = backup.schedule.as_dict(engine.release) if backup.schedule else None
    return {"Backup": _backup(engine, backup, is_detailed=False), "Schedule": schedule}


def detail(engine: Engine, backup: Backup) -> dict[str, Any]:
    """Return `GET backup/{id}`, secrets masked where the release does so."""
    return {
        "Schedule": backup.schedule.as_dict(engine.release) if backup.schedule else None,
        "Backup": _backup(engine, backup, is_detailed=True),
        "DisplayNames": display_names(backup),
    }


def display_names(backup: Backup) -> dict[str, str]:
    """Return the labels of a backup's sources."""
    return {source: os.path.basename(source.rstrip("/")) or source for source in backup.sources}


def _backup(engine: Engine, backup: Backup, *, is_detailed: bool) -> dict[str, Any]:
    release = engine.release
    masks = is_detailed and release.masks_secrets
    item: dict[str, Any] = {"ID": backup.backup_id}
    if release.has_db_path_exists:
        item["ExternalID"] = None if is_detailed else backup.external_id
    item |= {
        "Name": backup.name,
        "Description": backup.description,
        "Tags": list(backup.tags),
        "TargetURL": masking.mask_url(backup.target_url) if masks else backup.target_url,
    }
    if release.has_connection_strings:
        item["ConnectionStringID"] = -1
    if release.has_operation_type:
        item["OperationType"] = backup.operation_type
    item["DBPath"] = backup.db_path
    if release.has_db_path_exists:
        item["DBPathExists"] = os.path.exists(backup.db_path)
    settings = masking.mask_settings(backup.settings) if masks else [dict(setting) for setting in backup.settings]
    sources = [masking.mask_source(source) if masks else source for source in backup.sources]
    item |= {
        "Sources": sources if is_detailed else ([] if release.lists_empty_sources else None),
        "Settings": settings if is_detailed else None,
        "Filters": [dict(entry) for entry in backup.filters] if is_detailed else None,
        "Metadata": dict(backup.metadata),
        "IsTemporary": backup.is_temporary,
        "IsUnencryptedOrPassphraseStored": not is_detailed and _is_openable(backup),
    }
    if release.has_connection_strings:
        more = masking.mask_targets(backup.additional_target_urls) if masks else backup.additional_target_urls
        item["AdditionalTargetURLs"] = list(more) if is_detailed else []
    return item


def _is_openable(backup: Backup) -> bool:
    options = backup.options()
    return options.get("no-encryption", "").lower() == "true" or bool(options.get("passphrase"))


def runner(engine: Engine, task: Any) -> dict[str, Any]:
    """Return what 2.1.0.5 shows of a task: its inner runner object (2.1.0.5 run:152)."""
    backup = None
    if task.backup is not None:
        backup = _backup(engine, task.backup, is_detailed=True)
        del backup["IsUnencryptedOrPassphraseStored"]
    return {
        "Backup": backup,
        "ExtraOptions": None,
        "FilterStrings": None,
        "TaskID": task.task_id,
        "BackupID": task.backup_id,
        "Operation": task.kind,
    }


def export(engine: Engine, backup: Backup, *, with_secrets: bool) -> dict[str, Any]:
    """Return the export file's object: long day names, secrets removed unless they are asked for."""
    release = engine.release
    schedule = backup.schedule.as_dict(release) if backup.schedule else None
    if schedule and backup.schedule and schedule["AllowedDays"] is not None:
        schedule["AllowedDays"] = [LONG_DAYS[day] for day in backup.schedule.allowed_days]
    item = _backup(engine, backup, is_detailed=True)
    for name in ("DBPathExists", "IsUnencryptedOrPassphraseStored"):
        item.pop(name, None)
    is_temporary = item.pop("IsTemporary")
    additional = item.pop("AdditionalTargetURLs", None)
    if release.has_operation_type:
        item["DBPath"] = os.path.relpath(backup.db_path, engine.data_folder)
    item["Settings"] = [
        dict(setting) for setting in backup.settings if with_secrets or not masking.is_secret(setting["Name"])
    ]
    item["TargetURL"] = backup.target_url if with_secrets else masking.strip_url(backup.target_url)
    ordered = _export_order(item)
    if additional is not None:
        ordered["AdditionalTargetURLs"] = additional
    ordered["IsTemporary"] = is_temporary
    return {
        "CreatedByVersion": release.version,
        "Schedule": schedule,
        "Backup": ordered,
        "DisplayNames": display_names(backup),
    }


def _export_order(item: dict[str, Any]) -> dict[str, Any]:
    # The file's serializer puts the database path before the newer members.
    names = list(item)
    names.remove("DBPath")
    names.insert(names.index("TargetURL") + 1, "DBPath")
    return {name: item[name] for name in names}
