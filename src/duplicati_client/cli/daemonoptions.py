"""What the sub-verbs of `daemon` share: the option for its configuration, and where that is looked for."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from .. import errors
from .options import Option

if TYPE_CHECKING:
    from .call import Call

CONFIG = Option(
    "config",
    "the daemon's configuration; without it daemon.toml beside this program's own, or in /etc/duplicati-client",
    "file",
    "FILE",
    scope="daemon",
    places="oe",
)
_NAME = "daemon.toml"
_SYSTEM_FOLDER = "/etc/duplicati-client"


def find_config_file(call: Call) -> str:
    """Return the daemon's configuration file that is meant; raises `ConfigurationInvalid` if there is none."""
    named = call.value("config")
    if named:
        return os.path.abspath(str(named))
    places = list_places(call)
    found = next((place for place in places if os.path.exists(place)), None)
    if found is None:
        raise errors.ConfigurationInvalid(
            f"there is no configuration of a daemon at {' or '.join(places)}",
            hint="name it with --config, or write one: duplicati daemon init",
        )
    return found


def list_places(call: Call) -> list[str]:
    """Return where a configuration is looked for that nobody named, in order."""
    from .configuration import find_file  # noqa: PLC0415 - most name it

    own = find_file(call.process.environ)
    beside = [os.path.join(os.path.dirname(own), _NAME)] if own else []
    return [*beside, os.path.join(_SYSTEM_FOLDER, _NAME)]
