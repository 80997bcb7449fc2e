"""What somebody may do with a version, and what he sees of where it is (`runtime.access`, `contracts.rights`)."""

from collections.abc import Iterable, Iterator

from contracts.errors import Problem
from contracts.principals import Right
from contracts.requests import Actor
from contracts.rights import forbidden
from replicator.documents import POD
from replicator.domain.placement import Placement
from replicator.domain.tenancy import known_to
from runtime import access
from runtime.store import Reader
from runtime.work import Get, Ref


def refs(placement: Placement) -> Iterator[Ref]:
    """The documents that `rights` reads."""
    return access.refs(placement.image, placement.tenant, placement.gallery)


def rights(get: Get, actor: Actor, placement: Placement) -> frozenset[Right]:
    """What the actor may do with the version; nothing at all means that for him it is not there."""
    if _gone(placement, actor):
        return access.NOTHING
    return access.rights(
        get, actor, tenant=placement.tenant, image=placement.image, gallery=placement.gallery,
        version=placement.version, public=placement.public,
    )  # fmt: skip


def _gone(placement: Placement, actor: Actor) -> bool:
    return placement.deleted and placement.tenant != actor.tenant


async def read_rights(reader: Reader, actor: Actor, placement: Placement) -> frozenset[Right]:
    """As `rights`, from committed state."""
    if _gone(placement, actor):
        return access.NOTHING
    return await access.read_rights(
        reader, actor, tenant=placement.tenant, image=placement.image, gallery=placement.gallery,
        version=placement.version, public=placement.public,
    )  # fmt: skip


def hidden(get: Get, actor: Actor, placement: Placement, pods: Iterable[str]) -> frozenset[str]:
    """Those of the version's pods that are not there for the actor. Of its own versions a tenant sees all copies."""
    if placement.tenant == actor.tenant:
        return frozenset()
    return frozenset(pod for pod in pods if not known_to(get(POD, pod), actor))


def objection(get: Get, actor: Actor, placement: Placement | None, right: Right, absent: Problem) -> Problem | None:
    """Why the actor may not do this with the version: ``absent``, as if there were none, unless he may read it."""
    if placement is None:
        return absent
    found = rights(get, actor, placement)
    if right in found:
        return None
    return forbidden(right, "version") if "read" in found else absent
