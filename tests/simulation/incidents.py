"""What each kind of incident does to a world; one returns False where there was nothing to strike."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from .scenario import Incident

if TYPE_CHECKING:
    from .world import World

_MISSED_SHARE = 0.4


def _kill(world: World, incident: Incident) -> bool:
    if world.machine.is_dead:
        return False
    world.machine.kill()
    world.start_again(incident.seconds)
    return True


def _kill_at_a_step(world: World, incident: Incident) -> bool:
    if world.machine.is_dead:
        return False
    world.disk.kill_at(incident.what, loses_power=False)
    return True


def _power_cut_at_a_step(world: World, incident: Incident) -> bool:
    if world.machine.is_dead:
        return False
    world.disk.kill_at(incident.what, loses_power=True)
    return True


def _power_cut(world: World, incident: Incident) -> None:
    world.machine.kill()
    world.disk.lose_power()
    if incident.what:
        for alias in world.servers:
            _take_down(world, alias, incident.seconds)
    world.start_again(incident.seconds)


def _orderly_end(world: World, incident: Incident) -> bool:
    if world.machine.is_dead or world.processes[-1].is_over:
        return False
    world.processes[-1].told_to_end.set()
    return True


def _task_server_restarts(world: World, incident: Incident) -> None:
    world.tasks.go_down()
    world.network.hang_up("tasks")
    world.clock.after(incident.seconds, world.tasks.come_up)


def _task_server_is_restored(world: World, incident: Incident) -> None:
    _task_server_restarts(world, incident)
    world.tasks.restore(world.kept)


def _task_server_forgets(world: World, incident: Incident) -> None:
    world.tasks.forget_accepted()


def _task_server_refuses_the_credential(world: World, incident: Incident) -> None:
    world.tasks.is_shut = True
    world.clock.after(incident.seconds, partial(setattr, world.tasks, "is_shut", False))


def _duplicati_is_killed(world: World, incident: Incident) -> None:
    _take_down(world, incident.what, incident.seconds)


def _take_down(world: World, alias: str, seconds: float) -> None:
    server = world.servers[alias]
    server.engine.go_down()
    if server.is_legacy:
        server.end_sessions()
    world.network.hang_up(alias)
    world.clock.after(seconds, partial(_come_up, world, alias))


def _come_up(world: World, alias: str) -> None:
    """Let a server begin anew, at times with a run that its schedule has missed: it gets a number used before."""
    engine, chance = world.servers[alias].engine, world.clock.chance
    engine.come_up()
    if not world.is_calm and chance.random() < _MISSED_SHARE:
        world.fired["a run that was missed"] += 1
        engine.ask("Backup", chance.choice("123"), None)


def _duplicati_ends_sessions(world: World, incident: Incident) -> None:
    world.servers[incident.what].end_sessions()


def _duplicati_refuses_the_password(world: World, incident: Incident) -> None:
    server = world.servers[incident.what]
    server.is_shut = True
    world.clock.after(incident.seconds, partial(setattr, server, "is_shut", False))


def _suspend(world: World, incident: Incident) -> bool:
    if world.machine.is_dead:
        return False
    world.machine.sleep(incident.seconds)
    return True


def _clock_jump(world: World, incident: Incident) -> None:
    jump, is_everywhere = incident.what
    world.wall_offset += jump
    world.machine.wall_offset = world.wall_offset
    world.jumps_count += 1
    if is_everywhere:
        for server in world.servers.values():
            server.engine.wall_offset = world.wall_offset


def _disk(world: World, incident: Incident) -> None:
    world.disk.trouble(incident.what)
    world.clock.after(incident.seconds, world.disk.recover)


def _network_is_out(world: World, incident: Incident) -> None:
    world.network.is_out.add(incident.what)
    world.clock.after(incident.seconds, partial(world.network.is_out.discard, incident.what))


def _foreign_run(world: World, incident: Incident) -> bool:
    alias, backup_id = incident.what
    if not world.servers[alias].is_up:
        return False
    world.servers[alias].engine.ask("Backup", backup_id, None)
    return True


def _cancel(world: World, incident: Incident) -> bool:
    open_ones = sorted(world.tasks.find_open(), key=str)
    if not open_ones:
        return False
    world.tasks.cancelled.append(world.clock.chance.choice(open_ones)[1])
    return True


def _reload(world: World, incident: Incident) -> bool:
    daemon = world.processes[-1].daemon
    if world.machine.is_dead or daemon is None:
        return False
    world.machine.start("reload", daemon.reload)
    return True


STRIKES: Mapping[str, Callable[[World, Incident], bool | None]] = {
    "kill": _kill,
    "kill at a step": _kill_at_a_step,
    "power cut at a step": _power_cut_at_a_step,
    "power cut": _power_cut,
    "orderly end": _orderly_end,
    "task server restarts": _task_server_restarts,
    "task server is restored": _task_server_is_restored,
    "task server forgets": _task_server_forgets,
    "task server refuses the credential": _task_server_refuses_the_credential,
    "duplicati is killed": _duplicati_is_killed,
    "duplicati ends sessions": _duplicati_ends_sessions,
    "duplicati refuses the password": _duplicati_refuses_the_password,
    "suspend": _suspend,
    "clock jump": _clock_jump,
    "disk": _disk,
    "network is out": _network_is_out,
    "foreign run": _foreign_run,
    "cancel": _cancel,
    "reload": _reload,
}
