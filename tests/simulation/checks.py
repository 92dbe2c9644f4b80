"""What must be true of a world at rest: nothing lost, doubled or made up, all in order, and told as it was."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from duplicati_client.daemon.intake import REPEAT_SECONDS
from duplicati_client.protocol.task import key_of as journal_key

from .duplicati import OPERATIONS
from .engine import Deed
from .tasks import TERMINAL, Received, key_of
from .world import World

JOURNAL_BYTES_MAX = 256 * 1024
_REFUSED = {"compact": "prohibited", "format": "prohibited"}
_TROUBLED = ("warning", "error", "fatal")
# Two, and one more where a restarted server looks as before: what it lost is then taken for what never arrived.
_STARTS_COUNT = 3
# Between what was there before and the intent on the disk lies the time of writing it.
_WRITING_SECONDS = 5.0
# Ends that say by themselves that something may have happened.
_DOUBTFUL = frozenset({"outcome-unknown", "interrupted", "cancelled", "poison"})


class Story(NamedTuple):
    """A task from its giving to its end."""

    key: str
    item: Mapping[str, Any]
    received: list[Received]
    ends: list[Received]
    offers: list[float]
    said: list[str]

    @property
    def operation(self) -> str:
        return str(self.item["Operation"])

    @property
    def backup_ids(self) -> set[str]:
        names = {"Documents": "1", "Photos": "2", "Mail": "3"}
        named = [one for one in self.item.get("Resources", ()) if one["Type"] == "backup"]
        return {names[one["Name"]] if "Name" in one else str(one["ID"]) for one in named}


def find_wrongs(world: World) -> list[str]:
    """Return what is not as promised, a line each."""
    wrongs = [f"crash: {crash!r}" for crash in world.clock.crashes] + list(world.ledger.wrongs)
    if world.rest_at is None:
        wrongs.append(f"lost: no rest; open are {[key[1] for key in world.tasks.find_open()]}")
    stories = [_tell(world, item) for _, item in world.scenario.tasks]
    for story in stories:
        wrongs += (f"{story.key} ({story.operation}) {wrong}" for wrong in _check(world, story))
    known = {key_of(item["ID"]) for _, item in world.scenario.tasks}
    wrongs += (f"a result for {key} whom nobody gave" for key in world.tasks.results if key not in known)
    wrongs += _check_order(world)
    if world.rest_at is not None and world.left_count:
        wrongs.append(f"the journal still holds {world.left_count} tasks that are over")
    if world.ledger.bytes_max > JOURNAL_BYTES_MAX:
        wrongs.append(f"the journal grew to {world.ledger.bytes_max} bytes")
    return wrongs


def _tell(world: World, item: Mapping[str, Any]) -> Story:
    key = key_of(item["ID"])
    received = world.tasks.results.get(key, [])
    ends = [one for one in received if one.body["Status"] in TERMINAL]
    # That an id is taken is no end of the task that bears it: it may be offered again, and done, when it is free.
    ends = [one for one in ends if one.body.get("Data", {}).get("Code") != "id-conflict"] or ends
    offers, said = world.tasks.offers.get(key, []), world.said.get(key, [])
    return Story(journal_key(item["ID"]), item, received, ends, offers, said)


def _check(world: World, story: Story) -> Iterator[str]:
    if not story.ends:
        if world.rest_at is not None:
            yield "lost: it has no end"
        return
    yield from _check_ends(world, story)
    yield from _check_starts(world, story)
    for end in story.ends:
        yield from _check_truth(world, story, end)


def _count_lives(world: World, story: Story) -> int:
    """Say how many tasks it is: a plain task server that gives an id again later than it may gives a new one."""
    if world.scenario.level or not world.tasks.restores_count or not story.ends:
        return 1
    is_late = any(at - story.ends[0].at > REPEAT_SECONDS - 10 for at in story.offers)
    has_clock_changed = world.jumps_count and any(at > story.ends[0].at for at in story.offers)
    return 2 if is_late or has_clock_changed else 1


def _check_ends(world: World, story: Story) -> Iterator[str]:
    told = [_summarise(end.body) for end in story.ends]
    if len(set(told)) > _count_lives(world, story) and not _is_forgotten(world, told):
        yield f"has {len(set(told))} ends: {told}"
    has_one_life = _count_lives(world, story) == 1 and not world.fired["disk"]
    if "accepted" in itertools.dropwhile(lambda status: status == "accepted", story.said) and has_one_life:
        yield f"was said to be accepted after its end: {story.said}"
    is_final = all(end.recorded in ("recorded", "duplicate", "stale", "conflict") for end in story.ends)
    if not is_final:
        yield f"was taken for another: {[end.recorded for end in story.ends]}"


def _summarise(body: Mapping[str, Any]) -> tuple[Any, ...]:
    data = body.get("Data", {})
    return body["Status"], data.get("Outcome"), data.get("Code")


def _is_forgotten(world: World, told: list[tuple[Any, ...]]) -> bool:
    """Say whether the end that came first may have been in a daemon's memory only, because its disk had failed."""
    return world.fired["disk"] > 0 and len({status for status, _, _ in told}) > 1


def _deeds_of(world: World, story: Story) -> Iterator[tuple[str, Deed]]:
    for alias, server in world.servers.items():
        for deed in server.engine.deeds:
            if deed.causes[0] == story.key:
                yield alias, deed


