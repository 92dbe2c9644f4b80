"""What a service manager reads to start the daemon: texts made of paths and a name; writes and starts nothing."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

STOP_SECONDS: Final = 15
WATCHDOG_SECONDS: Final = 120
ROUND_MINUTES: Final = 5
_HOMES = ("/home/", "/root/", "/run/user/")


class Daemon(NamedTuple):
    """The daemon to be started: its name, program with arguments, configuration, the folders it writes to.

    `user` is who it runs as, None for whom the manager takes; `credentials` are names of systemd credentials, and
    `read_paths` what it has to read besides: where a home folder lies in one, homes cannot be hidden from it.
    """

    name: str
    program: tuple[str, ...]
    config: str
    write_paths: tuple[str, ...]
    read_paths: tuple[str, ...] = ()
    user: str | None = None
    credentials: tuple[str, ...] = ()

    @property
    def unit(self) -> str:
        """The name of its unit."""
        return f"duplicati-daemon-{self.name}"

    def command(self, verb: str, *options: str) -> list[str]:
        """Return the words of a command line."""
        return [*self.program, "daemon", verb, "--config", self.config, *options]


_ANYWHERE = """\
NoNewPrivileges=yes
UMask=0077
LimitCORE=0
MemoryMax=256M
LockPersonality=yes
MemoryDenyWriteExecute=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
"""
_SYSTEM_ALONE = """\
CapabilityBoundingSet=
PrivateDevices=yes
PrivateTmp=yes
ProcSubset=pid
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
ProtectSystem=strict
RemoveIPC=yes
RestrictNamespaces=yes
"""


def write_unit(daemon: Daemon, *, is_system: bool) -> str:
    """Return the unit of systemd that keeps the daemon running, with what it does not need taken from it."""
    user = f"User={daemon.user}\n" if is_system and daemon.user else ""
    return (
        _head(f"Duplicati daemon {daemon.name}", is_system=is_system)
        + f"[Service]\nType=notify\n{user}ExecStart={_write_words(daemon.command('run'))}\n"
        + "ExecReload=/bin/kill -HUP $MAINPID\n"
        + "Restart=on-failure\nRestartSec=10\nRestartPreventExitStatus=75 78\n"
        + f"WatchdogSec={WATCHDOG_SECONDS}\nTimeoutStopSec={STOP_SECONDS}\nKillMode=mixed\n"
        + _write_hardening(daemon, is_system=is_system)
        + f"\n[Install]\nWantedBy={'multi-user' if is_system else 'default'}.target\n"
    )


def write_round(daemon: Daemon, *, is_system: bool) -> str:
    """Return the unit of one round, for `write_timer`."""
    user = f"User={daemon.user}\n" if is_system and daemon.user else ""
    command = daemon.command("once", "--max-duration", f"{ROUND_MINUTES - 1}m", "--skip-if-running")
    return (
        _head(f"One round of the Duplicati daemon {daemon.name}", is_system=is_system)
        + f"[Service]\nType=oneshot\n{user}ExecStart={_write_words(command)}\n"
        + _write_hardening(daemon, is_system=is_system)
    )


def write_timer(daemon: Daemon) -> str:
    """Return the timer that starts a round every few minutes, not all machines' at the same second."""
    return (
        f"[Unit]\nDescription=Rounds of the Duplicati daemon {daemon.name}\n\n"
        f"[Timer]\nOnBootSec=1min\nOnUnitInactiveSec={ROUND_MINUTES}min\nRandomizedDelaySec=30\n\n"
        "[Install]\nWantedBy=timers.target\n"
    )


def write_cron(daemon: Daemon) -> str:
    """Return the line of a crontab. It is silent while all is well, so that cron sends no mail."""
    words = daemon.command("once", "--max-duration", f"{ROUND_MINUTES - 1}m", "--skip-if-running", "--quiet")
    return f"*/{ROUND_MINUTES} * * * * " + shlex.join(words).replace("%", "\\%") + "\n"


def write_plist(daemon: Daemon) -> bytes:
    """Return what launchd reads."""
    import plistlib  # noqa: PLC0415 - macOS only

    return plistlib.dumps(
        {
            "Label": daemon.unit,
            "ProgramArguments": daemon.command("run"),
            "RunAtLoad": True,
            "KeepAlive": {"SuccessfulExit": False},
            "ThrottleInterval": 10,
            "ExitTimeOut": STOP_SECONDS,
            "Umask": 0o077,
            "ProcessType": "Background",
        }
    )


def write_task(daemon: Daemon) -> str:
    """Return what the Windows Task Scheduler reads: from the start of the machine on, again after a failure."""
    from subprocess import list2cmdline  # noqa: PLC0415 - Windows only
    from xml.sax.saxutils import escape  # noqa: PLC0415

    program, *arguments = daemon.command("run")
    return (
        '<?xml version="1.0" encoding="UTF-16"?>\n'
        '<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">\n'
        "  <Triggers><BootTrigger><Enabled>true</Enabled></BootTrigger></Triggers>\n"
        "  <Settings>\n"
        "    <RestartOnFailure><Interval>PT1M</Interval><Count>255</Count></RestartOnFailure>\n"
        "    <ExecutionTimeLimit>PT0S</ExecutionTimeLimit>\n"
        "    <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>\n"
        "    <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>\n"
        "    <StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>\n"
        "  </Settings>\n"
        f"  <Actions><Exec><Command>{escape(program)}</Command>"
        f"<Arguments>{escape(list2cmdline(arguments))}</Arguments></Exec></Actions>\n"
        "</Task>\n"
    )


def _head(description: str, *, is_system: bool) -> str:
    network = "Wants=network-online.target\nAfter=network-online.target\n" if is_system else ""
    return f"[Unit]\nDescription={description}\n{network}\n"


def _write_hardening(daemon: Daemon, *, is_system: bool) -> str:
    credentials = "".join(f"LoadCredential={name}\n" for name in daemon.credentials)
    if not is_system:
        return credentials + _ANYWHERE
    is_at_home = any(f"{path}/".startswith(_HOMES) for path in (*daemon.write_paths, *daemon.read_paths))
    homes = "read-only" if is_at_home else "yes"
    paths = "".join(f"ReadWritePaths={_quote(path)}\n" for path in daemon.write_paths)
    return f"{credentials}{_ANYWHERE}{_SYSTEM_ALONE}ProtectHome={homes}\n{paths}"


def _write_words(words: Sequence[str]) -> str:
    return " ".join(_quote(word) for word in words)


def _quote(word: str) -> str:
    """Write a word as systemd reads it: in quotes, and without what it would replace."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{escaped}"' if any(c.isspace() or c in "'\";\\" for c in word) else escaped
