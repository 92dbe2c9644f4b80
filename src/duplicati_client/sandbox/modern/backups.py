"""The modern API's endpoints that create, show, change, run and delete backups."""

from __future__ import annotations

import base64
import binascii
import json
import os
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from ..engine import exporting, restores
from ..engine.failures import BadBinding, Unexpected
from ..web.serve import Call, Reply, empty_reply, json_reply, read_json
from . import shapes
from .api import Answer, flag, members_of, number, page_size, task_reply

if TYPE_CHECKING:
    from ..engine.engine import Engine

_SIMPLE_OPERATIONS = {
    "verify": "Verify",
    "compact": "Compact",
    "vacuum": "Vacuum",
    "createreport": "CreateReport",
    "report-remote-size": "ListRemote",
    "repair": "Repair",
    "repairupdate": "RepairUpdate",
}


def answers(engine: Engine) -> dict[tuple[str, str], Answer]:
    """Return the answers by verb and path."""
    backups, jobs = Backups(engine), Jobs(engine)
    table: dict[tuple[str, str], Answer] = {
        ("GET", "backups"): backups.list,
        ("POST", "backups"): backups.create,
        ("POST", "backups/import"): backups.import_,
        ("GET", "backupdefaults"): backups.defaults,
        ("GET", "backup/{id}"): backups.show,
        ("PUT", "backup/{id}"): backups.replace,
        ("DELETE", "backup/{id}"): backups.delete,
        ("GET", "backup/{id}/export"): backups.export,
        ("GET", "backup/{id}/export-cmdline"): backups.export_command_line,
        ("GET", "backup/{id}/export-argsonly"): backups.export_arguments,
        ("GET", "backup/{id}/isdbusedelsewhere"): backups.is_database_shared,
        ("GET", "backup/{id}/isactive"): backups.is_active,
        ("GET", "backup/{id}/log"): backups.log,
        ("GET", "backup/{id}/remotelog"): backups.remote_log,
        ("POST", "backup/{id}/copytotemp"): backups.copy_to_temporary,
        ("POST", "backup/{id}/deletedb"): backups.delete_database,
        ("POST", "backup/{id}/run"): jobs.run,
        ("POST", "backup/{id}/start"): jobs.run,
        ("POST", "backup/{id}/restore"): jobs.restore,
    }
    for path, kind in _SIMPLE_OPERATIONS.items():
        table["POST", f"backup/{{id}}/{path}"] = jobs.simple(kind)
    return table