def _check_starts(world: World, story: Story) -> Iterator[str]:
    lives_count = _count_lives(world, story)
    by_backup: dict[str, list[Deed]] = {}
    for _, deed in _deeds_of(world, story):
        by_backup.setdefault(deed.backup_id, []).append(deed)
    extra = story.operation != "run"
    for backup_id, deeds in by_backup.items():
        done_count = sum(deed.has_effect for deed in deeds)
        if done_count > (1 + extra) * lives_count:
            yield f"double: {done_count} times of {backup_id} with effect"
        if len(deeds) > (_STARTS_COUNT + extra) * lives_count:
            yield f"double: {len(deeds)} times of {backup_id} started"
    changes = [change for server in world.servers.values() for change in server.changes if change.cause == story.key]
    if story.operation in ("dismiss", "set") and len(changes) > (lives_count if story.operation == "set" else 1):
        yield f"double: {len(changes)} times done"
    wrong = [change for change in changes if change.operation != story.operation]
    if wrong:
        yield f"phantom: {wrong}"


def _check_truth(world: World, story: Story, end: Received) -> Iterator[str]:
    status, data = end.body["Status"], end.body.get("Data", {})
    expected = _REFUSED.get(story.operation) or ("malformed" if "../1" in str(story.item) else None)
    others = ("id-conflict", "id-reused", *(("outcome-unknown",) if world.fired["disk: unsynced bytes torn"] else ()))
    if (expected is not None) != (status == "refused") and data.get("Code") not in others:
        yield f"should {'' if expected else 'not '}be refused, and is {status} {data}"
    if expected is not None and any(intent.key == story.key for intent in world.ledger.intents):
        yield "phantom: it was refused, and begun"
    if status == "error":
        yield from _check_failure(world, story, data, story.backup_ids)
    if status == "completed" and story.operation in OPERATIONS:
        for result in data.get("Results") or [data]:
            yield from _check_outcome(world, story, result)


def _check_failure(world: World, story: Story, data: Mapping[str, Any], backup_ids: set[str]) -> Iterator[str]:
    """Look for the effects of what is said not to be done."""
    if data.get("Code") in _DOUBTFUL or (story.ends[-1].body != story.ends[0].body and world.fired["disk"]):
        return
    done = [deed for _, deed in _deeds_of(world, story) if deed.has_effect and deed.backup_id in backup_ids]
    changes = [change for server in world.servers.values() for change in server.changes if change.cause == story.key]
    if done or (story.operation in ("set", "dismiss") and changes):
        yield f"is said not to be done ({data}), and was: {[deed.number for deed in done]} {changes}"


def _check_outcome(world: World, story: Story, result: Mapping[str, Any]) -> Iterator[str]:
    """Look for the work that a completed task is about: begun after its intent, and ended as is said."""
    begun = [intent for intent in world.ledger.intents if intent.key == story.key]
    if "Code" in result:
        yield from _check_failure(world, story, result, {str(result.get("BackupID"))})
        return
    if not begun:
        yield "phantom: completed without an intent"
        return
    outcome, started = result.get("Outcome"), _read(result.get("StartedAt"))
    backup_ids = story.backup_ids if result.get("BackupID") is None else {str(result["BackupID"])}
    since = [
        deed
        for deed in world.servers[begun[0].alias].engine.deeds
        if deed.backup_id in backup_ids and (deed.began_at or 0.0) >= begun[0].at - _WRITING_SECONDS
    ]
    own = [deed for deed in since if deed.operation == OPERATIONS[story.operation]]
    meant = [deed for deed in own if started is None or story.key in deed.causes or _is_same(deed.started, started)]
    fitting = [deed for deed in meant if deed.outcome == outcome or (outcome == "unknown" and deed.has_effect)]
    # Another's troubles with the same backup may be laid to it; never another's success.
    fitting += [deed for deed in meant if outcome in _TROUBLED and any(one.outcome in _TROUBLED for one in since)]
    if not fitting:
        found = [(deed.outcome, deed.started) for deed in since]
        yield f"phantom: completed with {outcome} at {started}, and there were {found}"


def _is_same(one: datetime | None, other: datetime) -> bool:
    return one is not None and abs((one - other).total_seconds()) < 5


def _read(text: Any) -> datetime | None:
    return datetime.fromisoformat(text) if isinstance(text, str) else None


def _check_order(world: World) -> Iterator[str]:
    """Tasks of one backup begin in the order in which they came, or were taken on after a disk had failed.

    One that was not to begin before a time of its own may be passed by the others.
    """
    came = {key: place for place, key in enumerate(world.ledger.contents)}
    taken = {key: place for place, key in enumerate(world.accepted)}
    for alias, server in world.servers.items():
        for backup_id in server.engine.backups:
            firsts = dict.fromkeys(deed.causes[0] for deed in server.engine.deeds if deed.backup_id == backup_id)
            begun = [key for key in firsts if key in came and key in taken]
            for one, other in itertools.combinations(begun, 2):
                is_bound = "NotBefore" not in world.ledger.contents[other]
                if is_bound and came[other] < came[one] and taken[other] < taken[one]:
                    yield f"order of {backup_id} on {alias}: {one} began before {other}"
