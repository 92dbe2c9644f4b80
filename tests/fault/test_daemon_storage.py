"""The power fails at every step of journal and history, and every disk that may be left tells the truth.

Nothing whose `record` returned is lost, nothing is known that was not recorded, no confirmed task leaves the journal
without its tombstone, and the next start always succeeds. The steps are counted, not listed; what may be left of the
disk is enumerated where that is little, and drawn by a printed seed where it is much.
"""

from __future__ import annotations

import errno
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress

import pytest

from duplicati_client import errors
from duplicati_client.daemon.entries import Entry, Step
from duplicati_client.daemon.history import NAME as HISTORY
from duplicati_client.daemon.history import History
from duplicati_client.daemon.journal import NAME, Journal, StorageFailed
from tests.model_folder import CHANGES, Image, ModelDisk, PowerCut
from tests.unit.daemon.bench import Clock

SEED = 20261124
ACCEPTED = (Step.RECEIVED, Step.DECIDED, Step.INTENT, Step.SUBMITTED, Step.OUTCOME, Step.CONFIRMED)
REFUSED = (Step.RECEIVED, Step.DECIDED, Step.OUTCOME, Step.CONFIRMED)
LOSSES = (
    "unsynced bytes lost",
    "unsynced bytes cut",
    "unsynced bytes torn",
    "unsynced bytes kept",
    "change of a name lost",
    "change of a name kept",
)


class Story:
    """A journal and a history, what is done with them, and what has been promised.

    `may_be` holds what may be found of each task in the journal, None for nothing; `buried` whose tombstone is durable,
    `buried_perhaps` whose may be.
    """

    def __init__(self, disk: ModelDisk, clock: Clock) -> None:
        self.disk, self.clock = disk, clock
        self.may_be: dict[str, list[Entry | None]] = {}
        self.buried: set[str] = set()
        self.buried_perhaps: set[str] = set()

    def open(self) -> None:
        self.journal = Journal(self.disk.mount(), self.clock.now, self.clock)
        self.history = History(self.disk.mount(), self.clock.now)

    def record(self, key: str, step: Step, size: int = 10) -> None:
        self.clock.seconds += 31
        known = self.journal.entries.get(key) or Entry(key, Step.RECEIVED, {})
        fields = {"Text": f"{step} of {key}, {'x' * size}"}
        at = self.clock.now().isoformat()
        entry = known.after(step, fields, at)
        self.may_be.setdefault(key, [None]).append(entry)
        with suppress(StorageFailed):
            self.journal.record(key, step, fields)
            self.promise()

    def retire(self) -> None:
        """Let what is confirmed leave, as the reporter does it."""
        confirmed = [entry for entry in self.journal.entries.values() if entry.step is Step.CONFIRMED]
        self.buried_perhaps |= {entry.key for entry in confirmed}
        with suppress(OSError, StorageFailed):
            self.history.remember(confirmed)
            self.buried |= {entry.key for entry in confirmed}
            for entry in confirmed:
                self.may_be[entry.key].append(None)
            self.journal.compact()
            self.promise()

    def promise(self) -> None:
        """Note that all that memory holds is durable."""
        self.may_be = {key: [self.journal.entries.get(key)] for key in self.may_be}


def start(disk: ModelDisk, clock: Clock) -> Story:
    story = Story(disk, clock)
    story.open()
    return story


def check(image: Image, story: Story) -> Story:
    """Start anew on what is left of a disk, and compare that with what was promised."""
    later = start(ModelDisk(image.files), story.clock)
    check_found(later, story, is_torn="unsynced bytes torn" in image.kinds)
    for key in ("i:1", "s:new"):
        later.journal.record(key, Step.RECEIVED, {"Text": "offered again"})
    again = start(ModelDisk(later.disk.any_image().files), story.clock)
    assert again.journal.entries == later.journal.entries
    return later


