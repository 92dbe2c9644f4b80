"""Puts a daemon's new configuration in its place, with the password files that it names: read back first."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from ... import errors
from ...daemon import config as configs
from ...daemon import policy as policies
from ...daemon.storage import PathFolder

if TYPE_CHECKING:
    from collections.abc import Mapping

_NEW = ".new"


def place(config: configs.DaemonConfig, files: Mapping[str, str], *, is_replacing: bool) -> None:
    """Write files by their paths, whole, for this user alone; one of them is that of `config`.

    All are complete before the first one gets its name. Raises `CannotCreate` for one that is there already unless it
    `is_replacing`, and `ConfigurationInvalid` where the daemon would not take what it finds at that place.
    """
    written: list[str] = []
    try:
        for path, text in files.items():
            _write(path + _NEW, text)
            written.append(path + _NEW)
        _read_back(config)
        for path in files:
            _give_name(path, is_replacing=is_replacing)
            if not is_replacing:
                written.append(path)
        written.clear()
    finally:
        for path in written:
            with suppress(OSError):
                os.unlink(path)


def _write(path: str, text: str) -> None:
    folder, name = os.path.split(path)
    try:
        os.makedirs(folder, 0o700, exist_ok=True)
        PathFolder(folder).create(name, text.encode("utf-8"))
    except OSError as exc:
        raise errors.CannotCreate(f"{path.removesuffix(_NEW)} cannot be written: {exc.strerror}") from exc


def _read_back(config: configs.DaemonConfig) -> None:
    """Read it as the daemon will, from where it will: who may change its folder counts too."""
    path = config.path + _NEW
    try:
        found = configs.load(path)
        policies.load(found.policy_file, found.servers)
    except errors.ConfigurationInvalid as exc:
        raise errors.ConfigurationInvalid(exc.message.replace(path, config.path), hint=exc.hint) from exc
    if found._replace(path=config.path, policy_file=config.policy_file) != config:
        raise errors.ConfigurationInvalid(f"{config.path} would not say what was meant, and is not written")


def _give_name(path: str, *, is_replacing: bool) -> None:
    try:
        if is_replacing:
            os.replace(path + _NEW, path)
        else:
            os.link(path + _NEW, path)  # unlike a renaming it replaces nothing that has come meanwhile
            os.unlink(path + _NEW)
    except FileExistsError as exc:
        raise errors.CannotCreate(f"{path} is there already", hint="--force replaces it") from exc
    except OSError as exc:
        hint = "--force, where the file system knows no hard links"
        raise errors.CannotCreate(f"{path} cannot be written: {exc.strerror}", hint=hint) from exc
