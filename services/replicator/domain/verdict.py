"""What an order or a report means for a copy.

Two numbers guard a copy against words that come late or twice: ``attempt`` (only reports for the latest count) and
``withdrawn`` (the bytes of that attempt and of those before it were taken back, so that no report for them can count
any more: the connector has dropped them or will, whichever of the two messages was faster).
"""

from datetime import datetime
from typing import TypeAlias

import msgspec

from contracts.errors import FAILURES, Failure
from contracts.events.from_pods import CopyCorrupted, CopyFinalised, CopyRejected, CopyTransferred
from replicator.domain.copy import (
    TEXT,
    Available,
    Copy,
    Corrupt,
    Delayed,
    Fact,
    Finalised,
    Finalizing,
    GaveUp,
    Kept,
    Lost,
    Parked,
    Pending,
    Plan,
    Planned,
    Replicating,
    RetryPending,
    Skipped,
    SkippedOver,
    Started,
    Transferred,
    Withdrawn,
    underway,
)
from replicator.domain.placement import Placement, mismatch
from replicator.domain.retry import Policy, next_attempt


class Start(msgspec.Struct, frozen=True):
    """The pod is CONNECTED: make the next attempt."""


class Wait(msgspec.Struct, frozen=True):
    """The time of the next attempt came, but the pod is not there."""


class Expire(msgspec.Struct, frozen=True):
    """The publish's deadline passed; a repair has none. ``offline``: the pod is not there."""

    publication: int
    offline: bool


Report: TypeAlias = CopyTransferred | CopyFinalised | CopyRejected
Order: TypeAlias = Plan | Start | Wait | Expire


def decide(copy: Copy | None, order: Order) -> tuple[Fact, ...]:
    """What an order changes. One that does not fit the state (it came late, or twice) changes nothing."""
    match copy, order:
        case _, Plan():
            return _plan(copy, order)
        case Pending() | RetryPending() | Corrupt(), Start():
            return (Started(),)
        case RetryPending(), Wait():
            return (Parked(),)
        case (Pending() | Replicating() | RetryPending() | Finalizing(), Expire()):
            theirs = copy.publication == order.publication and not copy.repairing
            return _expire(copy, order) if theirs else ()
    return ()


def _plan(copy: Copy | None, plan: Plan) -> tuple[Fact, ...]:
    if isinstance(copy, Available) and copy.digest == plan.placement.digest:
        return (Kept(plan),)
    if not plan.skip:
        return (Planned(plan),)
    return (SkippedOver(plan), Withdrawn()) if copy is not None and _asked(copy) else (SkippedOver(plan),)


def _asked(copy: Copy) -> bool:
    """Whether the pod may have something of the copy."""
    return copy.attempt > copy.withdrawn


def _expire(copy: Pending | Replicating | RetryPending | Finalizing, order: Expire) -> tuple[Fact, ...]:
    if isinstance(copy, Pending) and order.offline:
        failure = Failure(
            code="pod_offline",
            step="place",
            text=f"pod {copy.pod} did not come back before the deadline of the publish",
            hint="bring the pod back, then publish again: only what is missing is copied",
        )
    else:
        failure = Failure(
            code="deadline_exceeded",
            step="copy",
            text=f"the copy on pod {copy.pod} was not finished before the deadline of the publish",
            hint="look at the pod's load and link, then publish again with a later deadline",
        )
    return (GaveUp(failure), Withdrawn()) if _asked(copy) else (GaveUp(failure),)


def judge(copy: Copy | None, report: Report, placement: Placement, policy: Policy, at: datetime) -> tuple[Fact, ...]:
    """What a report of the copy's own pod changes.

    It counts for the latest attempt only, and not once that was withdrawn. A good *finalised* makes the copy
    AVAILABLE from any state on its way, also when *transferred* was overtaken, and heals a FAILED one; a repeated or
    contradicting word about an AVAILABLE copy changes nothing, and none brings back a CORRUPT one: only its repair
    does, which is another attempt.
    """
    if copy is None or not copy.withdrawn < report.attempt == copy.attempt:
        return ()
    match copy, report:
        case (Available() | Skipped() | Corrupt(), _):
            return ()
        case _, CopyFinalised():
            wrong = _wrong(report, placement)
            if not wrong:
                moved = Transferred(report.bytes_network, report.bytes_reused)
                return (Finalised(report),) if isinstance(copy, Finalizing) else (moved, Finalised(report))
            return _spoiled(copy, wrong, policy, at)
        case _, CopyTransferred() if report.digest != placement.digest:
            return _spoiled(copy, "the bytes on the pod are not those of the version", policy, at)
        case Replicating(), CopyTransferred():
            return (Transferred(report.bytes_network, report.bytes_reused),)
        case Replicating() | Finalizing(), CopyRejected():
            return _fail(copy, _plain(report.failure), policy, at)
    return ()


def judge_loss(copy: Copy | None, report: CopyCorrupted) -> tuple[Fact, ...]:
    """What the word that bytes at rest changed means: the copy that we count on is lost.

    A pod has one item of a version. If what is corrupt there has another digest, it has not what we count on either.
    """
    if isinstance(copy, Available):
        return (Lost(_plain(report.failure)),)
    return ()


def goes_on(copy: Copy | None, attempt: int) -> bool:
    """Whether ``attempt`` is the one that the pod is at."""
    return copy is not None and underway(copy) and copy.withdrawn < attempt == copy.attempt


def judge_stall(copy: Copy | None, attempt: int, policy: Policy, at: datetime) -> tuple[Fact, ...]:
    """What it means that a repair's ticket ended and no other was asked for: the attempt failed."""
    if not isinstance(copy, Replicating | Finalizing) or not copy.repairing or not goes_on(copy, attempt):
        return ()
    failure = Failure(
        code="deadline_exceeded",
        step="repair",
        text=f"pod {copy.pod} did not finish the repair, nor ask for more time",
        hint="look at the pod's connector; the repair is tried again",
        retry=True,
    )
    return _fail(copy, failure, policy, at)


def _wrong(report: CopyFinalised, placement: Placement) -> str:
    if report.digest != placement.digest:
        return "the pod finalised other content than the version's"
    return mismatch(placement.manifest, report.files)


def _spoiled(copy: Copy, text: str, policy: Policy, at: datetime) -> tuple[Fact, ...]:
    """The pod holds something that is not the version: it is to drop it, and to begin from nothing."""
    if not isinstance(copy, Replicating | Finalizing):
        return (Withdrawn(),)
    hint = "look at the pod's disk and memory; the copy is fetched again from the start"
    failure = Failure(code="digest_mismatch", step="verify", text=text, hint=hint, retry=True)
    return (Withdrawn(), *_fail(copy, failure, policy, at))


def _fail(copy: Replicating | Finalizing, failure: Failure, policy: Policy, at: datetime) -> tuple[Fact, ...]:
    tries = copy.attempt - copy.first + 1
    again = next_attempt(policy, f"{copy.version}/{copy.pod}/{copy.replica}", tries, at) if failure.retry else None
    return (GaveUp(failure),) if again is None else (Delayed(failure, again),)


def _plain(failure: Failure) -> Failure:
    """A failure as a pod tells it, cut to size; a code that is not in the table is an internal error of the pod."""
    text = failure.text if failure.code in FAILURES else f"{failure.code[:40]}: {failure.text}"
    return msgspec.structs.replace(
        failure,
        code=failure.code if failure.code in FAILURES else "internal",
        step=failure.step[:40],
        text=text[:TEXT],
        hint=failure.hint[:TEXT],
    )
