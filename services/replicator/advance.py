"""Which of a version's copies may start: its publish's turn in the lane, and its groups one by one."""

from collections.abc import Iterator

import msgspec

from contracts.names import copy_id
from replicator import slots
from replicator.config import Config
from replicator.documents import COPY, LANE, LIMITS, PLACEMENT, POD, QUEUE, RUN
from replicator.domain import lane as lanes
from replicator.domain import run as runs
from replicator.domain.lane import Lane, Turn
from replicator.domain.placement import Placement
from replicator.domain.run import Run
from replicator.domain.sources import feeders
from replicator.messages import Advance, remind_advance, remind_dispatch, remind_later
from replicator.starting import (
    await_holder,
    behind,
    feeding,
    free,
    holder_keys,
    receives,
    start_keys,
    startable,
    try_start,
)
from runtime.work import Get, Message, Ref, Work

MOST = 8
"""Groups that are started in one go: it bounds what one message loads."""
LOOKED_AT = 64
"""Members whose pods are looked at in one go, to see whether they are still there."""


def advance_keys(message: Message[Advance], get: Get) -> Iterator[Ref]:
    """The run, the lane, who can feed, and the groups that are next."""
    version = message.body.version
    yield RUN(version)
    yield PLACEMENT(version)
    run, placement = get(RUN, version), get(PLACEMENT, version)
    if run is None or placement is None:
        return
    run = runs.expire(run, message.at)
    yield LANE(placement.tenant)
    yield from holder_keys(placement)
    if run.held_back(message.at):
        return
    for member in _idle(run):
        pod, _ = runs.pod_of(member)
        yield POD(pod)
        yield LIMITS(pod)
        yield QUEUE(pod)
    known = feeders(placement.source, {name: get(POD, name) for name in placement.known})
    for _, member in _next(run, placement, known, MOST):
        id, _ = _copy(version, member)
        yield COPY(id)
        copy = get(COPY, id)
        if copy is not None:
            yield from start_keys(copy, get)


def advanced(message: Message[Advance], work: Work, config: Config) -> None:
    """Something came about that the version's copies waited for."""
    placement = work.get(PLACEMENT, message.body.version)
    if placement is not None:
        advance(work, config, placement, MOST)


def advance(work: Work, config: Config, placement: Placement, most: int) -> None:
    """Start what may start of the version: ``most`` groups of it, the others later."""
    version, at = placement.version, work.message.at
    run = work.get(RUN, version)
    if run is None:
        return
    run = runs.expire(run, at)
    slots.put_run(work, version, run)
    if run.not_before is not None and at < run.not_before:
        remind_later(work, version, run.not_before)
    if run.held_back(at):
        _leave(work, config, placement, run, again=bool(run.groups))
        return
    if not run.count(*runs.BUSY):
        _leave(work, config, placement, run, again=False)
        return
    if not _enter(work, config, placement, run):
        return
    idle = _idle(run)
    _start_groups(work, config, placement, most)
    for member in idle:
        _look_after(work, config, placement, member)
    run = work.get(RUN, version)
    if run is not None and run.feeds != config.slots.source:  # it began without a publish, or the setting is another
        run = msgspec.structs.replace(run, feeds=config.slots.source)
        slots.put_run(work, version, run)
        remind_advance(work, version)
    if run is None or run.turn == "free":
        return
    if not run.count(*runs.BUSY):
        _leave(work, config, placement, run, again=False)
    elif not run.count("ready", "running") and not feeding(work, placement):
        _leave(work, config, placement, run, again=True)


def _start_groups(work: Work, config: Config, placement: Placement, most: int) -> None:
    version = placement.version
    run, known = work.get(RUN, version), feeding(work, placement)
    if run is None:
        return
    if not known:
        await_holder(work, placement)
    for group, member in list(_next(run, placement, known, most)):
        id, pod = _copy(version, member)
        copy = work.get(COPY, id)
        if copy is None:
            now = work.get(RUN, version) or run
            slots.put_run(work, version, runs.settle(now, group, member, whole=False))
        elif not startable(copy):
            slots.settled(work, copy, copy, placement)
        elif not receives(work, pod) or behind(work, copy):
            slots.put_place(work, copy, "queued", "away")
        elif free(work, config, pod) <= 0:
            slots.put_place(work, copy, "queued", "ready")
        else:
            try_start(work, config, copy, placement)
    after = work.get(RUN, version)
    moved = after is not None and after.count("waiting") < run.count("waiting")
    if after is not None and moved and next(_next(after, placement, known, 1), None) is not None:
        remind_advance(work, version)


def _look_after(work: Work, config: Config, placement: Placement, member: str) -> None:
    """A member that may start and did not: its pod went away, or was busy."""
    pod, _ = runs.pod_of(member)
    run = work.get(RUN, placement.version)
    if run is None:
        return
    if not receives(work, pod):
        group = next((name for name, one in run.groups.items() if member in one.members), member)
        slots.put_run(work, placement.version, runs.put(run, group, member, "away"))
    elif free(work, config, pod) > 0:
        remind_dispatch(work, pod)


def _idle(run: Run) -> list[str]:
    """Members to look after, because nothing else goes on."""
    if run.turn == "free" or run.count("waiting", "running"):
        return []
    return [member for _, member in runs.members_at(run, "ready", LOOKED_AT)]


def _next(run: Run, placement: Placement, known: list[str], most: int) -> Iterator[tuple[str, str]]:
    """Group and name of the waiting members of the next groups."""
    for group in runs.following(run, known, placement.known, most):
        for member, place in run.groups[group].members.items():
            if place == "waiting":
                yield group, member


def _copy(version: str, member: str) -> tuple[str, str]:
    pod, replica = runs.pod_of(member)
    return copy_id(version, pod, replica), pod


# --- the lane ---------------------------------------------------------------------------------------------------------


def _enter(work: Work, config: Config, placement: Placement, run: Run) -> bool:
    """Whether the publish has its turn, or needs none; otherwise it is in the lane's queue."""
    if run.turn == "free":
        return True
    version, before = placement.version, work.get(LANE, placement.tenant) or Lane()
    publish = Turn(run.urgency, run.since or placement.began, run.across, run.estimate)
    after = lanes.enter(before, version, publish, config.slots)
    _put_lane(work, placement.tenant, before, after, version)
    taken = version in after.running
    slots.put_run(work, version, msgspec.structs.replace(run, turn="taken" if taken else "asked"))
    return taken


def _leave(work: Work, config: Config, placement: Placement, run: Run, *, again: bool) -> None:
    """The publish leaves the lane; with ``again`` it will ask for its turn anew."""
    if run.turn == "free":
        return
    version, before = placement.version, work.get(LANE, placement.tenant) or Lane()
    after = lanes.admit(lanes.leave(before, version), config.slots)
    _put_lane(work, placement.tenant, before, after, version)
    slots.put_run(work, version, msgspec.structs.replace(run, turn="asked" if again else "free"))


def _put_lane(work: Work, tenant: str, before: Lane, after: Lane, version: str) -> None:
    if after == before:
        return
    work.put(LANE, tenant, after if after.running or after.queued else None)
    for name in after.running:
        if name not in before.running and name != version:
            remind_advance(work, name)
