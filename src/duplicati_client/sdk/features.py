"""What only some releases of Duplicati have: one table, and the refusal that names the release; sends nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from .. import errors

if TYPE_CHECKING:
    from .channel import Channel

# The generation alone tells the two apart: canary builds of 2.0.9 speak the interface of 2.1 already.
_FIRST_MODERN = (2, 1)


class Feature(NamedTuple):
    """Something that came with a release: `deed` ends the sentence “this server cannot …”.

    `since` is the first release that has it; `(2, 1)` means the whole modern generation. `instead` is the next step
    for a person whose server lacks it.
    """

    deed: str
    since: tuple[int, ...]
    instead: str | None = None


SKIP_QUEUE = Feature(
    deed="put a run before what waits already on demand",
    since=(2, 2),
    instead="leave it out: before 2.2 every run that a person starts goes first",
)
STOP_ENDPOINT = Feature(
    deed="take “stop” for an orderly end",
    since=(2, 2),
    instead="nothing to do: an older request does it",
)
PAUSE_TRANSFERS = Feature(
    deed="halt the transfers of a running task",
    since=(2, 2),
    instead="pause without it, which keeps new tasks from starting, or end the running one: duplicati stop",
)
KEEP_PAUSE = Feature(
    deed="keep a pause over its restart", since=(2, 2), instead="pause it again when it was restarted: duplicati pause"
)
SUBSCRIPTIONS = Feature(
    deed="tell live events one by one", since=(2, 2), instead="nothing to do: its state is asked for again and again"
)
TASK_TIMES = Feature(
    deed="say when a task began",
    since=(2, 2),
    instead="nothing to do: its times are taken from the log",
)
LISTING_IN_RUN = Feature(
    deed="be asked for the versions of a running backup without harm or delay",
    since=(2, 2),
    instead="nothing to do: it is not asked before the run has ended",
)


def has(channel: Channel, feature: Feature) -> bool:
    """Say whether the server has it, by the version of the stored session if it is known there."""
    if channel.is_legacy:
        return feature.since < _FIRST_MODERN
    return feature.since <= _FIRST_MODERN or channel.release >= feature.since


def require(channel: Channel, feature: Feature) -> None:
    """Raise `NotSupported`, with the release that has it, before anything with an effect is sent.

    A modern server's version is asked once more before that: it may have been upgraded since the session was stored.
    """
    if has(channel, feature):
        return
    if not channel.is_legacy:
        _ = channel.system
        if has(channel, feature):
            return
    version = f" ({_show(channel.release)})" if channel.release else ""
    message = f"this server{version} cannot {feature.deed}; {_show(feature.since)} and later can"
    raise errors.NotSupported(message, hint=feature.instead)


def _show(release: tuple[int, ...]) -> str:
    return ".".join(map(str, release))
