"""A daemon's configuration as a commented file: every setting explained, those with their usual value left out.

What it writes, `daemon.config` and `daemon.policy` read back as what it was given; it touches no file.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from ...daemon.config import FLOOR_MIB, IN_FLIGHT_COUNT, POLL_SECONDS
from ...daemon.presets import PRESETS
from ..tomltext import write_key, write_value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ...daemon.config import DaemonConfig, Server, Way

_MIB = 1024 * 1024
_SAMPLE_PIN = "0" * 64
_TASK_PROXY = "Go through this proxy; without it through none."
_SERVER_PROXY = 'Go through this proxy, or "none"; without it as the environment says.'
_ABOUT_POLICY = """
[policy]
# What tasks may do on this machine. What neither the preset nor a rule allows is
# refused, and so is what a rule denies. Presets:
"""
_ABOUT_RULES = """
# The zone of days and hours; without it this machine's.
#zone = "Europe/Zurich"

# What becomes of a run that the server has lost by a restart, before it had an effect:
# "rerun" starts it once more, "report" only reports it.
#on_interrupted = "rerun"

# A rule is narrowed down by any of: operations, effects, servers, days, hours,
# backups (3 is an id, "photo*" a name or a pattern), needs and forbids (parameters).
# Which operations there are: duplicati daemon policy show.

# What else is allowed. Deletions are only ever named one by one.
#[[policy.allow]]
#name = "compact at night"
#operations = ["compact", "vacuum"]
#hours = ["22:00-06:00"]

# What is refused, whatever allows it.
#[[policy.deny]]
#name = "hands off the archive"
#operations = ["run", "stop", "abort"]
#backups = ["Archive*"]

# How much is accepted; each says what counts apart: backup, operation or all.
#[[policy.limit]]
#name = "four runs a day"
#operations = ["run"]
#at_most = 4
#per = "day"
#each = "backup"
"""


def write_configuration(config: DaemonConfig, preset: str) -> str:
    """Return the text of a configuration that holds its policy too."""
    servers = [_write_server(server, is_first=at == 0) for at, server in enumerate(config.servers.values())]
    parts = [_write_head(config), _write_task_server(config), *servers, _write_limits(config)]
    return "\n".join("".join(f"{line}\n" for line in part) for part in parts) + _write_policy(preset)


def _write_head(config: DaemonConfig) -> Iterator[str]:
    yield "# A daemon: where its tasks come from, which servers they are for, what they may do."
    yield "# Written by duplicati daemon init. After a change: duplicati daemon check; then"
    yield "# start the daemon anew, or send it SIGHUP if the change is in the policy."
    yield "# No secret belongs in here: name a file that holds it. A path that is not"
    yield "# absolute counts from the folder of this file."
    yield ""
    yield "# What it is called: at the task server once it is enrolled, and as a service."
    yield _set("name", config.name)
    yield ""
    yield "# Where journal, token and sessions are; it is made for the daemon's user alone."
    yield _set("state_folder", config.state_folder)
    yield ""
    yield "# Seconds between two questions for tasks, unless the task server says how many."
    yield _set_unless("poll_seconds", config.poll_seconds, POLL_SECONDS)


def _write_task_server(config: DaemonConfig) -> Iterator[str]:
    told = config.task_server
    usual = os.path.join(config.state_folder, "token")
    yield "[task_server]"
    yield "# Where tasks come from. If the path is what tells daemons apart, it is a secret."
    yield from _write_way(told.way, _TASK_PROXY)
    yield "# The file with the token that lets this daemon in: duplicati daemon enrol writes it."
    yield _set_unless("token_file", told.token_file, usual)
    yield "# Send name and token as HTTP Basic, for a proxy before a plain task server."
    yield _set_or_sample("basic", told.is_basic or None, sample=True)


def _write_server(server: Server, *, is_first: bool) -> Iterator[str]:
    """Explain everything once: the first server's table is the example of the others'."""
    yield f"[servers.{write_key(server.alias)}]"
    if is_first:
        yield "# A Duplicati server, by the name that tasks have for it; more: [servers.NAME]"
    yield from _write_way(server.way, _SERVER_PROXY if is_first else None)
    for key, value, sample, about in (
        ("password_file", server.password_file, "password", "What lets the daemon in: the file with the password,"),
        ("credential", server.credential, "duplicati", "or the systemd credential that holds it,"),
        ("session_file", server.session_file, "session.json", "or the stored login of a context, while that lasts."),
    ):
        yield from _explain(key, value, sample, about if is_first else None)


def _write_way(way: Way, about_proxy: str | None) -> Iterator[str]:
    """Write how an address is reached; without words about the proxy nothing is explained."""
    yield _set("url", way.url)
    for key, value, sample, about in (
        ("allow_http", way.is_plain or None, True, "Let http:// go to another machine, for all on the way to read."),
        ("ca_file", way.ca_file, "authority.pem", "Trust these certificate authorities (PEM) and no others."),
        ("pin", way.pin, _SAMPLE_PIN, "Accept the certificate with this SHA-256 and no other."),
        ("proxy", way.proxy, "http://proxy.example.org:3128", about_proxy),
    ):
        yield from _explain(key, value, sample, about if about_proxy else None)


def _write_limits(config: DaemonConfig) -> Iterator[str]:
    yield "[limits]"
    yield "# How many tasks can be open at a time; the others stay where they are."
    yield _set_unless("in_flight", config.in_flight_count, IN_FLIGHT_COUNT)
    yield "# With fewer MiB free for the state folder no new task is taken; 0: no limit."
    yield _set_unless("free_space_mib", config.floor_bytes // _MIB, FLOOR_MIB)


def _write_policy(preset: str) -> str:
    width = max(map(len, PRESETS))
    presets = "".join(f"#   {name:<{width}}  {meant.about}\n" for name, meant in PRESETS.items())
    return f"{_ABOUT_POLICY}{presets}{_set('preset', preset)}\n{_ABOUT_RULES}"


def _set(key: str, value: Any) -> str:
    return f"{key} = {write_value(value)}"


def _explain(key: str, value: Any, sample: Any, about: str | None) -> Iterator[str]:
    """Write a setting below what it means; without that, leave it out where it says nothing."""
    if about is not None:
        yield f"# {about}"
        yield _set_or_sample(key, value, sample)
    elif value is not None:
        yield _set(key, value)


def _set_or_sample(key: str, value: Any, sample: Any) -> str:
    return f"#{_set(key, sample)}" if value is None else _set(key, value)


def _set_unless(key: str, value: Any, usual: Any) -> str:
    return f"#{_set(key, usual)}" if value == usual else _set(key, value)
