"""Reactions to the commands that make, duplicate and delete assignments (features.md b.5, "Settled")."""

from collections.abc import Iterator, Sequence

import msgspec

from catalog import binding, entitled, pools, rollouts
from catalog.binding import Target
from catalog.config import Config
from catalog.documents import ASSIGNMENT, ASSIGNMENT_NAME, IMAGE, POOL, VERSION, Claim, assignment_key, pool_key
from catalog.domain import assignment as assignments
from catalog.domain import fitting, lives
from catalog.domain import pool as wishes
from catalog.domain.assignment import Assignment
from catalog.domain.fitting import Asked
from catalog.domain.patching import objection_to_revision
from catalog.domain.pool import Pool
from catalog.references import is_id
from catalog.seating import add_pools, new_pool_refs, objection_to_users, remove_pools
from catalog.settings import CatalogSettings
from catalog.views.assignment import assignment_view
from contracts.errors import Problem
from contracts.events.hub import AssignmentCreated
from contracts.requests import Actor, CreateAssignment, DropAssignment, DuplicateAssignment
from contracts.views import AssignmentView
from runtime.work import Get, Message, Reaction, Ref, Work

LONGEST_POD = 32
"""Letters of a pod's name."""


def reactions(config: Config) -> dict[type, Reaction]:
    """The reactions about whole assignments. A refusal tells how things are now, so it is not kept for a repetition."""
    settings = config.settings

    def on_create(message: Message[CreateAssignment], work: Work) -> AssignmentView | Problem:
        return _create(message.body, work, settings)

    def on_duplicate(message: Message[DuplicateAssignment], work: Work) -> AssignmentView | Problem:
        return _duplicate(message.body, work, settings)

    def on_drop(message: Message[DropAssignment], work: Work) -> AssignmentView | Problem:
        return _drop(message.body, work, settings)

    return {
        CreateAssignment: Reaction(_create_keys, on_create, refuses_anew=True),
        DuplicateAssignment: Reaction(_duplicate_keys, on_duplicate, refuses_anew=True),
        DropAssignment: Reaction(_drop_keys, on_drop, refuses_anew=True),
    }


def view(work: Work, id: str, assignment: Assignment) -> AssignmentView:
    """An assignment as it is now, with those of its pools that are loaded."""
    found = {pod: pool for pod in assignment.pods if (pool := work.get(POOL, pool_key(id, pod))) is not None}
    image, version = work.get(IMAGE, assignment.image), work.get(VERSION, assignment.version)
    known = () if image is None or version is None else lives.warnings(image, version, work.message.at)
    return assignment_view(id, assignment, found, known)


def asked_of(assignment: Assignment) -> Asked:
    """What an assignment asks for, as far as an image has a say in it."""
    return Asked(
        seats=assignment.seats,
        endpoints=assignment.endpoints,
        customisation=assignment.customisation,
        shape=assignment.shape,
        disks=assignment.disks,
        pods=len(assignment.pods),
    )


def _create_keys(message: Message[CreateAssignment], get: Get) -> Iterator[Ref]:
    command = message.body
    tenant = command.actor.tenant
    yield ASSIGNMENT_NAME(assignment_key(tenant, command.name))
    named = (tenant, command.image, command.marker, command.number)
    yield from binding.target_refs(*named, get)
    yield from new_pool_refs(command.pods, binding.target_version(*named, get))


def _create(command: CreateAssignment, work: Work, settings: CatalogSettings) -> AssignmentView | Problem:
    problem = _objection_to_name(work, command.actor.tenant, command.name)
    if problem is not None:
        return problem
    target = binding.find_target(work, command.actor, command.image, command.marker, command.number)
    if isinstance(target, Problem):
        return target
    problem = fitting.objection_to_terms(target.image, accept_eula=command.accept_eula, plan=command.plan)
    if problem is not None:
        return problem
    asked = Asked(
        seats=command.seats,
        endpoints=command.endpoints,
        customisation=command.customisation,
        shape=command.shape,
        disks=command.disks,
        pods=len(set(command.pods)),
    )
    return _make(work, command.actor, command.name, target, asked, command.pods, settings)


