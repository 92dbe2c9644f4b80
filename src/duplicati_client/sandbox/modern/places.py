"""The modern API's endpoints for places: the server's own folders, destinations, and stored addresses of them."""

from __future__ import annotations

import os
import shutil
import tempfile
from typing import TYPE_CHECKING, Any

from ..clock import whole_seconds, with_z
from ..engine import masking
from ..engine.destination import Destination, folder_of
from ..engine.failures import BadBinding, OperationFailed, Refused, Unexpected
from ..engine.sources import matches
from ..engine.timespan import read_size
from ..web.serve import Call, Reply, empty_reply, json_reply
from .api import Answer, envelope, flag, members_of, required

if TYPE_CHECKING:
    from ..engine.engine import Engine

_NO_OBJECT = "Object reference not set to an instance of an object."


def answers(engine: Engine) -> dict[tuple[str, str], Answer]:
    """Return the V1 answers by verb and path."""
    places = Places(engine)
    table: dict[tuple[str, str], Answer] = {
        ("POST", "filesystem"): places.browse,
        ("POST", "filesystem/validate"): places.validate,
        ("POST", "remoteoperation/dbpath"): places.database_path,
        ("POST", "remoteoperation/test"): places.test,
        ("POST", "remoteoperation/create"): places.create,
    }
    if engine.release.has_connection_strings:
        table |= {("GET", "folderstatus"): places.folder_status, ("GET", "folderstatus/{*path}"): places.folder_status}
    return table


def v2_answers(engine: Engine) -> dict[tuple[str, str], Answer]:
    """Return the V2 answers by verb and path."""
    places, addresses = Places(engine), Addresses(engine)
    table: dict[tuple[str, str], Answer] = {("POST", "destination/test"): places.test_in_full}
    if not engine.release.has_connection_strings:
        return table
    return table | {
        ("POST", "system/temp-disk-space"): places.temporary_space,
        ("POST", "filesystem/test-filter"): places.test_filter,
        ("GET", "connection-strings"): addresses.list,
        ("POST", "connection-strings"): addresses.create,
        ("GET", "connection-string/{id}"): addresses.show,
        ("PUT", "connection-string/{id}"): addresses.replace,
        ("DELETE", "connection-string/{id}"): addresses.delete,
    }


