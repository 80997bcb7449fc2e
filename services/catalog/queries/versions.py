"""Lists of the versions of an image, and one version: by number, or `latest`."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import msgspec

from catalog.documents import MARKERS, USES, VERSION
from catalog.domain.image import Image
from catalog.domain.marker import Markers, named
from catalog.domain.number import normalise
from catalog.domain.removal import assignments_of, markers_of
from catalog.filters import Condition, Field
from catalog.pages import Value
from catalog.queries import listing
from catalog.queries.listing import Along, compared, moment, told
from catalog.queries.named import find, find_version, latest, seen
from catalog.queries.sight import closed_pods
from catalog.references import image_not_found
from catalog.views import version_view
from contracts.errors import Problem
from contracts.names import parse_copy
from contracts.requests import GetVersion, ListVersions, VersionPage
from contracts.views import VersionView
from contracts.views.holdings import Placed
from runtime.store import Reader

_SIZES = "(SELECT coalesce(sum(json_extract(value, '$.{}')), 0) FROM json_each(body, '$.manifest.disks'))"

FIELDS = {
    "number": Field(sql=told("number")),
    "source_pod": Field(sql=told("source.pod")),
    "source_kind": Field(sql=told("source.kind")),
    "source_name": Field(sql=told("source.name")),
    "mode": Field(sql=told("publication.mode", "'full'")),
    "deprecation": Field(sql=told("life.deprecation", "'ACTIVE'")),
    "replacement": Field(sql=told("life.replacement")),
    "parent": Field(sql=told("parent")),
    "job": Field(sql=told("job")),
    "failure": Field(sql=told("failure.code")),
    "format": Field(sql=told("manifest.disks[0].format")),
    "created": Field("time", moment("created")),
    "updated": Field("time", moment("updated")),
    "end_of_life": Field("time", f"coalesce({moment('life.end_of_life')}, '')"),
    "revision": Field("number", told("revision")),
    "size": Field("number", _SIZES.format("size")),
    "virtual_size": Field("number", _SIZES.format("virtual_size")),
    "available": Field("number", told("publication.available", "0")),
    "hidden": Field("flag", told("life.hidden", "0")),
    "protected": Field("flag", told("life.protected", "0")),
    "deactivated": Field("flag", told("life.deactivated", "0")),
    "exclude_from_latest": Field("flag", f"({told('excluded', '0')} OR {told('publication.excluded', '0')} AND"
                                 f" {told('publication.number', '0')} > {told('promoted', '0')})"),
    "state": Field(sql=f"coalesce(json_extract(body, '$.life.removal.stage'),"
                   f" CASE WHEN {told('life.disabled', '0')} THEN 'DISABLED' ELSE json_extract(body, '$.state') END)"),
    "marker": Field(sorts=False),
}  # fmt: skip
"""What versions can be filtered and sorted by. ``failure`` is its code, ``format`` that of the first disk; ``marker``
is met by the version that a marker of this name names."""
FOREIGN = {**FIELDS, **dict.fromkeys(("job", "parent"), Field(sql="''"))}
"""The same of another tenant's versions: what is not shown of them (`_as_seen`) is not found out by asking either, nor
read from a cursor."""

ON_POD = """EXISTS (
    SELECT 1 FROM copies AS c WHERE c.id > s.id || ? AND c.id < s.id || ? AND c.state = 'AVAILABLE')"""
STATE = f"""coalesce(
    json_extract(body, '$.life.removal.stage'),
    CASE WHEN ? OR {told("life.disabled", "0")} THEN 'DISABLED' ELSE json_extract(body, '$.state') END) = ?"""
THERE = "json_extract(body, '$.life.removal.stage') IS NOT 'DELETED'"
COPIES = "SELECT id, state FROM copies WHERE id > ? AND id < ? AND state NOT IN ('ABSENT', 'DROPPED') ORDER BY id"
USED_BY = """
    SELECT u.id, u.body FROM json_each(?) AS page
    CROSS JOIN documents AS u ON u.kind = 'uses' AND u.id = page.value"""


async def list_versions(query: ListVersions, reader: Reader) -> VersionPage | Problem:
    """The versions of an image, by default the highest number first; of those with the same number the newest first."""
    asked = listing.asked(query, FIELDS)
    if isinstance(asked, Problem):
        return asked
    found = await find(query.actor, query.image, reader)
    if found is None:
        return image_not_found(query.image)
    image_id, image = found
    if query.pod is not None and await closed_pods(query.actor, [query.pod], reader):
        return VersionPage(items=())
    markers = await reader.get(MARKERS, image_id)
    way = asked.order
    fields = FIELDS if image.tenant == query.actor.tenant else FOREIGN
    keys = ("place",) if way.field == "number" else (fields[way.field].sql, "place")
    along = Along("versions", keys, way.down, [("image = ?", image_id)])
    page = await listing.listed(along, asked, _others(query, asked.terms, image, markers, fields), reader)
    if isinstance(page, Problem):
        return page
    items, next = page.fit(await _views(page.documents, image, markers, query.actor.tenant, reader))
    return VersionPage(items=items, next=next)


async def get_version(query: GetVersion, reader: Reader) -> VersionView | Problem:
    """A version by number, or ``latest``: the highest number that can be used, on a pod if one is named.

    A number that failed imports left free shows the last of them.
    """
    if query.number == "latest":
        found = await find(query.actor, query.image, reader)
        if found is None:
            return image_not_found(query.image)
        newest = await latest(query.actor, *found, query.pod, reader)
        if isinstance(newest, Problem):
            return newest
        (image_id, image), (id, version) = found, newest
    else:
        named = await find_version(query.actor, query.image, query.number, reader)
        if isinstance(named, Problem):
            return named
        image_id, image, id, version = named
    uses, markers = await reader.get(USES, id), await reader.get(MARKERS, image_id)
    copies = [_placed(*row) for row in await reader.rows(COPIES, (f"{id}_", f"{id}`"))]
    closed = await closed_pods(query.actor, [placed.pod for placed in copies], reader)
    view = version_view(
        id,
        version,
        image,
        markers=markers_of(markers, id),
        used_by=len(await seen(assignments_of(uses), image, query.actor.tenant, reader)),
        where=tuple(placed for placed in copies if placed.pod not in closed),
        at=datetime.now(UTC),
    )
    return _as_seen(view, query.actor.tenant)


def _as_seen(view: VersionView, tenant: str) -> VersionView:
    """A version as ``tenant`` sees it: jobs are their own tenant's, and ancestors are told as far as they can be read
    (`GetLineage`)."""
    return view if view.tenant == tenant else msgspec.structs.replace(view, job="", parent="")


def _others(
    query: ListVersions,
    terms: Sequence[Condition],
    image: Image,
    markers: Markers | None,
    fields: Mapping[str, Field],
) -> list[tuple[str, Sequence[Value]]]:
    """The conditions beside the image."""
    states = [query.state] if query.state is not None else []
    found: list[tuple[str, Sequence[Value]]] = []
    for term in terms:
        match term.field, term.value:
            case "state", str(state):
                states.append(state)
            case "marker", str(name):
                marker = named(markers, name)
                found.append(("s.id = ?", ("" if marker is None else marker.version,)))
            case "number", str(number):
                found.append((f"{FIELDS['number'].sql} = ?", (normalise(number) or "",)))
            case _:
                found.append(compared(term, fields))
    found += [(STATE, (image.life.disabled, state)) for state in states]
    if "DELETED" not in states:
        found.append((THERE, ()))
    if not query.hidden and "hidden" not in query.where:
        found.append((f"{FIELDS['hidden'].sql} = 0", ()))
    if query.pod is not None:
        found.append((ON_POD, (f"_{query.pod}_", f"_{query.pod}`")))
    return found


async def _views(
    rows: Sequence[tuple[str, bytes]], image: Image, markers: Markers | None, tenant: str, reader: Reader
) -> tuple[VersionView, ...]:
    ids = msgspec.json.encode([id for id, _ in rows]).decode()
    uses = {id: assignments_of(USES.decode(body)) for id, body in await reader.rows(USED_BY, (ids,))}
    known = await seen({one for own in uses.values() for one in own}, image, tenant, reader)
    used = {id: len(own & known) for id, own in uses.items()}
    now = datetime.now(UTC)
    views = (
        version_view(id, VERSION.decode(body), image, markers=markers_of(markers, id), used_by=used.get(id, 0), at=now)
        for id, body in rows
    )
    return tuple(_as_seen(view, tenant) for view in views)


def _placed(copy: str, state: str) -> Placed:
    parsed = parse_copy(copy)
    pod, replica = ("", 0) if parsed is None else parsed[1:]
    return Placed(pod=pod, state=state, replica=replica)
