"""The legacy API's backups: creating, changing, exporting and importing them, and everything that can be run on one."""

from __future__ import annotations

import json
import os
import re
import uuid
from typing import TYPE_CHECKING, Any

from ..engine import exporting
from ..engine.failures import Refused
from ..engine.masking import is_secret, quote_for_shell, strip_url
from ..engine.model import Backup
from ..web.serve import Reply
from . import versions
from .captcha import PICTURE
from .queue import show_backup
from .replies import MARK, NOT_CACHED, marked_json, only_mark, reported, unhandled

if TYPE_CHECKING:
    from .routes import Ask, Module

OPERATIONS = {
    "run": "Backup",
    "start": "Backup",
    "verify": "Verify",
    "repair": "Repair",
    "repairupdate": "RepairUpdate",
    "compact": "Compact",
    "vacuum": "Vacuum",
    "createreport": "CreateReport",
    "report-remote-size": "ListRemote",
}
PROGRAM = "mono /opt/duplicati/Duplicati.CommandLine.exe"
IMPORT_PAGE = (
    '<html><body><script type="text/javascript">var jso = {value}; var rp = null; '
    "try {{ rp = parent['{callback}']; }} catch (e) {{}}; "
    "if (rp) {{ rp('{message}', jso); }} else {{ alert; rp('{message}'); }};</script></body></html>"
)
IMPORT_FAILED = "Failed to import backup: "
IMPORTED = (
    "Import completed, but a browser issue prevents loading the contents. Try using the direct import method instead."
)


async def list_backups(ask: Ask) -> Reply:
    """Answer `backups`."""
    return marked_json([_show_entry(ask, backup) for backup in _all(ask)])


def _all(ask: Ask) -> list[Backup]:
    return list(ask.engine.backups.values())


def _show_entry(ask: Ask, backup: Backup) -> dict[str, Any]:
    options = backup.options()
    return {
        "IsUnencryptedOrPassphraseStored": not options.get("encryption-module") or bool(options.get("passphrase")),
        "Schedule": backup.schedule.as_dict(ask.engine.release) if backup.schedule else None,
        "Backup": show_backup(backup, is_short=True),
    }


async def create(ask: Ask) -> Reply:
    """Store a backup, or import one from a file."""
    if ask.key(0).lower() == "import":
        return _import(ask)
    body = json.loads(ask.data) if ask.data else None
    if isinstance(body, dict) and not any(name.lower() == "backup" for name in body):
        return reported(400, "Data object had no backup entry")
    is_temporary = ask.form.get("temporary", "").lower() in {"true", "1", "on", "yes"}
    backup_id = ask.engine.create(body, is_temporary=is_temporary)
    if is_temporary:
        # Only the server's database turns no filter into an empty one (2.0.8.1 contents-and-restore:622, 628).
        for setting in ask.engine.backup(backup_id).settings:
            setting["Filter"] = setting["Filter"] or None
    return marked_json({"status": "OK", "ID": backup_id})


async def get(ask: Ask) -> Reply:
    """Answer `backup/{id}` and what lies below it."""
    backup = ask.engine.backup(ask.key(0))
    component = ask.key(1).lower()
    if not component:
        return marked_json({"success": True, "data": _show_whole(ask, backup)})
    if component in {"log", "remotelog"}:
        return _read_rows(ask, backup, is_remote=component == "remotelog")
    if component == "filesets":
        return await versions.list_versions(ask, backup)
    if component == "files":
        return await versions.list_files(ask, backup)
    if component == "export":
        return _export(ask, backup)
    if component == "isactive":
        return marked_json({"Status": "OK", "Active": ask.engine.is_active(backup.backup_id)})
    if component == "isdbusedelsewhere":
        others = [other for other in _all(ask) if other.backup_id != backup.backup_id]
        return marked_json({"inuse": any(other.db_path == backup.db_path for other in others)})
    return reported(400, f"Invalid component: {ask.key(1)}")


def _show_whole(ask: Ask, backup: Backup) -> dict[str, Any]:
    schedule = backup.schedule.as_dict(ask.engine.release) if backup.schedule else None
    names = {source: os.path.basename(source.rstrip("/\\")) or source for source in backup.sources}
    return {"Schedule": schedule, "Backup": show_backup(backup), "DisplayNames": names}


def _read_rows(ask: Ask, backup: Backup, *, is_remote: bool) -> Reply:
    if not ask.engine.database(backup.backup_id).exists:
        table = "RemoteOperation" if is_remote else "LogData"
        return unhandled(f"SQLite error\r\nno such table: {table}", "SqliteException")
    read = ask.engine.remote_log_rows if is_remote else ask.engine.log_rows
    offset = ask.form.get("offset")
    rows = read(backup.backup_id, int(ask.form.get("pagesize") or 100), int(offset) if offset else None)
    return marked_json([{name: None if value == {} else value for name, value in row.items()} for row in rows])


