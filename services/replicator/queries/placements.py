"""The query about what is wanted of a version."""

import re

from contracts.errors import Problem
from contracts.names import ID
from contracts.requests import GetPlacement
from contracts.views import PlacementView
from replicator.documents import LANE, PLACEMENT, ROSTER
from replicator.domain.lane import Lane
from replicator.domain.placement import Roster
from replicator.queries.pages import now
from replicator.views import no_placement, placement_view
from runtime.store import Reader

COUNTS = """
    SELECT json_extract(body, '$.state'), count(*) FROM documents
    WHERE kind = 'copy' AND id > ? AND id < ? GROUP BY 1"""

_id = re.compile(ID)


async def placement(request: GetPlacement, reader: Reader) -> PlacementView | Problem:
    """What is wanted of a version, and how it stands. Another tenant's is not found."""
    version = request.version
    if not _id.fullmatch(version):
        return no_placement(version)
    found = await reader.get(PLACEMENT, version)
    if found is None or found.tenant != request.actor.tenant:
        return no_placement(version)
    roster = await reader.get(ROSTER, version) or Roster()
    counts = dict(await reader.rows(COUNTS, (f"{version}_", version + chr(ord("_") + 1))))
    lane: Lane | None = await reader.get(LANE, found.tenant)
    return placement_view(found, roster, counts, lane, now())
