"""What the server wants a person to see."""

from __future__ import annotations

from ..http import LIST_ANSWER_BYTES
from . import answers
from .channel import Channel
from .models import Notification


class Notifications:
    """The notifications that nobody has dismissed."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    def list(self) -> list[Notification]:
        """Read all, oldest first as the server has them."""
        raw = self._channel.get("api/v1/notifications", "the notifications", max_bytes=LIST_ANSWER_BYTES)
        return [Notification.read(item) for item in answers.sequence(raw, "the notifications")]
