"""One request to the task server: as whom it is sent, what its failure means, what the answer tells of the server."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta

from .. import errors
from ..http import Answer, Request, Transport
from ..protocol.exchange import EPOCH_HEADER, INSTANCE_HEADER, LEVEL_HEADER
from .answers import Asked, Away, CredentialRefused, PageTooLarge, Undecodable, check, find_hint, read_date
from .identity import Identity, show_url
from .pace import boot_seconds

EPOCH_FORM = re.compile(r"[!-~]{1,128}")


class Line:
    """The way to one task server; safe to use from several threads.

    `level` is what the task server has shown itself to understand, None before the first contact. `epoch` is that of
    its store, `clock_offset_seconds` how far its clock is ahead of ours, both None until they were told.
    """

    def __init__(
        self,
        transport: Transport,
        identity: Identity,
        now: Callable[[], datetime],
        tell: Callable[[str, str], None],
        clock: Callable[[], float] = boot_seconds,
    ) -> None:
        """`tell` hears a code and a line for people when something about the connection changes.

        `clock` counts seconds over sleep, and nobody sets it.
        """
        self.identity = identity
        self.level: int | None = None
        self.epoch: str | None = None
        self.clock_offset_seconds: float | None = None
        self._transport = transport
        self._now, self._clock = now, clock
        self._server_at: tuple[datetime, float] | None = None
        self._tell = tell
        self._lock = threading.Lock()

    @property
    def address(self) -> str:
        """The task server's address for people, without its path, which may be a secret."""
        return show_url(self._transport.base_url)

    def server_now(self) -> datetime:
        """Return the time by the task server's clock, as far as that is known; tasks' own times are judged by it.

        Whoever sets this machine's clock does not change it.
        """
        if self._server_at is None:
            return self._now()
        told, at = self._server_at
        return told + timedelta(seconds=self._clock() - at)

    def close(self) -> None:
        """Give up connections; may be called twice."""
        self._transport.close()

    def _ask(self, asked: Asked, request: Request) -> Answer:
        """Send a request; where the credential is refused, look once whether the file holds another by now."""
        try:
            return self._ask_once(asked, request)
        except CredentialRefused:
            if not self.identity.reload():
                raise
            self._tell("token-reloaded", "the token file holds another token than before; that is used from now on")
            return self._ask_once(asked, request)

    def _ask_once(self, asked: Asked, request: Request, *, is_known: bool = True) -> Answer:
        headers = {**request.headers, LEVEL_HEADER: "1", INSTANCE_HEADER: self.identity.instance_id}
        sent = request._replace(headers={**headers, **(self.identity.headers() if is_known else {})})
        try:
            answer = self._transport.send(sent)
        except errors.AnswerTooLarge as exc:
            raise (PageTooLarge if asked is Asked.TASKS else Undecodable)(self.identity.mask(exc.message)) from exc
        except errors.NotUnderstood as exc:
            raise Undecodable(self.identity.mask(exc.message)) from exc
        except errors.Unreachable as exc:
            raise Away(f"the task server is away: {self.identity.mask(exc.message)}", hint=find_hint(exc)) from exc
        check(asked, answer, f"{self._transport.base_url}/{request.path}", self.identity.mask)
        self._learn(answer)
        return answer

    def _learn(self, answer: Answer) -> None:
        """Take what a lawful answer tells on its side."""
        sent_at = read_date(answer.header("Date") or "")
        if sent_at is not None:
            self.clock_offset_seconds = (sent_at - self._now()).total_seconds()
            self._server_at = sent_at, self._clock()
        epoch = answer.header(EPOCH_HEADER)
        if _says_level_1(answer) and epoch is not None and EPOCH_FORM.fullmatch(epoch):
            self._learn_epoch(epoch)

    def _learn_epoch(self, epoch: str) -> None:
        with self._lock:
            is_news, self.epoch = epoch != self.epoch, epoch
        if not is_news:
            return
        if self.identity.known.epoch is None:
            with suppress(errors.InputOutputFailed):  # a full disk is told of by the journal
                self.identity.keep_epoch(epoch)
        elif self.identity.is_epoch_changed(epoch):
            self._tell(
                "epoch-changed",
                "the task server's store was restored from an older copy: what must not be repeated waits for you",
            )

    def _learn_level(self, answer: Answer) -> None:
        """Only a poll may lower the level: a portal's 200 must not make a result's receipt easier to forge."""
        level = 1 if _says_level_1(answer) else 0
        if level == self.level:
            return
        self.level = level
        told = "knows this program's protocol whole" if level else "speaks the plain protocol: weaker promises hold"
        self._tell("level", f"the task server at {self.address} {told} (level {level})")

    def _is_of_level_1(self, answer: Answer) -> bool:
        return self.level == 1 or _says_level_1(answer)


def _says_level_1(answer: Answer) -> bool:
    return answer.header(LEVEL_HEADER) == "1"