def _make(
    work: Work,
    actor: Actor,
    name: str,
    target: Target,
    asked: Asked,
    pods: Sequence[str],
    settings: CatalogSettings,
) -> AssignmentView | Problem:
    """A new assignment, unless something speaks against it."""
    at, number = work.message.at, target.version.number
    pods = tuple(dict.fromkeys(pods))
    problem = (
        binding.objection_to_new_use(work, actor, target)
        or binding.objection_to_fit(work, target, asked)
        or binding.objection_to_pods(work, actor, pods, target.id, number)
        or binding.objection_to_bind(work, target.image_id, target.marker)
    )
    if problem is not None:
        return problem
    id = work.new_id()
    assignment = Assignment(
        tenant=actor.tenant,
        name=name,
        image=target.image_id,
        gallery=target.image.gallery,
        image_name=target.image.name,
        marker=target.marker,
        version=target.id,
        number=number,
        kind="endpoint" if fitting.endpoints_of(target.image) else "desktop",
        state="PENDING",
        pods={},
        seats=asked.seats,
        endpoints=asked.endpoints,
        customisation=asked.customisation,
        shape=asked.shape,
        disks=asked.disks,
        warnings=binding.warnings(work, target, asked),
        job="",
        created=at,
        updated=at,
        revision=work.floor + 1,
        principals=entitled.principals(work, actor, target.image_id, target.image, target.id) or (),
    )
    problem = objection_to_length(work, id, assignment, target)
    if problem is not None:
        return problem
    work.put(ASSIGNMENT_NAME, assignment_key(actor.tenant, name), Claim(id=id))
    binding.bind(work, id, target.image_id, target.marker)
    assignment = rollouts.begin_job(work, id, assignment, actor.name)
    work.put(ASSIGNMENT, id, assignment)
    work.emit(
        AssignmentCreated(
            assignment=id,
            tenant=actor.tenant,
            name=name,
            image=target.image_id,
            marker=target.marker,
            version=target.id,
            pods=pods,
            revision=assignment.revision,
        )
    )
    assignment = add_pools(work, id, assignment, pods)
    return view(work, id, pools.finish(work, id, assignment, settings))


def _objection_to_name(work: Work, tenant: str, name: str) -> Problem | None:
    if is_id(name):
        return Problem(
            code="validation_failed",
            detail="an assignment's name must not look like an id",
            hint="Choose a name that is not 32 hexadecimal digits.",
            data={"field": "name"},
        )
    if work.get(ASSIGNMENT_NAME, assignment_key(tenant, name)) is None:
        return None
    return Problem(
        code="assignment_exists",
        detail=f"there is an assignment {name} already",
        hint="Choose another name, or edit the one that is there.",
        data={"name": name},
    )


def objection_to_length(work: Work, id: str, assignment: Assignment, target: Target) -> Problem | None:
    """Why nobody could tell a pod what is wanted: it is too much for one message."""
    pool = Pool(wanted=target.id, wanted_number=target.version.number, updated=work.message.at)
    wanted = assignments.wanted(
        assignment,
        pool,
        id=id,
        pod="p" * LONGEST_POD,
        image=target.image,
        version=target.version,
        models=pools.models(work, target.image_id),
    )
    if not wishes.too_large(wanted):
        return None
    return Problem(
        code="limit_exceeded",
        detail="what the seats are to be is more than one message can tell a pod",
        hint="Name fewer endpoints, or give fewer and smaller SSH keys.",
        data={"limit": wishes.LARGEST},
    )


def _duplicate_keys(message: Message[DuplicateAssignment], get: Get) -> Iterator[Ref]:
    command = message.body
    tenant = command.actor.tenant
    yield ASSIGNMENT_NAME(assignment_key(tenant, command.name))
    yield from binding.assignment_refs(tenant, command.assignment, get)
    source = binding.loaded(tenant, command.assignment, get)
    if source is not None:
        named = binding.names_of(source)
        yield from binding.target_refs(tenant, *named, get)
        version = binding.target_version(tenant, *named, get)
        yield from new_pool_refs(command.pods or assignments.staying(source), version)


def _duplicate(command: DuplicateAssignment, work: Work, settings: CatalogSettings) -> AssignmentView | Problem:
    """Who made the first accepted the terms of its image for all of the tenant."""
    tenant = command.actor.tenant
    found = binding.find_assignment(work, command.actor, command.assignment)
    if isinstance(found, Problem):
        return found
    problem = _objection_to_name(work, tenant, command.name)
    if problem is not None:
        return problem
    _, source = found
    target = binding.find_target(work, command.actor, *binding.names_of(source), had=source.image)
    if isinstance(target, Problem):
        return target
    pods = command.pods or assignments.staying(source)
    asked = msgspec.structs.replace(asked_of(source), pods=len(set(pods)))
    return _make(work, command.actor, command.name, target, asked, pods, settings)


def _drop_keys(message: Message[DropAssignment], get: Get) -> Iterator[Ref]:
    return binding.assignment_refs(message.body.actor.tenant, message.body.assignment, get)


def _drop(command: DropAssignment, work: Work, settings: CatalogSettings) -> AssignmentView | Problem:
    found = binding.find_assignment(work, command.actor, command.assignment, leaving=True)
    if isinstance(found, Problem):
        return found
    id, assignment = found
    problem = objection_to_revision(command.revision, assignment.revision) or objection_to_users(
        work, id, assignment, tuple(assignment.pods), force=command.force
    )
    if problem is not None:
        return problem
    if not assignment.leaving:
        binding.unbind(work, id, assignment)
        assignment = rollouts.begin_job(work, id, assignments.leaving(assignment), command.actor.name)
    work.saga = assignment.job
    assignment = remove_pools(work, id, assignment, tuple(assignment.pods), force=command.force)
    return view(work, id, pools.finish(work, id, assignment, settings))
