"""The destination of a backup: a folder of volumes named and listed like the real ones, holding real copies.

A volume of an encrypted backup is only marked with a digest of its passphrase, not encrypted.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import re
import secrets
import shutil
import zipfile
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import unquote

from ..clock import compact, with_offset
from .failures import FOLDER_MISSING, OperationFailed

_ENCRYPTED = b"AES\x02sandbox"
_VOLUME = re.compile(r"-(?:b|i)[0-9a-f]{32}\.d(?:block|index)\.zip(?:\.aes)?$|-\d{8}T\d{6}Z\.dlist\.zip(?:\.aes)?$")


class RemoteFile(NamedTuple):
    """A file found on the destination."""

    name: str
    size: int
    modified_at: datetime

    def as_dict(self) -> dict[str, Any]:
        """Return the item of a `list` row in the remote log."""
        moment = with_offset(self.modified_at)
        return {
            "IsFolder": False,
            "LastAccess": moment,
            "LastModification": moment,
            "Created": "0001-01-01T00:00:00",
            "Name": self.name,
            "Size": self.size,
            "IsArchived": False,
        }


def folder_of(url: str) -> str | None:
    """Return the folder of a `file://` target; None for any other kind of destination."""
    if not url.lower().startswith("file://"):
        return None if "://" in url else url
    return unquote(url[7:].partition("?")[0])


def digest(content: bytes) -> str:
    """Return the hash of a volume as the remote log shows it."""
    return base64.b64encode(hashlib.sha256(content).digest()).decode()


class Destination:
    """One target folder. Every method may raise OperationFailed."""

    def __init__(self, url: str, *, prefix: str = "duplicati", passphrase: str = "") -> None:
        self.url = url
        self.prefix = prefix
        self._passphrase = passphrase

    @property
    def folder(self) -> str:
        """Return the folder; fails for destinations that the sandbox cannot reach."""
        folder = folder_of(self.url)
        if folder is None:
            scheme = self.url.partition("://")[0]
            kind = "Duplicati.Library.Interface.UserInformationException"
            raise OperationFailed(
                kind, f"The backend {scheme} is not supported by the sandbox", help_id="BackendNotSupported"
            )
        return folder

    @property
    def suffix(self) -> str:
        """Return what volume names end in."""
        return ".zip.aes" if self._passphrase else ".zip"

    def create(self) -> None:
        """Create the folder; fails quietly, as the next listing will tell."""
        try:
            os.makedirs(self.folder, exist_ok=True)
        except OSError:
            return

    def files(self) -> list[RemoteFile]:
        """Return the files in the folder in order of name."""
        folder = self.folder
        if not os.path.isdir(folder):
            frame = "Duplicati.Library.Backend.File.ListAsync(CancellationToken cancelToken)+MoveNext()"
            raise OperationFailed(
                FOLDER_MISSING, f"The folder {folder} does not exist", help_id="FolderMissing", frames=(frame,)
            )
        result = []
        with os.scandir(folder) as found:
            for entry in found:
                if entry.is_file():
                    status = entry.stat()
                    result.append(RemoteFile(entry.name, status.st_size, datetime.fromtimestamp(status.st_mtime, UTC)))
        return sorted(result)

    def volumes(self) -> list[RemoteFile]:
        """Return only what a backup with this prefix has put there."""
        return [item for item in self.files() if item.name.startswith(self.prefix + "-") and _VOLUME.search(item.name)]

    def ours(self) -> list[RemoteFile]:
        """Return files that count as this backup's by their name, well-formed or not."""
        return [
            item for item in self.files() if re.match(re.escape(self.prefix) + r"-.+\.d(block|index|list)\.", item.name)
        ]

    def seal(self, content: bytes) -> bytes:
        """Turn the bytes of a zip file into those of a volume."""
        return _ENCRYPTED + self._mark() + content if self._passphrase else content

    def _mark(self) -> bytes:
        return hashlib.sha256(self._passphrase.encode()).digest()

    def unseal(self, content: bytes) -> bytes:
        """Turn a volume back into a zip file; fails for a wrong passphrase."""
        if not content.startswith(_ENCRYPTED):
            return content
        start = len(_ENCRYPTED)
        if content[start : start + 32] != self._mark():
            raise OperationFailed(
                "System.Security.Cryptography.CryptographicException",
                "Failed to decrypt data (invalid passphrase?): Invalid password or corrupted data",
            )
        return content[start + 32 :]

    def put(self, name: str, content: bytes) -> None:
        """Write a volume."""
        with open(os.path.join(self.folder, name), "wb") as file:
            file.write(content)

    def get(self, name: str) -> bytes:
        """Read a volume."""
        with open(os.path.join(self.folder, name), "rb") as file:
            return file.read()

    def delete(self, name: str) -> None:
        """Remove a volume, if it is there."""
        path = os.path.join(self.folder, name)
        if os.path.exists(path):
            os.remove(path)

    def new_name(self, kind: str) -> str:
        """Return the name for a new `b`lock or `i`ndex volume."""
        word = {"b": "dblock", "i": "dindex"}[kind]
        return f"{self.prefix}-{kind}{secrets.token_hex(16)}.{word}{self.suffix}"

    def list_name(self, time: int) -> str:
        """Return the name of the file list of a version."""
        return f"{self.prefix}-{compact(datetime.fromtimestamp(time, UTC))}.dlist{self.suffix}"

    def free_space(self) -> tuple[int, int]:
        """Return total and free bytes where the folder lies."""
        folder = self.folder
        while not os.path.isdir(folder) and folder != os.path.dirname(folder):
            folder = os.path.dirname(folder)
        usage = shutil.disk_usage(folder)
        return usage.total, usage.free


def pack(members: dict[str, bytes]) -> bytes:
    """Return a zip file, stored without compression so that sizes stay what they seem."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("manifest", json.dumps({"Version": 2, "Encoding": "utf8", "Blocksize": 1048576}))
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def unpack(content: bytes) -> dict[str, bytes]:
    """Return the members of a zip file; fails when it is none."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return {name: archive.read(name) for name in archive.namelist() if name != "manifest"}
    except (zipfile.BadZipFile, ValueError) as failure:
        raise OperationFailed("System.IO.InvalidDataException", "Failed to read the volume") from failure
