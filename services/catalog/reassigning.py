"""Reactions to the commands that change what seats are made of: one more disk, a rebuild, another image."""

from collections.abc import Iterator, Sequence

import msgspec

from catalog import binding, entitled, pools, rollouts
from catalog.assignments import asked_of, objection_to_length, view
from catalog.binding import Target
from catalog.config import Config
from catalog.documents import IMAGE, POOL, VERSION, pool_key
from catalog.domain import fitting, kinds, lives
from catalog.domain import pool as wishes
from catalog.domain.assignment import Assignment, staying
from catalog.domain.patching import objection_to_revision
from catalog.domain.version import manifest_of
from catalog.settings import CatalogSettings
from contracts.desktops import DataDisk
from contracts.errors import Problem
from contracts.requests import AddDisk, RebuildAssignment, SwitchImage
from contracts.views import AssignmentView
from runtime.work import Get, Message, Reaction, Ref, Work

MOST_DISKS = 16


def reactions(config: Config) -> dict[type, Reaction]:
    """The reactions about changes. A refusal tells how things are now, so it is not kept for a repetition."""
    settings = config.settings

    def on_disk(message: Message[AddDisk], work: Work) -> AssignmentView | Problem:
        return _add_disk(message.body, work, settings)

    def on_rebuild(message: Message[RebuildAssignment], work: Work) -> AssignmentView | Problem:
        return _rebuild(message.body, work, settings)

    def on_switch(message: Message[SwitchImage], work: Work) -> AssignmentView | Problem:
        return _switch(message.body, work, settings)

    return {
        AddDisk: Reaction(_keys, on_disk, refuses_anew=True),
        RebuildAssignment: Reaction(_keys, on_rebuild, refuses_anew=True),
        SwitchImage: Reaction(_switch_keys, on_switch, refuses_anew=True),
    }


def _keys(message: Message[AddDisk | RebuildAssignment], get: Get) -> Iterator[Ref]:
    return refs(message.body.actor.tenant, message.body.assignment, get)


def refs(tenant: str, text: str, get: Get) -> Iterator[Ref]:
    """The assignment with its pools, which may come to want what it wants."""
    assignment = binding.loaded(tenant, text, get)
    versions = () if assignment is None else (assignment.version,)
    return binding.assignment_refs(tenant, text, get, *versions)


def updated(
    work: Work, id: str, assignment: Assignment, target: Target, cause: rollouts.Cause, actor: str
) -> Assignment:
    """The assignment wanting ``target`` from now on, said to everybody."""
    return rollouts.updated(
        work,
        id,
        assignment,
        cause,
        actor,
        image=target.image_id,
        gallery=target.image.gallery,
        image_name=target.image.name,
        marker=target.marker,
        version=target.id,
        number=target.version.number,
        warnings=binding.warnings(work, target, asked_of(assignment)),
    )


def wish(
    work: Work, id: str, assignment: Assignment, pods: Sequence[str], *, anew: bool, all_of: bool = True
) -> Assignment:
    """The assignment after its pools on ``pods`` were asked for what it wants now. Without ``all_of`` a pool to which
    a staged move did not come yet keeps what it has."""
    for pod in pods:
        pool = work.get(POOL, pool_key(id, pod))
        if pool is None:
            continue
        version, number = assignment.version, assignment.number
        if not all_of:
            version, number = pool.wanted, pool.wanted_number
        after = wishes.wish(pool, version, number, work.message.at, anew=anew)
        if after is not pool:
            assignment = pools.keep(work, id, assignment, pod, pools.ask(work, id, assignment, pod, after))
    return assignment


# --- disks and rebuilds -----------------------------------------------------------------------------------------------


def _add_disk(command: AddDisk, work: Work, settings: CatalogSettings) -> AssignmentView | Problem:
    found = binding.find_assignment(work, command.actor, command.assignment)
    if isinstance(found, Problem):
        return found
    id, assignment = found
    problem = (
        objection_to_revision(command.revision, assignment.revision)
        or entitled.objection_to(work, command.actor, assignment)
        or _objection_to_disk(work, assignment, command.disk)
    )
    if problem is not None:
        return problem
    disks = (*assignment.disks, command.disk)
    assignment = rollouts.updated(work, id, assignment, "disk", command.actor.name, disks=disks)
    assignment = wish(work, id, assignment, tuple(assignment.pods), anew=True, all_of=False)
    return view(work, id, pools.finish(work, id, assignment, settings))


