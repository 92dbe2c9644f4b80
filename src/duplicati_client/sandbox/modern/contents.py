"""The modern API's endpoints that read what is in a backup, V1 and V2."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..engine import restores
from ..engine.contents import Page, Reader
from ..engine.database import Version
from ..engine.failures import BadBinding, Refused
from ..web.serve import Call, Reply, json_reply
from .api import Answer, envelope, flag, members_of, required

if TYPE_CHECKING:
    from ..engine.engine import Engine


def answers(engine: Engine) -> dict[tuple[str, str], Answer]:
    """Return the V1 answers by verb and path."""
    contents = Contents(engine)
    return {("GET", "backup/{id}/filesets"): contents.filesets, ("GET", "backup/{id}/files"): contents.files}


def v2_answers(engine: Engine) -> dict[tuple[str, str], Answer]:
    """Return the V2 answers by verb and path."""
    contents = Contents(engine)
    table: dict[tuple[str, str], Answer] = {
        ("POST", "backup/list-filesets"): contents.list_filesets,
        ("POST", "backup/list-folder"): contents.list_folder,
        ("POST", "backup/list-versions"): contents.list_versions,
        ("POST", "backup/search"): contents.search,
    }
    if engine.release.has_destination_list:
        table |= {
            ("POST", "backup/list-broken-files"): contents.list_broken_files,
            ("POST", "backup/purge-broken-files"): contents.purge_broken_files,
            ("POST", "backup/delete-versions"): contents.delete_versions,
        }
    return table


class Contents:
    """Endpoints for versions, folders and files."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def filesets(self, call: Call) -> Reply:
        """Answer V1 `filesets`."""
        with_counts, from_remote = flag(call, "include-metadata"), flag(call, "from-remote-only")
        reader = Reader(self._engine, call.parts["id"])
        return json_reply(reader.filesets(with_counts=with_counts, from_remote=from_remote))

    async def files(self, call: Call) -> Reply:
        """Answer V1 `files`."""
        reader = Reader(self._engine, call.parts["id"])
        time = call.query.get("time")
        if not time and not flag(call, "all-versions"):
            raise Refused(400, "Invalid or missing time")
        answer = reader.files(
            time=time,
            pattern=call.query.get("filter"),
            is_prefix_only=flag(call, "prefix-only"),
            is_folder=flag(call, "folder-contents"),
        )
        return json_reply(answer)

    def _reader(self, members: dict[str, Any]) -> Reader:
        return Reader(self._engine, str(members["backupid"]))

    async def list_filesets(self, call: Call) -> Reply:
        """Answer V2 `list-filesets`."""
        members = members_of(call)
        required(members, "backupid")
        items = self._reader(members).list_filesets()
        info = {"Page": 1, "PageSize": len(items), "Total": len(items), "Pages": 1}
        return envelope(items, page_info=info)

    async def list_folder(self, call: Call) -> Reply:
        """Answer V2 `list-folder`."""
        members = members_of(call)
        required(members, "backupid", "paths", "time", "pagesize", "page")
        page = _page(members)
        answer = self._reader(members).list_folder(_texts(members["paths"]), members["time"], page)
        return envelope(answer["Data"], page_info=answer["PageInfo"])

    async def list_versions(self, call: Call) -> Reply:
        """Answer V2 `list-versions`."""
        members = members_of(call)
        required(members, "backupid", "paths", "pagesize", "page")
        answer = self._reader(members).list_versions(_texts(members["paths"]), _page(members))
        return envelope(answer["Data"], page_info=answer["PageInfo"])

    async def search(self, call: Call) -> Reply:
        """Answer V2 `search`."""
        members = members_of(call)
        required(members, "backupid", "paths", "filters", "pagesize", "page")
        if not self._engine.release.has_connection_strings:
            required(members, "time")
        numbers, text = members.get("version"), members.get("time")
        moment = restores.read_time(text, self._engine.clock.now()) if text else None

        def is_wanted(number: int, version: Version) -> bool:
            is_numbered = not numbers or number in numbers
            return is_numbered and (moment is None or version.time == int(moment.timestamp()))

        paths, filters = _texts(members["paths"]), _texts(members["filters"])
        answer = self._reader(members).search(paths, filters, is_wanted, _page(members))
        return envelope(answer["Data"], page_info=answer["PageInfo"])

    async def list_broken_files(self, call: Call) -> Reply:
        """Answer V2 `list-broken-files`."""
        members = members_of(call)
        required(members, "backupid")
        broken = self._reader(members).broken_files()
        info = {"Page": 1, "PageSize": len(broken), "Total": len(broken), "Pages": 1}
        return envelope(broken, page_info=info)

    async def purge_broken_files(self, call: Call) -> Reply:
        """Answer V2 `purge-broken-files`, which has no envelope."""
        members = members_of(call)
        required(members, "backupid")
        task_id = self._engine.enqueue("PurgeBrokenFiles", str(members["backupid"]))
        return json_reply({"Status": "OK", "ID": task_id})

    async def delete_versions(self, call: Call) -> Reply:
        """Answer V2 `delete-versions`, which has no envelope."""
        members = members_of(call)
        required(members, "backupid", "versions")
        if not members["versions"]:
            raise Refused(400, "No versions supplied")
        options = {"versions": list(members["versions"])}
        task_id = self._engine.enqueue("DeleteVersions", str(members["backupid"]), options=options)
        return json_reply({"Status": "OK", "ID": task_id})


def _texts(value: Any) -> list[str] | None:
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise BadBinding
    return value


def _page(members: dict[str, Any]) -> Page:
    try:
        number = None if members["page"] is None else int(members["page"])
        size = None if members["pagesize"] is None else int(members["pagesize"])
    except (TypeError, ValueError):
        raise BadBinding from None
    return Page(number, size)
