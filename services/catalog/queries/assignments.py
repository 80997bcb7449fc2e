"""Assignments, and their seats."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

import msgspec

from catalog import pages
from catalog.documents import ASSIGNMENT, ASSIGNMENT_NAME, IMAGE, POOL, VERSION, assignment_key, pool_key
from catalog.domain import lives
from catalog.domain.assignment import Assignment
from catalog.domain.image import Image
from catalog.domain.pool import Pool
from catalog.pages import Value
from catalog.queries.listing import Along, told, walk
from catalog.queries.named import find
from catalog.references import image_not_found, is_id
from catalog.views.assignment import assignment_view, seat_views
from contracts.errors import Problem
from contracts.requests import AssignmentPage, GetAssignment, ListAssignments, ListSeats, SeatPage
from contracts.views import AssignmentView
from runtime.store import Reader

ON_POD = "EXISTS (SELECT 1 FROM json_each(s.body, '$.pods') AS p WHERE p.key = ?)"
OF_KIND = """
    SELECT p.id, p.body FROM json_each(?) AS page
    CROSS JOIN documents AS p ON p.kind = '{}' AND p.id = page.value"""


async def list_assignments(query: ListAssignments, reader: Reader) -> AssignmentPage | Problem:
    """Assignments of the tenant by name."""
    limit, cursor = pages.size(query.limit), pages.after(query.cursor, tuple[str])
    if isinstance(limit, Problem):
        return limit
    if isinstance(cursor, Problem):
        return cursor
    tenant = query.actor.tenant
    others: list[tuple[str, Sequence[Value]]] = []
    if query.image is not None:
        found = await find(tenant, query.image, reader)
        if found is None:
            return image_not_found(query.image)
        others.append((f"{told('image')} = ?", (found[0],)))
    if query.state is not None:
        others.append((f"{told('state')} = ?", (query.state,)))
    if query.pod is not None:
        others.append((ON_POD, (query.pod,)))
    along = Along("assignments", ("name",), down=False, led=[("tenant = ?", tenant)])
    rows, end = await walk(along, cursor, others, limit + 1, reader)
    page = pages.cut(rows, limit, body=2)
    assignments = {id: ASSIGNMENT.decode(body) for _, id, body in page.rows}
    pools = await _pools(assignments, reader)
    known = await _known(assignments.values(), reader)
    items = tuple(assignment_view(id, one, pools[id], known[one.version]) for id, one in assignments.items())
    next = page.next or (None if end is None else pages.cursor_at(end))
    items, next = pages.fit(items, [row[0] for row in page.rows], next)
    return AssignmentPage(items=items, next=next)


async def get_assignment(query: GetAssignment, reader: Reader) -> AssignmentView | Problem:
    """An assignment of the tenant by id or name, with its pools."""
    found = await _find(query.actor.tenant, query.assignment, reader)
    if isinstance(found, Problem):
        return found
    id, assignment = found
    pools, known = await _pools({id: assignment}, reader), await _known([assignment], reader)
    return assignment_view(id, assignment, pools[id], known[assignment.version])


async def list_seats(query: ListSeats, reader: Reader) -> SeatPage | Problem:
    """The seats of an assignment, by pod and as the pod tells them."""
    limit, cursor = pages.size(query.limit), pages.after(query.cursor, tuple[str, int])
    if isinstance(limit, Problem):
        return limit
    if isinstance(cursor, Problem):
        return cursor
    found = await _find(query.actor.tenant, query.assignment, reader)
    if isinstance(found, Problem):
        return found
    id, assignment = found
    pools = (await _pools({id: assignment}, reader))[id]
    rows = [
        ((pod, n), "", view)
        for pod in sorted(pools)
        for n, view in enumerate(seat_views(id, pod, pools[pod]))
        if query.pod in (None, pod) and query.state in (None, view.seat.state) and (cursor is None or (pod, n) > cursor)
    ]
    page = pages.cut(rows[: limit + 1], limit, body=1)
    return SeatPage(items=tuple(view for _, _, view in page.rows), next=page.next)


async def _find(tenant: str, text: str, reader: Reader) -> tuple[str, Assignment] | Problem:
    id = text
    if not is_id(text) and (claim := await reader.get(ASSIGNMENT_NAME, assignment_key(tenant, text))) is not None:
        id = claim.id
    assignment = await reader.get(ASSIGNMENT, id)
    if assignment is None or assignment.tenant != tenant:
        return Problem(
            code="assignment_not_found",
            detail=f"there is no assignment {text[:80]!r}",
            hint="List the assignments to see what there is.",
        )
    return id, assignment


async def _pools(assignments: Mapping[str, Assignment], reader: Reader) -> dict[str, dict[str, Pool]]:
    """The pools of assignments by pod."""
    keys = [pool_key(id, pod) for id, assignment in assignments.items() for pod in assignment.pods]
    found: dict[str, dict[str, Pool]] = {id: {} for id in assignments}
    for key, body in await reader.rows(OF_KIND.format("pool"), (_ids(keys),)):
        id, _, pod = key.partition("/")
        found[id][pod] = POOL.decode(body)
    return found


async def _known(assignments: Iterable[Assignment], reader: Reader) -> dict[str, tuple[str, ...]]:
    """What is to be known of the versions that assignments want, by version: that one is deprecated meanwhile, say."""
    images = {one.version: one.image for one in assignments}
    kept: dict[str, Image] = {}
    for id, body in await reader.rows(OF_KIND.format("image"), (_ids(images.values()),)):
        kept[id] = IMAGE.decode(body)
    found: dict[str, tuple[str, ...]] = dict.fromkeys(images, ())
    now = datetime.now(UTC)
    for id, body in await reader.rows(OF_KIND.format("version"), (_ids(images),)):
        if (image := kept.get(images[id])) is not None:
            found[id] = lives.warnings(image, VERSION.decode(body), now)
    return found


def _ids(ids: Iterable[str]) -> str:
    return msgspec.json.encode(sorted(set(ids))).decode()
