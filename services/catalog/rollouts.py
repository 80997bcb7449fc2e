"""How assignments follow the marker that they are bound to: all at once, or ring by ring (features.md A8, F13)."""

from collections.abc import Collection, Iterator
from typing import Literal

import msgspec

from catalog import entitled, pools
from catalog.config import Config
from catalog.documents import ASSIGNMENT, IMAGE, JOB, MARKERS, POD, POOL, pool_key
from catalog.domain import job as jobs
from catalog.domain import pool as wishes
from catalog.domain import rollout as rollouts
from catalog.domain.assignment import Assignment
from catalog.domain.marker import Marker, named, with_marker
from catalog.domain.pod import selectable
from catalog.domain.pool import Pool
from catalog.domain.rollout import Rollout
from catalog.pools import RolloutDue
from catalog.settings import CatalogSettings
from contracts.events.hub import AssignmentUpdated, RolloutAdvanced
from contracts.views import CopyCounts
from runtime.work import Get, Local, Message, Reaction, Ref, Work

Cause = Literal["marker", "rollback", "edit", "rebuild", "disk", "switch"]
"""Why an assignment gets a job of its own."""
Logoff = Literal["wait", "force"]


class AssignmentFollows(Local, frozen=True, kw_only=True, tag="assignment.follows"):
    """The marker of an assignment names another version, or a ring of it goes."""

    assignment: str
    cause: Literal["marker", "rollback"]
    logoff: Logoff = "wait"


def reactions(config: Config) -> dict[type, Reaction]:
    """The reactions to markers that moved and rings that are through."""
    settings = config.settings
    return {
        AssignmentFollows: Reaction(_follow_keys, lambda message, work: _on_follow(message, work, settings)),
        RolloutDue: Reaction(_rollout_keys, _on_due),
    }


def have_followed(
    work: Work, bound: Collection[str], cause: Literal["marker", "rollback"], logoff: Logoff = "wait"
) -> None:
    """Have the assignments of a marker follow it: each in a step of its own, however many there are."""
    for id in bound:
        body = AssignmentFollows(assignment=id, cause=cause, logoff=logoff)
        work.remind(f"follow/{id}", work.message.at, body, saga="")


def labels(work: Work, pod: str) -> dict[str, str]:
    """What the rings of a staged move are held against."""
    known = work.get(POD, pod)
    return {"pod": pod} if known is None else selectable(pod, known)


def advance(work: Work, image: str, tenant: str, name: str, marker: Marker, now: Rollout) -> Marker:
    """Store and say how the staged move of a marker stands ``now``."""
    before = marker.rollout
    marker = msgspec.structs.replace(marker, rollout=now)
    work.put(MARKERS, image, with_marker(work.get(MARKERS, image), name, marker))
    if before is None or before.version != now.version or (before.ring, before.state) != (now.ring, now.state):
        work.emit(
            RolloutAdvanced(
                image=image,
                tenant=tenant,
                marker=name,
                version=now.version,
                ring=now.ring,
                rings=len(now.rings),
                state=now.state,
                failure=now.failure,
                revision=marker.revision,
            )
        )
    return marker


def begin_job(work: Work, id: str, assignment: Assignment, actor: str) -> Assignment:
    """The assignment with a new job about what is asked for now; one that still runs is given up for it."""
    at = work.message.at
    before = work.get(JOB, assignment.job) if assignment.job else None
    if before is not None and (after := jobs.superseded(before, at, CopyCounts())) is not before:
        work.put(JOB, assignment.job, after)
    work.saga = job = work.new_id()
    work.put(
        JOB,
        job,
        jobs.Pending(
            kind="assign",
            tenant=assignment.tenant,
            actor=actor,
            image=assignment.image,
            gallery=assignment.gallery,
            name=assignment.image_name,
            version=assignment.version,
            number=assignment.number,
            assignment=id,
            created=at,
            updated=at,
        ),
    )
    return msgspec.structs.replace(assignment, job=job)


def updated(work: Work, id: str, assignment: Assignment, cause: Cause, actor: str, **changes: object) -> Assignment:
    """The assignment after an edit, with its next revision and a job of its own; said to everybody."""
    revision = max(assignment.revision, work.floor) + 1
    assignment = msgspec.structs.replace(assignment, revision=revision, updated=work.message.at, **changes)
    assignment = begin_job(work, id, assignment, actor)
    work.emit(
        AssignmentUpdated(
            assignment=id,
            tenant=assignment.tenant,
            image=assignment.image,
            version=assignment.version,
            cause=cause,
            revision=revision,
        )
    )
    return assignment


