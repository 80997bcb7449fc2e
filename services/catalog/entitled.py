"""Whether an assignment may still make new use of its image, which may be another tenant's (features.md E5).

Who asks tells what he is; what nobody asks for (a marker that its owner moves, a copy that comes) is held against what
the assignment's tenant was when somebody last asked something of it, as far as it still is that (`memberships`).
"""

from collections.abc import Iterator

from catalog import memberships, references
from catalog.documents import IMAGE
from catalog.domain.assignment import Assignment
from catalog.domain.image import Image
from contracts.errors import Problem
from contracts.requests import Actor
from runtime import access
from runtime.work import Get, Ref, Work


def refs(id: str, get: Get) -> Iterator[Ref]:
    """The documents that the other functions here read about an image."""
    yield IMAGE(id)
    if (image := get(IMAGE, id)) is not None:
        yield from access.refs(id, image.tenant, image.gallery)


def entitled(work: Work, assignment: Assignment, image: Image, version: str) -> bool:
    """Whether seats of the assignment may be made from a version that they do not run yet."""
    return tenant_reads(work, assignment.tenant, assignment.principals, assignment.image, image, version)


def tenant_reads(
    work: Work, tenant: str, principals: tuple[str, ...], id: str, image: Image, version: str = ""
) -> bool:
    """Whether a tenant that was all this (``principals``) may use an image, or this version of it. Reads the tenant's
    membership."""
    if image.tenant == tenant:
        return True
    principals = memberships.still(work, tenant, principals)
    actor = Actor(tenant=tenant, name="", roles=("reader",), principals=principals)
    return "read" in references.rights_on(work, actor, id, image, version)


def objection(work: Work, actor: Actor, id: str, image: Image, version: str) -> Problem | None:
    """Why ``actor`` cannot have anything made from a version of an image that his tenant uses."""
    return None if "read" in references.rights_on(work, actor, id, image, version) else share_revoked(id)


def objection_to(work: Work, actor: Actor, assignment: Assignment) -> Problem | None:
    """Why nothing new is made from what an assignment wants."""
    image = work.get(IMAGE, assignment.image)
    return None if image is None else objection(work, actor, assignment.image, image, assignment.version)


def principals(work: Work, actor: Actor, id: str, image: Image, version: str) -> tuple[str, ...] | None:
    """What is to be remembered of who asks for something with an image; None where he may not read it."""
    if image.tenant == actor.tenant:
        return ()
    return actor.principals if "read" in references.rights_on(work, actor, id, image, version) else None


def share_revoked(image: str) -> Problem:
    """The refusal of anything new with an image that is not shared with the tenant any more."""
    return Problem(
        code="share_revoked",
        detail="the image is not shared with this tenant any more",
        hint="What runs goes on running. Switch to another image, or ask the owner to share it again.",
        data={"image": image},
    )
