"""Moving a copy: its facts applied, kept, and said to those whom they concern."""

from collections.abc import Iterable
from typing import Literal

from contracts.events.hub import CopyAvailable, CopyDelayed, CopyFailed, CopyLost, CopyPlanned, CopyStarted
from contracts.events.to_pods import CopyWithdrawn
from contracts.names import copy_id
from replicator.config import Config
from replicator.documents import COPY, PLACEMENT, POD
from replicator.domain.copy import (
    Copy,
    Corrupt,
    Delayed,
    Fact,
    Finalised,
    GaveUp,
    Kept,
    Lost,
    Parked,
    Planned,
    RetryPending,
    SkippedOver,
    Started,
    Transferred,
    Withdrawn,
    evolve,
    underway,
    unfinished,
)
from replicator.domain.placement import Placement, held_by, lost_by
from replicator.domain.pod import with_waiting, without_waiting
from replicator.messages import forget_retry, forget_stall, remind_retry
from replicator.serving import request
from runtime.work import Work


def move(work: Work, config: Config, copy: Copy | None, facts: Iterable[Fact], placement: Placement) -> Copy:
    """Apply ``facts`` to a copy, in order; the copy after them.

    The pod's list of unfinished copies, the placement's holders and the copy's reminder follow.
    """
    before, at = copy, work.message.at
    for fact in facts:
        copy = evolve(copy, fact, at)
        _say(work, config, copy, fact, placement)
    if copy is None:
        raise ValueError("a copy that does not exist was not moved")
    id = copy_id(copy.version, copy.pod, copy.replica)
    if copy is not before:
        work.put(COPY, id, copy)
    if isinstance(before, RetryPending | Corrupt) and not isinstance(copy, RetryPending | Corrupt):
        forget_retry(work, id)
    if before is not None and before.repairing and underway(before) and not underway(copy):
        forget_stall(work, id)
    if unfinished(before) != unfinished(copy):
        pod = work.get(POD, copy.pod)
        if pod is not None:
            work.put(POD, pod.name, with_waiting(pod, id) if unfinished(copy) else without_waiting(pod, id))
    return copy


def _say(work: Work, config: Config, copy: Copy, fact: Fact, placement: Placement) -> None:
    id, saga = copy_id(copy.version, copy.pod, copy.replica), copy.saga
    match fact:
        case Planned() | SkippedOver() | Kept():
            _say_planned(work, id, copy, fact, placement)
        case Started():
            started = CopyStarted(
                copy=id,
                version=copy.version,
                image=copy.image,
                pod=copy.pod,
                attempt=copy.attempt,
                revision=copy.revision,
            )
            work.emit(started, saga=saga)
            request(work, config, copy, placement)
        case Delayed(failure, again) if isinstance(copy, RetryPending):
            delayed = CopyDelayed(
                copy=id, version=copy.version, image=copy.image, pod=copy.pod, attempt=copy.attempt,
                failure=failure,
                next_attempt=again, revision=copy.revision,
            )  # fmt: skip
            work.emit(delayed, saga=saga)
            remind_retry(work, id, copy)
        case Finalised(words):
            available = CopyAvailable(
                copy=id, version=copy.version, image=copy.image, pod=copy.pod, attempt=copy.attempt,
                digest=words.digest, bytes_network=words.bytes_network, bytes_reused=words.bytes_reused,
                revision=copy.revision,
            )  # fmt: skip
            work.emit(available, saga=saga)
            held = held_by(placement, copy.pod)
            if held is not placement:
                work.put(PLACEMENT, copy.version, held)
        case Lost(failure):
            lost = CopyLost(
                copy=id, version=copy.version, image=copy.image, pod=copy.pod, state="CORRUPT", failure=failure,
                revision=copy.revision,
            )  # fmt: skip
            work.emit(lost, saga=saga)
            work.put(PLACEMENT, copy.version, lost_by(placement, copy.pod))
        case GaveUp(failure):
            failed = CopyFailed(
                copy=id, version=copy.version, image=copy.image, pod=copy.pod, attempt=copy.attempt,
                failure=failure, revision=copy.revision,
            )  # fmt: skip
            work.emit(failed, saga=saga)
        case Withdrawn():
            withdrawn = CopyWithdrawn(pod=copy.pod, copy=id, version=copy.version, attempt=copy.attempt)
            work.emit(withdrawn, saga=saga)
        case Transferred() | Parked() | Delayed():
            pass  # known to the replicator alone


def _say_planned(work: Work, id: str, copy: Copy, fact: Planned | SkippedOver | Kept, placement: Placement) -> None:
    state: Literal["PENDING", "SKIPPED", "AVAILABLE"] = "PENDING"
    reason = ""
    if isinstance(fact, SkippedOver):
        state, reason = "SKIPPED", fact.plan.skip
    elif isinstance(fact, Kept):
        state = "AVAILABLE"
    planned = CopyPlanned(
        copy=id, version=copy.version, image=copy.image, pod=copy.pod, replica=copy.replica,
        publication=copy.publication, wanted=placement.wanted, state=state, reason=reason, revision=copy.revision,
    )  # fmt: skip
    work.emit(planned, saga=copy.saga)
