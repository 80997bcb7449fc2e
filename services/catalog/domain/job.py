"""A job: a saga as its user sees it (features.md, b.5). Its id is the saga's correlation id."""

from datetime import datetime
from typing import Literal

import msgspec

from catalog.domain.states import become
from contracts.errors import Failure
from contracts.events import Event
from contracts.events.hub import (
    PlacementPlanned,
    VersionAvailable,
    VersionCancelRequested,
    VersionDeleted,
    VersionDeployed,
    VersionFailed,
    VersionPartiallyAvailable,
    VersionReplicating,
    VersionStarted,
    VersionUnpublishRequested,
    VersionWithdrawn,
)
from contracts.views import CopyCounts

Kind = Literal["import", "publish", "unpublish", "delete", "assign", "deliver"]
"""The verbs that take long. ``delete`` takes a version out of the world, ``assign`` makes or changes a desktop pool,
``deliver`` brings a shared version to pods of the member's."""


class _Job(msgspec.Struct, frozen=True, kw_only=True, tag_field="state"):
    """``image`` and ``version`` are empty when the saga was refused before they existed. ``estimate`` and ``warning``
    are what was said of its end when the publish was planned.

    ``assignment`` is the one that a job of kind ``assign`` is about. ``total`` is how many bytes an import reads, as
    soon as its source pod told; ``heard`` when a pod last told of the work. ``asked`` is the command (JSON) that a
    retry gives again, ``retried`` the job that was begun in place of this one.
    """

    kind: Kind
    tenant: str
    actor: str
    image: str
    gallery: str
    name: str
    version: str
    number: str
    copies: CopyCounts = CopyCounts()
    failure: Failure | None = None
    estimate: datetime | None = None
    warning: Failure | None = None
    assignment: str = ""
    total: int = 0
    heard: datetime | None = None
    asked: str = ""
    retried: str = ""
    pods: tuple[str, ...] = ()
    """Where a job of kind ``deliver`` brings its version; ``refused`` are those of them that get nothing, and why."""
    refused: dict[str, Failure] = {}
    created: datetime
    updated: datetime


class Pending(_Job, frozen=True, kw_only=True, tag="PENDING"):
    """Accepted; nothing happened yet."""


class Processing(_Job, frozen=True, kw_only=True, tag="PROCESSING"):
    """A pod works on it."""


class Cancelling(_Job, frozen=True, kw_only=True, tag="CANCELLING"):
    """It was given up; something is still to be freed."""


class Success(_Job, frozen=True, kw_only=True, tag="SUCCESS"):
    """Everything asked for was done."""


class Partial(_Job, frozen=True, kw_only=True, tag="PARTIAL"):
    """Some pods have the version, some do not."""


class Cancelled(_Job, frozen=True, kw_only=True, tag="CANCELLED"):
    """It was given up; what was done before stays."""


class Failed(_Job, frozen=True, kw_only=True, tag="FAILURE"):
    """It came to nothing; ``failure`` tells why. ``final``: copies that come later are not its doing."""

    final: bool = False


Job = Pending | Processing | Cancelling | Success | Partial | Cancelled | Failed


def final(job: Job) -> bool:
    """Whether the job stays as it is whatever becomes of its version."""
    return isinstance(job, Success | Cancelled) or (isinstance(job, Failed) and job.final)


def running(job: Job) -> bool:
    """Whether the job did not come to an end yet."""
    return isinstance(job, Pending | Processing | Cancelling)


def evolve(job: Job, event: Event, at: datetime, copies: CopyCounts, ended: Failure | None) -> Job:
    """The job after an event about its version.

    ``ended`` is why a publish was over before its copies were. The job of a publish that did not reach all it should
    follows its version up when a copy comes late: the end is the same in whatever order the events arrive. It does not
    follow it down: a copy that is lost later, or one that an edit adds, is not the job's doing.
    """
    if final(job) or (isinstance(job, Partial) and copies.available < job.copies.available):
        return job
    given_up = isinstance(job, Cancelling)
    match event:
        case VersionDeleted():
            return done(job, at)
        case VersionWithdrawn() if job.kind == "delete" and given_up:
            return cancelled(job, at)  # the version stays, and what was told to go is gone
        case VersionWithdrawn() if job.kind == "delete":
            return msgspec.structs.replace(job, updated=at, copies=copies)  # the copies are gone, its source is next
        case VersionCancelRequested():
            return become(Cancelling, job, updated=at, copies=copies)
        case VersionStarted() | VersionReplicating() | VersionUnpublishRequested():
            return become(Processing, job, updated=at, copies=copies)
        case VersionDeployed() | VersionAvailable() | VersionWithdrawn(reason="unpublished"):
            return become(Success, job, updated=at, copies=copies, failure=None)
        case VersionWithdrawn(failure=Failure() as failure):
            return failed(job, failure, at, copies)
        case VersionFailed(failure=Failure(code="cancelled")) | VersionWithdrawn():
            return become(Cancelled, job, updated=at, copies=copies)
        case VersionPartiallyAvailable() | VersionFailed() if given_up:
            return become(Cancelled, job, updated=at, copies=copies)
        case VersionPartiallyAvailable():
            return become(Partial, job, updated=at, copies=copies, failure=ended)
        case VersionFailed():
            return become(Failed, job, updated=at, copies=copies, failure=event.failure)
    return job


def done(job: Job, at: datetime) -> Success:
    """The job after all of it was done."""
    return become(Success, job, updated=at, failure=None)


def cancelled(job: Job, at: datetime) -> Cancelled:
    """The job after it was given up, and all that was to be freed is."""
    return become(Cancelled, job, updated=at)


def failed(job: Job, failure: Failure, at: datetime, copies: CopyCounts) -> Failed:
    """The job after the replicator refused its publish or took it back: whatever copies there are, it made none."""
    return become(Failed, job, updated=at, copies=copies, failure=failure, final=True)


def superseded(job: Job, at: datetime, copies: CopyCounts) -> Job:
    """The job after another took its version over: what still ran is given up."""
    return become(Cancelled, job, updated=at, copies=copies) if running(job) else job


def foreseen(job: Job, event: PlacementPlanned, at: datetime) -> Job:
    """The job with what the replicator said of its end; the same when it is over."""
    if not running(job) or (job.estimate, job.warning) == (event.estimate, event.warning):
        return job
    return msgspec.structs.replace(job, estimate=event.estimate, warning=event.warning, updated=at)


def heard(job: Job, at: datetime, total: int | None = None) -> Job:
    """The job after a pod told that it works on it, and perhaps how many bytes there are; the same when it is over.

    ``updated`` stays: a sign of life is no change.
    """
    if not running(job):
        return job
    return msgspec.structs.replace(job, heard=at, total=job.total if total is None else total)
