"""Starting a copy: its publish may go on, its pod is there and has a slot, and somebody can feed it."""

from collections.abc import Iterator
from datetime import timedelta

import msgspec

from contracts.names import copy_id
from replicator import slots
from replicator.config import Config
from replicator.documents import LIMITS, POD, QUEUE, RUN
from replicator.domain import queue as queues
from replicator.domain import run as runs
from replicator.domain.copy import Copy, Pending, RetryPending, lost
from replicator.domain.limits import PodLimits
from replicator.domain.placement import Placement
from replicator.domain.pod import Connected, reporting
from replicator.domain.queue import Queue
from replicator.domain.run import Run
from replicator.domain.sources import feeders, nearest
from replicator.domain.windows import open_at
from replicator.messages import remind_later, remind_window
from replicator.moves import move_keys, start
from replicator.serving import serving
from runtime.work import Get, Ref, Work

STALLED = 3.0
"""Times as long as it should take by its pod's measured rate: a group that has not got anywhere by then stalls."""
LONGEST = 7 * 86_400.0
"""Seconds after which a group stalls at the latest."""


def start_keys(copy: Copy, get: Get) -> Iterator[Ref]:
    """What it takes to start the copy, or to let it wait."""
    yield LIMITS(copy.pod)
    yield from move_keys(copy_id(copy.version, copy.pod, copy.replica), copy.version, copy.pod, get)
    yield from serving(copy, get)


def startable(copy: Copy | None) -> bool:
    """Whether another attempt can begin."""
    return isinstance(copy, Pending | RetryPending) or (lost(copy) and copy is not None and not copy.lapsed)


def receives(work: Work, pod: str) -> bool:
    """Whether the pod takes what is new: it is in touch, does not drain, and is within its windows."""
    known = work.get(POD, pod)
    return isinstance(known, Connected) and within_windows(work, pod)


def at_work(work: Work, pod: str) -> bool:
    """Whether the pod goes on with what it is at: it is in touch, and within its windows."""
    return reporting(work.get(POD, pod)) and within_windows(work, pod)


def within_windows(work: Work, pod: str) -> bool:
    """Whether the pod is within its windows now; its queue is looked at again when that changes."""
    limits = work.get(LIMITS, pod)
    if limits is None or not limits.limits.windows:
        return True
    now, change = open_at(limits.limits, work.message.at)
    if change is not None:
        remind_window(work, pod, change)
    return now


def free(work: Work, config: Config, pod: str) -> int:
    """Slots of the pod that nobody has."""
    queue = work.get(QUEUE, pod) or Queue()
    return room(work.get(LIMITS, pod), config) - queue.receiving


def behind(work: Work, copy: Copy) -> bool:
    """Whether the copy waits for another replica on the same pod, of which it is made without the network."""
    queue = work.get(QUEUE, copy.pod)
    return queue is not None and queues.behind(queue, copy_id(copy.version, copy.pod, copy.replica))


def room(limits: PodLimits | None, config: Config) -> int:
    """Copies that a pod receives at once."""
    return config.slots.pod if limits is None or limits.limits.copies is None else limits.limits.copies


def feeding(work: Work, placement: Placement) -> list[str]:
    """Who may feed a group of the version."""
    return feeders(placement.source, {name: work.get(POD, name) for name in placement.known})


def try_start(work: Work, config: Config, copy: Copy, placement: Placement) -> bool:
    """Start the copy on its pod, which has a slot for it; False when its publish may not go on or nobody can feed it:
    then it waits in its run."""
    at, version = work.message.at, copy.version
    run = work.get(RUN, version) or Run(paused=placement.halted)
    group, member = slots.group_of(copy), runs.name_of(copy.pod, copy.replica)
    admitted: Run | None = None
    if run.may_start(at):
        if _alone(copy, placement):
            admitted = runs.put(run, group, member, "running")
        else:
            holders = {name: work.get(POD, name) for name in placement.known}
            names = nearest(
                work.get(POD, copy.pod), feeders(placement.source, holders), holders, runs.loads_of(run), version
            )
            admitted = runs.admit(run, group, member, names, at + _patience(work, config, copy, placement))
    if admitted is None:
        slots.put_place(work, copy, "held", "waiting")
        if run.may_start(at):
            await_holder(work, placement)
        return False
    if admitted.holds != run.holds:
        due = runs.expires(admitted)
        if due is not None:
            remind_later(work, version, due)
    slots.put_run(work, version, admitted)
    start(work, config, copy, placement)
    return True


def await_holder(work: Work, placement: Placement) -> None:
    """If nobody in touch holds the version, its copies are looked at again when one who does comes back."""
    if feeding(work, placement):
        return
    for name in placement.known:
        queue = work.get(QUEUE, name) or Queue()
        if work.get(POD, name) is not None and placement.version not in queue.awaited:
            awaited = (*queue.awaited, placement.version)
            slots.put_queue(work, name, msgspec.structs.replace(queue, awaited=awaited))


def holder_keys(placement: Placement | None) -> Iterator[Ref]:
    """Who holds the version, and the queues in which it is written down that their return is awaited."""
    for name in () if placement is None else placement.known:
        yield POD(name)
        yield QUEUE(name)


def _patience(work: Work, config: Config, copy: Copy, placement: Placement) -> timedelta:
    """How long a group may draw on its feeder: a few times as long as its first pod should take."""
    queue = work.get(QUEUE, copy.pod)
    expected = 0.0 if queue is None or queue.rate is None else placement.manifest.size / queue.rate
    return timedelta(seconds=min(max(config.slots.patience, STALLED * expected), LONGEST))


def _alone(copy: Copy, placement: Placement) -> bool:
    """Whether the copy is made of what its pod has: it holds the version, or has another replica of it."""
    return copy.replica > 0 or placement.shallow or copy.pod in placement.known
