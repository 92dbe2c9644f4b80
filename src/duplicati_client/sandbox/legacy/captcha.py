"""The legacy server's captchas, asked before remote files are deleted; the pictures show nothing."""

from __future__ import annotations

import base64
import os
import random
from datetime import datetime, timedelta

from ..clock import Clock

ALPHABET = "ACDEFGHJKLMNPQRTUVWXY34679"
LIFETIME = timedelta(minutes=2)
ATTEMPTS_MAX = 4
OPEN_MAX = 4
PICTURE = b"\xff\xd8\xff\xd9"  # a JPEG of nothing: a sandbox has nobody to ask


class Captcha:
    """One question: its answer, what it is asked for, and how often it may still be answered."""

    def __init__(self, target: str, ends_at: datetime) -> None:
        self.target = target
        self.ends_at = ends_at
        self.answer = "".join(random.choices(ALPHABET, k=6))  # noqa: S311 - no secret
        self.attempts_left = ATTEMPTS_MAX


class Captchas:
    """The open captchas of a server."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._open: dict[str, Captcha] = {}

    def ask(self, target: str) -> str | None:
        """Open a captcha and return its token; None when too many are open."""
        if len(self._list()) >= OPEN_MAX:
            return None
        token = base64.urlsafe_b64encode(os.urandom(32)).decode()
        self._open[token] = Captcha(target, self._clock.now() + LIFETIME)
        return token

    def find(self, token: str) -> Captcha | None:
        """Return an open captcha; None when it is unknown or over."""
        return self._list().get(token)

    def solve(self, token: str, target: str, answer: str) -> bool:
        """Try an answer, which uses up an attempt, and tell whether it was right."""
        captcha = self.find(token)
        if captcha is None or captcha.attempts_left == 0:
            return False
        captcha.attempts_left -= 1
        return captcha.target == target and captcha.answer.lower() == answer.lower()

    def _list(self) -> dict[str, Captcha]:
        now = self._clock.now()
        self._open = {token: captcha for token, captcha in self._open.items() if captcha.ends_at > now}
        return self._open
