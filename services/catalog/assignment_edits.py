"""The reaction to the command that edits an assignment: seats, endpoints, pods, shape, what it is bound to."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

import msgspec

from catalog import binding, pools, reassigning
from catalog.assignments import asked_of, objection_to_length, view
from catalog.binding import Target
from catalog.config import Config
from catalog.domain.assignment import Assignment, staying
from catalog.domain.patching import objection_to_revision, patched
from catalog.seating import add_pools, new_pool_refs, objection_to_users, remove_pools
from catalog.settings import CatalogSettings
from contracts.desktops import MOST_SEATS, Customisation, DataDisk, Endpoint, Shape
from contracts.errors import Problem
from contracts.names import Name, Number, PodName
from contracts.requests import Actor, EditAssignment
from contracts.requests.assignments import Seats
from contracts.views import AssignmentView
from runtime.work import Get, Message, Reaction, Ref, Work

MOST_PODS = 256
UPDATABLE = frozenset({"seats", "endpoints", "pods", "marker", "number", "shape"})


class Editable(msgspec.Struct, frozen=True, kw_only=True):
    """An assignment as an edit sees it; what is not `UPDATABLE` may be repeated."""

    name: str
    image: str
    kind: str
    marker: Name | None = None
    number: Number | None = None
    pods: Annotated[tuple[PodName, ...], msgspec.Meta(max_length=MOST_PODS)]
    seats: Seats = 1
    endpoints: Annotated[tuple[Endpoint, ...], msgspec.Meta(max_length=MOST_SEATS)] = ()
    shape: Shape = Shape()
    customisation: Customisation | None = None
    disks: tuple[DataDisk, ...] = ()


@dataclass(frozen=True, slots=True)
class Edit:
    """An edit: what it comes to, and the names of what changed."""

    value: Editable
    fields: tuple[str, ...]


def reactions(config: Config) -> dict[type, Reaction]:
    """The reaction to edits. A refusal tells how things are now, so it is not kept for a repetition."""
    settings = config.settings

    def on_edit(message: Message[EditAssignment], work: Work) -> AssignmentView | Problem:
        return _edit(message.body, work, settings)

    return {EditAssignment: Reaction(_edit_keys, on_edit, refuses_anew=True)}


def _edit_keys(message: Message[EditAssignment], get: Get) -> Iterator[Ref]:
    command = message.body
    tenant = command.actor.tenant
    yield from reassigning.refs(tenant, command.assignment, get)
    assignment = binding.loaded(tenant, command.assignment, get)
    if assignment is None or assignment.tenant != tenant:
        return
    edit = _edited(assignment, command)
    if isinstance(edit, Problem):
        return
    named = (tenant, assignment.image, edit.value.marker, edit.value.number)
    yield from binding.target_refs(*named, get)
    version = binding.target_version(*named, get)
    yield from new_pool_refs(edit.value.pods, version)
    if version is not None:
        yield from binding.assignment_refs(tenant, command.assignment, get, version)


def _edited(assignment: Assignment, command: EditAssignment) -> Edit | Problem:
    """What the edit comes to. Who names a number pins the assignment, who names a marker lets it follow that one."""
    current = Editable(
        name=assignment.name,
        image=assignment.image,
        kind=assignment.kind,
        marker=assignment.marker or None,
        number=None if assignment.marker else assignment.number,
        pods=staying(assignment),
        seats=assignment.seats,
        endpoints=assignment.endpoints,
        shape=assignment.shape,
        customisation=assignment.customisation,
        disks=assignment.disks,
    )
    changes = command.changes
    if "number" in changes and "marker" not in changes and changes["number"] is not None:
        changes = changes | {"marker": None}
    elif "marker" in changes and "number" not in changes:
        changes = changes | {"number": None if changes["marker"] is not None else assignment.number}
    edit = patched(Editable, current, changes, UPDATABLE)
    if isinstance(edit, Problem):
        return edit
    pods = tuple(dict.fromkeys(edit.value.pods))
    if not pods:
        return Problem(
            code="validation_failed",
            detail="an assignment is on one pod at least",
            hint="Name a pod, or delete the assignment.",
            data={"field": "pods"},
        )
    fields = edit.fields
    if sorted(pods) == sorted(staying(assignment)):
        fields = tuple(field for field in fields if field != "pods")
    return Edit(msgspec.structs.replace(edit.value, pods=pods), fields)


def _edit(command: EditAssignment, work: Work, settings: CatalogSettings) -> AssignmentView | Problem:
    found = binding.find_assignment(work, command.actor, command.assignment)
    if isinstance(found, Problem):
        return found
    id, assignment = found
    edit = objection_to_revision(command.revision, assignment.revision) or _edited(assignment, command)
    if isinstance(edit, Problem):
        return edit
    if not edit.fields:
        return view(work, id, assignment)
    value = edit.value
    target = _target(work, command, assignment, edit)
    if isinstance(target, Problem):
        return target
    added = tuple(pod for pod in value.pods if pod not in assignment.pods)
    removed = tuple(pod for pod in staying(assignment) if pod not in value.pods)
    after = msgspec.structs.replace(
        assignment, seats=value.seats, endpoints=value.endpoints, shape=value.shape, marker=target.marker
    )
    problem = _objection_to_edit(work, command.actor, id, assignment, after, target, edit, added, removed)
    if problem is not None:
        return problem
    if assignment.marker != target.marker:
        binding.unbind(work, id, assignment)
        binding.bind(work, id, target.image_id, target.marker)
    rebound = "marker" in edit.fields or "number" in edit.fields
    assignment = reassigning.updated(work, id, after, target, "edit", command.actor.name)
    assignment = remove_pools(work, id, assignment, removed, force=False)
    if set(edit.fields) != {"pods"}:
        same = not set(edit.fields) - {"pods", "marker", "number"}
        assignment = reassigning.wish(work, id, assignment, staying(assignment), anew=not same, all_of=rebound)
    assignment = add_pools(work, id, assignment, added)
    return view(work, id, pools.finish(work, id, assignment, settings))


def _target(work: Work, command: EditAssignment, assignment: Assignment, edit: Edit) -> Target | Problem:
    """What the seats are made from after an edit. Where the image is not shared any more, what there is can still be
    made less of."""
    value, image = edit.value, assignment.image
    found = binding.find_target(work, command.actor, image, value.marker, value.number, had=image)
    if isinstance(found, Problem) and found.code == "share_revoked" and not {"marker", "number"} & set(edit.fields):
        return binding.kept_target(work, assignment) or found
    return found


def _objection_to_edit(
    work: Work,
    actor: Actor,
    id: str,
    before: Assignment,
    after: Assignment,
    target: Target,
    edit: Edit,
    added: Sequence[str],
    removed: Sequence[str],
) -> Problem | None:
    """Why the edit cannot be made: for more seats the version must be fit for a new use, for fewer it need not."""
    number = target.version.number
    rebound = target.id != before.version or target.marker != before.marker
    more = added or rebound or after.seats > before.seats or len(after.endpoints) > len(before.endpoints)
    returning = tuple(pod for pod in edit.value.pods if pod in before.pods and before.pods[pod].leaving)
    if returning:
        return Problem(
            code="assignment_state",
            detail=f"seats on {returning[0]} are being deleted",
            hint="Wait until they are gone, then add the pod.",
            data={"pod": returning[0]},
        )
    return (
        (binding.objection_to_new_use(work, actor, target) if more else None)
        or binding.objection_to_fit(work, target, asked_of(after))
        or binding.objection_to_pods(work, actor, added, target.id, number)
        or (binding.objection_to_bind(work, target.image_id, target.marker) if rebound else None)
        or objection_to_length(work, id, after, target)
        or objection_to_users(work, id, before, removed, force=False)
    )
