"""What the replicator tells itself when a deadline comes."""

from datetime import datetime, timedelta
from typing import TypeAlias

from contracts.errors import Failure
from contracts.events.hub import VersionDeliveryRequested
from contracts.names import copy_id
from replicator.domain.copy import Copy, RetryPending
from replicator.upkeep import Adoption, Compare, Leaving, PodSilent, SoughtStale, Tally
from runtime.work import Local, Work


class RetryDue(Local, frozen=True, kw_only=True, tag="retry_due"):
    """The attempt after ``attempt`` may begin; of a copy that was lost, if somebody holds the version by now."""

    copy: str
    attempt: int


class RepairStalled(Local, frozen=True, kw_only=True, tag="repair_stalled"):
    """The ticket of an attempt without a deadline ended, and its pod did not ask for another: nothing will come of
    it."""

    copy: str
    attempt: int


class RollBack(Local, frozen=True, kw_only=True, tag="roll_back"):
    """A copy of an all-or-nothing publish failed for good: take back what the publish made, and see whether all of it
    is gone. Set anew until it is."""

    version: str
    publication: int
    failure: Failure


class PublishOverdue(Local, frozen=True, kw_only=True, tag="publish_overdue"):
    """The deadline of a publish passed: what is unfinished comes to an end. One for a publish, not for each copy."""

    version: str
    publication: int


class Dispatch(Local, frozen=True, kw_only=True, tag="dispatch"):
    """A slot of the pod became free, or the pod's standing changed: see who of its queue can start."""

    pod: str


class Advance(Local, frozen=True, kw_only=True, tag="advance"):
    """Something that a version's copies wait for may have come about: a feeder, a turn, a time. See who can start."""

    version: str


class PodJoined(Local, frozen=True, kw_only=True, tag="pod_joined"):
    """A pod is new to policies, or not what it was."""

    pod: str


class Sweep(Local, frozen=True, kw_only=True, tag="sweep"):
    """Place what policies want: of ``tenant`` (empty: of all) and ``images`` (none: all), on ``pods`` (none: all;
    ``gathered``: those that joined lately), beginning behind (image, policy, version) ``after``. Before it was looked
    whether policies want anything at all (``needed``), no pods are loaded."""

    tenant: str = ""
    images: tuple[str, ...] = ()
    pods: tuple[str, ...] = ()
    gathered: bool = False
    needed: bool = False
    after: tuple[str, str, str] = ("", "", "")


class PlaceByPolicy(Local, frozen=True, kw_only=True, tag="place_by_policy"):
    """Add ``pods`` that lack a version and that ``policy`` wants it on."""

    version: str
    policy: str
    pods: tuple[str, ...]


class Review(Local, frozen=True, kw_only=True, tag="review"):
    """Go on with the deliveries of an image that lapse, or had lapsed; of ``version`` something is not whole any
    more."""

    image: str
    version: str = ""


class Belong(Local, frozen=True, kw_only=True, tag="belong"):
    """Go on with the deliveries to ``tenant``, which belongs elsewhere now: those of images behind ``after``."""

    tenant: str
    after: str = ""


class DeliverLater(Local, frozen=True, kw_only=True, tag="deliver_later"):
    """Look again whether a delivery can be made."""

    words: VersionDeliveryRequested


LOCAL: TypeAlias = (
    Dispatch
    | Advance
    | RetryDue
    | RepairStalled
    | RollBack
    | PublishOverdue
    | PodSilent
    | Compare
    | Tally
    | Adoption
    | SoughtStale
    | Leaving
    | PodJoined
    | Sweep
    | PlaceByPolicy
    | Review
    | Belong
    | DeliverLater
)


def remind_retry(work: Work, id: str, copy: RetryPending) -> None:
    """Make the next attempt of ``copy`` when its time comes."""
    work.remind(f"retry:{id}", copy.next_attempt, RetryDue(copy=id, attempt=copy.attempt), saga=copy.saga)


def remind_repair(work: Work, copy: Copy, seconds: float) -> None:
    """Look again after ``seconds`` whether ``copy`` can be made anew."""
    id = copy_id(copy.version, copy.pod, copy.replica)
    due = work.message.at + timedelta(seconds=seconds)
    work.remind(f"retry:{id}", due, RetryDue(copy=id, attempt=copy.attempt), saga=copy.saga)


def remind_stall(work: Work, id: str, copy: Copy, due: datetime) -> None:
    """Take the latest attempt of a copy for lost at ``due``; replaces what was said of it before."""
    work.remind(f"stall:{id}", due, RepairStalled(copy=id, attempt=copy.attempt), saga=copy.saga)


def forget_stall(work: Work, id: str) -> None:
    """The attempt ended."""
    work.forget(f"stall:{id}")


def forget_retry(work: Work, id: str) -> None:
    """The next attempt is no longer wanted."""
    work.forget(f"retry:{id}")


def remind_overdue(work: Work, version: str, publication: int, deadline: datetime) -> None:
    """Bring a publish to its end at ``deadline``."""
    body = PublishOverdue(version=version, publication=publication)
    work.remind(f"overdue:{version}:{publication}", deadline, body)


def remind_roll_back(work: Work, version: str, publication: int, failure: Failure, seconds: float = 0.0) -> None:
    """Take a publish back, or look after ``seconds`` how far that has come. One reminder for all copies that fail."""
    due = work.message.at + timedelta(seconds=seconds)
    body = RollBack(version=version, publication=publication, failure=failure)
    work.remind(f"rollback:{version}", due, body)


def forget_roll_back(work: Work, version: str) -> None:
    """There is nothing to take back any more."""
    work.forget(f"rollback:{version}")


def remind_dispatch(work: Work, pod: str) -> None:
    """Look at the pod's queue as soon as this is committed; once, however many messages of a batch ask for it."""
    work.remind(f"dispatch:{pod}", work.message.at, Dispatch(pod=pod), saga="")


def remind_window(work: Work, pod: str, due: datetime) -> None:
    """Look at the pod's queue when its windows open or close."""
    work.remind(f"window:{pod}", due, Dispatch(pod=pod), saga="")


def remind_advance(work: Work, version: str) -> None:
    """Look at the version's copies as soon as this is committed."""
    work.remind(f"advance:{version}", work.message.at, Advance(version=version))


def remind_later(work: Work, version: str, due: datetime) -> None:
    """Look at the version's copies at ``due``: its time has come, or a group has drawn on its feeder for too long."""
    work.remind(f"later:{version}", due, Advance(version=version))


def remind_review(work: Work, image: str, version: str = "") -> None:
    """Look at the deliveries of an image as soon as this is committed."""
    work.remind(f"review:{image}:{version}", work.message.at, Review(image=image, version=version), saga="")


def remind_belong(work: Work, tenant: str, after: str) -> None:
    """Look at the next deliveries to a tenant as soon as this is committed."""
    work.remind(f"belong:{tenant}", work.message.at, Belong(tenant=tenant, after=after), saga="")


def remind_delivery(work: Work, words: VersionDeliveryRequested, seconds: float) -> None:
    """Look at a delivery again after ``seconds``."""
    due = work.message.at + timedelta(seconds=seconds)
    work.remind(f"delivery:{words.delivery}", due, DeliverLater(words=words), saga=words.delivery)
