"""Looks at the far ends of a daemon: its task server, of which no task is taken, and its Duplicati servers."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ... import errors
from ...daemon import control
from ...daemon.answers import Away, CredentialRefused
from ...daemon.health import SKEW_SECONDS, Connection
from ...daemon.link import Link, open_link, open_transport
from ...daemon.servers import open_server, read_password
from ...operations import doctor
from ...operations.doctor.encryption import describe
from ...operations.list import list_backups
from .proofs import Proof, refuse

if TYPE_CHECKING:
    from ...daemon.config import DaemonConfig, Server
    from ...daemon.storage import PathFolder
    from ...operations.doctor import Report
    from ...sdk.client import Duplicati

_TASK_SERVER = "task server"
_SOON_DAYS = 21
_LOOK_SECONDS = 10.0
_SAME_SECONDS = 2.0  # a Date has whole seconds, and takes a while to come
_STATUSES = {Connection.AWAY: 69, Connection.CONFLICT: 75, Connection.NOT_UNDERSTOOD: 76, Connection.REFUSED: 77}


def look_at_task_server(config: DaemonConfig, folder: PathFolder) -> list[Proof]:
    """Ask once whether there are tasks; whoever calls holds the state folder, so no daemon of this name runs here."""
    link = open_link(config, folder, lambda: datetime.now(UTC), _hear_nothing)
    try:
        has_tasks = link.poll().has_tasks
        certificate = _find_certificate(config)
    except errors.DuplicatiClientError as exc:
        return [_refuse_task_server(config, link, exc), Proof("clock", "not-reached", "not looked at")]
    finally:
        link.close()
    return [_tell_task_server(link, certificate, has_tasks=has_tasks), _tell_clock(link.clock_offset_seconds)]


def _refuse_task_server(config: DaemonConfig, link: Link, exc: errors.DuplicatiClientError) -> Proof:
    if isinstance(exc, CredentialRefused) and link.identity.token is None:
        message = f"{link.address} wants a token, and there is none yet"
        place = config.task_server.token_file
        hint = f"duplicati daemon enrol CODE@URL --config {config.path}, or put the token into {place}"
        return refuse(_TASK_SERVER, exc, message, hint)
    is_usual = isinstance(exc, Away) and exc.hint == Away.default_hint  # which names this very command
    hint = f"is it on, and is that its address? duplicati doctor {link.address} looks at each step of the way"
    return refuse(_TASK_SERVER, exc, hint=hint if is_usual else None)


def ask_daemon(config: DaemonConfig) -> list[Proof]:
    """Ask the daemon that runs: if this process asked the task server itself, it would be taken for a second one."""
    snapshot = control.ask(config.state_folder, "status")
    if snapshot is None:
        message = "not asked: a daemon runs, and does not say how it is"
        return [Proof(_TASK_SERVER, "skipped", message), Proof("clock", "skipped", "not looked at")]
    contact = snapshot["task_server"]
    told = f"{contact['url']}: the running daemon is {contact['state']}"
    if contact["state"] == Connection.CONNECTED:
        proof = Proof(_TASK_SERVER, "ok", f"{told}, level {contact['level']}")
    elif contact["state"] == Connection.UNKNOWN:
        proof = Proof(_TASK_SERVER, "skipped", f"{contact['url']}: the running daemon has not asked it yet")
    else:
        why = contact["message"] or told
        proof = Proof(_TASK_SERVER, "refused", why, contact["state"], contact["hint"], _STATUSES[contact["state"]])
    return [proof, _tell_clock(snapshot["clock_offset_seconds"])]


def look_at_server(config: DaemonConfig, server: Server, environ: Mapping[str, str]) -> list[Proof]:
    """Reach a server, log in as the daemon will, and list its backups."""
    subject = f"server {server.alias}"
    is_blind = server.credential is not None and not environ.get("CREDENTIALS_DIRECTORY")
    told = server._replace(credential=None) if is_blind else server
    with open_server(config, told, environ) as opened:
        case = doctor.Case(opened, server.way.connection, is_login_expected=not is_blind)
        report = doctor.examine(case)
        if report.error is not None:
            why = report.error.message
            message = why if server.url in why else f"{server.url}: {why}"
            return [refuse(subject, report.error, message, _advise(report.error, server))]
        if is_blind and opened.session is None:
            message = f"{server.url} answers; its password is a systemd credential, which only the service gets"
            return [Proof(subject, "warning", message, "login-not-tried", "duplicati daemon status, once it runs")]
        return [_tell_server(server, report, opened, environ)]


def _tell_server(server: Server, report: Report, opened: Duplicati, environ: Mapping[str, str]) -> Proof:
    subject = f"server {server.alias}"
    try:
        count = len(list_backups(opened))
    except errors.DuplicatiClientError as exc:
        message = f"{server.url} does not list its backups: {exc.message}"
        return refuse(subject, exc, message, _advise(exc, server))
    steps = {step.layer: step for step in report.steps}
    version = steps["release"].evidence.get("version", "of an unknown release")
    told = f"{server.url}: Duplicati {version}; {steps['login'].message}; {count} backups"
    warnings = [(step.code, step.message, step.hint) for step in report.warnings if step.layer != "release"]
    warnings += _look_at_password(server, environ)
    if not warnings:
        return Proof(subject, "ok", told)
    hints = "; ".join(hint for _, _, hint in warnings if hint)
    messages = "; ".join(message for _, message, _ in warnings)
    return Proof(subject, "warning", f"{told}; {messages}", warnings[0][0], hints or None)


def _look_at_password(server: Server, environ: Mapping[str, str]) -> Iterator[tuple[str, str, str | None]]:
    """Find what a living session hides until it ends, and who else may read the password."""
    try:
        read_password(server, environ)
    except errors.ConfigurationInvalid as exc:
        yield exc.code, exc.message, exc.hint
        return
    path = server.password_file
    if path is not None and os.name != "nt" and stat.S_IMODE(os.stat(path).st_mode) & 0o077:
        yield "password-readable", f"others may read {path}", f"chmod 600 {path}"


def _advise(exc: errors.DuplicatiClientError, server: Server) -> str | None:
    """Say in terms of the configuration what helps."""
    table = f"[servers.{server.alias}]"
    if isinstance(exc, errors.LoginMissing):
        return f"name the file with its password as password_file under {table}"
    if isinstance(exc, errors.LoginRefused):
        return f"put its password into {server.password_file or 'the file that its credential comes from'}"
    if isinstance(exc, errors.CertificateRefused) and exc.hint:
        return f"under {table}: {exc.hint.replace('--ca-file', 'ca_file').replace('--pin', 'pin')}"
    return exc.hint


def _tell_task_server(link: Link, certificate: Mapping[str, Any], *, has_tasks: bool) -> Proof:
    parts = [f"{link.address} answers, level {link.level}"]
    if link.level == 0:
        parts.append("the plain protocol, with weaker promises")
    parts.append("the token is accepted" if link.identity.token is not None else "no token is sent, and none is wanted")
    parts.append("tasks wait" if has_tasks else "no task waits")
    if not certificate:
        return Proof(_TASK_SERVER, "ok", "; ".join(parts))
    ends_at = certificate.get("ends_at")
    shown = f" until {ends_at:%Y-%m-%d}" if ends_at else ""
    parts.insert(1, f"{certificate['version']}, certificate of {certificate.get('subject') or 'nobody'}{shown}")
    if ends_at is not None and (ends_at - datetime.now(UTC)).days < _SOON_DAYS:
        hint = "renew it at the task server"
        return Proof(_TASK_SERVER, "warning", "; ".join(parts), "certificate-ends-soon", hint)
    return Proof(_TASK_SERVER, "ok", "; ".join(parts))


def _find_certificate(config: DaemonConfig) -> dict[str, Any]:
    """Return what the task server shows of itself, nothing where TLS is not spoken."""
    if not config.task_server.url.startswith("https:"):
        return {}
    transport = open_transport(config.task_server.way)
    try:
        with transport.open_socket(_LOOK_SECONDS) as found:
            version, shown = getattr(found, "version", None), getattr(found, "getpeercert", None)
            if version is None or shown is None:
                return {}
            return {"version": version(), **describe(shown(binary_form=True) or b"")}
    finally:
        transport.close()


def _tell_clock(offset_seconds: float | None) -> Proof:
    if offset_seconds is None:
        return Proof("clock", "skipped", "the task server does not tell the time")
    if abs(offset_seconds) < _SAME_SECONDS:
        return Proof("clock", "ok", "as the task server's")
    told = f"the task server's is {abs(offset_seconds):.0f} s {'ahead of' if offset_seconds > 0 else 'behind'} this one"
    if abs(offset_seconds) <= SKEW_SECONDS:
        return Proof("clock", "ok", told)
    return Proof("clock", "warning", told, "clock", "set both by a time server: times in tasks go by the clock")


def _hear_nothing(code: str, text: str) -> None:
    """Everything that is to be known is asked for at the end."""