class Places:
    """Endpoints for folders and destinations."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def browse(self, call: Call) -> Reply:
        """Answer `filesystem`."""
        path = members_of(call).get("path")
        if not path:
            raise Refused(400, "No path was found")
        if not path.startswith("/"):
            raise Refused(400, "The path must start with a forward-slash")
        only_folders, shows_hidden = flag(call, "onlyfolders"), flag(call, "showhidden")
        try:
            names = sorted(os.listdir(path))
        except OSError:
            raise Unexpected from None
        nodes = [_node(path.rstrip("/") + "/" + name) for name in names if shows_hidden or not name.startswith(".")]
        special = [_special_node()] if path == "/" else []
        folders_first = sorted(nodes, key=lambda node: node["leaf"])
        return json_reply([*special, *(node for node in folders_first if not (only_folders and node["leaf"]))])

    async def validate(self, call: Call) -> Reply:
        """Answer `filesystem/validate`."""
        path = members_of(call).get("path") or ""
        if not (path.startswith("/") and os.path.exists(path)):
            raise Refused(404, "The path does not exist")
        return empty_reply()

    async def folder_status(self, call: Call) -> Reply:
        """Answer `folderstatus`, which is off unless a setting turns it on."""
        raise Refused(503, "Folder status service is disabled")

    async def database_path(self, call: Call) -> Reply:
        """Answer `remoteoperation/dbpath`."""
        url = members_of(call).get("path")
        is_known = self._engine.release.has_operation_type
        found = [backup.db_path for backup in self._engine.backups.values() if backup.target_url == url]
        path = next((path for path in found if is_known and os.path.exists(path)), None)
        return json_reply({"Exists": path is not None, "Path": path})

    async def test(self, call: Call) -> Reply:
        """Answer `remoteoperation/test`."""
        url = members_of(call).get("path") or ""
        self._check(url, creates=flag(call, "autocreate"))
        return empty_reply()

    async def create(self, call: Call) -> Reply:
        """Answer `remoteoperation/create`."""
        url = members_of(call).get("path") or ""
        self._check(url, creates=True)
        return empty_reply()

    def _check(self, url: str, *, creates: bool) -> None:
        """Refuse a destination that cannot be used, in the words of V1."""
        destination = self._reach(url)
        if creates:
            destination.create()
        try:
            destination.files()
        except OperationFailed:
            raise Refused(500, "missing-folder") from None

    def _reach(self, url: str) -> Destination:
        if folder_of(url) is None:
            if self._is_nonsense(url):
                raise Refused(500, _NO_OBJECT) if self._engine.release.has_connection_strings else Unexpected
            text = f"Connection refused ({url.partition('://')[2].partition('/')[0]})"
            if self._engine.release.has_v2:
                text = f"error-id:TestPreparationError, user-information:Error listing content: {text}"
            raise Refused(500, text)
        return Destination(url)

    @staticmethod
    def _is_nonsense(url: str) -> bool:
        return url.partition("://")[0].lower() not in {
            "webdav",
            "webdavs",
            "s3",
            "ssh",
            "ftp",
            "http",
            "https",
            "azure",
        }

    async def test_in_full(self, call: Call) -> Reply:
        """Answer V2 `destination/test`."""
        members = members_of(call)
        required(members, "destinationurl", "options", "autocreate")
        url = str(members["destinationurl"])
        if folder_of(url) is None:
            return self._unreachable(url)
        destination = Destination(url)
        if members["autocreate"]:
            destination.create()
        try:
            found = destination.files()
        except OperationFailed:
            data = _findings(exists=False)
            return _failed("Folder does not exist", "missing-folder", data)
        has_volumes = any(item.name.startswith("duplicati-") for item in found)
        is_sealed = any(item.name.startswith("duplicati-") and item.name.endswith(".aes") for item in found)
        return envelope(_findings(exists=True, is_empty=not found, has_volumes=has_volumes, is_sealed=is_sealed))

    def _unreachable(self, url: str) -> Reply:
        if self._is_nonsense(url):
            if not self._engine.release.has_connection_strings:
                raise Unexpected
            return _failed(_NO_OBJECT, "error", None)
        text = f"Error listing content: Connection refused ({url.partition('://')[2].partition('/')[0]})"
        return _failed(text, "TestPreparationError", None)

    async def temporary_space(self, call: Call) -> Reply:
        """Answer V2 `system/temp-disk-space`."""
        backup_id = members_of(call).get("backupid")
        options = self._engine.backup(str(backup_id)).options() if backup_id else {}
        folder = tempfile.gettempdir()
        usage = shutil.disk_usage(folder)
        data = {
            "TempPath": folder.rstrip("/") + "/",
            "FreeSpace": usage.free,
            "TotalSpace": usage.total,
            "DblockSize": read_size(options.get("dblock-size", "50mb")),
            "RestoreCacheMax": 4096,
        }
        return envelope(data)

    async def test_filter(self, call: Call) -> Reply:
        """Answer V2 `filesystem/test-filter`; paths below no source are left out."""
        members = members_of(call)
        required(members, "paths", "sources", "filters")
        data = []
        for path in members["paths"]:
            if not any(path.startswith(source) for source in members["sources"]):
                continue
            found = next((item for item in members["filters"] if matches(item[1:], path)), None)
            shown = None if found is None else f"({found[1:]})"
            data.append({"Path": path, "Included": found is None or found.startswith("+"), "MatchedFilter": shown})
        return envelope(data)


def _node(path: str) -> dict[str, Any]:
    is_link, is_folder = os.path.islink(path), os.path.isdir(path)
    icon = "x-tree-icon-symlink" if is_link else ("x-tree-icon-parent" if is_folder else "x-tree-icon-leaf")
    is_file = os.path.isfile(path) and not is_link
    return {
        "text": os.path.basename(path),
        "id": path + ("/" if is_folder else ""),
        "cls": "folder" if is_folder else "file",
        "iconCls": icon,
        "check": False,
        "leaf": not is_folder,
        "resolvedpath": os.readlink(path) if is_link else None,
        "hidden": os.path.basename(path).startswith("."),
        "systemFile": False,
        "temporary": False,
        "symlink": is_link,
        "fileSize": os.path.getsize(path) if is_file else -1,
    }


def _special_node() -> dict[str, Any]:
    node = _node(os.path.expanduser("~"))
    return node | {
        "text": "Home",
        "id": "%HOME%",
        "iconCls": "x-tree-icon-special",
        "resolvedpath": os.path.expanduser("~"),
    }


def _findings(
    *, exists: bool, is_empty: bool | None = None, has_volumes: bool | None = None, is_sealed: bool | None = None
) -> dict[str, Any]:
    return {
        "FolderExists": exists,
        "FolderIsEmpty": is_empty,
        "FolderContainsBackupFiles": has_volumes,
        "FolderContainsEncryptedBackupFiles": is_sealed,
        "AfterConnect": exists,
        "HostCertificate": None,
        "ReportedHostKey": None,
        "AcceptedHostKey": None,
    }


def _failed(text: str, code: str, data: dict[str, Any] | None) -> Reply:
    return json_reply({"Data": data, "Success": False, "Error": text, "StatusCode": code})


class Addresses:
    """Endpoints for stored destination addresses (connection strings)."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._items = engine.connection_strings

    async def list(self, call: Call) -> Reply:
        """Answer `connection-strings`."""
        return envelope([self._shown(item) for item in self._items.values()])

    async def create(self, call: Call) -> Reply:
        """Answer `POST connection-strings`."""
        members = self._read(call)
        now = self._engine.clock.now()
        item = {
            "ID": max(self._items, default=0) + 1,
            **members,
            "CreatedAt": whole_seconds(now),
            "UpdatedAt": whole_seconds(now),
        }
        self._items[item["ID"]] = item
        # The first answer still has the fraction that is not stored (2.3.1.0 settings:55, 56).
        return envelope(self._shown(item) | {"CreatedAt": with_z(now), "UpdatedAt": with_z(now)})

    def _read(self, call: Call) -> dict[str, Any]:
        members = members_of(call)
        required(members, "name", "description", "baseurl")
        if members["description"] is None:
            raise Unexpected
        return {"Name": members["name"], "Description": members["description"], "BaseUrl": members["baseurl"]}

    def _find(self, call: Call) -> dict[str, Any]:
        try:
            item_id = int(call.parts["id"])
        except ValueError:
            raise BadBinding from None
        if item_id not in self._items:
            raise Refused(404, "Connection string not found")
        return self._items[item_id]

    async def show(self, call: Call) -> Reply:
        """Answer `connection-string/{id}`."""
        return envelope(self._shown(self._find(call)))

    async def replace(self, call: Call) -> Reply:
        """Answer `PUT connection-string/{id}`."""
        item, members = self._find(call), self._read(call)
        members["BaseUrl"] = masking.unmask_url(members["BaseUrl"], item["BaseUrl"]) or members["BaseUrl"]
        item |= members
        item["UpdatedAt"] = whole_seconds(self._engine.clock.now())
        return envelope(self._shown(item))

    async def delete(self, call: Call) -> Reply:
        """Answer `DELETE connection-string/{id}`."""
        del self._items[self._find(call)["ID"]]
        return envelope(None)

    @staticmethod
    def _shown(item: dict[str, Any]) -> dict[str, Any]:
        masked = item | {"BaseUrl": masking.mask_url(item["BaseUrl"])}
        names = ("ID", "Name", "Description", "BaseUrl", "CreatedAt", "UpdatedAt")
        return {name: masked[name] for name in names} | {"Backups": []}