def _objection_to_disk(work: Work, assignment: Assignment, disk: DataDisk) -> Problem | None:
    if len(assignment.disks) >= MOST_DISKS:
        return Problem(
            code="limit_exceeded",
            detail=f"each seat has {len(assignment.disks)} data disks already",
            hint="Make another assignment with larger disks.",
            data={"limit": MOST_DISKS, "use": len(assignment.disks)},
        )
    version = work.get(VERSION, assignment.version)
    manifest = None if version is None else manifest_of(version)
    if manifest is None:
        return None
    return fitting.objection_to_disks((*assignment.disks, disk), manifest)


def _rebuild(command: RebuildAssignment, work: Work, settings: CatalogSettings) -> AssignmentView | Problem:
    found = binding.find_assignment(work, command.actor, command.assignment)
    if isinstance(found, Problem):
        return found
    id, assignment = found
    for pod in command.pods:
        if pod not in assignment.pods:
            return Problem(
                code="pod_not_found",
                detail=f"{assignment.name} has no seats on {pod}",
                hint="Name pods of the assignment, or none for all.",
                data={"pod": pod},
            )
    if (problem := entitled.objection_to(work, command.actor, assignment)) is not None:
        return problem
    image, version = work.get(IMAGE, assignment.image), work.get(VERSION, assignment.version)
    if image is not None and version is not None:
        problem = lives.objection_to_use(image, version, work.message.at)
        if problem is not None and problem.code == "version_deleted":
            return problem  # what is merely disabled or obsolete goes on where it is used
    assignment = rollouts.updated(work, id, assignment, "rebuild", command.actor.name)
    for pod in command.pods or tuple(assignment.pods):
        pool = work.get(POOL, pool_key(id, pod))
        if pool is not None and not pool.leaving:
            counted = msgspec.structs.replace(pool, rebuild=max(pool.rebuild, pool.rebuilt) + 1)
            after = wishes.wish(counted, pool.wanted, pool.wanted_number, work.message.at, anew=True)
            assignment = pools.keep(work, id, assignment, pod, pools.ask(work, id, assignment, pod, after))
    return view(work, id, pools.finish(work, id, assignment, settings))


# --- another image ----------------------------------------------------------------------------------------------------


def _switch_keys(message: Message[SwitchImage], get: Get) -> Iterator[Ref]:
    command = message.body
    tenant = command.actor.tenant
    named = (tenant, command.image, command.marker, command.number)
    yield from binding.target_refs(*named, get)
    yield from refs(tenant, command.assignment, get)
    version = binding.target_version(*named, get)
    if version is not None:
        yield from binding.assignment_refs(tenant, command.assignment, get, version)


def _switch(command: SwitchImage, work: Work, settings: CatalogSettings) -> AssignmentView | Problem:
    found = binding.find_assignment(work, command.actor, command.assignment)
    if isinstance(found, Problem):
        return found
    id, assignment = found
    problem = objection_to_revision(command.revision, assignment.revision)
    if problem is not None:
        return problem
    target = binding.find_target(
        work, command.actor, command.image, command.marker, command.number, had=assignment.image
    )
    if isinstance(target, Problem):
        return target
    if (target.image_id, target.marker, target.id) == (assignment.image, assignment.marker, assignment.version):
        return view(work, id, assignment)
    problem = _objection_to_switch(work, id, assignment, target, command)
    if problem is not None:
        return problem
    binding.unbind(work, id, assignment)
    binding.bind(work, id, target.image_id, target.marker)
    known = entitled.principals(work, command.actor, target.image_id, target.image, target.id)
    assignment = msgspec.structs.replace(assignment, principals=known or ())
    assignment = updated(work, id, assignment, target, "switch", command.actor.name)
    assignment = wish(work, id, assignment, tuple(assignment.pods), anew=False)
    return view(work, id, pools.finish(work, id, assignment, settings))


def _objection_to_switch(
    work: Work, id: str, assignment: Assignment, target: Target, command: SwitchImage
) -> Problem | None:
    image, version = work.get(IMAGE, assignment.image), work.get(VERSION, assignment.version)
    manifest = None if version is None else manifest_of(version)
    differs = None
    if image is not None and manifest is not None:
        differs = fitting.objection_to_switch(image, manifest, target.image, target.manifest)
    return (
        differs
        or fitting.objection_to_terms(target.image, accept_eula=command.accept_eula, plan=command.plan)
        or binding.objection_to_new_use(work, command.actor, target)
        or kinds.objection(target.manifest, "switch")
        or binding.objection_to_fit(work, target, asked_of(assignment))
        or binding.objection_to_pods(
            work, command.actor, staying(assignment), target.id, target.version.number, new=False
        )
        or binding.objection_to_bind(work, target.image_id, target.marker)
        or objection_to_length(work, id, assignment, target)
    )
