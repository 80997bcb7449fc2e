"""Who starts next on a pod: a slot of it is free, or the pod came or went."""

from collections.abc import Iterator

import msgspec

from replicator import slots
from replicator.config import Config
from replicator.dispatch import wake_keys
from replicator.documents import COPY, LIMITS, PLACEMENT, POD, QUEUE, RUN
from replicator.domain import queue as queues
from replicator.domain import run as runs
from replicator.domain.copy import Copy, underway
from replicator.domain.pod import reporting
from replicator.domain.queue import Queue
from replicator.messages import Dispatch, remind_advance, remind_dispatch
from replicator.starting import at_work, free, receives, startable, try_start
from runtime.work import Get, Message, Ref, Work

CANDIDATES = 4
"""Copies that a pod's queue is asked for in one go: it bounds what one message loads."""


def dispatch_keys(message: Message[Dispatch], get: Get) -> Iterator[Ref]:
    """The pod, what it is at, and the first few that wait."""
    name = message.body.pod
    yield POD(name)
    yield LIMITS(name)
    yield QUEUE(name)
    queue = get(QUEUE, name)
    if queue is None:
        return
    for id, entry in queue.copies.items():
        if entry.place == "running":
            yield COPY(id)
            yield RUN(entry.version)
            yield PLACEMENT(entry.version)
    for id in queues.choose(queue, CANDIDATES):
        yield COPY(id)
        version = queue.copies[id].version
        yield RUN(version)
        yield PLACEMENT(version)
        copy = get(COPY, id)
        if copy is not None:
            yield from wake_keys(copy, get)


def dispatched(message: Message[Dispatch], work: Work, config: Config) -> None:
    """A slot of the pod is free, or the pod came or went: start who is next, or let go what it kept from others."""
    name = message.body.pod
    there, queue = at_work(work, name), work.get(QUEUE, name)
    if queue is None:
        return
    if there == queue.away:
        _came_or_went(work, name, queue, there=there)
    if reporting(work.get(POD, name)):
        _serve_again(work, name)
    if not receives(work, name):
        for entry in queue.copies.values():
            if entry.place == "queued":
                remind_advance(work, entry.version)  # what waits for the pod keeps no publish in its lane
        return
    for id in queues.choose(work.get(QUEUE, name) or Queue(), CANDIDATES):
        if free(work, config, name) <= 0:
            return
        _start_next(work, config, name, id)
    if free(work, config, name) > 0 and queues.choose(work.get(QUEUE, name) or Queue(), 1):
        remind_dispatch(work, name)


def _start_next(work: Work, config: Config, pod: str, id: str) -> None:
    copy = work.get(COPY, id)
    placement = None if copy is None else work.get(PLACEMENT, copy.version)
    if copy is None or placement is None:
        queue = work.get(QUEUE, pod) or Queue()
        slots.put_queue(work, pod, queues.without(queue, id))
    elif not startable(copy):
        slots.settled(work, copy, copy, placement)
    else:
        try_start(work, config, copy, placement)


def _came_or_went(work: Work, pod: str, queue: Queue, *, there: bool) -> None:
    """A pod that is away keeps nobody from starting: what it was at draws on no feeder, and keeps no publish in its
    lane."""
    slots.put_queue(work, pod, msgspec.structs.replace(queue, away=not there))
    for id, entry in queue.copies.items():
        if entry.place == "running":
            _follow(work, work.get(COPY, id), there=there)


def _follow(work: Work, copy: Copy | None, *, there: bool) -> None:
    if copy is None or not underway(copy):
        return
    run = work.get(RUN, copy.version)
    if run is not None:
        member = runs.name_of(copy.pod, copy.replica)
        now = runs.put(run, slots.group_of(copy), member, "running" if there else "away")
        slots.put_run(work, copy.version, now)
        remind_advance(work, copy.version)


def _serve_again(work: Work, pod: str) -> None:
    """Versions that nobody could serve have a holder again."""
    queue = work.get(QUEUE, pod) or Queue()
    for version in queue.awaited:
        remind_advance(work, version)
    if queue.awaited:
        slots.put_queue(work, pod, msgspec.structs.replace(queue, awaited=()))
