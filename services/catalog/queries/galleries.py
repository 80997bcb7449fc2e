"""Galleries, what a tenant may hold, retention policies and what they would take."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec

from catalog import pages
from catalog.documents import GALLERY, IMAGE, MARKERS, RETENTIONS, ROSTER, SHELF, TALLY, USES, VERSION, gallery_key
from catalog.domain import keeping
from catalog.domain.gallery import Gallery
from catalog.domain.image import Image
from catalog.domain.keeping import Retentions
from catalog.domain.version import Version
from catalog.filters import Field
from catalog.galleries import gallery_not_found
from catalog.pages import Value
from catalog.queries import listing
from catalog.queries.listing import Along, compared, moment, told
from catalog.queries.named import find_gallery
from catalog.queries.scopes import COMMUNITY, PUBLIC
from catalog.queries.sight import DOCUMENTS, reached
from catalog.retention import retention_not_found
from catalog.settings import CatalogSettings
from catalog.views.gallery import gallery_view, quota_view, retention_view
from contracts.errors import Problem
from contracts.keeping import Quota, Retention, SoftDelete, Usage
from contracts.requests import (
    Actor,
    GalleryPage,
    GetGallery,
    GetQuota,
    ListGalleries,
    ListRetentions,
    PreviewRetention,
    RetentionPage,
    VictimPage,
)
from contracts.views import GalleryView, QuotaView, VictimView
from runtime import access
from runtime.access import ACCESS, Access
from runtime.requests import Query
from runtime.store import Reader

FAR = 500
"""How many versions one page of a preview looks at, unless a single image has more."""

FIELDS = {
    "name": Field(sql=told("name")),
    "tenant": Field(sql=told("tenant")),
    "description": Field(sql=told("description"), sorts=False),
    **{name: Field("number", told(f"usage.{name}", "0")) for name in ("images", "versions", "bytes")},
    **{f"quota_{name}": Field("number", told(f"quota.{name}")) for name in ("images", "versions", "bytes")},
    "soft_delete": Field("flag", told("soft_delete.enabled", "0")),
    "retention_days": Field("number", told("soft_delete.retention_days", "7")),
    "grace_days": Field("number", told("soft_delete.grace_days", "7")),
    "revision": Field("number", told("revision")),
    "created": Field("time", moment("created")),
}
"""What galleries can be filtered by, and those of it that they can be sorted by. ``images``, ``versions`` and ``bytes``
are what there is, with ``quota_`` what there may be."""
GALLERIES = "(SELECT id, body FROM documents WHERE kind = 'gallery')"
"""Their ids begin with the tenant and end with the name."""
OF_IMAGE = """
    SELECT v.id, v.body, u.body FROM json_each(?) AS page
    CROSS JOIN documents AS v ON v.kind = 'version' AND v.id = page.value
    LEFT JOIN documents AS u ON u.kind = 'uses' AND u.id = v.id"""


ALL = -1
EVERY = -1
"""So many galleries as there are."""


class Place(NamedTuple):
    """How far a preview came: so many victims of an image of a gallery; `ALL` of them."""

    gallery: str
    image: str
    victims: int


async def list_galleries(query: ListGalleries, reader: Reader) -> GalleryPage | Problem:
    """Galleries of the tenant, or those of others that the actor reaches; by default by tenant and name. Few are: any
    other order is made of all of them."""
    asked = listing.asked(query, FIELDS)
    if isinstance(asked, Problem):
        return asked
    way = asked.order
    keys = ("id",) if way.field == "name" else (FIELDS[way.field].sql, "id")
    tenant = query.actor.tenant
    own: list[tuple[str, Value]] = [("id > ?", f"{tenant}/"), ("id < ?", f"{tenant}0")]  # "0" is what follows "/"
    if query.reach != "own":
        own = [("id IN (SELECT value FROM json_each(?))", await _reach(query, reader))]
    others = [compared(term, FIELDS) for term in asked.terms]
    found = await listing.listed(Along(GALLERIES, keys, way.down, own), asked, others, reader)
    if isinstance(found, Problem):
        return found
    keys_of = msgspec.json.encode([f"g/{id}" for id, _ in found.documents]).decode()
    known = {id: ACCESS.decode(body) for id, body in await reader.rows(DOCUMENTS, (keys_of,))}
    views = [_view(GALLERY.decode(body), known.get(f"g/{id}"), query.actor) for id, body in found.documents]
    items, next = found.fit(views)
    return GalleryPage(items=items, next=next)


async def _reach(query: ListGalleries, reader: Reader) -> str:
    """The keys of the galleries that the actor reaches in this way, as JSON."""
    actor = query.actor
    ways = {"shared": actor.all, "community": (COMMUNITY,), "public": (PUBLIC,)}
    given = ways.get(query.reach, (*actor.all, COMMUNITY, PUBLIC))
    found = {gallery_key(*place) for place in await reached(given, reader, EVERY)}
    if query.reach == "all":
        tally = await reader.get(TALLY, actor.tenant)
        found.update(gallery_key(actor.tenant, name) for name in (() if tally is None else tally.galleries))
    return msgspec.json.encode(sorted(found)).decode()


def _view(gallery: Gallery, known: Access | None, actor: Actor) -> GalleryView:
    """A gallery as ``actor`` sees it: what it may hold and holds is its own tenant's to know."""
    view = gallery_view(gallery)
    if known is not None and known.gallery == gallery.id:
        roles = {role for one in actor.all if one in known.grants for role in known.grants[one].roles}
        view = msgspec.structs.replace(
            view, sharing=known.sharing, public_name=known.public_name, roles=tuple(sorted(roles))
        )
    if gallery.tenant == actor.tenant:
        return view
    return msgspec.structs.replace(view, quota=Quota(), usage=Usage(), soft_delete=SoftDelete())


