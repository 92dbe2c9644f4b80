"""What the task server asks of a store, an interface for each noun; every change is one transaction, durable on return.

No method reads and writes in two steps that another replica could come between: what a change needs to be true is in
the change itself, and one that found it untrue says so. `by` names who did it, for the audit log.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple, Protocol

from ...protocol.result import Recorded, Result
from ..records import (
    Attention,
    AuditEntry,
    Code,
    Daemon,
    DaemonState,
    Draft,
    KeptResult,
    Key,
    Page,
    Sighting,
    Task,
    TaskState,
    Token,
    User,
)


class TaskQuery(NamedTuple):
    """Which tasks, newest first; None is all of them. `cursor` is `Page.next` of the page before."""

    daemon_ids: Collection[str] | None = None
    states: Collection[TaskState] | None = None
    cursor: str | None = None
    limit: int = 100


class TaskStore(Protocol):
    """Tasks and what came of them."""

    async def create(
        self, drafts: Sequence[Draft], by: str, open_max: int | None = None, key: Key | None = None
    ) -> list[Task]:
        """Keep new tasks, all or none; raises `DaemonUnknown`, and `QuotaExceeded` for more open ones than that.

        With a key that was used within a day no new ones are made, and those of that time are returned; raises
        `KeyReused` if it stood for something else.
        """

    async def hand_out(self, daemon_id: str, after: int, limit: int, lease: timedelta) -> tuple[list[Task], bool]:
        """Offer what waits with a number above `after`, and say if there may be more; `lease` 0 keeps none back."""

    async def attend(self, daemon_id: str) -> Attention:
        """Return what waits for a daemon."""

    async def attend_all(self, daemon_ids: Collection[str]) -> set[str]:
        """Return those of them for whom something is to be fetched now."""

    async def record(self, daemon_id: str, result: Result) -> Recorded:
        """Apply a result if it still counts, and keep it for the record if not; may be repeated at will."""

    async def note_progress(self, daemon_id: str, running: Mapping[int, Mapping[str, Any]]) -> list[int]:
        """Keep what a heartbeat says of accepted tasks, and return the numbers of those that shall be cancelled."""

    async def get(self, daemon_id: str, number: int) -> Task | None:
        """Return a task."""

    async def find(self, query: TaskQuery) -> Page[Task]:
        """Return tasks, newest first."""

    async def list_results(self, daemon_id: str, number: int) -> list[KeptResult]:
        """Return what came for a task and was not applied, oldest first."""

    async def cancel(self, daemon_id: str, number: int, by: str) -> Task | None:
        """End a waiting task; of one that a daemon has, keep the wish. Returns it as it is now, None if unknown."""

    async def reassign(self, daemon_id: str, number: int, by: str) -> Task | None:
        """Offer an open task again under a new attempt, which fences off whatever still comes of the one before."""

    async def tidy(self, kept: timedelta, limit: int, results_kept: timedelta | None = None) -> int:
        """End what expired, what was offered too often and what was cancelled; forget what ended before `kept`.

        Results that were not applied are forgotten after `results_kept`, if it is given.

        Returns how many tasks it touched, at most about `limit`; call again until it is 0.
        """

    async def cut_results(self, most: int, limit: int) -> int:
        """Forget the oldest results that were not applied of each daemon that has more than `most`.

        Returns how many went, at most about `limit` of each; call again until it is 0.
        """


class DaemonChange(NamedTuple):
    """What shall be otherwise, None as it was; with a `version` only if the daemon still has that one."""

    name: str | None = None
    labels: Mapping[str, str] | None = None
    state: DaemonState | None = None
    version: int | None = None


class DaemonStore(Protocol):
    """Daemons, their tokens and what they say of themselves."""

    async def add(self, name: str, digest: str, labels: Mapping[str, str], by: str) -> Daemon:
        """Add a level-0 daemon with a key of its own; raises `NameTaken`."""

    async def find_by_token(self, digest: str) -> tuple[Daemon, bool] | None:
        """Return whose token it is, and whether it is past its life; None if it never was or was ended.

        The first use of a successor ends the token before it.
        """

    async def renew_token(self, daemon_id: str, old: str, new: str, life: timedelta) -> bool:
        """Let a new token be valid beside the old one until it is used; False if the old one no longer is."""

    async def touch(self, seen: Mapping[str, Sighting], level: int) -> set[str]:
        """Note who came last as which instance; returns those of whom two instances come by turns.

        An instance that was seen before another took its place, and is only told of now, has not come back.
        """

    async def choose_instance(self, daemon_id: str, by: str) -> Daemon | None:
        """End a conflict of instances: the next one to come is the daemon."""

    async def keep_inventory(self, daemon_id: str, inventory: Mapping[str, Any]) -> None:
        """Keep the newest inventory."""

    async def keep_health(self, daemon_id: str, health: str) -> None:
        """Keep how a heartbeat says the daemon is."""

    async def get(self, daemon_id: str) -> Daemon | None:
        """Return a daemon by id."""

    async def get_by_name(self, name: str) -> Daemon | None:
        """Return the one that is not revoked and has this name, in whatever letters."""

    async def find(self, cursor: str | None, limit: int, labels: Collection[tuple[str, str]] = ()) -> Page[Daemon]:
        """Return those that have all these labels by name, the revoked ones too, without their inventories."""

    async def count(self, within: timedelta) -> int:
        """Return how many came within this time."""

    async def change(self, daemon_id: str, change: DaemonChange, by: str) -> Daemon | None:
        """Change what is given; raises `NameTaken`, `VersionChanged`. A revoked daemon's tokens end at once."""


