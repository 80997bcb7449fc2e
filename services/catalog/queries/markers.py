"""Markers, who uses a version, and what it was made from."""

from dataclasses import replace

import msgspec

from catalog.documents import IMAGE, MARKERS, USES, VERSION
from catalog.domain.image import Image
from catalog.domain.lives import state_of
from catalog.domain.marker import Marker, Markers, frozen, marker_not_found, named
from catalog.domain.number import normalise, rank
from catalog.domain.uses import Use, Uses
from catalog.domain.version import Version
from catalog.filters import Field, milliseconds
from catalog.pages import Value
from catalog.queries import short
from catalog.queries.named import find, find_version, seen
from catalog.queries.short import Asked
from catalog.queries.sight import sight
from catalog.references import image_not_found
from catalog.views.marker import marker_view
from contracts.errors import Problem
from contracts.requests import (
    Actor,
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

FIELDS = {
    **dict.fromkeys(("name", "number", "version"), Field()),
    "frozen": Field("flag"),
    **dict.fromkeys(("assignments", "revision"), Field("number")),
}
"""What markers can be filtered and sorted by; so are the next two, of users of a version and of its ancestors."""
USERS = {
    **dict.fromkeys(("assignment", "name", "pod"), Field()),
    **dict.fromkeys(("seats", "users"), Field("number")),
    "wanted": Field("flag"),
    "last_used": Field("time"),
}
LINEAGE = {**dict.fromkeys(("version", "image", "number", "state"), Field()), "depth": Field("number")}


async def list_markers(query: ListMarkers, reader: Reader) -> MarkerPage | Problem:
    """The markers of an image, by default by name."""
    asked = short.asked(query.where, query.sort, query.limit, query.cursor, FIELDS)
    if isinstance(asked, Problem):
        return asked
    found = await find(query.actor, query.image, reader)
    if found is None:
        return image_not_found(query.image)
    markers = await reader.get(MARKERS, found[0]) or Markers()
    tenant = query.actor.tenant
    views = [(name, await _view(*found, name, markers.by[name], tenant, reader)) for name in sorted(markers.by)]
    items, next = short.page(views, _numbered(asked), _told_of_marker)
    return MarkerPage(items=items, next=next)


async def get_marker(query: GetMarker, reader: Reader) -> MarkerView | Problem:
    """A marker with its history."""
    found = await find(query.actor, query.image, reader)
    if found is None:
        return image_not_found(query.image)
    markers = await reader.get(MARKERS, found[0])
    marker = named(markers, query.marker)
    if marker is None:
        return marker_not_found(query.marker)
    return await _view(*found, query.marker, marker, query.actor.tenant, reader)


async def get_users(query: GetUsers, reader: Reader) -> UserPage | Problem:
    """Who uses a version or wants it, by assignment and pod. Of a version of another tenant somebody sees the
    assignments of his own tenant only; so does its owner, unless that is the provider."""
    asked = short.asked(query.where, query.sort, query.limit, query.cursor, USERS)
    if isinstance(asked, Problem):
        return asked
    tenant = query.actor.tenant
    found = await find_version(query.actor, query.image, query.number, reader)
    if isinstance(found, Problem):
        return found
    _, image, id, _ = found
    uses = await reader.get(USES, id) or Uses()
    used = [(key, use) for key, use in uses.by.items() if use.runs or use.wanted]
    known = await seen({_assignment(key) for key, _ in used}, image, tenant, reader)
    views = [
        (key, _user(key, use))
        for key, use in used
        if _assignment(key) in known and (query.actor.operator or use.tenant in ("", tenant))
    ]
    items, next = short.page(views, asked, _told_of_user)
    return UserPage(items=items, next=next)


async def get_lineage(query: GetLineage, reader: Reader) -> AncestorPage | Problem:
    """The ancestors of a version, by default nearest first, as far as the tenant can see them."""
    asked = short.asked(query.where, query.sort, DEEPEST, None, LINEAGE)
    if isinstance(asked, Problem):
        return asked
    found = await find_version(query.actor, query.image, query.number, reader)
    if isinstance(found, Problem):
        return found
    items: list[AncestorView] = []
    parent = found[3].parent
    while parent and len(items) < DEEPEST:
        version = await reader.get(VERSION, parent)
        if version is None:
            break
        image = await reader.get(IMAGE, version.image)
        if not await _visible(query.actor, parent, version, image, reader):
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
    near = [(f"{view.depth:09d}", view) for view in items]
    return AncestorPage(items=short.page(near, _numbered(asked), _told_of_ancestor).items)


def _numbered(asked: Asked) -> Asked:
    """What is asked for, in which numbers of versions are compared as numbers."""
    terms = [
        replace(term, value=_rank(normalise(str(term.value)) or "")) if term.field == "number" else term
        for term in asked.terms
    ]
    return asked._replace(terms=terms)


def _rank(number: str) -> str:
    return rank(number) if number else ""


def _told_of_marker(view: MarkerView, field: str) -> Value:
    match field:
        case "frozen":
            return int(view.frozen)
        case "number":
            return _rank(view.number)
    return getattr(view, field)  # type: ignore[no-any-return]


def _told_of_user(view: UserView, field: str) -> Value:
    match field:
        case "last_used":
            return "" if view.last_used is None else milliseconds(view.last_used)
        case "wanted":
            return int(view.wanted)
    return getattr(view, field)  # type: ignore[no-any-return]


def _told_of_ancestor(view: AncestorView, field: str) -> Value:
    return _rank(view.number) if field == "number" else getattr(view, field)


async def _visible(actor: Actor, id: str, version: Version, image: Image | None, reader: Reader) -> bool:
    if image is None:
        return version.tenant == actor.tenant
    return (await sight(actor, [(version.image, image)], reader)).reads(version.image, image, id)


async def _view(id: str, image: Image, name: str, marker: Marker, tenant: str, reader: Reader) -> MarkerView:
    """A marker; of another tenant's with the own assignments only, without what became of those of others in a staged
    move, and without the names of those who moved it."""
    version = await reader.get(VERSION, marker.version)
    if image.tenant != tenant:
        bound = await seen(marker.bound, image, tenant, reader)
        rollout = marker.rollout and msgspec.structs.replace(marker.rollout, failed=0, failure=None)
        history = tuple(msgspec.structs.replace(move, actor="") for move in marker.history)
        marker = msgspec.structs.replace(marker, bound=tuple(sorted(bound)), rollout=rollout, history=history)
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
