"""The query about what is wanted of a version."""

import re

import msgspec

from contracts.errors import Problem
from contracts.names import ID
from contracts.requests import GetPlacement
from contracts.views import PlacementView
from replicator.documents import LANE, ROSTER
from replicator.domain.lane import Lane
from replicator.domain.placement import Roster
from replicator.queries.pages import now
from replicator.queries.sight import hidden, placement_for
from replicator.views import foreign, no_placement, placement_view
from runtime.store import Reader

COUNTS = """
    SELECT json_extract(body, '$.state'), count(*) FROM documents
    WHERE kind = 'copy' AND id > ? AND id < ?
    AND (? OR json_extract(body, '$.pod') NOT IN (SELECT value FROM json_each(?))) GROUP BY 1"""

_id = re.compile(ID)


async def placement(request: GetPlacement, reader: Reader) -> PlacementView | Problem:
    """What is wanted of a version, and how it stands. What the actor may not read is not found."""
    version, actor = request.version, request.actor
    found = await placement_for(reader, actor, version) if _id.fullmatch(version) else None
    if found is None:
        return no_placement(version)
    roster = await reader.get(ROSTER, version) or Roster()
    unseen = await hidden(reader, actor, found, roster.known)
    but = msgspec.json.encode(sorted(unseen)).decode()
    rows = await reader.rows(COUNTS, (f"{version}_", version + chr(ord("_") + 1), not unseen, but))
    counts: dict[str, int] = dict(rows)
    lane: Lane | None = await reader.get(LANE, found.tenant)
    view = placement_view(found, roster, counts, lane, now())
    return view if found.tenant == actor.tenant else foreign(view, roster, unseen)
