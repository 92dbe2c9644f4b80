"""The daemon's side of the protocol: polls, fetches, posts, enrols; decides nothing about tasks and never waits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from .. import errors
from ..http import Answer, Request, SocketTransport, parse_url
from ..protocol import codec
from ..protocol.exchange import (
    PAGE_TASKS_MAX,
    POLL_AFTER_HEADER,
    RECEIPT_BYTES_MAX,
    STATUS_BYTES_MAX,
    TASKS_BYTES_MAX,
    WAIT_SECONDS_MAX,
)
from ..protocol.result import Recorded, Result, read_receipt
from ..protocol.task import Malformed, Task, TaskID, is_id, read_tasks
from ..route import is_loopback
from .answers import (
    Asked,
    Away,
    CodeRefused,
    CredentialRefused,
    InstanceConflict,
    LinkFailed,
    NotTaken,
    PageTooLarge,
    ResultTooLarge,
    Undecodable,
    find_next_page,
    read_object,
    read_plain_receipt,
    read_seconds,
    refuse,
)
from .config import DaemonConfig, Way
from .identity import Identity, check_token, show_url
from .line import EPOCH_FORM, Line
from .storage import Folder

__all__ = [
    "Away",
    "Beat",
    "CodeRefused",
    "CredentialRefused",
    "Enrolled",
    "InstanceConflict",
    "Link",
    "LinkFailed",
    "NotTaken",
    "Poll",
    "ResultTooLarge",
    "Undecodable",
    "open_link",
    "open_transport",
]

CONNECT_SECONDS = 10.0
REQUEST_SECONDS = 30.0
_POLL_EXTRA_SECONDS = 15.0
_PAGES_COUNT = 1000
_TASKS_COUNT = _PAGES_COUNT * PAGE_TASKS_MAX
_CANCELS_COUNT = 1000
_TASKS = "api/tasks"


class Poll(NamedTuple):
    """Whether there are tasks to fetch, and the interval in seconds that the task server wishes or None."""

    has_tasks: bool
    poll_after_seconds: float | None = None


class Beat(NamedTuple):
    """What the answer to a heartbeat asks for."""

    cancel: tuple[TaskID, ...] = ()
    poll_after_seconds: float | None = None


class Enrolled(NamedTuple):
    """As whom the task server knows this daemon now; the token is kept already."""

    daemon_id: str


def open_transport(way: Way) -> SocketTransport:
    """Return the way to the task server. A proxy is used only if the configuration names one, not the environment.

    Raises `ConfigurationInvalid` for one that would be open to all.
    """
    origin = parse_url(way.url)
    if not origin.is_https and not is_loopback(origin.host) and not way.is_plain:
        raise errors.ConfigurationInvalid(
            f"{show_url(way.url)} is not encrypted: anybody on the way could give tasks to this daemon",
            hint="use https://, or say allow_http = true under [task_server]",
        )
    connection = way.connection
    settings = connection._replace(proxy_url=connection.proxy_url or "", connect_seconds=CONNECT_SECONDS)
    return SocketTransport(way.url, settings)


def open_link(
    config: DaemonConfig, folder: Folder, now: Callable[[], datetime], tell: Callable[[str, str], None]
) -> Link:
    """Return the link that a configuration describes; `folder` is its state folder. See `Link` for the rest."""
    told = config.task_server
    name = config.name if told.is_basic else None
    identity = Identity(folder, told.url, token_file=told.token_file, basic_name=name)
    return Link(open_transport(told.way), identity, now, tell)


class Link(Line):
    """Asks one task server for everything that there is to ask; safe to use from several threads.

    Every request may raise a `LinkFailed`.
    """

    _etag: str | None = None
    _page_count = PAGE_TASKS_MAX

    # --- level 0 --------------------------------------------------------------------------------------

    def poll(self, wait_seconds: float = 0.0) -> Poll:
        """Ask whether there is something to do; at level 1 the answer may take that long if there is nothing."""
        wait_seconds = min(max(wait_seconds, 0.0), WAIT_SECONDS_MAX) if self.level == 1 else 0.0
        headers = {"Cache-Control": "no-cache"}
        if wait_seconds >= 1:
            headers["Prefer"] = f"wait={wait_seconds:.0f}"
        if self._etag is not None:
            headers["If-None-Match"] = self._etag
        deadline_seconds = max(REQUEST_SECONDS, wait_seconds + _POLL_EXTRA_SECONDS)
        request = Request("GET", "api/tasks/status", headers, None, deadline_seconds, STATUS_BYTES_MAX)
        answer = self._ask(Asked.STATUS, request)
        has_tasks = self._count_tasks(answer) > 0 if answer.status == 200 else answer.status == 303
        self._learn_level(answer)
        etag = answer.header("ETag")
        self._etag = etag if etag is not None and len(etag) <= 256 and self.level == 1 and not has_tasks else None
        return Poll(has_tasks, read_seconds(answer.header(POLL_AFTER_HEADER)) if self.level == 1 else None)

    def fetch(self, count_max: int = _TASKS_COUNT) -> Iterator[Task | Malformed]:
        """Yield the tasks there are, page by page; a failure leaves those that came before it as they are.

        At level 1 no page is asked for that would hold more than `count_max` leave room for: what nobody takes would
        belong to this daemon all the same, until its lease ends.
        """
        query: str | None = self._first_query(count_max)
        seen: set[str] = set()
        while query is not None and query not in seen and len(seen) < _PAGES_COUNT:
            seen.add(query)
            path = f"{_TASKS}?{query}" if query else _TASKS
            try:
                answer = self._ask(Asked.TASKS, Request("GET", path, {}, None, REQUEST_SECONDS, TASKS_BYTES_MAX))
            except PageTooLarge as exc:
                self._halve_page(exc)
                query = self._first_query(count_max)
                continue
            if answer.status == 304:
                return
            try:
                items = read_tasks(answer.body)
            except codec.Undecodable as exc:
                refuse(exc.message, answer, self.identity.mask)
            yield from items
            count_max -= len(items)
            is_over = not self._is_of_level_1(answer) or count_max < self._page_count
            query = None if is_over else find_next_page(answer, f"{self._transport.base_url}/{_TASKS}")

    def post(self, result: Result) -> Recorded | None:
        """Send a result; return once the task server has it, with what it made of it (None: level 0 does not say)."""
        if self.level is None:
            self.poll()  # what counts as a receipt depends on who answers
        path = f"{_TASKS}/{_write_id(result.task_id)}/result"
        body = result.encode()
        answer = self._ask(Asked.RESULT, _write("POST", path, body, RECEIPT_BYTES_MAX))
        try:
            if self._is_of_level_1(answer):
                return read_receipt(answer.body, result)
            return read_plain_receipt(answer, result)
        except codec.Undecodable as exc:
            refuse(exc.message, answer, self.identity.mask)

    # --- level 1 --------------------------------------------------------------------------------------

    def heartbeat(self, running: Sequence[Mapping[str, Any]], state: str) -> Beat:
        """Say what is being done; return which tasks are to be stopped. Does nothing at level 0."""
        if self.level != 1:
            return Beat()
        value = self._exchange("POST", "api/daemon/heartbeat", {"Running": list(running), "State": state})
        cancel = value.get("Cancel")
        found = cancel[:_CANCELS_COUNT] if isinstance(cancel, list) else []
        ids = tuple(task_id for task_id in found if is_id(task_id))
        return Beat(ids, read_seconds(value.get("PollAfter")))

    def put_inventory(self, inventory: Mapping[str, Any]) -> None:
        """Tell what there is on the Duplicati servers. Does nothing at level 0."""
        if self.level == 1:
            self._ask(Asked.EXTRA, _write("PUT", "api/daemon/inventory", codec.encode(inventory), STATUS_BYTES_MAX))

    def enrol(self, code: str, name: str, facts: Mapping[str, Any]) -> Enrolled | None:
        """Become known by a one-time code; None while an operator has to approve: ask again with the same code.

        The token is durable before this returns. Raises `CodeRefused`, and `NotTaken` or `Undecodable`
        where the task server speaks level 0 only.
        """
        body = codec.encode({"Code": code, "Name": name, "Facts": facts})
        try:
            answer = self._ask_once(Asked.EXTRA, _write("POST", "api/enrol", body, STATUS_BYTES_MAX), is_known=False)
        except CredentialRefused as exc:
            raise CodeRefused("the task server does not take this code") from exc
        except NotTaken as exc:
            hint = "is the path of the address whole? a task server of level 0 has no enrolment, only perhaps a token"
            raise NotTaken(f"there is no enrolment at {self.address}: {exc.message}", hint=hint) from exc
        if not self._is_of_level_1(answer):
            refuse("it speaks no level 1", answer, self.identity.mask)
        value = read_object(answer, self.identity.mask)
        if answer.status == 202:
            return None
        token, daemon_id, epoch = value.get("Token"), value.get("DaemonID"), value.get("Epoch")
        if not isinstance(daemon_id, str) or not EPOCH_FORM.fullmatch(daemon_id):
            refuse("it names no daemon", answer, self.identity.mask)
        self._keep_token(token, answer)
        self.identity.keep_enrolment(
            daemon_id, epoch if isinstance(epoch, str) and EPOCH_FORM.fullmatch(epoch) else None
        )
        return Enrolled(daemon_id)

    def renew_token(self) -> None:
        """Get the next token and use it; it is durable before its first use, and the old one is good until then."""
        answer = self._ask(Asked.EXTRA, _write("POST", "api/daemon/token", b"{}", STATUS_BYTES_MAX))
        self._keep_token(read_object(answer, self.identity.mask).get("Token"), answer)
        self._tell("token-renewed", "the task server gave this daemon its next token")

    def renew_token_if_due(self) -> bool:
        """Renew the token at three quarters of its life; say whether that was done."""
        if self.level != 1 or not self.identity.is_renewal_due(self._now()):
            return False
        self.renew_token()
        return True

    def _keep_token(self, token: object, answer: Answer) -> None:
        try:
            check_token(token if isinstance(token, str) else "")
        except errors.InvalidValue:
            refuse("it holds no token", answer, self.identity.mask)
        self.identity.keep_token(str(token), self._now())

    def _exchange(self, method: str, path: str, value: Mapping[str, Any]) -> dict[str, object]:
        answer = self._ask(Asked.EXTRA, _write(method, path, codec.encode(value), STATUS_BYTES_MAX))
        return read_object(answer, self.identity.mask)

    def _count_tasks(self, answer: Answer) -> int:
        """Read the one lawful 200 to a poll, `{"Tasks": 2}`."""
        count = read_object(answer, self.identity.mask).get("Tasks")
        if isinstance(count, bool) or not isinstance(count, int) or count < 0:
            refuse("its body does not say how many tasks there are", answer, self.identity.mask)
        return count

    def _first_query(self, count_max: int) -> str:
        count = min(self._page_count, count_max)
        return f"limit={count}" if self.level == 1 and count < PAGE_TASKS_MAX else ""

    def _halve_page(self, failure: PageTooLarge) -> None:
        """Begin again with smaller pages, which only level 1 knows; what was seen already is a harmless repeat."""
        if self.level != 1 or self._page_count == 1:
            raise NotTaken(f"the list of tasks cannot be had: {failure.message}") from failure
        self._page_count //= 2


def _write(method: str, path: str, body: bytes, max_bytes: int) -> Request:
    return Request(method, path, {"Content-Type": "application/json"}, body, REQUEST_SECONDS, max_bytes)


def _write_id(task_id: TaskID) -> str:
    """Return an id as part of a path; every character of a checked one may stand there as it is."""
    if not is_id(task_id):
        raise errors.InvalidValue("this is no id of a task")
    return str(task_id)