class Backups:
    """Endpoints for the configuration of backups and what they left behind."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def list(self, call: Call) -> Reply:
        """Answer `GET backups`."""
        order = call.query.get("orderby") or self._engine.settings.get("backup-list-sort-order") or ""
        order = order if self._engine.release.orders_backups else ""
        found = self._engine.configuration.sorted(order)
        return json_reply([shapes.list_item(self._engine, backup) for backup in found])

    async def create(self, call: Call) -> Reply:
        """Answer `POST backups`."""
        is_temporary = flag(call, "temporary")
        backup_id = self._engine.create(members_of(call), is_temporary=is_temporary)
        # 2.3.1.0 says that even a temporary one is none (2.3.1.0 backups:114).
        shown = is_temporary and not self._engine.release.has_operation_type
        return json_reply({"ID": backup_id, "Temporary": shown})

    async def import_(self, call: Call) -> Reply:
        """Answer `POST backups/import`."""
        members = members_of(call)
        config = members.get("config")
        try:
            content = base64.b64decode(config, validate=True) if isinstance(config, str) else None
        except binascii.Error:
            content = None
        if content is None:
            raise Unexpected
        value = exporting.decode(content, members.get("passphrase") or "")
        imported = exporting.prepare(self._engine, value, members)
        if members.get("direct"):
            return json_reply({"Id": exporting.create(self._engine, imported), "data": None})
        return json_reply({"Id": None, "data": exporting.as_imported(self._engine, imported)})

    async def defaults(self, call: Call) -> Reply:
        """Answer `backupdefaults`, which is indented."""
        names = [("encryption-module", "aes"), ("keep-time", "")]
        if not self._engine.release.has_connection_strings:
            names[1:1] = [("compression-module", "zip"), ("dblock-size", "50mb")]
        value = {
            "ApplicationOptions": [],
            "Backup": {"Settings": [{"Name": name, "Value": text} for name, text in names]},
            "Schedule": {
                "Repeat": "1D",
                "Time": "13:00:00",
                "AllowedDays": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"],
            },
        }
        return Reply(200, (("Content-Type", "application/json"),), json.dumps(value, indent=2).encode())

    async def show(self, call: Call) -> Reply:
        """Answer `GET backup/{id}`."""
        return json_reply(shapes.detail(self._engine, self._engine.backup(call.parts["id"])))

    async def replace(self, call: Call) -> Reply:
        """Answer `PUT backup/{id}`."""
        body = members_of(call)
        if body.get("backup") is None:
            raise BadBinding
        self._engine.replace(call.parts["id"], body)
        return empty_reply()

    async def delete(self, call: Call) -> Reply:
        """Answer `DELETE backup/{id}`."""
        task_id, reason = await self._engine.delete(
            call.parts["id"],
            force=flag(call, "force"),
            remote_files=flag(call, "delete-remote-files"),
            local_db=flag(call, "delete-local-db"),
        )
        if reason is not None:
            return json_reply({"Status": "failed", "Reason": reason, "ID": task_id}, status=500)
        return json_reply({"Status": "OK", "Reason": None, "ID": task_id})

    async def export(self, call: Call) -> Reply:
        """Answer `export`, a file to keep."""
        backup = self._engine.backup(call.parts["id"])
        value = shapes.export(self._engine, backup, with_secrets=flag(call, "export-passwords"))
        content = json.dumps(value, indent=2, ensure_ascii=False).encode()
        name = f"{quote(backup.name)}-duplicati-config.json"
        if not self._engine.release.has_v2:
            # 2.1.0.5 escapes the dot as well (2.1.0.5 backups:122).
            name = name.replace(".", "%2E")
        passphrase = call.query.get("passphrase")
        if passphrase:
            content, name = exporting.seal(content, passphrase), name + ".aes"
        headers = (
            ("Content-Length", str(len(content))),
            ("Content-Type", "application/octet-stream"),
            ("Content-Disposition", f"attachment; filename={name}"),
        )
        return Reply(200, headers, content)

    async def export_command_line(self, call: Call) -> Reply:
        """Answer `export-cmdline`."""
        backup = self._engine.backup(call.parts["id"])
        return json_reply({"Command": exporting.command_line(backup, with_secrets=flag(call, "export-passwords"))})

    async def export_arguments(self, call: Call) -> Reply:
        """Answer `export-argsonly`."""
        backup = self._engine.backup(call.parts["id"])
        with_secrets = flag(call, "export-passwords")
        value = {
            "Backend": exporting.target(backup, with_secrets=with_secrets),
            "Arguments": list(backup.sources),
            "Options": exporting.options(backup, with_secrets=with_secrets),
        }
        return json_reply(value)

    async def is_database_shared(self, call: Call) -> Reply:
        """Answer `isdbusedelsewhere`."""
        backup = self._engine.backup(call.parts["id"])
        others = [item for item in self._engine.backups.values() if item is not backup]
        return json_reply({"inuse": any(item.db_path == backup.db_path for item in others)})

    async def is_active(self, call: Call) -> Reply:
        """Answer `isactive`."""
        backup = self._engine.backup(call.parts["id"])
        return json_reply({"Status": "OK", "Active": self._engine.is_active(backup.backup_id)})

    async def log(self, call: Call) -> Reply:
        """Answer `log`; `offset` means rows below that id."""
        return json_reply(self._engine.log_rows(call.parts["id"], page_size(call), number(call, "offset")))

    async def remote_log(self, call: Call) -> Reply:
        """Answer `remotelog`."""
        return json_reply(self._engine.remote_log_rows(call.parts["id"], page_size(call), number(call, "offset")))

    async def copy_to_temporary(self, call: Call) -> Reply:
        """Answer `copytotemp`."""
        value = shapes.export(self._engine, self._engine.backup(call.parts["id"]), with_secrets=True)
        return json_reply({"ID": self._engine.create(value, is_temporary=True), "Temporary": True})

    async def delete_database(self, call: Call) -> Reply:
        """Answer `deletedb`."""
        backup = self._engine.backup(call.parts["id"])
        if os.path.exists(backup.db_path):
            os.remove(backup.db_path)
        self._engine.databases.forget(backup.db_path)
        return empty_reply()


class Jobs:
    """Endpoints that queue a task for a backup."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def run(self, call: Call) -> Reply:
        """Answer `run` and `start`."""
        skips = self._engine.release.has_skip_queue and flag(call, "skipqueue")
        return task_reply(self._engine.enqueue("Backup", call.parts["id"], skip_queue=skips))

    async def restore(self, call: Call) -> Reply:
        """Answer `restore`; an unreadable time is an unexplained failure at once."""
        self._engine.backup(call.parts["id"])
        members: dict[str, Any] = members_of(call)
        restores.read_time(members.get("time"), self._engine.clock.now())
        paths = members.get("paths")
        if paths is not None and not isinstance(paths, list):
            raise BadBinding
        return task_reply(self._engine.enqueue("Restore", call.parts["id"], options=members))

    def simple(self, kind: str) -> Answer:
        """Return the answer that queues a task of a kind."""

        async def answer(call: Call) -> Reply:
            if kind.startswith("Repair"):
                read_json(call, is_required=False)
            self._engine.backup(call.parts["id"])
            return task_reply(self._engine.enqueue(kind, call.parts["id"]))

        return answer
