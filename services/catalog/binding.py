"""What an assignment is bound to: finding it, whether it may be used and fits, and who follows which marker."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import msgspec

from catalog import entitled, pools, references
from catalog.documents import (
    ASSIGNMENT,
    ASSIGNMENT_NAME,
    COPY,
    IMAGE,
    MARKERS,
    MEMBERSHIP,
    POD,
    VERSION,
    assignment_key,
)
from catalog.domain import fitting, kinds, lives
from catalog.domain import marker as markers
from catalog.domain.assignment import Assignment
from catalog.domain.fitting import Asked
from catalog.domain.image import Image
from catalog.domain.marker import MOST_BOUND, named, with_marker
from catalog.domain.pod import enrolled, seen_by
from catalog.domain.version import Version, manifest_of
from contracts.errors import Problem
from contracts.manifest import Manifest
from contracts.names import copy_id
from contracts.requests import Actor
from runtime.work import Get, Ref, Work


@dataclass(frozen=True, slots=True)
class Target:
    """A version that seats are to be made from; ``marker`` is empty when the assignment is pinned to it."""

    image_id: str
    image: Image
    marker: str
    id: str
    version: Version
    manifest: Manifest


def target_refs(tenant: str, text: str, marker: str | None, number: str | None, get: Get) -> Iterator[Ref]:
    """The documents that `find_target` reads."""
    yield MEMBERSHIP(tenant)
    yield from references.refs(tenant, text, get)
    if number is not None:
        yield from references.version_refs(tenant, text, number, get)
    if (id := references.image_id(tenant, text, get)) is not None:
        yield from pools.image_refs(id, get)
        yield MARKERS(id)
        if marker is not None and (found := named(get(MARKERS, id), marker)) is not None:
            yield VERSION(found.version)


def target_version(tenant: str, text: str, marker: str | None, number: str | None, get: Get) -> str | None:
    """The id of the version that is meant, as far as documents are loaded."""
    if number is not None:
        found = references.named_version(tenant, text, number, get)
        return None if found is None else found[0]
    id = references.image_id(tenant, text, get)
    named_one = None if id is None or marker is None else named(get(MARKERS, id), marker)
    return None if named_one is None else named_one.version


def find_target(
    work: Work, actor: Actor, text: str, marker: str | None, number: str | None, *, had: str = ""
) -> Target | Problem:
    """What an assignment is to be bound to: a marker, or a version by its number. The image may be another tenant's
    that the actor can read; where it is the one that the tenant ``had`` and cannot read any more, the refusal says so
    (features.md E5)."""
    if (marker is None) == (number is None):
        return Problem(
            code="validation_failed",
            detail="an assignment follows a marker or is pinned to a number, one of the two",
            hint="Give marker, or number.",
            data={"field": "marker"},
        )
    if number is not None:
        of_number = references.find_version(work, actor, text, number)
        if isinstance(of_number, Problem):
            gone = of_number.code == "image_not_found" and references.image_id(actor.tenant, text, work.get) == had
            return entitled.share_revoked(had) if gone else of_number
        image_id, image, id, version, _ = of_number
    else:
        found = references.find(work, actor, text)
        if found is None:
            gone = references.image_id(actor.tenant, text, work.get) == had
            return entitled.share_revoked(had) if gone else references.image_not_found(text)
        image_id, image = found
        named_one = named(work.get(MARKERS, image_id), marker or "")
        of_marker = None if named_one is None else work.get(VERSION, named_one.version)
        if named_one is None or of_marker is None:
            return markers.marker_not_found(marker or "")
        id, version = named_one.version, of_marker
    manifest = manifest_of(version)
    if manifest is None:
        return Problem(
            code="version_not_ready",
            detail=f"version {version.number} is {version.__struct_config__.tag}",
            hint="Wait until it is imported and published.",
            data={"number": version.number},
        )
    return Target(image_id, image, marker or "", id, version, manifest)


def kept_target(work: Work, assignment: Assignment) -> Target | None:
    """What an assignment is bound to already, whoever may read that."""
    image, version = work.get(IMAGE, assignment.image), work.get(VERSION, assignment.version)
    manifest = None if version is None else manifest_of(version)
    if image is None or version is None or manifest is None:
        return None
    return Target(assignment.image, image, assignment.marker, assignment.version, version, manifest)


def objection_to_new_use(work: Work, actor: Actor, target: Target) -> Problem | None:
    """Why ``actor`` may not begin to use the version, or nobody may."""
    return (
        entitled.objection(work, actor, target.image_id, target.image, target.id)
        or lives.objection_to_use(target.image, target.version, work.message.at)
        or lives.objection_to_data(target.version, operator=actor.operator)
        or kinds.objection(target.manifest, "assign")
    )


def objection_to_fit(work: Work, target: Target, asked: Asked) -> Problem | None:
    """Why what is asked for cannot be made from the version."""
    models = pools.models(work, target.image_id)
    return fitting.objection(asked, target.image, target.version.number, target.manifest, models)


def warnings(work: Work, target: Target, asked: Asked) -> tuple[str, ...]:
    """Which recommendations of the image do not hold for what is asked."""
    return fitting.warnings(asked, target.image, pools.models(work, target.image_id))


def pod_refs(pods: Iterable[str], version: str | None) -> Iterator[Ref]:
    """The documents that `objection_to_pods` reads."""
    for pod in pods:
        yield POD(pod)
        if version is not None:
            yield COPY(copy_id(version, pod, 0))


def objection_to_pods(
    work: Work, actor: Actor, pods: Iterable[str], version: str, number: str, *, new: bool = True
) -> Problem | None:
    """Why ``actor`` cannot have seats made from a version on these pods; ``new``: there were none before."""
    for pod in pods:
        known = seen_by(work.get(POD, pod), actor)
        if known is None or not enrolled(known):
            return Problem(
                code="pod_unknown",
                detail=f"no pod named {pod[:40]!r} is enrolled",
                hint="List the pods.",
                data={"pod": pod},
            )
        if new and known.draining:
            return Problem(
                code="pod_draining",
                detail=f"{pod} is being drained and accepts nothing new",
                hint="Choose another pod, or readmit this one.",
                data={"pod": pod},
            )
        if not pools.stands(work, version, pod):
            return Problem(
                code="copy_unavailable",
                detail=f"{pod} has no available copy of version {number}",
                hint="Publish the version to the pod and wait until the copy is AVAILABLE.",
                data={"pod": pod, "number": number},
            )
    return None


def objection_to_bind(work: Work, image: str, name: str) -> Problem | None:
    """Why no more assignments can follow a marker."""
    marker = named(work.get(MARKERS, image), name)
    if marker is None or len(marker.bound) < MOST_BOUND:
        return None
    return Problem(
        code="limit_exceeded",
        detail=f"{len(marker.bound)} assignments follow {name}",
        hint="Make another marker for further ones.",
        data={"limit": MOST_BOUND, "use": len(marker.bound)},
    )


def bind(work: Work, id: str, image: str, name: str) -> None:
    """Let an assignment follow a marker; nothing for one that is pinned (an empty name)."""
    known = work.get(MARKERS, image) if name else None
    if (marker := named(known, name)) is not None:
        work.put(MARKERS, image, with_marker(known, name, markers.bound(marker, id)))


def unbind(work: Work, id: str, assignment: Assignment) -> None:
    """Let an assignment follow its marker no more."""
    known = work.get(MARKERS, assignment.image) if assignment.marker else None
    if (marker := named(known, assignment.marker)) is not None:
        work.put(MARKERS, assignment.image, with_marker(known, assignment.marker, markers.unbound(marker, id)))
        pools.roll_on(work, assignment.image, assignment.marker)


def assignment_id(tenant: str, text: str, get: Get) -> str | None:
    """The id that ``text``, an id or a name, stands for, as far as documents are loaded."""
    if references.is_id(text):
        return text
    claim = get(ASSIGNMENT_NAME, assignment_key(tenant, text))
    return None if claim is None else str(claim.id)


def loaded(tenant: str, text: str, get: Get) -> Assignment | None:
    """The assignment that ``text`` stands for, as far as documents are loaded."""
    id = assignment_id(tenant, text, get)
    found: Assignment | None = None if id is None else get(ASSIGNMENT, id)
    return found


def names_of(assignment: Assignment) -> tuple[str, str | None, str | None]:
    """The image, the marker and the number that an assignment is bound to, as a command would name them."""
    return assignment.image, assignment.marker or None, None if assignment.marker else assignment.number


def assignment_refs(tenant: str, text: str, get: Get, *versions: str) -> Iterator[Ref]:
    """The documents that `find_assignment` reads, and what changing the assignment does; its pools may come to want
    ``versions``."""
    if not references.is_id(text):
        yield ASSIGNMENT_NAME(assignment_key(tenant, text))
    id = assignment_id(tenant, text, get)
    if id is not None:
        yield from pools.refs(id, get, *versions)
        if (assignment := get(ASSIGNMENT, id)) is not None:
            yield MARKERS(assignment.image)
            yield VERSION(assignment.version)


def find_assignment(work: Work, actor: Actor, text: str, *, leaving: bool = False) -> tuple[str, Assignment] | Problem:
    """The assignment, or why there is none that could be changed; one that is being deleted only for ``leaving``. It
    knows from now on what its tenant is (`catalog.entitled`)."""
    id = assignment_id(actor.tenant, text, work.get)
    assignment = None if id is None else work.get(ASSIGNMENT, id)
    if id is None or assignment is None or assignment.tenant != actor.tenant:
        return assignment_not_found(text)
    if assignment.leaving and not leaving:
        return Problem(
            code="assignment_state",
            detail=f"{assignment.name} is being deleted",
            hint="Make another one under another name, or under this one when it is gone.",
            data={"state": assignment.state},
        )
    if (image := work.get(IMAGE, assignment.image)) is not None:
        known = entitled.principals(work, actor, assignment.image, image, assignment.version)
        if known is not None and known != assignment.principals:
            assignment = msgspec.structs.replace(assignment, principals=known)
    return id, assignment


def assignment_not_found(text: str) -> Problem:
    """The refusal when the tenant has no such assignment."""
    return Problem(
        code="assignment_not_found",
        detail=f"there is no assignment {text[:80]!r}",
        hint="List the assignments; one is named by its id or its name.",
    )
