"""Says in what two answers differ: their members, order and types, and every text that a client acts on."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

# Members whose values must be equal, once names, hashes and moments made up by a server are taken out.
ACTED_ON = frozenset(
    {
        "Action", "Active", "BackupID", "Code", "Description", "Dryrun", "Error", "ErrorMessage", "Exists",
        "Expression",
        "Finished", "HasError", "HasWarning", "HelpId", "Interrupted", "IsDirectory", "IsFullBackup", "IsTemporary",
        "IsUnencryptedOrPassphraseStored", "Item2", "LastErrorMessage", "MainOperation", "Message", "MessageID",
        "MessageLogTag", "Name", "Operation", "Page", "Pages", "ParsedResult", "PartialBackup", "PasswordPlaceholder",
        "Path", "Phase", "ProgramState", "Reason", "Repeat", "Rule", "ServerVersion", "ServerVersionName",
        "ServerVersionType", "Started", "Status", "StatusCode", "Success", "SuggestedStatusIcon", "TargetURL",
        "Temporary", "Title", "Total", "Type", "Version", "active", "inuse", "success",
    }
)  # fmt: skip
# Lists whose length depends on timing, on the size of the stage, or on what a server has installed.
LOOSE_LISTS = frozenset(
    {"Messages", "Options", "Items", "remotelog", "poll", "server-log", "webmodules", "CacheFiles", "DefaultExcludes"}
)
_MADE_UP = (
    (re.compile(r"duplicati-(?:[bi][0-9a-f]{32}|\d{8}T\d{6}Z)\.d(?:block|index|list)"), "<volume>"),
    (re.compile(r"\b[A-Z]{10}\.sqlite"), "<database>"),
    (re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|\+00:00| \+00)?"), "<moment>"),
    (re.compile(r"\d{8}T\d{6}Z"), "<moment>"),
    (re.compile(r"[A-Za-z0-9+/]{43}="), "<hash>"),
    (re.compile(r"\bDB-\d+"), "DB-<id>"),
    (re.compile(r"[\d.]+ (?:bytes|[KMGT]i?B)\b"), "<size>"),
)


def normal(text: str) -> str:
    """Take out of a text what each server makes up for itself."""
    for pattern, word in _MADE_UP:
        text = pattern.sub(word, text)
    return text


def differences(recorded: Any, ours: Any, where: str = "") -> Iterator[str]:
    """Yield every difference between a recorded value and the sandbox's."""
    recorded, ours = _opened(recorded), _opened(ours)
    if isinstance(recorded, dict) and isinstance(ours, dict):
        yield from _of_objects(recorded, ours, where)
    elif isinstance(recorded, list) and isinstance(ours, list):
        yield from _of_lists(recorded, ours, where)
    elif _kind(recorded) != _kind(ours) or (_name(where) in ACTED_ON and _comparable(recorded) != _comparable(ours)):
        yield f"{where}: {_shown(recorded)} recorded, {_shown(ours)} here"


def _of_objects(recorded: dict[str, Any], ours: dict[str, Any], where: str) -> Iterator[str]:
    if list(recorded) != list(ours):
        missing = [name for name in recorded if name not in ours]
        added = [name for name in ours if name not in recorded]
        order = "" if missing or added else " other order"
        yield f"{where}: members{order} -{missing} +{added}"
    for name, value in recorded.items():
        if name in ours:
            yield from differences(value, ours[name], f"{where}.{name}")


def _of_lists(recorded: list[Any], ours: list[Any], where: str) -> Iterator[str]:
    is_loose = _name(where) in LOOSE_LISTS
    if bool(recorded) != bool(ours) or (not is_loose and len(recorded) != len(ours)):
        yield f"{where}: {len(recorded)} items recorded, {len(ours)} here"
    pairs = list(zip(recorded, ours, strict=False))
    for index, (one, other) in enumerate(pairs[:1] if is_loose else pairs):
        yield from differences(one, other, f"{where}[{index}]")


def _opened(value: Any) -> Any:
    if isinstance(value, str) and value[:1] in {"{", "["}:
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def _kind(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return type(value).__name__
    return "number" if isinstance(value, (int, float)) else type(value).__name__


def _comparable(value: Any) -> Any:
    return normal(value) if isinstance(value, str) else value


def _name(where: str) -> str:
    return re.sub(r"\[\d+\]", "", where).rpartition(".")[2]


def _shown(value: Any) -> str:
    text = normal(value) if isinstance(value, str) else json.dumps(value)
    return repr(text[:160]) if isinstance(value, str) else text[:160]
