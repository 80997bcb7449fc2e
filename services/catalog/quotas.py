"""Taking room for images, versions and bytes before work starts, and giving it back (features.md A3, I3).

A gallery that nobody made is made by the first that takes room in it. Whoever reacts yields `refs` among its keys, asks
`objection`, and then takes: a refusal leaves nothing behind.
"""

import re
from collections.abc import Iterator

import msgspec

from catalog.documents import GALLERY, GALLERY_NAME, TALLY, Claim, gallery_key
from catalog.domain import gallery as galleries
from catalog.domain import quota
from catalog.domain.gallery import Gallery
from catalog.domain.patching import objection_to_revision
from catalog.domain.quota import Tally
from catalog.domain.revision import following
from catalog.settings import CatalogSettings
from contracts.errors import Problem
from contracts.keeping import Quota, Usage
from contracts.names import ID
from runtime.work import Ref, Work

_id = re.compile(ID)


def refs(tenant: str, gallery: str) -> Iterator[Ref]:
    """The documents that the other functions here read."""
    yield GALLERY(gallery_key(tenant, gallery))
    yield TALLY(tenant)


def objection(
    work: Work,
    settings: CatalogSettings,
    tenant: str,
    gallery: str,
    *,
    images: int = 0,
    versions: int = 0,
    bytes: int = 0,
) -> Problem | None:
    """Why there is no room for so much more in a gallery, which may have to be made for it."""
    wanted = Usage(images=images, versions=versions, bytes=bytes)
    tally = work.get(TALLY, tenant) or Tally()
    found = work.get(GALLERY, gallery_key(tenant, gallery))
    if found is not None:
        problem = quota.objection("gallery", gallery, found.quota, found.usage, wanted)
        if problem is not None:
            return problem
    else:
        if (problem := objection_to_name(gallery)) is not None:
            return problem
        wanted = quota.plus(wanted, Usage(galleries=1))
    return quota.objection("tenant", tenant, quota.limits(tally.quota, settings.quota), tally.usage, wanted)


def objection_to_name(name: str) -> Problem | None:
    """Why no gallery may be called that: whoever names one by its id must not find another one."""
    if _id.fullmatch(name) is None:
        return None
    return Problem(
        code="gallery_name_invalid",
        detail="a gallery's name must not look like an id",
        hint="Choose a name that is not 32 hexadecimal digits.",
        data={"field": "name"},
    )


def room(work: Work, settings: CatalogSettings, tenant: str, gallery: str) -> int | None:
    """Bytes that the quotas of a gallery and its tenant leave; None when there is no limit."""
    tally = work.get(TALLY, tenant) or Tally()
    found = work.get(GALLERY, gallery_key(tenant, gallery))
    bounds = [
        quota.left(quota.limits(tally.quota, settings.quota), tally.usage),
        None if found is None else quota.left(found.quota, found.usage),
    ]
    return min((bound for bound in bounds if bound is not None), default=None)


def take(work: Work, tenant: str, gallery: str, *, images: int = 0, versions: int = 0, bytes: int = 0) -> None:
    """Take room, making the gallery when there is none."""
    more = Usage(images=images, versions=versions, bytes=bytes)
    found = work.get(GALLERY, gallery_key(tenant, gallery))
    if found is None:
        found = galleries.implicit(tenant, gallery, work.new_id(), work.message.at)
        open_gallery(work, found)
    _count(work, found, quota.plus(found.usage, more))
    tally = work.get(TALLY, tenant) or Tally()
    work.put(TALLY, tenant, msgspec.structs.replace(tally, usage=quota.plus(tally.usage, more)))


def give_back(work: Work, tenant: str, gallery: str, *, images: int = 0, versions: int = 0, bytes: int = 0) -> None:
    """Give room back; of a gallery that is not there any more only the tenant's."""
    less = Usage(images=images, versions=versions, bytes=bytes)
    found = work.get(GALLERY, gallery_key(tenant, gallery))
    if found is not None:
        _count(work, found, quota.minus(found.usage, less))
    tally = work.get(TALLY, tenant)
    if tally is not None:
        work.put(TALLY, tenant, msgspec.structs.replace(tally, usage=quota.minus(tally.usage, less)))


def open_gallery(work: Work, gallery: Gallery) -> None:
    """Say that there is a gallery, and count it."""
    key = gallery_key(gallery.tenant, gallery.name)
    work.emit(galleries.said_created(gallery))
    work.put(GALLERY, key, gallery)
    work.put(GALLERY_NAME, gallery.id, Claim(id=key))
    tally = work.get(TALLY, gallery.tenant) or Tally()
    _keep_names(work, gallery.tenant, tally, (*tally.galleries, gallery.name))


def close_gallery(work: Work, gallery: Gallery) -> None:
    """Forget a gallery, and count it no more."""
    work.put(GALLERY, gallery_key(gallery.tenant, gallery.name), None)
    work.put(GALLERY_NAME, gallery.id, None)
    tally = work.get(TALLY, gallery.tenant) or Tally()
    _keep_names(work, gallery.tenant, tally, tuple(name for name in tally.galleries if name != gallery.name))


def set_limits(work: Work, tenant: str, own: Quota, revision: int | None) -> Tally | Problem:
    """Set what a tenant may hold, where ``revision`` is that of what is set (None: whatever is); the tally after it."""
    before = work.get(TALLY, tenant) or Tally()
    if (problem := objection_to_revision(revision, before.revision)) is not None:
        return problem
    if before.quota == own:
        return before
    tally = msgspec.structs.replace(before, quota=own, revision=following(before.revision, 0, work.floor))
    work.put(TALLY, tenant, tally)
    return tally


def _count(work: Work, gallery: Gallery, usage: Usage) -> None:
    key = gallery_key(gallery.tenant, gallery.name)
    work.put(GALLERY, key, msgspec.structs.replace(gallery, usage=usage))


def _keep_names(work: Work, tenant: str, tally: Tally, names: tuple[str, ...]) -> None:
    usage = msgspec.structs.replace(tally.usage, galleries=len(names))
    work.put(TALLY, tenant, msgspec.structs.replace(tally, usage=usage, galleries=names))
