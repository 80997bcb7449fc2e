"""Galleries, what a tenant may hold, retention policies and what they would take."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec

from catalog import pages
from catalog.documents import GALLERY, IMAGE, MARKERS, RETENTIONS, ROSTER, SHELF, TALLY, USES, VERSION, gallery_key
from catalog.domain import keeping
from catalog.domain.image import Image
from catalog.domain.keeping import Retentions
from catalog.domain.version import Version
from catalog.filters import Field, conditions, order
from catalog.galleries import gallery_not_found
from catalog.pages import Value
from catalog.queries.listing import Along, compared, moment, told, walk
from catalog.queries.named import find_gallery
from catalog.retention import retention_not_found
from catalog.settings import CatalogSettings
from catalog.views.gallery import gallery_view, quota_view, retention_view
from contracts.errors import Problem
from contracts.keeping import Retention
from contracts.requests import (
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


class Place(NamedTuple):
    """How far a preview came: so many victims of an image of a gallery; `ALL` of them."""

    gallery: str
    image: str
    victims: int


async def list_galleries(query: ListGalleries, reader: Reader) -> GalleryPage | Problem:
    """Galleries of the tenant, by default by name. A tenant has few: any other order is made of all of its own."""
    limit, cursor = pages.size(query.limit), pages.after(query.cursor, tuple[Value, ...])
    if isinstance(limit, Problem):
        return limit
    if isinstance(cursor, Problem):
        return cursor
    sort, terms = order(query.sort, FIELDS), conditions(query.where, FIELDS)
    if isinstance(sort, Problem):
        return sort
    if isinstance(terms, Problem):
        return terms
    keys = ("id",) if sort.field == "name" else (FIELDS[sort.field].sql, "id")
    if cursor is not None and len(cursor) != len(keys):
        return pages.foreign()
    tenant = query.actor.tenant
    own: list[tuple[str, Value]] = [("id > ?", f"{tenant}/"), ("id < ?", f"{tenant}0")]  # "0" is what follows "/"
    others = [compared(term, FIELDS) for term in terms]
    rows, end = await walk(Along(GALLERIES, keys, sort.down, own), cursor, others, limit + 1, reader)
    page = pages.cut(rows, limit, body=2)
    items = tuple(gallery_view(GALLERY.decode(body)) for _, _, body in page.rows)
    next = page.next or (None if end is None else pages.cursor_at(end))
    items, next = pages.fit(items, [row[0] for row in page.rows], next)
    return GalleryPage(items=items, next=next)


async def get_gallery(query: GetGallery, reader: Reader) -> GalleryView | Problem:
    """A gallery of the tenant by name or id."""
    found = await find_gallery(query.actor.tenant, query.gallery, reader)
    return gallery_not_found(query.gallery) if found is None else gallery_view(found)


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
        if image is None or image.tenant != tenant or not keeping.covers(policy, id, image):
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
