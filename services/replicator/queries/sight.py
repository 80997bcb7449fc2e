"""What somebody who asks may read: versions, and the rows about them, for a page at a time."""

from collections.abc import Collection

from contracts.requests import Actor
from replicator import sight
from replicator.documents import PLACEMENT, POD
from replicator.domain.placement import Placement
from replicator.domain.tenancy import known_to
from replicator.queries.pages import named
from runtime import access
from runtime.access import ACCESS
from runtime.store import Reader


async def placement_for(reader: Reader, actor: Actor, version: str) -> Placement | None:
    """The placement of a version, if it is there for the actor."""
    found = await reader.get(PLACEMENT, version)
    return found if found is not None and "read" in await sight.read_rights(reader, actor, found) else None


async def readable(reader: Reader, actor: Actor, versions: Collection[str]) -> frozenset[str]:
    """Those of the versions that the actor may read; what of them was never published is for operators alone."""
    placements = await named(reader, PLACEMENT, sorted(versions))
    keys = {ref.id for one in placements.values() for ref in sight.refs(one) if ref.id is not None}
    known = await named(reader, ACCESS, sorted(keys))
    return frozenset(
        id
        for id, one in placements.items()
        if not one.deleted
        and "read"
        in access.decided(
            known.get(access.image_key(one.image)),
            known.get(access.gallery_key(one.tenant, one.gallery)),
            actor,
            tenant=one.tenant,
            version=id,
            public=one.public,
        )
    )


async def hidden(reader: Reader, actor: Actor, placement: Placement, pods: Collection[str]) -> frozenset[str]:
    """As `replicator.sight.hidden`, from committed state."""
    if placement.tenant == actor.tenant:
        return frozenset()
    known = await named(reader, POD, sorted(pods))
    return frozenset(name for name in pods if not known_to(known.get(name), actor))
