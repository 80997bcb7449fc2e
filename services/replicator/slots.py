"""What each transition of a copy means for its pod's queue and for its version's run.

Here it is only written down who waits, runs or is gone; who starts next is decided by `dispatch` and `advance`, which
reminders wake: many copies that settle in one batch cost one look.
"""

from collections.abc import Iterator

import msgspec

from contracts.names import copy_id
from replicator import meter
from replicator.documents import QUEUE, RUN
from replicator.domain import queue as queues
from replicator.domain import run as runs
from replicator.domain.copy import (
    Available,
    Cancelled,
    Copy,
    Failed,
    Finalizing,
    Pending,
    Replicating,
    Skipped,
    leaving,
    underway,
    unfinished,
)
from replicator.domain.placement import Placement
from replicator.domain.queue import Entry, Queue
from replicator.domain.run import Run
from replicator.messages import remind_advance, remind_dispatch
from runtime.work import Ref, Work


def slot_keys(version: str, pod: str) -> Iterator[Ref]:
    """What `settled` reads: two documents, however many pods there are."""
    yield QUEUE(pod)
    yield RUN(version)


def settled(work: Work, before: Copy | None, after: Copy, placement: Placement) -> None:
    """``before`` became ``after``: the queue and the run know it; whoever could take what became free is woken."""
    if underway(before) and underway(after) and before is not None and before.peers == after.peers:
        _measure(work, before, after)  # it has its slot and its place still
        return
    _queue(work, before, after, placement)
    _run(work, before, after, placement)


def changed(work: Work, pod: str) -> None:
    """The pod's standing changed: it came or went, drains or is readmitted or removed, or its limits are others."""
    remind_dispatch(work, pod)


def group_of(copy: Copy) -> str:
    """The group of the copy in its version's run."""
    return runs.group_of(copy.pod, copy.replica, copy.peers)


def put_queue(work: Work, pod: str, queue: Queue) -> None:
    """Keep the queue, if it says anything."""
    if queue is not work.get(QUEUE, pod):
        work.put(QUEUE, pod, queues.keep(queue))


def put_run(work: Work, version: str, run: Run) -> None:
    """Keep the run, as long as somebody is in it or it is in its tenant's lane."""
    if run is not work.get(RUN, version):
        work.put(RUN, version, run if run.groups or run.turn != "free" else None)


def put_place(work: Work, copy: Copy, queued: queues.Place, running: runs.Place) -> None:
    """The copy is in these places of its pod's queue and of its version's run, which know it."""
    id, queue = copy_id(copy.version, copy.pod, copy.replica), work.get(QUEUE, copy.pod)
    if queue is not None and id in queue.copies:
        entry = msgspec.structs.replace(queue.copies[id], place=queued)
        put_queue(work, copy.pod, queues.placed(queue, id, entry))
    run = work.get(RUN, copy.version) or Run()
    put_run(work, copy.version, runs.put(run, group_of(copy), runs.name_of(copy.pod, copy.replica), running))


def _queue(work: Work, before: Copy | None, after: Copy, placement: Placement) -> None:
    id = copy_id(after.version, after.pod, after.replica)
    queue = work.get(QUEUE, after.pod) or Queue()
    known = queue.copies.get(id)
    place = _place(known, after)
    kept = queue
    if place is None:
        kept = queues.without(queue, id)
    elif known is None:
        at = placement.began if isinstance(after, Pending) and after.made else work.message.at
        entry = queues.entry(after.version, after.replica, placement.tenant, placement.terms.priority, at, place)
        kept = queues.placed(queue, id, entry)
    elif known.place != place:
        kept = queues.placed(queue, id, msgspec.structs.replace(known, place=place))
    kept = queues.with_ended(kept, id, nothing=isinstance(after, Skipped | Failed | Cancelled))
    put_queue(work, after.pod, _measured(kept, before, after, work))
    gave = known is not None and place != known.place and (place is None or known.place == "running")
    if gave and any(entry.place == "queued" for entry in kept.copies.values()):
        remind_dispatch(work, after.pod)


def _measure(work: Work, before: Copy, after: Copy) -> None:
    put_queue(work, after.pod, _measured(work.get(QUEUE, after.pod) or Queue(), before, after, work))


def _measured(queue: Queue, before: Copy | None, after: Copy, work: Work) -> Queue:
    """The queue once all bytes of an attempt are there, which tells how fast they came."""
    if not isinstance(before, Replicating) or isinstance(after, Replicating) or after.started is None:
        return queue
    if not isinstance(after, Finalizing | Available):
        return queue
    return queues.measured(queue, after.bytes_network, (work.message.at - after.started).total_seconds())


def _place(known: Entry | None, copy: Copy) -> queues.Place | None:
    if underway(copy):
        return "running"
    if unfinished(copy):
        if known is not None and known.place in {"held", "queued"}:
            return known.place
        return "held" if isinstance(copy, Pending) else "resting"
    return "leaving" if leaving(copy) else None


def _run(work: Work, before: Copy | None, copy: Copy, placement: Placement) -> None:
    version, run = copy.version, work.get(RUN, copy.version)
    if run is None:
        if not unfinished(copy):
            return
        run = Run(paused=placement.halted)
    group, member = group_of(copy), runs.name_of(copy.pod, copy.replica)
    if before is not None and group_of(before) != group:  # planned anew, among others
        run = runs.settle(run, group_of(before), member, whole=False)
    was = run.place(group, member)
    if not unfinished(copy):
        whole = isinstance(copy, Available) and copy.digest == placement.digest
        after = runs.settle(run, group, member, whole=whole)
    elif underway(copy):
        after = runs.put(run, group, member, "running")
    elif underway(before) or was not in {"waiting", "ready", "away"}:  # one under way is AWAY while its pod is
        after = runs.put(run, group, member, "waiting" if isinstance(copy, Pending) else "resting")
    else:
        after = run
    put_run(work, version, after)
    if run.groups and not after.groups:
        meter.settled(work, before, copy, placement)
    if _stirs(after, was, after.place(group, member)):
        remind_advance(work, version)


def _stirs(run: Run, was: runs.Place | None, now: runs.Place | None) -> bool:
    """Whether somebody could start, or the publish could leave its lane, for what changed."""
    if now == "waiting" and was != "waiting":
        return True
    if run.turn != "free" and not run.count(*runs.BUSY):
        return True
    return was == "running" and now != "running" and run.count("waiting") > 0
