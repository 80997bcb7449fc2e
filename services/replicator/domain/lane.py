"""A tenant's lane: the publishes that are under way, and those that wait for one of them to come to its end.

Publishes that stay in the region of their source and those that reach others are counted apart.
"""

from datetime import datetime

import msgspec

from contracts.terms import URGENCY
from replicator.domain.queue import Slots


class Turn(msgspec.Struct, frozen=True, array_like=True):
    """A publish in the lane. ``across``: some of its targets are in another region than its source."""

    urgency: int
    since: datetime
    across: bool
    estimate: datetime | None = None


class Lane(msgspec.Struct, frozen=True, kw_only=True):
    """By version."""

    running: dict[str, Turn] = {}
    queued: dict[str, Turn] = {}


def turn(priority: str, since: datetime, *, across: bool, estimate: datetime | None = None) -> Turn:
    """A publish of that priority, accepted at ``since``."""
    return Turn(URGENCY[priority], since, across, estimate)


def enter(lane: Lane, version: str, publish: Turn, slots: Slots) -> Lane:
    """The publish is under way if there is room and nobody waits for it longer or more urgently, else it is queued.
    One that is in the lane already stays where it is."""
    if version in lane.running:
        return lane
    return admit(msgspec.structs.replace(lane, queued=lane.queued | {version: publish}), slots)


def leave(lane: Lane, version: str) -> Lane:
    """Nothing of the publish is queued or under way. Who takes its place is decided by `admit`."""
    if version not in lane.running and version not in lane.queued:
        return lane
    return Lane(
        running={name: one for name, one in lane.running.items() if name != version},
        queued={name: one for name, one in lane.queued.items() if name != version},
    )


def admit(lane: Lane, slots: Slots) -> Lane:
    """Those that wait take the room that there is: urgent ones first, then by age."""
    running, queued = dict(lane.running), dict(lane.queued)
    for version, one in _ordered(lane):
        if sum(other.across == one.across for other in running.values()) < _room(one, slots):
            running[version] = queued.pop(version)
    return lane if len(queued) == len(lane.queued) else Lane(running=running, queued=queued)


def admits(lane: Lane, slots: Slots) -> bool:
    """Whether somebody who waits could go."""
    return bool(lane.queued) and admit(lane, slots) is not lane


def position(lane: Lane, version: str) -> int | None:
    """The publish's place among those that wait for the same slots, from 1; None when it does not wait."""
    if version not in lane.queued:
        return None
    across = lane.queued[version].across
    names = [name for name, one in _ordered(lane) if one.across == across]
    return names.index(version) + 1


def _room(publish: Turn, slots: Slots) -> int:
    return slots.tenant_across if publish.across else slots.tenant


def _ordered(lane: Lane) -> list[tuple[str, Turn]]:
    return sorted(lane.queued.items(), key=lambda item: (item[1].urgency, item[1].since, item[0]))