class Arrival(NamedTuple):
    """A daemon that wants to come in; `token` is the digest of what it shall be known by for `life`."""

    name: str
    facts: Mapping[str, Any]
    token: str
    life: timedelta


class CodeStore(Protocol):
    """Enrolment codes."""

    async def add(self, code: Code, digest: str) -> None:
        """Keep a new one."""

    async def redeem(self, digest: str, arrival: Arrival) -> Daemon | None:
        """Use a code once and return the daemon it made, active with that token, or still waiting for approval.

        None if the code is spent, expired, unknown or revoked. The same code and name again are the same daemon while
        it waits, and get their token once it is approved.
        """

    async def find(self) -> list[Code]:
        """Return those that can still be used."""

    async def revoke(self, code_id: str, by: str) -> bool:
        """End one; False if there is none."""

    async def forget(self, kept: timedelta, limit: int) -> int:
        """Forget codes and daemons' tokens that ended so long ago, and failed logins of yesterday.

        Returns how many went, at most about `limit`; call again until it is 0.
        """


EVERY: Final = "*"
"""Instead of a token's id: a hash that is new and a password that is not end none."""


class AccessStore(Protocol):
    """Operators: users, their tokens, and failures to log in."""

    async def add_user(self, user: User, password: str | None, by: str) -> None:
        """Keep a new user with the hash of a password; raises `NameTaken`."""

    async def get_user(self, name: str) -> tuple[User, str | None] | None:
        """Return a user and the hash of the password."""

    async def list_users(self) -> list[User]:
        """Return all of them by name."""

    async def change_user(self, user: User, password: str | None, by: str, spared: str | None = None) -> User | None:
        """Replace role, scope, disabling, and the hash if given; raises `VersionChanged`, `LastAdministrator`.

        A new hash ends the user's tokens, but for the one with the id `spared`, or `EVERY` one.
        """

    async def remove_user(self, name: str, by: str) -> bool:
        """Remove a user with all tokens; raises `LastAdministrator`."""

    async def add_token(self, token: Token, digest: str, by: str) -> None:
        """Keep a new token."""

    async def find_token(self, digest: str) -> tuple[Token, User] | None:
        """Return a token that is valid now with its user."""

    async def list_tokens(self, user: str | None) -> list[Token]:
        """Return the valid ones of a user, or of all."""

    async def revoke_token(self, token_id: str, by: str) -> bool:
        """End one; False if there is none."""

    async def note_failure(self, keys: Collection[str]) -> None:
        """Count a failed login for an account and a network."""

    async def count_failures(self, keys: Collection[str], within: timedelta) -> dict[str, tuple[int, datetime]]:
        """Return how many there were, and when the last."""

    async def forget_failures(self, keys: Collection[str]) -> None:
        """Forget them after a success."""


class RegisterStore(Protocol):
    """What belongs to the server as a whole: settings, audit log, what was made by requests that may be repeated."""

    async def list_settings(self) -> dict[str, str]:
        """Return all of them as texts by name, `epoch` and their `version` among them."""

    async def change_settings(self, changes: Mapping[str, str], version: int | None, by: str) -> dict[str, str]:
        """Change some and return all; with a `version` only if they still have that one, else `VersionChanged`."""

    async def get_epoch(self) -> str:
        """Return the epoch, made when it is asked for first."""

    async def begin_epoch(self, by: str) -> str:
        """Make a new epoch and return it: the store is an older copy of itself."""

    async def list_audit(self, cursor: str | None, limit: int) -> Page[AuditEntry]:
        """Return entries, newest first."""

    async def chain_audit(self) -> None:
        """Give the entries of what was done meanwhile their numbers and sums."""

    async def check_audit(self) -> int | None:
        """Return the number of the first entry whose sum is wrong or that is missing, None if all are right."""

    async def cut_audit(self, kept: timedelta, limit: int) -> int:
        """Forget the oldest entries if they are older; returns how many, at most `limit`: call again until it is 0."""

    async def get_audit_cut(self) -> int:
        """Return the number of the last entry that was forgotten, 0 if none was."""

    async def find_made(self, actor: str, key: Key) -> list[tuple[str, int]] | None:
        """Return the daemons and numbers of the tasks made under a key, None if it is new; raises `KeyReused`."""


class Store(Protocol):
    """All that the task server keeps."""

    tasks: TaskStore
    daemons: DaemonStore
    codes: CodeStore
    access: AccessStore
    register: RegisterStore