def check_found(later: Story, story: Story, *, is_torn: bool) -> None:
    for key, allowed in story.may_be.items():
        found = later.journal.entries.get(key)
        plain = found._replace(is_uncertain=False) if found is not None else None
        assert found in allowed or (is_torn and plain in allowed), key
        tombstone = later.history.find(key)
        assert tombstone is not None or key not in story.buried, key
        assert tombstone is None or key in story.buried_perhaps, key
        was_confirmed = any(entry is not None and entry.step is Step.CONFIRMED for entry in allowed)
        assert found is not None or tombstone is not None or None in allowed[:1] or not was_confirmed, key
    assert later.journal.entries.keys() <= story.may_be.keys()


# --- the power fails at every step ----------------------------------------------------------------------


def write_script(story: Story) -> None:
    """Let three tasks live side by side, two of them leave, and the process start again in between."""
    for step in REFUSED:
        story.record("s:1", step)
    for step in ACCEPTED[:4]:
        story.record("i:1", step, 150)
    story.record("i:2", Step.RECEIVED, 300)
    story.retire()
    story.open()
    for step in ACCEPTED[4:]:
        story.record("i:1", step, 400)
    story.record("i:2", Step.DECIDED)
    story.retire()
    for step in ACCEPTED[2:]:
        story.record("i:2", step)
    story.record("i:3", Step.RECEIVED)
    story.retire()


def cut_everywhere(fired: Counter[str]) -> Iterator[Story]:
    """Yield the script, cut short at each of its operations in turn."""
    for cut_at in range(1, 500):
        disk = ModelDisk({f"{NAME}.new": b"left", f"{HISTORY}.new": b"by a crash"}, seed=SEED + cut_at)
        disk.cut_at = cut_at
        story = Story(disk, Clock())
        try:
            story.open()
            write_script(story)
        except PowerCut:
            yield story
            fired.update(disk.fired)
        else:
            return
    raise AssertionError("it has no end")


def test_power_cut_at_any_step_loses_nothing_that_was_promised_and_makes_nothing_up() -> None:
    fired: Counter[str] = Counter()
    cuts_count = images_count = 0
    for story in cut_everywhere(fired):
        cuts_count += 1
        for image in story.disk.images(limit=100):
            images_count += 1
            check(image, story)
    tell(fired, f"{cuts_count} power cuts, {images_count} disks")
    assert cuts_count > 60
    assert all(fired[loss] for loss in LOSSES), fired
    assert all(fired[f"power cut at {operation}"] for operation in CHANGES), fired


def test_power_cut_while_starting_after_a_power_cut_loses_nothing_more() -> None:
    fired: Counter[str] = Counter()
    chance = random.Random(SEED)
    seconds_count = 0
    for story in cut_everywhere(fired):
        images = list(story.disk.images(limit=40))
        for image in chance.sample(images, min(2, len(images))):
            for cut_at in range(1, 100):
                disk = ModelDisk(image.files, seed=cut_at)
                disk.cut_at = cut_at
                try:
                    start(disk, story.clock)
                except PowerCut:
                    seconds_count += 1
                    left = disk.any_image()
                    check(left._replace(kinds=left.kinds | image.kinds), story)
                    fired.update(disk.fired)
                else:
                    break
    tell(fired, f"{seconds_count} power cuts while starting")
    assert seconds_count > 200


# --- and the disk fails besides -------------------------------------------------------------------------

PLANS: dict[str, tuple[str, int, int | None]] = {
    "one append": ("append", errno.EIO, 1),
    "one sync": ("sync", errno.EIO, 1),
    "two syncs": ("sync", errno.EIO, 2),
    "one rename": ("replace", errno.EIO, 1),
    "one sync of the folder": ("sync_names", errno.EIO, 1),
    "no room once": ("append", errno.ENOSPC, 1),
    "no room for three writes": ("append", errno.ENOSPC, 3),
    "read-only from here on": ("write", errno.EROFS, None),
    "nothing works from here on": ("write", errno.EIO, None),
}


