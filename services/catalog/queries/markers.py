"""Markers, who uses a version, and what it was made from."""

import msgspec

from catalog import pages
from catalog.documents import IMAGE, MARKERS, USES, VERSION
from catalog.domain.image import Image
from catalog.domain.lives import state_of
from catalog.domain.marker import Marker, Markers, frozen, marker_not_found, named
from catalog.domain.uses import Use, Uses
from catalog.queries.named import find, find_version, seen
from catalog.references import image_not_found
from catalog.views.marker import marker_view
from contracts.errors import Problem
from contracts.requests import (
    AncestorPage,
    GetLineage,
    GetMarker,
    GetUsers,
    ListMarkers,
    MarkerPage,
    UserPage,
)
from contracts.views import AncestorView, MarkerView, UserView
from runtime.store import Reader

DEEPEST = 100
"""How many ancestors are told."""


async def list_markers(query: ListMarkers, reader: Reader) -> MarkerPage | Problem:
    """All markers of an image, by name."""
    found = await find(query.actor.tenant, query.image, reader)
    if found is None:
        return image_not_found(query.image)
    markers = await reader.get(MARKERS, found[0]) or Markers()
    tenant = query.actor.tenant
    items = [await _view(*found, name, markers.by[name], tenant, reader) for name in sorted(markers.by)]
    return MarkerPage(items=tuple(items))


async def get_marker(query: GetMarker, reader: Reader) -> MarkerView | Problem:
    """A marker with its history."""
    found = await find(query.actor.tenant, query.image, reader)
    if found is None:
        return image_not_found(query.image)
    markers = await reader.get(MARKERS, found[0])
    marker = named(markers, query.marker)
    if marker is None:
        return marker_not_found(query.marker)
    return await _view(*found, query.marker, marker, query.actor.tenant, reader)


async def get_users(query: GetUsers, reader: Reader) -> UserPage | Problem:
    """Who uses a version or wants it, by assignment and pod. Of a version of the standard class a tenant sees its own
    assignments only, its owner all."""
    limit, cursor = pages.size(query.limit), pages.after(query.cursor, str)
    if isinstance(limit, Problem):
        return limit
    if isinstance(cursor, Problem):
        return cursor
    tenant = query.actor.tenant
    found = await find_version(tenant, query.image, query.number, reader)
    if isinstance(found, Problem):
        return found
    _, image, id, _ = found
    uses = await reader.get(USES, id) or Uses()
    used = [(key, use) for key, use in sorted(uses.by.items()) if use.runs or use.wanted]
    known = await seen({_assignment(key) for key, _ in used}, image, tenant, reader)
    rows = [(key, "", use) for key, use in used if _assignment(key) in known and (cursor is None or key > cursor)]
    page = pages.cut(rows[: limit + 1], limit, body=1)
    return UserPage(items=tuple(_user(key, use) for key, _, use in page.rows), next=page.next)


async def get_lineage(query: GetLineage, reader: Reader) -> AncestorPage | Problem:
    """The ancestors of a version, nearest first, as far as the tenant can see them."""
    tenant = query.actor.tenant
    found = await find_version(tenant, query.image, query.number, reader)
    if isinstance(found, Problem):
        return found
    items: list[AncestorView] = []
    parent = found[3].parent
    while parent and len(items) < DEEPEST:
        version = await reader.get(VERSION, parent)
        if version is None:
            break
        image = await reader.get(IMAGE, version.image)
        if not _visible(version.tenant, image, tenant):
            break
        items.append(
            AncestorView(
                version=parent,
                image=version.image,
                number=version.number,
                state="DELETED" if image is None else state_of(version, image),
                depth=len(items) + 1,
            )
        )
        parent = version.parent
    return AncestorPage(items=tuple(items))


def _visible(owner: str, image: Image | None, tenant: str) -> bool:
    return owner == tenant or (image is not None and image.image_class == "standard")


async def _view(id: str, image: Image, name: str, marker: Marker, tenant: str, reader: Reader) -> MarkerView:
    """A marker; of another tenant's (of the standard class) with the own assignments only, and without what became of
    those of others in a staged move."""
    version = await reader.get(VERSION, marker.version)
    if image.tenant != tenant:
        bound = await seen(marker.bound, image, tenant, reader)
        rollout = marker.rollout and msgspec.structs.replace(marker.rollout, failed=0, failure=None)
        marker = msgspec.structs.replace(marker, bound=tuple(sorted(bound)), rollout=rollout)
    return marker_view(id, name, marker, frozen=frozen(image, version))


def _assignment(key: str) -> str:
    return key.partition("/")[0]


def _user(key: str, use: Use) -> UserView:
    assignment, _, pod = key.partition("/")
    return UserView(
        assignment=assignment,
        name=use.name,
        pod=pod,
        seats=use.seats,
        users=use.users,
        wanted=use.wanted,
        last_used=use.last_used,
    )