async def replace(ask: Ask) -> Reply:
    """Replace a backup."""
    ask.engine.backup(ask.key(0))
    if not ask.data:
        return reported(400, "Missing backup object")
    ask.engine.replace(ask.key(0), json.loads(ask.data))
    return marked_json({"Status": "OK"})


async def delete(ask: Ask) -> Reply:
    """Queue a deletion, never refused in mid-run; remote files need a captcha (2.0.8.1 deleting:719-733)."""
    backup = ask.engine.backup(ask.key(0))
    takes_remote_files = ask.form.get("delete-remote-files") == "true"
    if takes_remote_files:
        token, answer = ask.form.get("captcha-token"), ask.form.get("captcha-answer")
        if not token or not answer:
            return reported(401, "Missing captcha")
        if not ask.captchas.solve(token, f"DELETE /backup/{backup.backup_id}", answer):
            return reported(403, "Invalid captcha")
    takes_database = ask.form.get("delete-local-db") == "true"
    task_id, _ = await ask.engine.delete(backup.backup_id, remote_files=takes_remote_files, local_db=takes_database)
    return marked_json({"Status": "OK", "ID": task_id})


async def act(ask: Ask) -> Reply:
    """Do something with a backup: queue an operation, copy it, or handle its local database."""
    backup = ask.engine.backup(ask.key(0))
    action = ask.key(1).lower()
    if action in OPERATIONS:
        task_id = ask.engine.enqueue(OPERATIONS[action], backup.backup_id, options=_read_options(ask))
        # A run alone does not tell its number (2.0.8.1 slow-run-and-queue:310).
        return marked_json({"Status": "OK"} | ({} if OPERATIONS[action] == "Backup" else {"ID": task_id}))
    if action == "restore":
        return _restore(ask, backup)
    if action == "copytotemp":
        copy = backup.copy()
        copy.backup_id, copy.is_temporary = str(uuid.uuid4()), True
        ask.engine.configuration.temporary[copy.backup_id] = copy
        return marked_json({"status": "OK", "ID": copy.backup_id})
    if action == "deletedb":
        if os.path.exists(backup.db_path):
            os.remove(backup.db_path)
        ask.engine.databases.forget(backup.db_path)
        return marked_json({"Status": "OK"})
    if action in {"movedb", "updatedb"}:
        return _set_database(ask, backup, moves=action == "movedb")
    return reported(400, "Invalid request")


def _read_options(ask: Ask) -> dict[str, Any]:
    return {name: ask.form[name] for name in ("time", "version") if ask.form.get(name)}


def _restore(ask: Ask, backup: Backup) -> Reply:
    try:
        paths = json.loads(ask.form.get("paths") or "[]")
    except json.JSONDecodeError as error:
        return unhandled(_complain_of_list(error), "JsonReaderException")
    options = {
        "paths": paths,
        "time": ask.form.get("time"),
        "restore_path": ask.form.get("restore-path"),
        "overwrite": ask.form.get("overwrite", "").lower() in {"true", "1", "on", "yes"},
        "permissions": ask.form.get("permissions", "").lower() in {"true", "1", "on", "yes"},
        "passphrase": ask.form.get("passphrase"),
    }
    return marked_json({"TaskID": ask.engine.enqueue("Restore", backup.backup_id, options=options)})


def _complain_of_list(error: json.JSONDecodeError) -> str:
    position = error.pos
    # A word that may still become `null` or `new` is read one letter further (2.0.8.1 contents-and-restore:610).
    if error.doc[position : position + 1] == "n":
        position += 1
    character, column = error.doc[position : position + 1], position + (position > error.pos)
    return f"Unexpected character encountered while parsing value: {character}. Path '', line 1, position {column}."


def _set_database(ask: Ask, backup: Backup, *, moves: bool) -> Reply:
    path = ask.form.get("path") or ""
    if not path:
        return reported(400, "No target path supplied")
    if not os.path.isabs(path):
        return reported(400, "Target path is relative, please supply a fully qualified path")
    if moves and os.path.exists(path):
        return reported(409, "A file already exists at the new location")
    if moves and os.path.exists(backup.db_path):
        os.rename(backup.db_path, path)
    ask.engine.databases.forget(backup.db_path)
    backup.db_path = path
    return only_mark()


