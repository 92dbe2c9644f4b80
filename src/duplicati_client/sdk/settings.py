"""The server's own settings and the default options of all backups."""

from __future__ import annotations

from collections.abc import Mapping

from ..http import LIST_ANSWER_BYTES
from . import answers
from .channel import Channel


class Settings:
    """Settings by name; names with leading dashes are default options of every backup."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    def list(self) -> Mapping[str, str]:
        """Read all. 2.0.8.1 shows the password's hash and salt too (reading-the-server:69): hide before printing."""
        raw = self._channel.get("api/v1/serversettings", "the settings", max_bytes=LIST_ANSWER_BYTES)
        members = answers.mapping(raw, "the settings")
        return {name: value for name, value in members.items() if isinstance(value, str)}
