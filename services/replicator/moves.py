"""Moving a copy: its facts applied, kept, and said to those whom they concern."""

from collections.abc import Iterable, Iterator

from contracts.names import copy_id
from replicator import held, meter, slots
from replicator.config import Config
from replicator.documents import COPY, PLACEMENT
from replicator.domain.copy import Available, Copy, Deleting, RetryPending, endless, lost, siblings, underway
from replicator.domain.facts import Delayed, Fact, Finalised, GaveUp, Gone, Lost, Retired, Started, evolve
from replicator.domain.placement import Placement, held_by, left_by, lost_by
from replicator.domain.undoing import undoes, undone
from replicator.domain.verdict import Start, decide
from replicator.messages import forget_retry, forget_stall, remind_retry, remind_roll_back
from replicator.saying import say
from replicator.serving import datastore_for, request
from runtime.work import Get, Ref, Work


def move_keys(copy_id: str, version: str, pod: str, get: Get | None = None) -> Iterator[Ref]:
    """Everything that `move` may touch. With ``get`` also the pod's other copies of the version, which a move asks for
    where more than one is wanted on it."""
    yield COPY(copy_id)
    yield PLACEMENT(version)
    yield held.held_ref(pod, version)
    yield from slots.slot_keys(version, pod)
    if get is not None:
        copy = get(COPY, copy_id)
        yield from (COPY(sibling) for sibling in (siblings(copy) if copy is not None else ()))


def move(work: Work, config: Config, copy: Copy | None, facts: Iterable[Fact], placement: Placement) -> Copy:
    """Apply ``facts`` to a copy, in order; the copy after them. Its slot, what its pod is to hold, the placement's
    holders and the copy's reminders follow."""
    before, at = copy, work.message.at
    for fact in facts:
        repairing = copy is not None and copy.repairing
        copy = evolve(copy, fact, at, work.floor)
        say(work, copy, fact, placement)
        _follow(work, config, copy, fact, placement)
        if isinstance(fact, GaveUp) and not repairing and undoes(copy, _now(work, placement)):
            remind_roll_back(work, copy.version, copy.publication, undone(copy, fact.failure))
    if copy is None:
        raise ValueError("a copy that does not exist was not moved")
    if copy is before:
        return copy
    id = copy_id(copy.version, copy.pod, copy.replica)
    work.put(COPY, id, copy)
    if (isinstance(before, RetryPending) or lost(before)) and not (isinstance(copy, RetryPending) or lost(copy)):
        forget_retry(work, id)
    if before is not None and endless(before) and underway(before) and not underway(copy):
        forget_stall(work, id)
    slots.settled(work, before, copy, placement)
    if type(before) is not type(copy) and (isinstance(before, Available | Deleting) or isinstance(copy, Available)):
        held.follow(work, before, copy)
    held.note(work, before, copy)
    meter.moved(work, before, copy)
    return copy


def start(work: Work, config: Config, copy: Copy, placement: Placement) -> Copy:
    """Make the copy's next attempt at this moment; the copy after it, the same if it wants none."""
    return move(work, config, copy, decide(copy, Start(datastore_for(work, copy, placement))), placement)


def _follow(work: Work, config: Config, copy: Copy, fact: Fact, placement: Placement) -> None:
    """What a fact brings with it beside the word about it. The placement is read anew: several copies of it may move
    in one reaction, and each may change who holds the version."""
    id = copy_id(copy.version, copy.pod, copy.replica)
    match fact:
        case Started():
            request(work, config, copy, placement)
        case Delayed() if isinstance(copy, RetryPending):
            remind_retry(work, id, copy)
        case Finalised(words):
            meter.finalised(work, words, placement.manifest.size)
            _set(work, copy, held_by(_now(work, placement), copy.pod))
        case Lost() if not _has_another(work, copy):
            _set(work, copy, lost_by(_now(work, placement), copy.pod))
        case Retired() | Gone() if not _has_another(work, copy):
            _set(work, copy, left_by(_now(work, placement), copy.pod))


def _now(work: Work, placement: Placement) -> Placement:
    return work.get(PLACEMENT, placement.version) or placement


def _set(work: Work, copy: Copy, placement: Placement) -> None:
    if placement is not work.get(PLACEMENT, copy.version):
        work.put(PLACEMENT, copy.version, placement)


def _has_another(work: Work, copy: Copy) -> bool:
    """Whether another copy of the version is AVAILABLE on the same pod."""
    others = [work.get(COPY, id) for id in siblings(copy)]
    return any(isinstance(one, Available) for one in others)
