"""Desktop pools on their pods: asking for them, keeping what pods report of them, asking again (features.md b.5).

Level-triggered: what is wanted is told whole, and again when a pod is back, when a copy comes, and on a slow reminder.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

import msgspec

from catalog import entitled
from catalog.documents import (
    ASSIGNMENT,
    ASSIGNMENT_NAME,
    COPY,
    FLAVOUR,
    HOSTED,
    IMAGE,
    JOB,
    MEMBERSHIP,
    POD,
    POOL,
    USES,
    VERSION,
    Hosted,
    assignment_key,
    flavour_key,
    pool_key,
)
from catalog.domain import assignment as assignments
from catalog.domain import fitting, lives, uses
from catalog.domain import job as jobs
from catalog.domain import pool as pools
from catalog.domain.assignment import Assignment
from catalog.domain.flavour import models_of
from catalog.domain.job import Job
from catalog.domain.pod import enrolled
from catalog.domain.pool import Pool
from catalog.domain.version import Version, manifest_of
from catalog.settings import CatalogSettings
from contracts.errors import Failure
from contracts.events.hub import AssignmentDeleted, AssignmentSettled
from contracts.events.to_pods import AssignmentRequested, AssignmentWithdrawn
from contracts.names import copy_id
from runtime.work import Get, Local, Ref, Work


class CopyStands(Local, frozen=True, kw_only=True, tag="copy.stands"):
    """A copy for which assignments may wait is AVAILABLE on a pod, from ``after`` (an assignment) on."""

    version: str
    pod: str
    after: str = ""


class PodBack(Local, frozen=True, kw_only=True, tag="pod.back"):
    """A pod is heard of again, or is no pod any more: its pools from ``after`` (an assignment) on are looked after."""

    pod: str
    after: str = ""


class PoolsDue(Local, frozen=True, kw_only=True, tag="pools.due"):
    """Something of an assignment was still to come some time ago."""

    assignment: str


class RolloutDue(Local, frozen=True, kw_only=True, tag="rollout.due"):
    """A pool that follows a marker came somewhere: a staged move of it may go on."""

    image: str
    marker: str


def refs(id: str, get: Get, *versions: str) -> Iterator[Ref]:
    """Everything that changing an assignment and its pools reads; they may come to want ``versions``."""
    yield ASSIGNMENT(id)
    assignment = get(ASSIGNMENT, id)
    if assignment is not None:
        yield from image_refs(assignment.image, get)
        yield from own_refs(assignment)
        for pod in assignment.pods:
            yield from pool_refs(id, pod, get, *versions)


def pool_refs(id: str, pod: str, get: Get, *versions: str) -> Iterator[Ref]:
    """Everything that changing one pool of an assignment reads, which may come to want ``versions``."""
    key = pool_key(id, pod)
    yield POOL(key)
    yield POD(pod)
    yield HOSTED(pod)
    pool = get(POOL, key)
    for version in {*uses.versions(pool), *versions}:
        yield VERSION(version)
        yield USES(version)
        yield COPY(copy_id(version, pod, 0))


def image_refs(id: str, get: Get) -> Iterator[Ref]:
    """The image of an assignment, who may use it, and the flavour that it is dedicated to."""
    yield from entitled.refs(id, get)
    image = get(IMAGE, id)
    if image is not None and image.flavour is not None:
        yield FLAVOUR(flavour_key(image.tenant, image.flavour))


def models(work: Work, image: str) -> tuple[str, ...] | None:
    """The models of endpoints that an image is offered to; None: any."""
    found = work.get(IMAGE, image)
    if found is None or found.flavour is None:
        return None
    return models_of(found.flavour, work.get(FLAVOUR, flavour_key(found.tenant, found.flavour)))


def stands(work: Work, version: str, pod: str) -> bool:
    """Whether seats can be made from a version on a pod."""
    copy = work.get(COPY, copy_id(version, pod, 0))
    return copy is not None and copy.state == "AVAILABLE"


def ask(work: Work, id: str, assignment: Assignment, pod: str, pool: Pool) -> Pool:
    """The pool after its pod was asked for what it waits for; where there is no copy to make it from, or that must be
    validated first, or that is not shared with the tenant any more, it waits on."""
    if not pool.waiting or pool.leaving or not enrolled(work.get(POD, pod)):
        return pool
    version, image = work.get(VERSION, pool.wanted), work.get(IMAGE, assignment.image)
    if version is None or image is None or (manifest := manifest_of(version)) is None:
        return pool
    if lives.held(image, version) and pool.version != pool.wanted:  # where it runs already, it goes on
        return pool if pool.unvalidated else msgspec.structs.replace(pool, unvalidated=True)
    if pool.version != pool.wanted and not entitled.entitled(work, assignment, image, pool.wanted):
        return pool
    if pool.unvalidated:
        pool = msgspec.structs.replace(pool, unvalidated=False)
    if not stands(work, pool.wanted, pod):
        if not version.awaited:
            work.put(VERSION, pool.wanted, msgspec.structs.replace(version, awaited=True))
        return pool
    if _out_of_use(version):
        return pool
    problem = fitting.objection_to_disks(assignment.disks, manifest)
    if problem is not None:
        failure = Failure(code="pool_unsupported", step="fit", text=problem.detail, hint=problem.hint)
        return _unmade(work, id, assignment, pod, pool, failure)
    wanted = assignments.wanted(
        assignment, pool, id=id, pod=pod, image=image, version=version, models=models(work, assignment.image)
    )
    if pools.too_large(wanted):
        failure = Failure(
            code="pool_unsupported",
            step="fit",
            text="what is wanted is too large for one message",
            hint="Name fewer endpoints, or give fewer and smaller keys.",
        )
        return _unmade(work, id, assignment, pod, pool, failure)
    pool = pools.ask(pool, wanted, work.floor, work.message.at)
    work.emit(AssignmentRequested(pod=pod, assignment=id, attempt=pool.attempt, wanted=wanted))
    return pool


def _unmade(work: Work, id: str, assignment: Assignment, pod: str, pool: Pool, failure: Failure) -> Pool:
    """The pool when its pod need not even be asked: what is wanted cannot be made."""
    after = pools.unmade(pool, failure, work.message.at)
    say_ended(work, id, assignment, pod, after, "UPDATE_FAILED")
    return after


def say_ended(work: Work, id: str, assignment: Assignment, pod: str, pool: Pool, ended: pools.Settled) -> None:
    """Say how an update of a pool ended."""
    work.emit(
        AssignmentSettled(
            assignment=id,
            tenant=assignment.tenant,
            pod=pod,
            version=pool.failed if ended == "UPDATE_FAILED" else pool.version,
            state=ended,
            failure=None if ended == "IN_SYNC" else pool.failure,
            revision=assignment.revision,
        )
    )


def say_again(work: Work, id: str, pod: str, pool: Pool) -> None:
    """Tell a pod what it was told last, under the same attempt: whichever words it missed, this is what holds."""
    if pool.leaving:
        work.emit(AssignmentWithdrawn(pod=pod, assignment=id, attempt=pool.attempt, force=pool.forced))
    elif pool.asked is not None and not pool.waiting:
        work.emit(AssignmentRequested(pod=pod, assignment=id, attempt=pool.attempt, wanted=pool.asked))


def keep(work: Work, id: str, assignment: Assignment, pod: str, pool: Pool | None, *, new: bool = False) -> Assignment:
    """Store a pool as it is now (None: it is gone) with who uses what; the assignment with it, still to be stored.

    ``new``: there was none before, and nothing of it is loaded.
    """
    key = pool_key(id, pod)
    before = None if new else work.get(POOL, key)
    if pool is before:
        return assignment
    work.put(POOL, key, pool)
    for version in sorted(uses.versions(before) | uses.versions(pool)):
        known = work.get(USES, version)
        use = uses.use_of(pool, version, assignment.name, assignment.tenant)
        now = uses.with_use(known, key, use)
        if now is not known:
            work.put(USES, version, now)
    if pool is None and before is not None and before.attempt > assignment.attempt:
        assignment = msgspec.structs.replace(assignment, attempt=before.attempt)
    if (before is None) != (pool is None):
        _host(work, id, pod, there=pool is not None)
    return assignments.with_pool(assignment, pod, pool)


def finish(work: Work, id: str, assignment: Assignment, settings: CatalogSettings) -> Assignment:
    """Store an assignment after its pools changed, with its job and what is to be looked after later."""
    at = work.message.at
    before, job = work.get(ASSIGNMENT, id), work.get(JOB, assignment.job)
    if assignment.leaving and not assignment.pods:
        work.put(ASSIGNMENT, id, None)
        work.put(ASSIGNMENT_NAME, assignment_key(assignment.tenant, assignment.name), None)
        work.forget(_due_name(id))
        revision = max(assignment.revision, work.floor) + 1
        work.emit(AssignmentDeleted(assignment=id, tenant=assignment.tenant, revision=revision))
        if job is not None:
            work.put(JOB, assignment.job, assignments.done(job, at))
        return assignment
    if assignment != before:
        assignment = msgspec.structs.replace(assignment, updated=at)
        work.put(ASSIGNMENT, id, assignment)
    until = None if job is None else _end(job, settings)
    if job is not None and until is not None:
        now = assignments.worked(job, assignment, _failure(work, id), at, until)
        if now is not job:
            work.put(JOB, assignment.job, now)
        until = _end(now, settings)
    if any(stand.open for stand in assignment.pods.values()):
        due = at + timedelta(seconds=settings.pool_interval)
        due = due if until is None else min(due, until)
        work.remind(_due_name(id), due, PoolsDue(assignment=id), saga=assignment.job)
    else:
        work.forget(_due_name(id))
    if assignment.marker and (before is None or assignment.pods != before.pods):
        roll_on(work, assignment.image, assignment.marker)
    return assignment


def look_soon(work: Work, id: str) -> None:
    """Have an assignment looked at as soon as this is committed: something that its pools waited for may be there."""
    work.remind(_due_name(id), work.message.at, PoolsDue(assignment=id), saga="")


def roll_on(work: Work, image: str, marker: str) -> None:
    """Have the staged move of a marker looked at, where there is one."""
    work.remind(f"rollout/{image}/{marker}", work.message.at, RolloutDue(image=image, marker=marker), saga="")


def _end(job: Job, settings: CatalogSettings) -> datetime | None:
    """When a job about pools ends although some are not where they are to be; None: it is over."""
    if not jobs.running(job):
        return None
    if isinstance(job, jobs.Cancelling):
        return job.updated + timedelta(seconds=settings.cancel_deadline)
    return job.created + timedelta(seconds=settings.assign_deadline)


def _failure(work: Work, id: str) -> Failure | None:
    """Why a pool of the assignment failed just now, if one did."""
    said = (one.event for one in work.emitted)
    ended = (event for event in said if isinstance(event, AssignmentSettled) and event.assignment == id)
    return next((event.failure for event in ended if event.failure is not None), None)


def _due_name(id: str) -> str:
    return f"pools/{id}"


def _out_of_use(version: Version) -> bool:
    """Whether the version is so far on its way out that not even seats that run it are made anew."""
    removal = version.life.removal
    return removal is not None and removal.stage != "SOFT_DELETED"


def own_refs(assignment: Assignment) -> Iterator[Ref]:
    """What `finish` and `ask` read beside the assignment itself."""
    yield JOB(assignment.job)
    yield ASSIGNMENT_NAME(assignment_key(assignment.tenant, assignment.name))
    yield MEMBERSHIP(assignment.tenant)


def _host(work: Work, id: str, pod: str, *, there: bool) -> None:
    """Note that a pod has a pool of the assignment, or has none any more."""
    hosted = work.get(HOSTED, pod) or Hosted()
    others = tuple(one for one in hosted.assignments if one != id)
    now = tuple(sorted((*others, id))) if there else others
    work.put(HOSTED, pod, Hosted(assignments=now) if now else None)