def follow(
    work: Work,
    id: str,
    marker: Marker,
    cause: Literal["marker", "rollback"],
    logoff: Logoff,
    settings: CatalogSettings,
    *,
    retry: bool = False,
) -> None:
    """Let the pools of assignment ``id`` want what its marker names, as far as a staged move came by now. Those of a
    tenant with which the image is not shared any more stay as they are (features.md E5).

    With ``retry`` those are asked once more whose update to it failed.
    """
    assignment = work.get(ASSIGNMENT, id)
    if assignment is None or assignment.leaving:
        return
    image = work.get(IMAGE, assignment.image)
    if image is None or not entitled.entitled(work, assignment, image, marker.version):
        return
    at = work.message.at
    moved = assignment.version != marker.version
    wished: dict[str, Pool] = {}
    for pod in assignment.pods:
        pool = work.get(POOL, pool_key(id, pod))
        if pool is None or not rollouts.reached(marker.rollout, marker.version, pod, labels(work, pod)):
            continue
        anew = retry and pool.failed == marker.version
        after = wishes.wish(pool, marker.version, marker.number, at, logoff=logoff, anew=anew)
        if after is not pool:
            wished[pod] = after
    actor = marker.history[0].actor if marker.history else ""
    if moved:
        assignment = updated(work, id, assignment, cause, actor, version=marker.version, number=marker.number)
    elif wished:
        job = work.get(JOB, assignment.job)
        if job is None or not jobs.running(job):
            assignment = begin_job(work, id, assignment, actor)
        work.saga = assignment.job
    else:
        return
    for pod, pool in wished.items():
        assignment = pools.keep(work, id, assignment, pod, pools.ask(work, id, assignment, pod, pool))
    pools.finish(work, id, assignment, settings)


def _follow_keys(message: Message[AssignmentFollows], get: Get) -> Iterator[Ref]:
    id = message.body.assignment
    yield ASSIGNMENT(id)
    assignment = get(ASSIGNMENT, id)
    if assignment is None:
        return
    yield MARKERS(assignment.image)
    marker = named(get(MARKERS, assignment.image), assignment.marker)
    yield from pools.refs(id, get, *([] if marker is None else [marker.version]))


def _on_follow(message: Message[AssignmentFollows], work: Work, settings: CatalogSettings) -> None:
    body = message.body
    assignment = work.get(ASSIGNMENT, body.assignment)
    if assignment is None:
        return
    marker = named(work.get(MARKERS, assignment.image), assignment.marker)
    if marker is not None:
        follow(work, body.assignment, marker, body.cause, body.logoff, settings)


def _rollout_keys(message: Message[RolloutDue], get: Get) -> Iterator[Ref]:
    body = message.body
    yield MARKERS(body.image)
    yield IMAGE(body.image)
    marker = named(get(MARKERS, body.image), body.marker)
    if marker is None or marker.rollout is None or marker.rollout.state != "RUNNING":
        return
    for id in marker.bound:
        yield ASSIGNMENT(id)
        assignment = get(ASSIGNMENT, id)
        if assignment is not None:
            yield from (POD(pod) for pod in assignment.pods)


def _on_due(message: Message[RolloutDue], work: Work) -> None:
    body = message.body
    image, marker = work.get(IMAGE, body.image), named(work.get(MARKERS, body.image), body.marker)
    if image is None or marker is None or marker.rollout is None or marker.rollout.state != "RUNNING":
        return
    rollout = marker.rollout
    bound = [assignment for id in marker.bound if (assignment := work.get(ASSIGNMENT, id)) is not None]
    stands = (
        (rollouts.ring_of(rollout.rings, pod, labels(work, pod)), stand)
        for assignment in bound
        for pod, stand in assignment.pods.items()
        if not stand.leaving
    )
    now = rollouts.advanced(rollout, stands)
    if now is rollout:
        return
    advance(work, body.image, image.tenant, body.marker, marker, now)
    if now.state == "RUNNING" and now.ring > rollout.ring:
        have_followed(work, marker.bound, "marker", rollout.logoff)
        pools.roll_on(work, body.image, body.marker)  # its pools may all have the version already
