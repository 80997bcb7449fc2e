"""A job: a saga as its user sees it (features.md, b.5). Its id is the saga's correlation id."""

from datetime import datetime
from typing import Literal

import msgspec

from catalog.domain.states import become
from contracts.errors import Failure
from contracts.events import Event
from contracts.events.hub import (
    VersionAvailable,
    VersionDeployed,
    VersionFailed,
    VersionPartiallyAvailable,
    VersionReplicating,
    VersionStarted,
)
from contracts.views import CopyCounts


class _Job(msgspec.Struct, frozen=True, kw_only=True, tag_field="state"):
    """``image`` and ``version`` are empty when the saga was refused before they existed."""

    kind: Literal["import", "publish"]
    tenant: str
    actor: str
    image: str
    gallery: str
    name: str
    version: str
    number: str
    copies: CopyCounts = CopyCounts()
    failure: Failure | None = None
    created: datetime
    updated: datetime


class Pending(_Job, frozen=True, kw_only=True, tag="PENDING"):
    """Accepted; nothing happened yet."""


class Processing(_Job, frozen=True, kw_only=True, tag="PROCESSING"):
    """A pod works on it."""


class Success(_Job, frozen=True, kw_only=True, tag="SUCCESS"):
    """Everything asked for was done."""


class Partial(_Job, frozen=True, kw_only=True, tag="PARTIAL"):
    """Some pods have the version, some do not."""


class Failed(_Job, frozen=True, kw_only=True, tag="FAILURE"):
    """It came to nothing; ``failure`` tells why."""


Job = Pending | Processing | Success | Partial | Failed


def evolve(job: Job, event: Event, at: datetime, copies: CopyCounts, ended: Failure | None) -> Job:
    """The job after an event about its version.

    ``ended`` is why a publish was over before its copies were. A publish's job follows its version up when a copy
    comes late: the end is the same in whatever order the events arrive. It does not follow it down: a copy that is
    lost later is not the job's doing.
    """
    if isinstance(job, Success | Partial) and copies.available < job.copies.available:
        return job
    match event:
        case VersionStarted() | VersionReplicating():
            return become(Processing, job, updated=at, copies=copies)
        case VersionDeployed() | VersionAvailable():
            return become(Success, job, updated=at, copies=copies, failure=None)
        case VersionPartiallyAvailable():
            return become(Partial, job, updated=at, copies=copies, failure=ended)
        case VersionFailed():
            return become(Failed, job, updated=at, copies=copies, failure=event.failure)
    return job
