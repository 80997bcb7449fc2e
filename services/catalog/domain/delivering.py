"""Deliveries: a version of a shared image on pods of the member's, as a job of the member's own."""

from collections.abc import Iterable, Mapping
from datetime import datetime

import msgspec

from catalog.domain import job as jobs
from catalog.domain import lives
from catalog.domain.copies import Copy
from catalog.domain.image import Image
from catalog.domain.job import Job
from catalog.domain.publication import Publication
from catalog.domain.states import become
from catalog.domain.version import Version, counted_of
from contracts.errors import Failure
from contracts.events.hub import VersionDeliveryRequested
from contracts.views import CopyCounts


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery under way to a tenant. ``since`` are the pods, each with the revision of the copy that was there when
    it began: what became of that before is not the delivery's doing. ``refused`` are pods that get nothing, and why.
    """

    member: str
    principals: tuple[str, ...] = ()
    since: dict[str, int]
    refused: dict[str, Failure] = {}


class Deliveries(msgspec.Struct, frozen=True, kw_only=True):
    """The deliveries of a version by job."""

    by: dict[str, Delivery] = {}


def newest(image: Image, versions: Iterable[tuple[str, Version]], at: datetime) -> tuple[str, Version] | None:
    """What `latest` means: the highest number that is usable, and not excluded, deprecated, or out of use."""
    eligible = [(id, version) for id, version in versions if version.usable and _eligible(image, version, at)]
    return max(eligible, key=lambda one: one[1].rank, default=None)


def _eligible(image: Image, version: Version, at: datetime) -> bool:
    publication: Publication | None = counted_of(version)
    excluded = version.excluded or (
        publication is not None and publication.excluded and publication.number > version.promoted
    )
    life = version.life
    return (
        not excluded
        and life.deprecation == "ACTIVE"
        and life.removal is None
        and lives.objection_to_use(image, version, at) is None
    )


def requested(image: Image, id: str, version: Version, job: str, delivery: Delivery) -> VersionDeliveryRequested:
    """What is asked of the replicator."""
    return VersionDeliveryRequested(
        version=id,
        image=version.image,
        number=version.number,
        tenant=image.tenant,
        gallery=image.gallery,
        member=delivery.member,
        delivery=job,
        principals=delivery.principals,
        pods=tuple(delivery.since),
        revision=version.revision,
    )


def ended(job: Job, delivery: Delivery, copies: Mapping[str, Copy | None], at: datetime, why: Failure) -> Job | None:
    """The job once each of its copies came to an end, as they are by pod; None while one is still to come. ``why`` is
    what those failed of that are not there."""
    settled = [_settled(delivery, pod, copies.get(pod)) for pod in delivery.since]
    return None if None in settled else over(job, delivery, copies, at, why)


def over(job: Job, delivery: Delivery, copies: Mapping[str, Copy | None], at: datetime, why: Failure) -> Job:
    """The job when nobody waits for its copies any more: it was given up where the share ended."""
    there = [_settled(delivery, pod, copies.get(pod)) is True for pod in delivery.since]
    counts = CopyCounts(wanted=len(there), available=sum(there), failed=len(there) - sum(there))
    if all(there):
        return become(jobs.Success, job, updated=at, copies=counts, failure=None)
    if why.code == "share_revoked":
        return become(jobs.Cancelled, job, updated=at, copies=counts, failure=why)
    why = next(iter(delivery.refused.values()), why)
    if any(there):
        return become(jobs.Partial, job, updated=at, copies=counts, failure=why)
    return become(jobs.Failed, job, updated=at, copies=counts, failure=why, final=True)


def _settled(delivery: Delivery, pod: str, copy: Copy | None) -> bool | None:
    """Whether the copy on a pod is there; None while that is not known yet."""
    if copy is not None and copy.state == "AVAILABLE":
        return True
    if pod in delivery.refused:
        return False
    ended = copy is not None and copy.revision > delivery.since[pod] and (copy.unmade or copy.state == "SKIPPED")
    return False if ended else None
