"""Keeping, beside a copy, what its pod holds of it (`domain.held`)."""

from collections.abc import Iterator

from contracts.inventory import SECTIONS, section_of
from contracts.names import copy_id
from replicator.config import Config
from replicator.documents import HELD, POD, QUEUE
from replicator.domain.copy import Available, Copy, Deleting, Pending, underway, unfinished, wanted
from replicator.domain.held import Held, Holding, held_id, held_of, with_copy, without_copy
from replicator.domain.pod import with_drift
from replicator.domain.queue import Queue, with_unseen
from replicator.upkeep import Tally, remind_tally
from runtime.work import Get, Message, Ref, Work


def held_ref(pod: str, version: str) -> Ref:
    """The section of ``pod`` in which copies of ``version`` lie; `follow` needs it."""
    return HELD(held_of(pod, version))


def follow(work: Work, before: Copy | None, after: Copy) -> None:
    """Have the pod's section say what the copy is after a move: AVAILABLE, DELETING, or nothing that lies there."""
    id, section = copy_id(after.version, after.pod, after.replica), held_of(after.pod, after.version)
    held = work.get(HELD, section) or Held()
    known = held.copies.get(id)
    match after:
        case Available():
            kept = known is not None and isinstance(before, Available)
            since = known.since if kept and known is not None else after.updated
            now = with_copy(held, id, Holding(after.digest, after.datastore or "", since), after.version)
        case Deleting() if known is not None:
            going = Holding(known.digest, known.datastore, known.since, leaving=True)
            now = with_copy(held, id, going, after.version)
        case _:
            now = without_copy(held, id)
    if now is held or now == held:
        return
    put_held(work, section, now)
    if len(held.strays) != len(now.strays):
        remind_tally(work, after.pod)


def note(work: Work, before: Copy | None, after: Copy) -> None:
    """Where what is to be found on a pod became another thing, what the pod told of the section before is to be held
    against it once more: should it not tell anything new, it is asked (`pods.reported`). What came and was lost, or
    was dropped and came back with an old disk, between two of its looks would else never be noticed; nor what a pod
    has already of a copy that is planned for it, while nobody can serve it.
    """
    planned = isinstance(after, Pending) and not unfinished(before)
    ended = underway(before) and not underway(after)
    freed = before is not None and before.freed != after.freed
    unwanted = wanted(before) and not wanted(after)  # what was left where it lay, as while paused, is to go now
    if planned or ended or freed or unwanted or isinstance(before, Available) != isinstance(after, Available):
        look_again(work, after.pod, after.version)


def look_again(work: Work, pod: str, version: str) -> None:
    """Have the section of ``pod`` in which ``version`` lies told and compared once more."""
    queue = work.get(QUEUE, pod) or Queue()
    work.put(QUEUE, pod, with_unseen(queue, section_of(version), work.message.at))


def put_held(work: Work, section: str, held: Held) -> None:
    """Keep a section; an empty one is no document."""
    work.put(HELD, section, held if held.copies or held.strays else None)


def tally_keys(message: Message[Tally], _: Get) -> Iterator[Ref]:
    """The pod and all its sections."""
    yield POD(message.body.pod)
    for section in range(1, SECTIONS):
        yield HELD(held_id(message.body.pod, section))


def tally(message: Message[Tally], work: Work, _: Config) -> None:
    """Count the items on a pod that nobody asked for."""
    pod = work.get(POD, message.body.pod)
    if pod is None:
        return
    sections = (work.get(HELD, held_id(pod.name, section)) for section in range(1, SECTIONS))
    counted = with_drift(pod, sum(len(held.strays) for held in sections if held is not None))
    if counted is not pod:
        work.put(POD, pod.name, counted)
