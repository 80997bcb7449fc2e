"""The reaction to the command that gives up what a job does (features.md I2): an import, a publish, an update of pools,
a deletion."""

from collections.abc import Iterator

import msgspec

from catalog import binding, pools, references, rollouts
from catalog.config import Config
from catalog.deletion import restore
from catalog.documents import ASSIGNMENT, JOB, MARKERS, POOL, VERSION, pool_key
from catalog.domain import assignment as assignments
from catalog.domain import job as jobs
from catalog.domain import staying, withdrawing
from catalog.domain.assignment import Assignment
from catalog.domain.job import Job
from catalog.domain.marker import named
from catalog.domain.states import become
from catalog.domain.version import Unpublishing
from catalog.follow import refs as version_refs
from catalog.follow import version_of
from catalog.seating import remove_pools
from catalog.settings import CatalogSettings
from catalog.views import job_view
from catalog.withdrawals import give_up
from contracts.errors import Failure, Problem
from contracts.events.hub import AssignmentUpdated
from contracts.requests import Actor, CancelJob, CancelPublish, RestoreVersion
from contracts.rights import NEEDS
from contracts.views import JobView
from runtime.work import Get, Message, Reaction, Ref, Work

COPIES_GONE = Failure(
    code="cancelled",
    step="delete",
    text="the deletion was taken back: the version and its source stay, its copies are gone",
    hint="Publish the version again to have copies of it made.",
)
HALTED = Failure(
    code="cancelled",
    step="rollout",
    text="the job of an assignment that follows the marker was cancelled",
    hint="Resume the staged move, cancel it, or roll the marker back.",
)


def reactions(config: Config) -> dict[type, Reaction]:
    """The reaction to the cancel of a job. A refusal tells how things are now, so it is not kept for a repetition."""
    settings = config.settings

    def on_cancel(message: Message[CancelJob], work: Work) -> JobView | Problem:
        return _cancel(message.body, work, settings)

    return {CancelJob: Reaction(_keys, on_cancel, refuses_anew=True)}


def _keys(message: Message[CancelJob], get: Get) -> Iterator[Ref]:
    command = message.body
    yield JOB(command.job)
    job: Job | None = get(JOB, command.job)
    if job is None or job.tenant != command.actor.tenant:
        return
    yield VERSION(job.version)
    if job.kind != "assign":
        yield from references.refs(command.actor.tenant, job.image, get)
        if (version := get(VERSION, job.version)) is not None:
            yield from version_refs(version, get)
        return
    yield from pools.refs(job.assignment, get)
    assignment = get(ASSIGNMENT, job.assignment)
    if assignment is not None:
        yield MARKERS(assignment.image)


def _cancel(command: CancelJob, work: Work, settings: CatalogSettings) -> JobView | Problem:
    id, job = command.job, work.get(JOB, command.job)
    if job is None or job.tenant != command.actor.tenant:
        return references.job_not_found(id)
    match job.kind:
        case "assign":
            problem = _assign(id, job, work, settings)
        case "delete":
            problem = _delete(id, job, command.actor, work)
        case _:
            problem = _work(id, job, command.actor, work, settings)
    return problem or job_view(id, work.get(JOB, id) or job, work.get(VERSION, job.version))


def _refused(id: str, job: Job, why: str = "", hint: str = "") -> Problem:
    """The refusal to cancel a job, which tells how it is."""
    detail = f"job {id} is {job.__struct_config__.tag} ({job.kind})" + (f": {why}" if why else "")
    problem = withdrawing.nothing_under_way(detail, job.kind)
    return msgspec.structs.replace(problem, hint=hint) if hint else problem


def _work(id: str, job: Job, actor: Actor, work: Work, settings: CatalogSettings) -> Problem | None:
    """Give up an import or a publish."""
    version = version_of(work, job.version)
    if version is None or not jobs.running(job) or job.kind == "unpublish" or version.job != id:
        return _refused(id, job)
    events = withdrawing.decide_cancel(version, job.version, work.floor)
    if isinstance(events, Problem):
        return events
    problem = references.objection_to_change(work, actor, job.image, NEEDS[CancelPublish][0])
    if problem is not None:
        return problem
    give_up(work, job.version, version, events, settings)
    return None


# --- an update of pools -----------------------------------------------------------------------------------------------


