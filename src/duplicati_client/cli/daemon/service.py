"""`daemon service`: lets systemd, launchd or the Windows Task Scheduler start the daemon; or prints what cron needs."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, NamedTuple

from ... import errors
from ..daemonoptions import CONFIG, find_config_file
from ..options import Option
from ..output.pages import Field, Page, Section
from ..program import PROGRAM
from ..verbs import Verb
from ..words import take_one

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...daemon.config import DaemonConfig
    from ..call import Call
    from .units import Daemon

VERB = Verb(
    "daemon service",
    "daemon service install|uninstall|status [options]",
    "Let the system start the daemon and keep it running: systemd with what the daemon does not need taken away from "
    "it, launchd on macOS, the Task Scheduler on Windows.",
    (
        ("install", "write what the service manager reads, enable and start it"),
        ("uninstall", "stop it and remove that again; configuration and state folder stay"),
        ("status", "whether it is installed, and runs"),
    ),
    (
        CONFIG,
        Option("user", "as a service of this user, which systemd runs while the user is logged in", "flag", places="o"),
        Option(
            "run-as", "the account of a service of the system; without it the owner of the state folder", places="o"
        ),
        Option("cron", "print a line for cron and a timer for systemd instead, for rounds", "flag", places="o"),
        Option("dry-run", "only show what would be written and called", "flag", places="o"),
    ),
    (
        ("sudo duplicati daemon service install --config /etc/duplicati-client/daemon.toml", "for the system"),
        ("duplicati daemon service install --user --dry-run", "what would be written for this user"),
        ("duplicati daemon service install --cron", "rounds instead of a process that stays"),
    ),
    (0, 64, 73, 75, 78),
)


class Plan(NamedTuple):
    """A file for a service manager, and the commands that make it count and forget it."""

    path: str
    content: bytes
    after_writing: tuple[tuple[str, ...], ...]
    before_removal: tuple[tuple[str, ...], ...]
    after_removal: tuple[tuple[str, ...], ...]
    asking: tuple[str, ...]


def perform(call: Call) -> int:
    """Do what the word says."""
    from ...daemon.config import load  # noqa: PLC0415 - not for --help

    deed = take_one(call.words, "word", VERB.usage)
    if deed not in ("install", "uninstall", "status"):
        raise errors.UsageInvalid(f"a service cannot be told to {deed}", hint=f"duplicati {VERB.usage}")
    config = load(find_config_file(call))
    is_system = not call.flag("user") and _is_root()
    daemon = _describe(call, config, is_system=is_system)
    if call.flag("cron"):
        return _print_cron(call, daemon, is_system=is_system)
    plan = make_plan(daemon, sys.platform, os.path.expanduser("~"), is_system=is_system)
    if deed == "status":
        return _show(call, plan)
    if deed == "uninstall":
        return _uninstall(call, plan)
    if is_system and not call.flag("dry_run"):
        check_state_folder(config.state_folder)
    return _install(call, plan)


def check_state_folder(path: str) -> None:
    """Raise `ConfigurationInvalid` unless it is there: a service of the system may write into it, and not beside it."""
    if not os.path.isdir(path):
        what = f"there is no state folder {path} yet, and the service could not make it"
        raise errors.ConfigurationInvalid(what, hint="duplicati daemon check makes it, for the user who runs that")


def make_plan(daemon: Daemon, platform: str, home: str, *, is_system: bool) -> Plan:
    """Return what is to be done on a platform, as `sys.platform` names it."""
    if platform == "darwin":
        return _plan_launchd(daemon, home, is_system=is_system)
    if platform == "win32":
        return _plan_task(daemon, home)
    return _plan_systemd(daemon, home, is_system=is_system)


def _plan_systemd(daemon: Daemon, home: str, *, is_system: bool) -> Plan:
    from .units import write_unit  # noqa: PLC0415 - not for --help

    folder = "/etc/systemd/system" if is_system else os.path.join(home, ".config/systemd/user")
    control = ("systemctl",) if is_system else ("systemctl", "--user")
    unit = f"{daemon.unit}.service"
    return Plan(
        path=f"{folder}/{unit}",
        content=write_unit(daemon, is_system=is_system).encode(),
        after_writing=((*control, "daemon-reload"), (*control, "enable", "--now", unit)),
        before_removal=((*control, "disable", "--now", unit),),
        after_removal=((*control, "daemon-reload"),),
        asking=(*control, "is-active", unit),
    )


def _plan_launchd(daemon: Daemon, home: str, *, is_system: bool) -> Plan:
    from .units import write_plist  # noqa: PLC0415 - not for --help

    folder = "/Library/LaunchDaemons" if is_system else os.path.join(home, "Library/LaunchAgents")
    domain = "system" if is_system else f"gui/{os.getuid()}"
    path = f"{folder}/{daemon.unit}.plist"
    return Plan(
        path=path,
        content=write_plist(daemon),
        after_writing=(("launchctl", "bootstrap", domain, path),),
        before_removal=(("launchctl", "bootout", f"{domain}/{daemon.unit}"),),
        after_removal=(),
        asking=("launchctl", "print", f"{domain}/{daemon.unit}"),
    )


def _plan_task(daemon: Daemon, home: str) -> Plan:
    from .units import write_task  # noqa: PLC0415 - not for --help

    path = os.path.join(os.path.dirname(daemon.config), f"{daemon.unit}.xml")
    named = ("/TN", daemon.unit)
    return Plan(
        path=path,
        content=write_task(daemon).encode("utf-16"),
        after_writing=(
            ("schtasks", "/Create", *named, "/XML", path, "/RU", "SYSTEM", "/F"),
            ("schtasks", "/Run", *named),
        ),
        before_removal=(("schtasks", "/End", *named), ("schtasks", "/Delete", *named, "/F")),
        after_removal=(),
        asking=("schtasks", "/Query", *named),
    )


def _describe(call: Call, config: DaemonConfig, *, is_system: bool) -> Daemon:
    from .units import Daemon  # noqa: PLC0415 - not for --help

    servers = config.servers.values()
    renewed = [config.task_server.token_file, *filter(None, (server.session_file for server in servers))]
    beside = sorted({os.path.dirname(path) for path in renewed})
    outside = [folder for folder in beside if os.path.commonpath([config.state_folder, folder]) != config.state_folder]
    passwords = [server.password_file for server in servers if server.password_file]
    return Daemon(
        name=config.name,
        program=find_program(),
        config=config.path,
        write_paths=(config.state_folder, *outside),
        read_paths=(config.path, config.policy_file, *passwords, sys.prefix, *find_program()),
        user=(call.value("run_as") or _find_owner(config.state_folder)) if is_system else None,
        credentials=tuple(sorted({server.credential for server in servers if server.credential})),
    )


def find_program() -> tuple[str, ...]:
    """Return how this program is called from anywhere: its script, or its module where there is none."""
    script = os.path.abspath(sys.argv[0])
    if os.path.basename(script).startswith(("duplicati", "duc")) and os.access(script, os.X_OK):
        return (script,)
    return PROGRAM


def _find_owner(folder: str) -> str | None:
    if sys.platform == "win32":
        return None
    import pwd  # noqa: PLC0415 - not on Windows

    try:
        return pwd.getpwuid(os.stat(folder).st_uid).pw_name
    except (OSError, KeyError):
        return None


def _is_root() -> bool:
    return sys.platform == "win32" or os.geteuid() == 0


def _print_cron(call: Call, daemon: Daemon, *, is_system: bool) -> int:
    from .units import write_cron, write_round, write_timer  # noqa: PLC0415 - not for --help

    call.console.write(
        f"# A line for crontab -e:\n{write_cron(daemon)}\n"
        f"# Or, for systemd, {daemon.unit}-round.service:\n{write_round(daemon, is_system=is_system)}\n"
        f"# and {daemon.unit}-round.timer:\n{write_timer(daemon)}"
    )
    return 0


def _install(call: Call, plan: Plan) -> int:
    if call.flag("dry_run"):
        text = plan.content.decode("utf-16" if plan.content[:2] == b"\xff\xfe" else "utf-8")
        call.console.write(f"# {plan.path}\n{text}\n" + _write_commands(plan.after_writing))
        return 0
    was_there = os.path.exists(plan.path)
    try:
        os.makedirs(os.path.dirname(plan.path), exist_ok=True)
        with open(plan.path, "wb") as file:
            file.write(plan.content)
    except OSError as exc:
        raise errors.CannotCreate(
            f"{plan.path} cannot be written: {exc.strerror}", hint="sudo, or --user for a service of your own"
        ) from exc
    first, *others = plan.after_writing
    if not was_there and not _has_run(call, first):
        os.remove(plan.path)
        hint = "is there such a service manager here? --cron prints what cron needs instead"
        raise errors.Busy(f"{' '.join(first)} has failed, so that nothing is installed", hint=hint)
    _run_all(call, [first, *others] if was_there else others)
    call.console.say(f"installed as {plan.path}; how it is: duplicati daemon status")
    return 0


def _uninstall(call: Call, plan: Plan) -> int:
    if call.flag("dry_run"):
        call.console.write(
            _write_commands(plan.before_removal) + f"rm {plan.path}\n" + _write_commands(plan.after_removal)
        )
        return 0
    if not os.path.exists(plan.path):
        call.console.say(f"it is not installed: there is no {plan.path}")
        return 0
    _run_all(call, plan.before_removal)
    try:
        os.remove(plan.path)
    except OSError as exc:
        raise errors.CannotCreate(f"{plan.path} cannot be removed: {exc.strerror}", hint="sudo") from exc
    _run_all(call, plan.after_removal)
    call.console.say(f"removed: {plan.path}")
    return 0


def _show(call: Call, plan: Plan) -> int:
    from ..asking import make_printer  # noqa: PLC0415 - only this word prints a page

    is_installed = os.path.exists(plan.path)
    is_active = is_installed and _run(plan.asking) == 0
    item = {"path": plan.path, "is_installed": is_installed, "is_active": is_active}
    fields = [Field("file", plan.path), Field("installed", "yes" if is_installed else "no")]
    fields.append(Field("running", "yes" if is_active else "no"))
    make_printer(call).print_page(Page("service", item, [Section("", fields)]))
    return 0 if is_active else 75


def _write_commands(commands: Sequence[Sequence[str]]) -> str:
    import shlex  # noqa: PLC0415 - only to be shown

    return "".join(f"{shlex.join(command)}\n" for command in commands)


def _run_all(call: Call, commands: Sequence[Sequence[str]]) -> None:
    for command in commands:
        if not _has_run(call, command):
            raise errors.Busy(f"{' '.join(command)} has failed", hint="--dry-run shows each step, to take it by hand")


def _has_run(call: Call, command: Sequence[str]) -> bool:
    call.console.detail(" ".join(command))
    return _run(command) == 0


def _run(command: Sequence[str]) -> int | None:
    """Return a command's exit status, None where there is no such program."""
    import subprocess  # noqa: PLC0415 - only a service manager is called

    try:
        return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=False).returncode  # noqa: S603 - our own words
    except OSError:
        return None
