"""An assignment (a desktop pool on one pod or several): what is wanted of it, and how its pools stand (b.5)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

import msgspec

from catalog.domain import definition
from catalog.domain import job as jobs
from catalog.domain.image import Image
from catalog.domain.job import Job
from catalog.domain.pool import Pool
from catalog.domain.states import become
from catalog.domain.version import Version, manifest_of
from contracts.desktops import Customisation, DataDisk, Endpoint, PoolState, Shape, Wanted
from contracts.errors import Failure
from contracts.names import copy_id
from contracts.views import CopyCounts

_WORST: dict[PoolState, int] = {
    "UPDATE_FAILED": 0,
    "ROLLED_BACK": 1,
    "PENDING": 2,
    "UPDATE_PENDING": 3,
    "VALIDATING": 4,
    "UPDATING": 5,
    "IN_SYNC": 6,
}
"""An assignment is in the least of its pools' states."""
MOST_NAMED = 8
"""Late pods that a failure names."""


class Stand(msgspec.Struct, frozen=True, kw_only=True):
    """A pool at a glance, with the assignment: for lists and rollouts. ``open``: something is still to come.

    ``failed`` is the version whose update failed there, ``leaving`` says that its seats are to go.
    """

    state: PoolState
    version: str
    wanted: str
    open: bool
    failed: str = ""
    leaving: bool = False


class Assignment(msgspec.Struct, frozen=True, kw_only=True):
    """``marker`` is empty when it is pinned to ``number``. ``version`` is what it wants on all its pods, but where a
    staged move of the marker did not come to a pod yet."""

    tenant: str
    name: str
    image: str
    gallery: str
    image_name: str
    marker: str
    version: str
    number: str
    kind: Literal["desktop", "endpoint"]
    state: str
    pods: dict[str, Stand]
    seats: int
    endpoints: tuple[Endpoint, ...] = ()
    customisation: Customisation | None = None
    shape: Shape = Shape()
    disks: tuple[DataDisk, ...] = ()
    warnings: tuple[str, ...] = ()
    job: str
    leaving: bool = False
    attempt: int = 0
    """The highest attempt of a pool that is gone: one that is made on its pod again goes on from there."""
    principals: tuple[str, ...] = ()
    """What its tenant was when somebody last asked something of it, where the image is another tenant's."""
    created: datetime
    updated: datetime
    revision: int


def stand_of(pool: Pool) -> Stand:
    """The pool at a glance."""
    return Stand(
        state=pool.state,
        version=pool.version,
        wanted=pool.wanted,
        open=pool.open,
        failed=pool.failed,
        leaving=pool.leaving,
    )


def staying(assignment: Assignment) -> tuple[str, ...]:
    """The pods that the assignment is wanted on."""
    return tuple(pod for pod, stand in assignment.pods.items() if not stand.leaving)


def with_pool(assignment: Assignment, pod: str, pool: Pool | None) -> Assignment:
    """The assignment with its pool on ``pod`` as it is now; None: there is none any more."""
    now = None if pool is None else stand_of(pool)
    if assignment.pods.get(pod) == now:
        return assignment
    pods = {name: stand for name, stand in assignment.pods.items() if name != pod}
    if now is not None:
        pods[pod] = now
    pods = dict(sorted(pods.items()))
    return msgspec.structs.replace(assignment, pods=pods, state=_state(assignment, pods))


def leaving(assignment: Assignment) -> Assignment:
    """The assignment when all of it is to go."""
    return msgspec.structs.replace(assignment, leaving=True, state="DELETING")


def _state(assignment: Assignment, pods: Mapping[str, Stand]) -> str:
    if assignment.leaving:
        return "DELETING"
    return min((stand.state for stand in pods.values()), key=_WORST.__getitem__, default="IN_SYNC")


def wanted(
    assignment: Assignment,
    pool: Pool,
    *,
    id: str,
    pod: str,
    image: Image,
    version: Version,
    models: tuple[str, ...] | None,
) -> Wanted:
    """What the pool of assignment ``id`` on ``pod`` is to be. ``version`` is the one that the pool wants, and has
    content; ``models`` are those of the image's flavour."""
    manifest = manifest_of(version)
    if manifest is None:
        raise ValueError(f"version {version.number} has no content to make seats from")
    endpoint = assignment.kind == "endpoint"
    return Wanted(
        assignment=id,
        name=assignment.name,
        tenant=assignment.tenant,
        image=version.image,
        version=pool.wanted,
        number=version.number,
        copy=copy_id(pool.wanted, pod, 0),
        digest=manifest.digest,
        kind=assignment.kind,
        seats=len(assignment.endpoints) if endpoint else assignment.seats,
        endpoints=assignment.endpoints,
        models=models if endpoint else None,
        os_state=image.os_state,
        customisation=assignment.customisation,
        shape=assignment.shape,
        security_type=definition.security_type(image, version.number),
        disks=assignment.disks,
        uefi=version.uefi,
        capsule=version.capsule,
        rebuild=pool.rebuild,
        logoff=pool.logoff,
    )


def worked(job: Job, assignment: Assignment, failure: Failure | None, at: datetime, until: datetime) -> Job:
    """The job about an assignment as its pools stand now: over when nothing more is to come of any, and at ``until`` in
    any case; then a failure on every pod is its failure, on some makes it partial. ``failure`` is why a pool failed
    just now. Pools that are late go on all the same."""
    if not jobs.running(job):
        return job
    failure = failure or job.failure
    stands = tuple(assignment.pods.values())
    under_way = assignment.leaving or any(stand.open for stand in stands)
    if isinstance(job, jobs.Cancelling):
        return job if under_way and at < until else become(jobs.Cancelled, job, updated=at, failure=failure)
    if under_way and at >= until:
        failure = _late(assignment)
    elif under_way:
        begun = assignment.leaving or any(stand.state not in ("PENDING", "UPDATE_PENDING") for stand in stands)
        if begun and isinstance(job, jobs.Pending):
            return become(jobs.Processing, job, updated=at, failure=failure)
        return job if failure == job.failure else msgspec.structs.replace(job, failure=failure, updated=at)
    good = sum(1 for stand in stands if stand.state == "IN_SYNC" and not stand.open)
    if good == len(stands) and not under_way:
        return become(jobs.Success, job, updated=at, failure=None)
    if good:
        return become(jobs.Partial, job, updated=at, failure=failure)
    why = failure or Failure(code="seat_failed", step="pool", text="no pool has what was wanted")
    return jobs.failed(job, why, at, CopyCounts())


def _late(assignment: Assignment) -> Failure:
    pods = [pod for pod, stand in assignment.pods.items() if stand.open]
    named = ", ".join(pods[:MOST_NAMED]) + (" and others" if len(pods) > MOST_NAMED else "")
    return Failure(
        code="deadline_exceeded",
        step="pool",
        text=f"{len(pods)} of {len(assignment.pods)} pools did not get there in time: {named}",
        hint="They go on by themselves; the job's rows tell what they wait for.",
        retry=True,
    )


def done(job: Job, at: datetime) -> Job:
    """The job of a deletion when nothing of the assignment is left; what was given up is CANCELLED then."""
    if isinstance(job, jobs.Cancelling):
        return jobs.cancelled(job, at)
    return become(jobs.Success, job, updated=at, failure=None) if jobs.running(job) else job
