"""Assignments, and their seats."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec

from catalog import pages
from catalog.documents import ASSIGNMENT, ASSIGNMENT_NAME, IMAGE, POOL, VERSION, assignment_key, pool_key
from catalog.domain import lives
from catalog.domain.assignment import Assignment
from catalog.domain.image import Image
from catalog.domain.number import normalise
from catalog.domain.pool import Pool
from catalog.filters import Condition, Field, Order, conditions, met, milliseconds, order
from catalog.pages import Value
from catalog.queries import listing
from catalog.queries.listing import Along, compared, moment, told
from catalog.queries.named import find
from catalog.references import image_not_found, is_id
from catalog.views.assignment import assignment_view, seat_views
from contracts.errors import Problem
from contracts.requests import AssignmentPage, GetAssignment, ListAssignments, ListSeats, SeatPage
from contracts.views import AssignmentView, SeatView
from runtime.store import Reader

FIELDS = {
    **{name: Field(sql=told(name)) for name in ("name", "tenant", "image", "gallery", "image_name", "marker")},
    **{name: Field(sql=told(name)) for name in ("version", "number", "kind", "state", "job")},
    "host_name": Field(sql=told("customisation.host_name")),
    "vm_kind": Field(sql=told("shape.vm_kind")),
    "vcpus": Field("number", told("shape.vcpus")),
    "memory_mib": Field("number", told("shape.memory_mib")),
    "disk_gib": Field("number", told("shape.disk_gib")),
    "disks": Field("number", "coalesce(json_array_length(body, '$.disks'), 0)"),
    "seats": Field("number", f"CASE {told('kind')} WHEN 'endpoint' THEN json_array_length(body, '$.endpoints')"
                             f" ELSE {told('seats')} END"),
    "revision": Field("number", told("revision")),
    "created": Field("time", moment("created")),
    "updated": Field("time", moment("updated")),
}  # fmt: skip
"""What assignments can be filtered and sorted by. ``image`` is its id, ``disks`` how many data disks a seat has."""

SEATS = {
    **dict.fromkeys(("pod", "name", "state", "version", "model", "user"), Field()),
    "last_used": Field("time"),
    "failure": Field(sorts=False),
}
"""What seats can be filtered by, and those of it that they can be sorted by."""

ON_POD = "EXISTS (SELECT 1 FROM json_each(s.body, '$.pods') AS p WHERE p.key = ?)"
OF_KIND = """
    SELECT p.id, p.body FROM json_each(?) AS page
    CROSS JOIN documents AS p ON p.kind = '{}' AND p.id = page.value"""

_digits = re.compile("[0-9]+")


class Place(NamedTuple):
    """Where a seat is in an order by some field."""

    value: Value
    pod: str
    name: str


async def list_assignments(query: ListAssignments, reader: Reader) -> AssignmentPage | Problem:
    """Assignments of the tenant, by default by name."""
    asked = listing.asked(query, FIELDS)
    if isinstance(asked, Problem):
        return asked
    way = asked.order
    by_name = way.field == "name"
    keys = ("name",) if by_name else ("value", "name")
    tenant = query.actor.tenant
    others = [compared(_normal(term), FIELDS) for term in asked.terms]
    if query.image is not None:
        image = query.image
        if not is_id(image):  # of an image that was taken back the tenant still finds its assignments, by its id
            found = await find(query.actor, image, reader)
            if found is None:
                return image_not_found(image)
            image = found[0]
        others.append((f"{told('image')} = ?", (image,)))
    if query.state is not None:
        others.append((f"{told('state')} = ?", (query.state,)))
    if query.pod is not None:
        others.append((ON_POD, (query.pod,)))
    led: list[tuple[str, Value]] = [("tenant = ?", tenant)]
    if not by_name:
        led.append(("field = ?", way.field))
    along = Along("assignments" if by_name else "assignment_places", keys, way.down, led)
    page = await listing.listed(along, asked, others, reader)
    if isinstance(page, Problem):
        return page
    assignments = {id: ASSIGNMENT.decode(body) for id, body in page.documents}
    pools = await _pools(assignments, reader)
    known = await _known(assignments.values(), reader)
    views = [assignment_view(id, one, pools[id], known[one.version]) for id, one in assignments.items()]
    items, next = page.fit(views)
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
    """The seats of an assignment, by default pod by pod and by their names."""
    limit, cursor = pages.size(query.limit), pages.after(query.cursor, Place)
    if isinstance(limit, Problem):
        return limit
    if isinstance(cursor, Problem):
        return cursor
    sort, terms = order(query.sort, SEATS), conditions(query.where, SEATS)
    if isinstance(sort, Problem):
        return sort
    if isinstance(terms, Problem):
        return terms
    given = {"pod": query.pod, "state": query.state}
    terms = [*terms, *(Condition(field, "=", value) for field, value in given.items() if value is not None)]
    found = await _find(query.actor.tenant, query.assignment, reader)
    if isinstance(found, Problem):
        return found
    id, assignment = found
    pools = (await _pools({id: assignment}, reader))[id]
    seats = [view for pod, pool in pools.items() for view in seat_views(id, pod, pool)]
    met_by = [view for view in seats if all(met(term, _told(view, term.field)) for term in terms)]
    rows = [(Place(_told(view, sort.field), view.pod, view.seat.name), "", view) for view in met_by]
    rows.sort(key=lambda row: _rank(row[0], sort), reverse=sort.down)
    if cursor is not None:
        last = _rank(cursor, sort)
        rows = [row for row in rows if (_rank(row[0], sort) < last if sort.down else _rank(row[0], sort) > last)]
    page = pages.cut(rows[: limit + 1], limit, body=1)
    return SeatPage(items=tuple(view for _, _, view in page.rows), next=page.next)


def _told(view: SeatView, field: str) -> Value:
    """What a seat says of a field; the empty text where it has no value."""
    if field == "pod":
        return view.pod
    if field == "last_used":
        return "" if view.seat.last_used is None else milliseconds(view.seat.last_used)
    return str(getattr(view.seat, field))


def _rank(place: Place, sort: Order) -> tuple[bool, Value, str, str, str]:
    """Where a seat comes. Numbers in names count as numbers: desk-10 follows desk-9."""
    value, pod, name = place
    counted = _digits.sub(lambda digits: digits[0].zfill(9), name)
    return isinstance(value, str), counted if sort.field == "name" else value, pod, counted, name


def _normal(term: Condition) -> Condition:
    """The filter, in which a number of a version is as assignments say it."""
    return replace(term, value=normalise(str(term.value)) or "") if term.field == "number" else term


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