def _export(ask: Ask, backup: Backup) -> Reply:
    has_secrets = ask.form.get("export-passwords", "").lower() in {"true", "1", "on", "yes"}
    if ask.form.get("cmdline", "").lower() == "true":
        target, arguments, options = _command_line(backup, has_secrets=has_secrets)
        words = [PROGRAM, "backup", *map(quote_for_shell, (target, *arguments, *options))]
        return marked_json({"Command": " ".join(words)})
    if ask.form.get("argsonly", "").lower() == "true":
        target, arguments, options = _command_line(backup, has_secrets=has_secrets)
        return marked_json({"Backend": target, "Arguments": arguments, "Options": options})
    whole = {"CreatedByVersion": ask.engine.release.version} | _show_whole(ask, backup)
    if not has_secrets:
        settings = [item for item in backup.settings if not is_secret(item["Name"])]
        whole["Backup"] |= {"Settings": settings, "TargetURL": strip_url(backup.target_url)}
    content, passphrase = json.dumps(whole, ensure_ascii=False, indent=2).encode(), ask.form.get("passphrase")
    disposition = f"attachment; filename={backup.name}-duplicati-config.json" + (".aes" if passphrase else "")
    headers = (
        NOT_CACHED,
        ("Content-Disposition", disposition),
        ("Content-Type", "application/octet-stream"),
    )
    return Reply(200, headers, exporting.seal(content, passphrase) if passphrase else content)


def _command_line(backup: Backup, *, has_secrets: bool) -> tuple[str, list[str], list[str]]:
    settings = [item for item in backup.settings if has_secrets or not is_secret(item["Name"])]
    options = [f"--backup-name={backup.name}", f"--dbpath={backup.db_path}", f"--backup-id=DB-{backup.backup_id}"]
    options += [f"--{item['Name'].lstrip('-')}={item['Value'] or ''}" for item in settings]
    target = backup.target_url if has_secrets else strip_url(backup.target_url)
    return target, backup.sources, [*options, "--disable-module=console-password-input"]


def _import(ask: Ask) -> Reply:
    fields = _read_multipart(ask)

    def text(name: str) -> str:
        return fields.get(name, b"").decode("utf-8", "replace")

    callback = text("callback")
    if "config" not in fields:
        return _import_page(callback, "No file uploaded")
    try:
        body = exporting.decode(fields["config"], text("passphrase"))
    except Refused as refused:
        return _import_page(callback, refused.text.removeprefix(IMPORT_FAILED))
    if text("import_metadata").lower() != "true":
        body.get("Backup", {})["Metadata"] = {}
    if text("direct").lower() != "true":
        body.get("Backup", {}).update(ID=None, DBPath=None)
        return _import_page(
            callback, IMPORTED, json.dumps(body, indent=2, ensure_ascii=False), kind="text/html;charset=UTF-8"
        )
    try:
        exporting.create(ask.engine, body)
    except Refused as refused:
        return reported(400, refused.text.removeprefix(IMPORT_FAILED))
    return _import_page(callback, "OK")


def _import_page(callback: str, message: str, value: str = "'JSO'", *, kind: str = "text/html") -> Reply:
    escaped = message.replace("\\", "\\\\").replace("'", "\\'")
    text = IMPORT_PAGE.format(value=value, callback=callback, message=escaped)
    return Reply(200, (NOT_CACHED, ("Content-Type", kind)), MARK + text.encode())


def _read_multipart(ask: Ask) -> dict[str, bytes]:
    match = re.search(r'boundary="?([^";]+)', ask.call.headers.get("content-type", ""))
    if match is None:
        return {}
    fields = {}
    for part in ask.call.body.split(b"--" + match[1].encode()):
        head, _, value = part.partition(b"\r\n\r\n")
        name = re.search(rb'name="([^"]*)"', head)
        if name is not None:
            fields[name[1].decode()] = value.removesuffix(b"\r\n")
    return fields


async def show_captcha(ask: Ask) -> Reply:
    """Answer `captcha/{token}` with a picture of nothing."""
    if ask.captchas.find(ask.key(0)) is None:
        return reported(404, "No such entry")
    return Reply(200, (NOT_CACHED, ("Content-Type", "image/jpeg")), PICTURE)


async def ask_captcha(ask: Ask) -> Reply:
    """Open a captcha, or try an answer to one (2.0.8.1 deleting:720-728)."""
    target = ask.form.get("target")
    if ask.key(0):
        is_right = ask.captchas.solve(ask.key(0), target or "", ask.form.get("answer", ""))
        return marked_json({"Status": "OK"}) if is_right else reported(403, "Incorrect")
    if not target:
        return reported(400, "Missing target parameter")
    token = ask.captchas.ask(target)
    if token is None:
        return reported(503, "Too many captchas, wait 2 minutes and try again")
    return marked_json({"token": token})


MODULES: dict[str, dict[str, Module]] = {
    "backups": {"GET": list_backups, "POST": create},
    "backup": {"GET": get, "PUT": replace, "DELETE": delete, "POST": act},
    "captcha": {"GET": show_captcha, "POST": ask_captcha},
}
