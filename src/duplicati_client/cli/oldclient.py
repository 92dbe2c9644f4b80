"""What commands of the programs before this one are called here, as data: for the hint, and for the page about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from .verbs import VERBS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_SERVER_PAGE = "the server's own web page"


class Row(NamedTuple):
    """A command as it was, without its program; ours that does the same, None if there is none; and what differs.

    Capitals stand for what a person puts in.
    """

    old: str
    ours: str | None
    remark: str = ""

    @property
    def literals(self) -> frozenset[str]:
        """The words of the old command that stand for themselves."""
        return frozenset(word for word in self.old.split() if not word.isupper())


OLD_CLIENT = (
    Row("login URL", "login URL"),
    Row("login --password PASSWORD", "login URL --password-file FILE", "a password is never an option's value"),
    Row("login --basic-user NAME", "login URL --header-file FILE", "with Authorization=Basic …; server 2.0 only"),
    Row("login --basic-pass PASSWORD", "login URL --header-file FILE", "with Authorization=Basic …; server 2.0 only"),
    Row("login --insecure", "login URL --pin SHA256", "--insecure holds for one call; a pin is remembered"),
    Row("login --certfile FILE", "login URL --ca-file FILE"),
    Row("login --script", "login URL --password-stdin", "nothing ever asks without a terminal"),
    Row("logout", "logout", "also ends the session on the server"),
    Row("status", "status"),
    Row("version", "--version"),
    Row("config", "config"),
    Row("config --overwrite", "config remove CONTEXT", "there is nothing to repair; see duplicati list contexts"),
    Row("daemon", None, "duplicati run from cron or a systemd timer; the old client never had it finished"),
    Row("verbose", "config set verbose true", "or --verbose with one command"),
    Row("verbose enable", "config set verbose true"),
    Row("verbose disable", "config set verbose false"),
    Row("precise", "list backups --output json", "machine formats have whole times, tables short ones"),
    Row("precise enable", "list backups --output json", "machine formats have whole times, tables short ones"),
    Row("precise disable", "list backups", "tables have short times"),
    Row("params FILE", "login --params FILE", "a context remembers what the file said"),
    Row("params --show", "config explain", "where each value comes from"),
    Row("params --disable", "config", "there is no such file; a context holds its values"),
    Row("list backups", "list backups"),
    Row("list databases", "get backup BACKUP --output json", "DBPath is the local database"),
    Row("list restores", "list tasks"),
    Row("list notifications", "list notifications"),
    Row("list serversettings", "list settings"),
    Row("list systeminfo", "status"),
    Row("list TYPE --output json", "list TYPE --output json", "another shape: docs/reference/output.md"),
    Row("get backup ID", "get backup ID", "one at a time, the server's own JSON; short: list backups ID"),
    Row("get notification ID", "get notification ID"),
    Row("describe backup ID", "describe backup ID"),
    Row("describe notification ID", "get notification ID"),
    Row("run ID", "run ID", "a name does as well; --wait follows it to its end"),
    Row("abort ID", "abort ID"),
    Row("pause", "pause"),
    Row("pause --duration DURATION", "pause DURATION"),
    Row("resume", "resume"),
    Row("repair ID", "repair ID"),
    Row("vacuum ID", "vacuum ID"),
    Row("verify ID", "verify ID"),
    Row("compact ID", "compact ID"),
    Row("dismiss ID", "dismiss ID"),
    Row("dismiss all", "dismiss all"),
    Row("logs backup --id ID", "logs ID"),
    Row("logs backup --remote", None, "the log of remote operations is on " + _SERVER_PAGE),
    Row("logs stored", "logs"),
    Row("logs profiling", "logs --follow --level Profiling"),
    Row("logs information", "logs --follow --level Information"),
    Row("logs warning", "logs --follow --level Warning"),
    Row("logs error", "logs --follow --level Error"),
    Row("logs TYPE --follow", "logs --follow"),
    Row("logs TYPE --lines N", "logs --lines N"),
    Row("logs TYPE --all", "logs --lines 1000"),
    Row("set password", None, f"{_SERVER_PAGE}, or duplicati-server-util change-password"),
    Row("set password --disable", None, f"{_SERVER_PAGE}; a server from 2.1 on always has a password"),
    Row("create backup FILE", None, f"import the file on {_SERVER_PAGE}, or duplicati-server-util import"),
    Row("update backup ID FILE", "edit ID --from FILE", "FILE is a text that duplicati edit has shown"),
    Row("update backup ID --strip-metadata", "edit ID", "metadata is never sent"),
    Row("delete backup ID", None, f"{_SERVER_PAGE}, which asks about the data too, or duplicati-server-util delete"),
    Row("delete notification ID", "dismiss ID"),
    Row("delete database ID", None, f"delete it on {_SERVER_PAGE}; then duplicati repair BACKUP rebuilds it"),
    Row("export ID", None, f"{_SERVER_PAGE}, or duplicati-server-util export; to look at it: duplicati get backup"),
)

SERVER_UTIL = (
    Row("pause DURATION", "pause DURATION"),
    Row("resume", "resume"),
    Row("list-backups", "list backups"),
    Row("list-backups --detailed", "list backups --output yaml"),
    Row("run BACKUP", "run BACKUP"),
    Row("run BACKUP --wait", "run BACKUP --wait", "the status tells a failed run in every release"),
    Row("run BACKUP --skip-queue", "run BACKUP --skip-queue"),
    Row("run BACKUP --poll-interval SECONDS", "run BACKUP --wait", "follows live"),
    Row("login", "login URL", "it can log in by the server's database; here a password or token is needed"),
    Row("logout", "logout", "its own leaves the session alive on the server"),
    Row("change-password", None, "duplicati-server-util change-password; it ends no session"),
    Row("import FILE", None, "duplicati-server-util import"),
    Row("export BACKUP", None, "duplicati-server-util export"),
    Row("health", "doctor", "goes through all layers, and says which one refuses"),
    Row(
        "issue-forever-token", None, "duplicati-server-util issue-forever-token; DUPLICATI_CLIENT_FOREVER_TOKEN uses it"
    ),
    Row("status", "status"),
    Row("delete BACKUP", None, "duplicati-server-util delete"),
    Row("--hosturl URL", "status --server URL"),
    Row("--password PASSWORD", "status --password-file FILE"),
    Row("--insecure", "status --insecure"),
    Row("--host-cert SHA1", "status --pin SHA256", "a SHA-256, of one certificate"),
    Row("--settings-file FILE", "config", "DUPLICATI_CLIENT_CONFIG names another file"),
    Row("--secret-provider URL", "login URL --keyring"),
    Row("--json", "status --output json"),
)


def find_hint(arguments: Sequence[str]) -> str | None:
    """Return what to type in place of a command that only an older program had, None if it was none of theirs."""
    typed = {word.partition("=")[0].lower() for word in arguments}
    found = [row for row in (*OLD_CLIENT, *SERVER_UTIL) if row.literals <= typed and _is_of_old(row)]
    best = max(found, key=lambda row: len(row.literals), default=None)
    return _tell(best, arguments) if best is not None else None


def old_options() -> frozenset[str]:
    """Return the options that older programs had, as far as they are told of."""
    return frozenset(word for row in (*OLD_CLIENT, *SERVER_UTIL) for word in row.literals if word.startswith("--"))


def make_table(rows: Iterable[Row], title: str) -> str:
    """Return the rows as a Markdown table."""
    lines = [f"| {title} | here | |", "|---|---|---|"]
    lines += [
        f"| `{row.old}` | {f'`duplicati {row.ours}`' if row.ours else 'not here'} | {row.remark} |" for row in rows
    ]
    return "\n".join(lines) + "\n"


def _is_of_old(row: Row) -> bool:
    """Say whether a command is told apart from any of ours: by its verb, or by more than a verb that both have."""
    first = row.old.split()[0]
    if first not in VERBS and not first.startswith("-"):
        return True
    return bool(row.literals - set(VERBS)) and not row.literals <= frozenset((row.ours or "").split())


def _tell(row: Row, arguments: Sequence[str]) -> str:
    if row.ours is None:
        return row.remark
    ours = _fill_in(row, row.ours, arguments)
    ours = ours.partition(" ")[2] if row.old.startswith("--") else f"duplicati {ours}"
    return ours + (f" ({row.remark})" if row.remark else "")


def _fill_in(row: Row, ours: str, arguments: Sequence[str]) -> str:
    """Put what was typed in place of the same word in capitals; a password has no such word in ours."""
    from shlex import quote  # noqa: PLC0415 - only mistakes need it

    open_words = [word for word in row.old.split() if word.isupper()]
    typed = [word for word in arguments if word.lower() not in row.literals]
    values = dict(zip(open_words, typed, strict=True)) if len(open_words) == len(typed) else {}
    return " ".join(quote(values[word]) if word in values else word for word in ours.split())
