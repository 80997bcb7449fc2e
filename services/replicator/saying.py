"""What is said of a copy: to the house, and to its pod."""

from typing import Literal

from contracts.events.hub import (
    CopyAvailable,
    CopyCancelled,
    CopyDelayed,
    CopyFailed,
    CopyLost,
    CopyPlanned,
    CopyRemoved,
    CopyRetired,
    CopyStarted,
)
from contracts.events.to_pods import CopyPaused, CopyWithdrawn
from contracts.names import copy_id
from replicator.domain.copy import Copy
from replicator.domain.facts import (
    Counted,
    Delayed,
    Dismissed,
    Fact,
    Finalised,
    Freed,
    GaveUp,
    Gone,
    Kept,
    Lapsed,
    Lost,
    Noted,
    Parked,
    Paused,
    Planned,
    Retired,
    SkippedOver,
    Started,
    Transferred,
    Withdrawn,
)
from replicator.domain.placement import Placement
from runtime.work import Work


def say(work: Work, copy: Copy, fact: Fact, placement: Placement) -> None:
    """Say what became of ``copy`` by ``fact``."""
    id = copy_id(copy.version, copy.pod, copy.replica)
    match fact:
        case Planned() | SkippedOver() | Kept() | Noted():
            work.emit(_planned(id, copy, fact, placement), saga=copy.saga)
        case Started():
            started = CopyStarted(
                copy=id, version=copy.version, image=copy.image, pod=copy.pod, attempt=copy.attempt,
                revision=copy.revision,
            )  # fmt: skip
            work.emit(started, saga=copy.saga)
        case Delayed(failure, again):
            delayed = CopyDelayed(
                copy=id, version=copy.version, image=copy.image, pod=copy.pod, attempt=copy.attempt,
                failure=failure, next_attempt=again, revision=copy.revision,
            )  # fmt: skip
            work.emit(delayed, saga=copy.saga)
        case Finalised(words):
            available = CopyAvailable(
                copy=id, version=copy.version, image=copy.image, pod=copy.pod, attempt=copy.attempt,
                digest=words.digest, datastore=copy.datastore or "", bytes_network=words.bytes_network,
                bytes_reused=words.bytes_reused, revision=copy.revision,
            )  # fmt: skip
            work.emit(available, saga=copy.saga)
        case Lost(state, failure):
            lost = CopyLost(
                copy=id, version=copy.version, image=copy.image, pod=copy.pod, state=state, failure=failure,
                revision=copy.revision,
            )  # fmt: skip
            work.emit(lost, saga=copy.saga)
        case GaveUp(failure):
            failed = CopyFailed(
                copy=id, version=copy.version, image=copy.image, pod=copy.pod, attempt=copy.attempt,
                failure=failure, revision=copy.revision,
            )  # fmt: skip
            work.emit(failed, saga=copy.saga)
        case Dismissed(why, going):
            cancelled = CopyCancelled(
                copy=id, version=copy.version, image=copy.image, pod=copy.pod, reason=why, wanted=not going,
                revision=copy.revision,
            )  # fmt: skip
            work.emit(cancelled, saga=copy.saga)
        case Retired(why):
            retired = CopyRetired(
                copy=id, version=copy.version, image=copy.image, pod=copy.pod, reason=why, revision=copy.revision
            )
            work.emit(retired, saga=copy.saga)
        case Gone():
            removed = CopyRemoved(
                copy=id, version=copy.version, image=copy.image, pod=copy.pod, revision=copy.revision
            )  # fmt: skip
            work.emit(removed, saga=copy.saga)
        case Withdrawn():
            withdrawn = CopyWithdrawn(pod=copy.pod, copy=id, version=copy.version, attempt=copy.attempt)
            work.emit(withdrawn, saga=copy.saga)
        case Paused():
            paused = CopyPaused(pod=copy.pod, copy=id, version=copy.version, attempt=copy.attempt)
            work.emit(paused, saga=copy.saga)
        case Counted() | Lapsed() | Transferred() | Parked() | Freed():
            pass  # known to the replicator alone


def _planned(id: str, copy: Copy, fact: Planned | SkippedOver | Kept | Noted, placement: Placement) -> CopyPlanned:
    state: Literal["PENDING", "SKIPPED", "AVAILABLE"] = "PENDING"
    reason = ""
    if isinstance(fact, SkippedOver):
        state, reason = "SKIPPED", fact.plan.skip
    elif isinstance(fact, Kept):
        state = "AVAILABLE"
    return CopyPlanned(
        copy=id, version=copy.version, image=copy.image, pod=copy.pod, replica=copy.replica,
        publication=copy.publication, wanted=placement.planned, state=state, reason=reason, excluded=copy.excluded,
        estimate=fact.plan.estimate, revision=copy.revision,
    )  # fmt: skip
