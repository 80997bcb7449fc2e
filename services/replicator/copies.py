"""Reactions to what pods report of their copies, and what is done with single copies: woken, taken up, taken back."""

from collections.abc import Iterator
from typing import Literal

from contracts.errors import Failure
from contracts.events.from_pods import (
    CopyContinued,
    CopyCorrupted,
    CopyDropped,
    CopyFinalised,
    CopyRejected,
    CopyTransferred,
)
from replicator import dispatch
from replicator.config import Config
from replicator.documents import COPY, PLACEMENT, POD
from replicator.domain.copy import Copy, Failed, RetryPending, leaving, siblings, underway, unfinished
from replicator.domain.copy import lost as is_lost
from replicator.domain.facts import Plan, Withdrawn
from replicator.domain.placement import Placement
from replicator.domain.pod import Connected, reporting
from replicator.domain.verdict import (
    Drop,
    Forget,
    Lose,
    Renew,
    decide,
    goes_on,
    judge,
    judge_drop,
    judge_loss,
    judge_stall,
)
from replicator.messages import RepairStalled, RetryDue, remind_repair, remind_review, remind_roll_back
from replicator.moves import move, move_keys, start
from replicator.serving import extend, repairable, request, serving
from runtime.work import Get, Message, Ref, Work

Report = CopyTransferred | CopyFinalised | CopyRejected | CopyDropped


def report_keys(message: Message[Report], get: Get) -> Iterator[Ref]:
    """The copy and what it is held against: a few documents, however many pods there are. Once they are there only the
    pod's other copies of the version are still asked for, where it has any: this is the hot path."""
    words = message.body
    copy = get(COPY, words.copy)
    if copy is None:
        yield from move_keys(words.copy, words.version, message.pod)
    else:
        yield from (COPY(sibling) for sibling in siblings(copy))


def report(message: Message[CopyTransferred | CopyFinalised | CopyRejected], work: Work, config: Config) -> None:
    """Hold a report against what was asked. A pod is heard about its own copies only."""
    copy, placement = _own(message, work)
    if copy is None or placement is None:
        return
    facts = judge(copy, message.body, placement, config.policy, message.at)
    if facts:
        move(work, config, copy, facts, placement)


def dropped(message: Message[CopyDropped], work: Work, config: Config) -> None:
    """What was taken back is gone from the pod."""
    copy, placement = _own(message, work)
    if copy is None or placement is None:
        return
    facts = judge_drop(copy, message.body)
    if facts:
        move(work, config, copy, facts, placement)
        if placement.rolling is not None:
            remind_roll_back(work, copy.version, placement.publication, placement.rolling)


def _own(
    message: Message[Report | CopyContinued | CopyCorrupted], work: Work
) -> tuple[Copy, Placement] | tuple[None, None]:
    """The speaking pod's own copy that the message names, and its placement."""
    words = message.body
    copy, placement = work.get(COPY, words.copy), work.get(PLACEMENT, words.version)
    if copy is None or placement is None or copy.pod != message.pod or copy.version != words.version:
        return None, None
    return copy, placement


def serving_keys(message: Message[CopyContinued | CopyCorrupted | RetryDue | RepairStalled], get: Get) -> Iterator[Ref]:
    """The copy, its placement, and what its next attempt needs."""
    id = message.body.copy
    yield COPY(id)
    copy = get(COPY, id)
    version = message.body.version if isinstance(message.body, CopyContinued | CopyCorrupted) else None
    if version is not None:
        yield PLACEMENT(version)
    if copy is not None:
        yield from move_keys(id, copy.version, copy.pod, get)
        yield from dispatch.wake_keys(copy, get)
        yield from serving(copy, get)


def continued(message: Message[CopyContinued], work: Work, config: Config) -> None:
    """The attempt goes on for longer than its ticket: give it another. An attempt that is over gets none."""
    copy, placement = _own(message, work)
    if copy is not None and placement is not None and goes_on(copy, message.body.attempt):
        extend(work, config, copy, placement)


def corrupted(message: Message[CopyCorrupted], work: Work, config: Config) -> None:
    """A pod's bytes changed at rest: they count no more, and are made anew from another holder."""
    copy, placement = _own(message, work)
    if copy is None or placement is None:
        return
    facts = judge_loss(copy, message.body)
    if facts:
        _repair(work, config, move(work, config, copy, facts, placement), placement)


