"""Rebuilds a local database from the lists and indexes on the destination."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime

from .database import Database, Version
from .destination import digest, unpack
from .work import Work


async def recreate(work: Work, database: Database) -> None:
    """Fill an empty database with what the destination tells."""
    work.progress.overall = 0.0
    for item in await work.list_remote():
        if not re.search(r"\.d(list|index|block)\.zip", item.name):
            continue
        if ".dblock." in item.name:
            content = work.destination.get(item.name)
        else:
            content = await work.get(item.name)
        database.volumes[item.name] = {"size": len(content), "hash": digest(content)}
        if ".dindex." in item.name:
            _read_index(database, item.name, unpack(work.destination.unseal(content)))
        elif ".dlist." in item.name:
            database.versions.append(_read_list(item.name, unpack(work.destination.unseal(content))))
    database.passphrase_mark = work.passphrase_mark
    work.progress.overall = 1.0


def _read_index(database: Database, index: str, members: dict[str, bytes]) -> None:
    for name, content in members.items():
        if name.startswith("vol/"):
            database.volumes[index]["block"] = name[4:]
            database.chunks |= dict.fromkeys(json.loads(content)["blocks"], name[4:])


def _read_list(name: str, members: dict[str, bytes]) -> Version:
    found = re.search(r"-(\d{8}T\d{6})Z\.dlist", name)
    at = datetime.strptime(found[1] if found else "19700101T000000", "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
    version = Version(int(at.timestamp()), is_full=json.loads(members["fileset"])["IsFullBackup"])
    version.volume = name
    for item in json.loads(members["filelist.json"]):
        kind = {"Folder": "d", "File": "f", "Symlink": "l"}[item["type"]]
        version.entries[item["path"]] = [kind, item["size"], item["time"], item["chunks"]]
    return version
