"""What the server wants a person to see, and taking it away once it was seen."""

from __future__ import annotations

from .. import errors
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

    def dismiss(self, notification_id: int) -> bool:
        """Take one away for everybody; False if it was gone already.

        The server's warning or error flag goes with the last one of its kind (2.0.8.1 run-outcomes:306). Numbers come
        back: a new failure may bear that of an old one (2.3.1.0 outcomes:347), so read the list just before.
        """
        is_number = isinstance(notification_id, int) and not isinstance(notification_id, bool)
        if not is_number or not 0 < notification_id < 10**18:
            raise errors.InvalidValue("a notification has a number", hint="duplicati list notifications")
        try:
            self._channel.delete(f"api/v1/notification/{notification_id}", "the notification")
        except errors.EndpointMissing:
            raise
        except errors.NotFound:
            return False
        return True