def retry(message: Message[RetryDue], work: Work, config: Config) -> None:
    """The time of the next attempt came."""
    copy = work.get(COPY, message.body.copy)
    placement = None if copy is None else work.get(PLACEMENT, copy.version)
    if copy is None or placement is None or copy.attempt != message.body.attempt:
        return
    if isinstance(copy, RetryPending) or is_lost(copy):
        _repair(work, config, copy, placement)


def stalled(message: Message[RepairStalled], work: Work, config: Config) -> None:
    """Nothing was heard of an attempt without a deadline for as long as its ticket lived."""
    copy = work.get(COPY, message.body.copy)
    placement = None if copy is None else work.get(PLACEMENT, copy.version)
    facts = judge_stall(copy, message.body.attempt, config.policy, message.at)
    if facts and placement is not None:
        move(work, config, copy, facts, placement)


def _repair(work: Work, config: Config, copy: Copy, placement: Placement) -> None:
    """Have the next attempt made. A repair that nobody in touch can serve waits until somebody can: it has no
    deadline, so it shall not use up its attempts on nobody. What lapsed goes instead."""
    if copy.lapsed:
        remind_review(work, copy.image, copy.version)
        return
    pod = work.get(POD, copy.pod)
    serves = not copy.repairing or repairable(work, copy, placement)
    waits = isinstance(copy, RetryPending) or is_lost(copy)
    if waits and not serves and isinstance(pod, Connected):
        remind_repair(work, copy, config.repair_seconds)
    else:
        dispatch.wake(work, config, copy, placement)


# --- single copies, for those who compare, steer and look after pods --------------------------------------------------


def lost(
    work: Work,
    config: Config,
    copy: Copy,
    placement: Placement,
    state: Literal["MISSING", "CORRUPT"],
    failure: Failure,
) -> None:
    """An AVAILABLE copy is not what its pod has: it counts no more, and is made again. Its keys: `serving_keys` of a
    loss, which are `move_keys` and `dispatch.wake_keys`."""
    facts = decide(copy, Lose(state, failure))
    if facts:
        _repair(work, config, move(work, config, copy, facts, placement), placement)


def adopt(work: Work, config: Config, copy: Copy, placement: Placement) -> None:
    """The pod holds an item of a wanted copy that does not count as AVAILABLE: make an attempt at once, whatever its
    turn and backoff. It moves no bytes, and only the pod's own word makes the copy AVAILABLE."""
    if placement.halted or copy.lapsed:
        return
    if isinstance(copy, Failed):
        plan = Plan(
            placement=placement, pod=copy.pod, replica=copy.replica, peers=copy.peers, publish=False, among=copy.among
        )
        copy = move(work, config, copy, decide(copy, Renew(plan)), placement)
    if unfinished(copy) and not underway(copy):
        start(work, config, copy, placement)


def drop(work: Work, config: Config, copy: Copy, placement: Placement, why: str) -> None:
    """The copy is not wanted on its pod; said once more where that was said before."""
    move(work, config, copy, decide(copy, Drop(why)), placement)


def forget(work: Work, config: Config, copy: Copy, placement: Placement, why: str) -> None:
    """The copy's pod is no more."""
    move(work, config, copy, decide(copy, Forget(why)), placement)


def resume_keys(id: str, get: Get) -> Iterator[Ref]:
    """A copy of a pod that came back, and what it takes to ask for it again."""
    yield COPY(id)
    copy = get(COPY, id)
    if copy is not None:
        yield POD(copy.pod)
        yield from move_keys(id, copy.version, copy.pod, get)
        yield from serving(copy, get)


def resume(work: Work, config: Config, id: str, pod: str) -> None:
    """The pod is in touch again: repeat what it may have missed, the attempt that is under way or the withdrawal of
    what it is to drop. What waits is woken by its pod's queue."""
    copy = work.get(COPY, id)
    placement = None if copy is None else work.get(PLACEMENT, copy.version)
    if copy is None or placement is None or copy.pod != pod or not reporting(work.get(POD, pod)):
        return
    if underway(copy):
        request(work, config, copy, placement)
    elif leaving(copy):
        move(work, config, copy, (Withdrawn(),), placement)
