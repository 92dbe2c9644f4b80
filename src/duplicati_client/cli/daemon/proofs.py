"""Looks at everything that a daemon will need, in its order, and says of each how it is; no failure hides another."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from ... import errors
from ...daemon import config as configs
from ...daemon import guard, storage
from ...daemon import policy as policies
from .. import exits

if TYPE_CHECKING:
    from ...daemon.config import DaemonConfig

_PROBE = "check"
_MIB = 1024 * 1024


class Proof(NamedTuple):
    """One thing that was looked at: ok, warning, refused, skipped or not-reached.

    `code` names an error or a warning, `status` is the exit status of what was refused.
    """

    subject: str
    verdict: str
    message: str
    code: str | None = None
    hint: str | None = None
    status: int = exits.SUCCESS


Look = Callable[[], Sequence[Proof]]


def prove_all(path: str, environ: Mapping[str, str], seconds: float) -> list[Proof]:
    """Look at all that a configuration names; what is not found out within these seconds counts as refused."""
    try:
        config = configs.load(path)
    except errors.DuplicatiClientError as exc:
        return [refuse("configuration", exc), *_list_unreached("policy", "state folder", "task server", "servers")]
    found = [_prove_configuration(config), _prove_policy(config)]
    try:
        folder = storage.open_folder(config.state_folder)
        lock, holder = _take_lock(folder)
    except (errors.DuplicatiClientError, OSError) as exc:
        # Sessions and tokens would be written to a folder that is not fit for them.
        return [*found, _refuse_folder(config, exc), *_list_unreached("free space", "task server", "servers")]
    try:
        found += [_prove_folder(folder, holder), prove_room(config, folder)]
        return found + _look_far(config, folder, environ, seconds, is_running=lock is None)
    finally:
        if lock is not None:
            lock.close()


def refuse(subject: str, exc: errors.DuplicatiClientError, message: str = "", hint: str | None = None) -> Proof:
    """Return the proof that an error is; other words than its own may be given."""
    return Proof(subject, "refused", message or exc.message, exc.code, hint or exc.hint, exits.status_of_error(exc))


def _list_unreached(*subjects: str) -> list[Proof]:
    return [Proof(subject, "not-reached", "not looked at") for subject in subjects]


def _prove_configuration(config: DaemonConfig) -> Proof:
    from ...daemon.identity import show_url  # noqa: PLC0415 - most are encrypted

    told = f"{config.path}: {config.name}, for {', '.join(config.servers)}"
    if not config.plain_urls:
        return Proof("configuration", "ok", told)
    plain = ", ".join(map(show_url, config.plain_urls))
    hint = "use https:// where somebody could listen on the way"
    return Proof("configuration", "warning", f"{told}; not encrypted: {plain}", "plain-http", hint)


def _prove_policy(config: DaemonConfig) -> Proof:
    try:
        policy = policies.load(config.policy_file, config.servers)
    except errors.DuplicatiClientError as exc:
        return refuse("policy", exc)
    if not policy.allow:
        hint = "duplicati daemon policy show"
        return Proof("policy", "warning", "it allows nothing: every task is refused", "policy-empty", hint)
    preset = sum(rule.name.startswith("preset:") for rule in policy.allow)
    count = len(policy.allow) + len(policy.deny) + len(policy.limits) - preset
    rules = {0: "no rules", 1: "1 rule"}.get(count, f"{count} rules")
    return Proof("policy", "ok", f"preset {policy.preset}, {rules}, digest {policy.digest[:12]}")


def _take_lock(folder: storage.PathFolder) -> tuple[guard.Lock | None, str]:
    """Hold the folder, so that no daemon starts meanwhile and is taken for a second one; or say who holds it."""
    try:
        return guard.Lock(folder, f"duplicati daemon check, process {os.getpid()}"), ""
    except guard.Held as exc:
        return None, exc.message.partition(f"{folder.path}: ")[2]


def _refuse_folder(config: DaemonConfig, exc: errors.DuplicatiClientError | OSError) -> Proof:
    if isinstance(exc, OSError):
        message = f"{config.state_folder} cannot be written: {exc.strerror}"
        exc = errors.InputOutputFailed(message, hint="who runs the daemon has to own this folder, on a disk that works")
    return refuse("state folder", exc)


def _prove_folder(folder: storage.PathFolder, holder: str) -> Proof:
    try:
        storage.write(folder, _PROBE, b"\n")
        folder.remove(_PROBE)
    except OSError as exc:
        message = f"{folder.path} cannot be written: {exc.strerror}"
        return refuse("state folder", errors.InputOutputFailed(message, hint="is the disk full, or read-only?"))
    told = f"a daemon has it: {holder}" if holder else "no daemon has it"
    return Proof("state folder", "ok", f"{folder.path} can be written; {told}")


def prove_room(config: DaemonConfig, folder: storage.Folder) -> Proof:
    """Say whether the state folder's disk has room for new work."""
    try:
        free_bytes, total_bytes = folder.room()
    except OSError as exc:
        return refuse("free space", errors.InputOutputFailed(f"it cannot be measured: {exc.strerror}"))
    wanted_bytes = storage.find_floor(total_bytes, config.floor_bytes)
    told = f"{free_bytes // _MIB} MiB are free"
    if free_bytes >= wanted_bytes:
        return Proof("free space", "ok", f"{told}, {wanted_bytes // _MIB} are wanted")
    message = f"{told}, and new tasks are only taken with {wanted_bytes // _MIB}"
    hint = "make room on that disk, or move state_folder to another one"
    return refuse("free space", errors.InputOutputFailed(message, hint=hint))


def _look_far(
    config: DaemonConfig, folder: storage.PathFolder, environ: Mapping[str, str], seconds: float, *, is_running: bool
) -> list[Proof]:
    from . import reaching  # noqa: PLC0415 - needed once all here is well

    far: Look = partial(reaching.ask_daemon, config)
    if not is_running:
        far = partial(reaching.look_at_task_server, config, folder)
    looks = {"task server": far}
    for alias, server in config.servers.items():
        looks[f"server {alias}"] = partial(reaching.look_at_server, config, server, environ)
    return look_side_by_side(looks, seconds)


def look_side_by_side(looks: Mapping[str, Look], seconds: float) -> list[Proof]:
    """Return what each look finds, in order; one that is not over in time is refused, and left to itself."""
    found: dict[str, Sequence[Proof]] = {}
    crashes: list[BaseException] = []

    def look(subject: str) -> None:
        try:
            found[subject] = looks[subject]()
        except errors.DuplicatiClientError as exc:
            found[subject] = [refuse(subject, exc)]
        except Exception as exc:  # whoever waits raises it
            crashes.append(exc)

    # They do not outlive the program: nobody has to wait for a server that hangs.
    threads = [threading.Thread(target=look, args=(subject,), daemon=True) for subject in looks]
    ends_at = time.monotonic() + seconds
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, ends_at - time.monotonic()))
    if crashes:
        raise crashes[0]
    late = errors.DeadlineExceeded(f"nothing is known of it after {seconds:g} s", hint="--timeout gives it longer")
    return [proof for subject in looks for proof in found.get(subject, [refuse(subject, late)])]
