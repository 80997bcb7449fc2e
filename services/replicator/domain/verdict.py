"""What an order or a report means for a copy.

Two numbers guard a copy against words that come late or twice: ``attempt`` (only reports for the latest count) and
``withdrawn`` (the bytes of that attempt and of those before it were taken back, so that no report for them can count
any more: the connector has dropped them or will, whichever of the two messages was faster).
"""

from datetime import datetime
from typing import Literal, TypeAlias

import msgspec

from contracts.errors import FAILURES, Failure
from contracts.events.from_pods import CopyCorrupted, CopyDropped, CopyFinalised, CopyRejected, CopyTransferred
from replicator.domain.copy import (
    TEXT,
    Absent,
    Available,
    Cancelled,
    Copy,
    Corrupt,
    Deleting,
    Failed,
    Finalizing,
    Missing,
    Pending,
    Replicating,
    RetryPending,
    Skipped,
    burdens,
    endless,
    underway,
    unfinished,
)
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
    Lost,
    Noted,
    Parked,
    Paused,
    Plan,
    Planned,
    Retired,
    SkippedOver,
    Started,
    Transferred,
    Withdrawn,
)
from replicator.domain.placement import Placement, mismatch
from replicator.domain.retry import Policy, next_attempt


class Start(msgspec.Struct, frozen=True):
    """Make the next attempt, on ``datastore`` where that is not the pod's to choose."""

    datastore: str | None = None


class Wait(msgspec.Struct, frozen=True):
    """The time of the next attempt came, but not the pod or the slot for it."""


class Pause(msgspec.Struct, frozen=True):
    """Stop, and keep what is there; a start goes on from it."""


class Expire(msgspec.Struct, frozen=True):
    """The publish's deadline passed; a repair has none. ``offline``: the pod is not there."""

    publication: int
    offline: bool


class Cancel(msgspec.Struct, frozen=True):
    """The publish is given up: what is unfinished goes. A repair of what was AVAILABLE is none of its business."""


class Drop(msgspec.Struct, frozen=True):
    """The copy is not wanted any more. Once more: the pod may not have heard it."""

    why: str


class Forget(msgspec.Struct, frozen=True):
    """The pod itself is no more."""

    why: str


class Lose(msgspec.Struct, frozen=True):
    """The pod does not have what is AVAILABLE there."""

    state: Literal["CORRUPT", "MISSING"]
    failure: Failure


class Renew(msgspec.Struct, frozen=True):
    """Make the copy, although it came to an end: a person, or what the pod holds, gives reason to."""

    plan: Plan


class Note(msgspec.Struct, frozen=True):
    """The terms of the copy changed, and nothing else."""

    plan: Plan


Report: TypeAlias = CopyTransferred | CopyFinalised | CopyRejected
Order: TypeAlias = Plan | Start | Wait | Pause | Expire | Cancel | Drop | Forget | Lose | Renew | Note


def decide(copy: Copy | None, order: Order) -> tuple[Fact, ...]:
    """What an order changes. One that does not fit the state (it came late, or twice) changes nothing."""
    match copy, order:
        case _, Plan():
            return _plan(copy, order)
        case None, _:
            return ()
        case Pending() | RetryPending() | Corrupt() | Missing(), Start(datastore):
            return (Started(datastore),)
        case RetryPending(), Wait():
            return (Parked(),)
        case Replicating() | Finalizing(), Pause():
            return (Paused(),)
        case (Pending() | Replicating() | RetryPending() | Finalizing(), Expire()):
            theirs = copy.publication == order.publication and not endless(copy)
            return _expire(copy, order) if theirs else ()
        case Pending() | Replicating() | RetryPending() | Finalizing(), Cancel():
            return () if copy.repairing else (Dismissed("cancelled"), *_take_back(copy))
        case _, Drop(why):
            return _drop(copy, why)
        case _, Forget(why):
            return () if isinstance(copy, Absent) else (_part(copy, why), Gone())
        case Available(), Lose(state, failure):
            return (Lost(state, plain(failure)),)
        case Failed() | Cancelled(going=False), Renew(plan):
            return (Planned(plan),)
        case _, Note(plan):
            return _note(copy, plan)
    return ()


def _plan(copy: Copy | None, plan: Plan) -> tuple[Fact, ...]:
    if isinstance(copy, Available) and copy.digest == plan.placement.digest:
        return (Kept(plan),)
    if not plan.skip:
        return (Planned(plan),)
    return (SkippedOver(plan),) if copy is None else (SkippedOver(plan), *_take_back(copy))


def _take_back(copy: Copy) -> tuple[Fact, ...]:
    """The withdrawal of what the pod may have of the copy, if it may have anything."""
    return (Withdrawn(),) if burdens(copy) else ()


