"""Walks the sources of a backup and decides what belongs to it: folders, files, links, filters."""

from __future__ import annotations

import errno
import fnmatch
import os
import re
import stat
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

MAX_LINK_DEPTH = 41
WALKER = "Duplicati.Library.Main.Operation.Backup.FileEnumerationProcess"
_BACKUP = "Duplicati.Library.Main.Operation.Backup."
# What a loop of links is warned of, once, at its end (`2.3.1.0 outcomes:524`).
LOOP_TAGS = (
    f"{_BACKUP}MetadataGenerator.Metadata-MetadataProcessFailed",
    f"{_BACKUP}FileBlockProcessor.FileEntry-FileProcessingFailed",
)
ATTRIBUTE_TAG = f"{WALKER}-PathProcessingErrorMetadata"

Warn = Callable[[str, str], Any]


class Entry(NamedTuple):
    """One thing found: `kind` is d, f or l; folders end with a slash; `link` is where a symbolic link leads."""

    path: str
    kind: str
    size: int
    modified: float
    link: str = ""


def matches(expression: str, path: str) -> bool:
    """Say whether a filter expression fits a path: `[regex]`, `@literal`, or a glob; groups fit nothing here."""
    if expression.startswith("[") and expression.endswith("]"):
        return re.fullmatch(expression[1:-1], path) is not None
    if expression.startswith("@"):
        return path == expression[1:]
    if expression.startswith("{"):
        return False
    if any(sign in expression for sign in "*?"):
        return fnmatch.fnmatchcase(path, expression)
    return path == expression


def is_included(path: str, filters: list[dict[str, Any]]) -> bool:
    """Say whether the first filter that fits lets a path in; without one it is in."""
    for item in filters:
        if matches(item["Expression"] or "", path):
            return bool(item["Include"])
    return True


def missing(sources: list[str]) -> list[str]:
    """Return the sources that are not there; remote ones (`@…|url`) are taken as missing too."""
    return [source for source in sources if source.startswith("@") or not os.path.lexists(source.rstrip("/") or "/")]


class Walker:
    """Walks sources with one set of filters; `warn(tag, text)` hears of what cannot be read."""

    def __init__(
        self, filters: list[dict[str, Any]], *, follows_links: bool, warn: Warn, loop_tags: tuple[str, ...] = LOOP_TAGS
    ) -> None:
        self._filters = sorted(filters, key=lambda item: item["Order"])
        self._follows_links = follows_links
        self._warn = warn
        self._loop_tags = loop_tags

    def walk(self, sources: list[str]) -> Iterator[Entry]:
        """Yield everything below the sources, folders before what is in them."""
        for source in sources:
            yield from self._walk_one(source, 0)

    def _walk_one(self, path: str, depth: int) -> Iterator[Entry]:
        plain = path.rstrip("/") or "/"
        try:
            status = os.lstat(plain)
            if stat.S_ISLNK(status.st_mode):
                if not self._follows_links:
                    yield from self._included(Entry(plain, "l", 0, status.st_mtime, os.readlink(plain)))
                    return
                depth += 1
                status = os.stat(plain)
            if stat.S_ISDIR(status.st_mode):
                yield from self._walk_folder(plain, status.st_mtime, depth)
            elif stat.S_ISREG(status.st_mode):
                yield from self._included(Entry(plain, "f", status.st_size, status.st_mtime))
        except OSError as failure:
            for tag in self._loop_tags if failure.errno == errno.ELOOP else (f"{WALKER}-FileAccessError",):
                self._warn(tag, f"Failed to process path: {plain}\nIOException: {failure.strerror}")

    def _walk_folder(self, plain: str, modified: float, depth: int) -> Iterator[Entry]:
        folder = plain if plain.endswith("/") else plain + "/"
        if depth > MAX_LINK_DEPTH or not is_included(folder, self._filters):
            return
        yield Entry(folder, "d", 0, modified)
        for name in sorted(os.listdir(plain)):
            yield from self._walk_one(folder + name, depth)

    def _included(self, entry: Entry) -> Iterator[Entry]:
        if is_included(entry.path, self._filters):
            yield entry