async def get_gallery(query: GetGallery, reader: Reader) -> GalleryView | Problem:
    """A gallery by name (of the tenant) or id."""
    found = await find_gallery(query.actor, query.gallery, reader)
    return gallery_not_found(query.gallery) if found is None else _view(*found, query.actor)


def get_quota(settings: CatalogSettings) -> Query:
    """What a tenant may hold and holds, where ``settings`` say what holds for those of which nothing was set."""

    async def answer(query: GetQuota, reader: Reader) -> QuotaView | Problem:
        tenant = query.tenant or query.actor.tenant
        if tenant != query.actor.tenant and not query.actor.operator:
            return Problem(
                code="forbidden",
                detail="only an operator sees what other tenants hold",
                hint="Leave the tenant out to see your own.",
                data={"tenant": tenant},
            )
        tally = await reader.get(TALLY, tenant)
        return quota_view(tenant, tally, settings.quota)

    return answer


async def list_retentions(query: ListRetentions, reader: Reader) -> RetentionPage | Problem:
    """All retention policies of the tenant, by name."""
    kept = await reader.get(RETENTIONS, query.actor.tenant) or Retentions()
    return RetentionPage(items=tuple(retention_view(kept.by[name]) for name in sorted(kept.by)))


async def preview_retention(query: PreviewRetention, reader: Reader) -> VictimPage | Problem:
    """What a policy would take if it were applied now, image by image. A page may be short and still have a next one:
    it ends where enough versions were looked at."""
    limit, cursor = pages.size(query.limit), pages.after(query.cursor, Place)
    if isinstance(limit, Problem):
        return limit
    if isinstance(cursor, Problem):
        return cursor
    tenant = query.actor.tenant
    policy = query.retention
    if policy is None:
        kept = (await reader.get(RETENTIONS, tenant) or Retentions()).by.get(query.name or "")
        if kept is None:
            return retention_not_found(query.name or "")
        policy = kept.retention
    elif (problem := keeping.objection_to(policy)) is not None:
        return problem
    now = datetime.now(UTC)
    found: list[VictimView] = []
    looked_at = 0
    async for gallery, id in _images(policy, tenant, cursor, reader):
        skip = cursor.victims if cursor is not None and cursor[:2] == (gallery, id) else 0
        image = await reader.get(IMAGE, id)
        if image is None or image.tenant != tenant:
            continue
        _, known = await access.read(reader, tenant=tenant, image=id, gallery=image.gallery)
        if not keeping.covers(policy, id, image, opened=known is not None and known.sharing != "private"):
            continue
        victims, versions = await _victims(policy, id, image, now, reader)
        looked_at += versions
        taken = skip + limit - len(found)
        found += victims[skip:taken]
        if len(found) >= limit or looked_at >= FAR:
            end = Place(gallery, id, taken if taken < len(victims) else ALL)
            return VictimPage(items=tuple(found), looked_at=looked_at, next=pages.cursor_at(end))
    return VictimPage(items=tuple(found), looked_at=looked_at)


async def _images(
    policy: Retention, tenant: str, after: Place | None, reader: Reader
) -> AsyncIterator[tuple[str, str]]:
    """The images that a policy may find something in, by gallery and id, from the place on."""
    tally = await reader.get(TALLY, tenant)
    galleries: Sequence[str] = policy.galleries or (() if tally is None else tally.galleries)
    for gallery in sorted(set(galleries)):
        if after is not None and gallery < after.gallery:
            continue
        shelf = await reader.get(SHELF, gallery_key(tenant, gallery))
        for id in () if shelf is None else sorted(shelf.images):
            there = after is not None and (gallery, id) == after[:2]
            if after is None or (gallery, id) > after[:2] or (there and after.victims != ALL):
                yield gallery, id


async def _victims(
    policy: Retention, id: str, image: Image, now: datetime, reader: Reader
) -> tuple[list[VictimView], int]:
    """What a policy takes of an image, and how many versions it has."""
    roster = await reader.get(ROSTER, id)
    ids = msgspec.json.encode(() if roster is None else roster.versions).decode()
    rows = await reader.rows(OF_IMAGE, (ids,))
    versions: dict[str, Version] = {version: VERSION.decode(body) for version, body, _ in rows}
    uses = {version: None if body is None else USES.decode(body) for version, _, body in rows}
    markers = await reader.get(MARKERS, id)
    found = keeping.victims(policy, image, versions, markers, uses, now)
    views = [
        VictimView(
            image=id,
            gallery=image.gallery,
            name=image.name,
            version=victim.version,
            number=victim.number,
            action=policy.action,
            reason=victim.reason,
        )
        for victim in found
    ]
    return views, len(versions)