def _assign(id: str, job: Job, work: Work, settings: CatalogSettings) -> Problem | None:
    """Have the pools that did not follow yet stay with what they have. Those that never had anything go; what is ready
    elsewhere stays. The job is over when all of that is done, or after the time that any cancel has."""
    assignment = work.get(ASSIGNMENT, job.assignment)
    if assignment is None or assignment.job != id or not jobs.running(job):
        return _refused(id, job)
    if isinstance(job, jobs.Cancelling):
        return _refused(id, job, "it is being given up already", "Wait for its end.")
    if assignment.leaving:
        return _refused(id, job, "the seats of the assignment go", "Wait until it is gone, then make another one.")
    own = {pod: pool for pod in assignment.pods if (pool := work.get(POOL, pool_key(job.assignment, pod))) is not None}
    late = {pod: pool for pod, pool in own.items() if pool.open and not pool.leaving}
    if any(pool.had is not None and pool.had.image != assignment.image for pool in late.values()):
        return _refused(
            id,
            job,
            "seats are changed to another image",
            "Switch to the image before: that takes the place of this job.",
        )
    work.saga = id
    work.put(JOB, id, become(jobs.Cancelling, job, updated=work.message.at))
    new = tuple(pod for pod, pool in late.items() if pool.had is None)
    if set(new) == {pod for pod, pool in own.items() if not pool.leaving}:
        binding.unbind(work, job.assignment, assignment)
        assignment = assignments.leaving(assignment)  # of an assignment without seats nothing is left
    assignment = remove_pools(work, job.assignment, assignment, new, force=False)
    for pod, pool in late.items():
        if pool.had is not None:
            assignment = _stay(work, job.assignment, assignment, pod)
    if not assignment.leaving:
        _halt(work, assignment)
        assignment = _changed_back(work, job.assignment, assignment)
    pools.finish(work, job.assignment, assignment, settings)
    return None


def _stay(work: Work, id: str, assignment: Assignment, pod: str) -> Assignment:
    """The assignment with its pool on a pod as it was before; the pod is told, unless it heard of nothing else."""
    before = work.get(POOL, pool_key(id, pod))
    if before is None:
        return assignment
    after = staying.stay(before, work.floor, work.message.at)
    if after.attempt != before.attempt:
        pools.say_again(work, id, pod, after)
    return pools.keep(work, id, assignment, pod, after)


def _changed_back(work: Work, id: str, assignment: Assignment) -> Assignment:
    """The assignment after its job was cancelled, said to everybody: when none of its pools is to have what it wanted,
    it wants what they have, so that what was given up can be asked for again."""
    revision = max(assignment.revision, work.floor) + 1
    assignment = msgspec.structs.replace(assignment, revision=revision)
    left = [pool for pod in assignments.staying(assignment) if (pool := work.get(POOL, pool_key(id, pod))) is not None]
    wanted = {(pool.wanted, pool.wanted_number) for pool in left}
    if len(wanted) == 1:
        version, number = wanted.pop()
        assignment = msgspec.structs.replace(assignment, version=version, number=number)
    assignment = staying.like(assignment, [pool.had for pool in left])
    work.emit(
        AssignmentUpdated(
            assignment=id,
            tenant=assignment.tenant,
            image=assignment.image,
            version=assignment.version,
            cause="cancel",
            revision=revision,
        )
    )
    return assignment


def _halt(work: Work, assignment: Assignment) -> None:
    """A staged move does not go on over pools that were told to stay: somebody is to say what becomes of it."""
    marker = named(work.get(MARKERS, assignment.image), assignment.marker) if assignment.marker else None
    if marker is None or marker.rollout is None or marker.rollout.state != "RUNNING":
        return
    now = msgspec.structs.replace(marker.rollout, state="HALTED", failure=HALTED)
    rollouts.advance(work, assignment.image, assignment.tenant, assignment.marker, marker, now)


# --- a deletion -------------------------------------------------------------------------------------------------------


def _delete(id: str, job: Job, actor: Actor, work: Work) -> Problem | None:
    """Take a deletion back, for who may restore the version: of a soft-deleted one at once; one whose copies go already
    stays with its source, and loses them all the same."""
    version = version_of(work, job.version)
    mark = None if version is None else version.life.removal
    if version is None or mark is None or mark.job != id:
        why = "the version is there" if version is not None and mark is None else ""
        return _refused(id, job, why, "There is nothing left to take back." if why else "")
    soft = mark.stage in ("SOFT_DELETED", "GRACE")
    if not soft and not (mark.stage == "DELETING" and isinstance(version, Unpublishing)):
        return _refused(id, job, "its copies are gone, and its source with them")
    problem = references.objection_to_change(work, actor, job.image, NEEDS[RestoreVersion][0])
    if problem is not None:
        return problem
    work.saga = id
    restore(work, job.version, version)
    if soft:
        work.put(JOB, id, jobs.cancelled(job, work.message.at))
    else:
        work.put(JOB, id, become(jobs.Cancelling, job, updated=work.message.at, failure=COPIES_GONE))
    return None