def _note(copy: Copy, plan: Plan) -> tuple[Fact, ...]:
    if plan.placement.terms.excluded_on(plan.pod) != copy.excluded:
        if isinstance(copy, Available):
            return (Kept(plan),)
        if unfinished(copy) and not copy.repairing:  # of a lost one that would say that it never was there
            return (Noted(plan),)
    return (Counted(plan.among),) if plan.among > copy.among else ()


def _caught_up(copy: Copy, placement: Placement) -> tuple[Fact, ...]:
    """The terms of a copy that changed while there was nothing to say about it: it had failed, or was lost."""
    if copy.excluded == placement.terms.excluded_on(copy.pod):
        return ()
    return (Kept(Plan(placement=placement, pod=copy.pod, replica=copy.replica, among=copy.among)),)


def _part(copy: Copy, why: str) -> Fact:
    """How the copy leaves the desired state: given up on its way, or retired."""
    on_its_way = isinstance(copy, Pending | Replicating | RetryPending | Finalizing)
    return Dismissed(why, going=True) if on_its_way else Retired(why)


def _drop(copy: Copy, why: str) -> tuple[Fact, ...]:
    match copy:
        case Absent() | Deleting() | Cancelled(going=True):
            return (Withdrawn(),) if copy.attempt else ()
        case Skipped() | Failed() | Cancelled() if not burdens(copy):
            return (Gone(),)
        case Pending() | Replicating() | RetryPending() | Finalizing() if not burdens(copy):
            return (_part(copy, why), Gone())
    return (_part(copy, why), Withdrawn())


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
    return (GaveUp(failure), *_take_back(copy))


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
        case (Available() | Skipped() | Corrupt() | Missing() | Cancelled() | Deleting() | Absent(), _):
            return ()
        case _, CopyFinalised():
            wrong = _wrong(report, placement)
            if not wrong:
                moved = Transferred(report.bytes_network, report.bytes_reused, report.bytes_from)
                done = (Finalised(report),) if isinstance(copy, Finalizing) else (moved, Finalised(report))
                return (*done, *_caught_up(copy, placement))
            return _spoiled(copy, wrong, policy, at)
        case _, CopyTransferred() if report.digest != placement.digest:
            return _spoiled(copy, "the bytes on the pod are not those of the version", policy, at)
        case Replicating(), CopyTransferred():
            return (Transferred(report.bytes_network, report.bytes_reused, report.bytes_from),)
        case Replicating() | Finalizing(), CopyRejected():
            return _fail(copy, plain(report.failure), policy, at)
    return ()


def judge_loss(copy: Copy | None, report: CopyCorrupted) -> tuple[Fact, ...]:
    """What the word that bytes at rest changed means: the copy that we count on is lost.

    An item stands for a copy. If what is corrupt there has another digest, the pod has not what we count on either.
    """
    return decide(copy, Lose("CORRUPT", report.failure))


def judge_drop(copy: Copy | None, report: CopyDropped) -> tuple[Fact, ...]:
    """What it means that the pod dropped what was taken back: nothing is left of the attempts that it names.

    It can free no more than was taken back. A copy that is not wanted is ABSENT once all of it is freed.
    """
    if copy is None or not copy.freed < report.attempt <= copy.withdrawn:
        return ()
    freed = Freed(report.attempt)
    leaves = isinstance(copy, Deleting) or (isinstance(copy, Cancelled) and copy.going)
    return (freed, Gone()) if leaves and report.attempt == copy.attempt else (freed,)


def goes_on(copy: Copy | None, attempt: int) -> bool:
    """Whether ``attempt`` is the one that the pod is at."""
    return copy is not None and underway(copy) and copy.withdrawn < attempt == copy.attempt


def judge_stall(copy: Copy | None, attempt: int, policy: Policy, at: datetime) -> tuple[Fact, ...]:
    """What it means that the ticket of an attempt without a deadline ended and no other was asked for: it failed."""
    if not isinstance(copy, Replicating | Finalizing) or not endless(copy) or not goes_on(copy, attempt):
        return ()
    failure = Failure(
        code="deadline_exceeded",
        step="copy",
        text=f"pod {copy.pod} did not finish the copy, nor ask for more time",
        hint="look at the pod's connector; the copy is tried again",
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


def plain(failure: Failure) -> Failure:
    """A failure as a pod tells it, cut to size; a code that is not in the table is an internal error of the pod."""
    text = failure.text if failure.code in FAILURES else f"{failure.code[:40]}: {failure.text}"
    return msgspec.structs.replace(
        failure,
        code=failure.code if failure.code in FAILURES else "internal",
        step=failure.step[:40],
        text=text[:TEXT],
        hint=failure.hint[:TEXT],
    )