@pytest.mark.parametrize("plan", PLANS)
def test_failing_disk_and_a_power_cut_lose_nothing_that_was_promised(plan: str) -> None:
    operation, number, times = PLANS[plan]
    fired: Counter[str] = Counter()
    chance = random.Random(SEED)
    faults_count = cuts_count = 0
    for nth in range(1, 50, 2):
        disk = ModelDisk(seed=SEED + nth)
        story = start(disk, Clock())
        fault = disk.fault(
            operation, number, nth=chance.randint(1, 1 + nth // (1 if operation == "write" else 8)), times=times
        )
        disk.cut_at = disk.operations_count + nth + chance.randint(1, 20)
        with suppress(PowerCut, errors.DuplicatiClientError):
            write_script(story)
        faults_count += fault.fired_count
        cuts_count += disk.is_off
        fault.end()
        for image in disk.images(limit=15):
            check(image, story)
        fired.update(disk.fired)
    tell(fired, f"{plan}: {faults_count} failures, {cuts_count} power cuts")
    assert faults_count
    assert cuts_count


@pytest.mark.parametrize("room", [1, 5_000, 100_000])
def test_full_disk_and_a_power_cut_lose_nothing_that_was_promised(room: int) -> None:
    """`room` is what is left of the disk beside the ballast."""
    fired: Counter[str] = Counter()
    for cut_at in range(10, 100, 5):
        disk = ModelDisk(seed=SEED + cut_at, capacity_bytes=4 * 1024 * 1024, block_bytes=4096)
        story = start(disk, Clock())
        filler = disk.mount().open_log("filler")
        filler.append(bytes(disk.mount().room()[0] - room))
        filler.sync()
        disk.cut_at = cut_at
        with suppress(PowerCut, errors.DuplicatiClientError):
            write_script(story)
            for step in ACCEPTED:
                story.record("i:9", step, 300_000)
        for image in disk.images(limit=6):
            check(image, story)
        fired.update(disk.fired)
    tell(fired, f"{room} bytes left")
    assert fired["full"]


# --- whatever the order ---------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(SEED, SEED + 40))
def test_random_lives_and_deaths_on_one_disk_lose_nothing_that_was_promised(seed: int) -> None:
    chance = random.Random(seed)
    fired: Counter[str] = Counter()
    story = start(ModelDisk(seed=seed), Clock())
    for _ in range(12):
        disk = story.disk
        disk.cut_at = disk.operations_count + chance.randint(1, 60)
        fault = disk.fault(chance.choice(CHANGES), chance.choice((errno.EIO, errno.ENOSPC)), nth=chance.randint(1, 20))
        with suppress(PowerCut, errors.DuplicatiClientError):
            while True:
                act_at_random(story, chance)
        fault.end()
        for image in disk.images(limit=6):
            check(image, story)
        fired.update(disk.fired)
        disk.fired.clear()
        story = go_on(story, is_process_only=chance.random() < 0.4)
    tell(fired, f"seed {seed}")
    assert any(name.startswith("power cut") for name in fired)


def act_at_random(story: Story, chance: random.Random) -> None:
    choice = chance.random()
    if choice < 0.1:
        story.retire()
    elif choice < 0.15:
        story.open()
    else:
        key = f"i:{chance.randint(len(story.buried), len(story.buried) + 4)}"
        known = story.journal.entries.get(key)
        index = 0 if known is None else ACCEPTED.index(known.step) + 1
        if index < len(ACCEPTED) and key not in story.buried_perhaps:
            story.record(key, ACCEPTED[index], chance.randint(0, 600))


def go_on(story: Story, *, is_process_only: bool) -> Story:
    """Start the next process after the power is back, or after one that was killed while the power stayed."""
    story.disk.revive()
    image = story.disk.any_image()
    disk = story.disk if is_process_only else ModelDisk(image.files, seed=story.disk.operations_count)
    later = start(disk, story.clock)
    check_found(later, story, is_torn=not is_process_only and "unsynced bytes torn" in image.kinds)
    later.may_be = {key: [later.journal.entries.get(key)] for key in story.may_be}
    later.buried_perhaps = {key for key in story.may_be if later.history.find(key) is not None}
    later.buried = story.buried if is_process_only else set(later.buried_perhaps)
    return later


def tell(fired: Counter[str], what: str) -> None:
    print(f"{what}; " + ", ".join(f"{name}: {count}" for name, count in sorted(fired.items())))
