"""A gallery: the container of images that access, quotas and the fate of deleted versions are settled for (A3)."""

from collections.abc import Iterable
from datetime import datetime

import msgspec

from contracts.errors import Problem
from contracts.events.hub import GalleryChanged, GalleryCreated, GalleryDeleted
from contracts.keeping import Quota, SoftDelete, Usage
from contracts.names import Text
from contracts.requests import CreateGallery

UPDATABLE: frozenset[str] = frozenset(
    {
        "description",
        "quota.images",
        "quota.versions",
        "quota.bytes",
        "soft_delete.enabled",
        "soft_delete.retention_days",
        "soft_delete.grace_days",
    }
)
"""What may change of a gallery. How many galleries there are is a matter of the tenant, not of one of them."""


class Gallery(msgspec.Struct, frozen=True, kw_only=True):
    """A gallery of a tenant. ``usage`` includes what is reserved for imports under way; ``revision`` counts edits, not
    what comes and goes in it."""

    id: str
    tenant: str
    name: str
    description: Text = ""
    quota: Quota = Quota()
    soft_delete: SoftDelete = SoftDelete()
    usage: Usage = Usage()
    created: datetime
    updated: datetime | None = None
    revision: int


def implicit(tenant: str, name: str, id: str, at: datetime) -> Gallery:
    """The gallery that nobody made, at its first image."""
    return Gallery(id=id, tenant=tenant, name=name, created=at, revision=1)


def created(command: CreateGallery, id: str, at: datetime) -> Gallery:
    """The gallery that ``command`` asks for."""
    return Gallery(
        id=id,
        tenant=command.actor.tenant,
        name=command.name,
        description=command.description,
        quota=command.quota,
        soft_delete=command.soft_delete,
        created=at,
        revision=1,
    )


def said_created(gallery: Gallery) -> GalleryCreated:
    return GalleryCreated(gallery=gallery.id, tenant=gallery.tenant, name=gallery.name, revision=gallery.revision)


def said_changed(gallery: Gallery, fields: Iterable[str]) -> GalleryChanged:
    return GalleryChanged(
        gallery=gallery.id,
        tenant=gallery.tenant,
        name=gallery.name,
        fields=tuple(fields),
        revision=gallery.revision,
    )


def decide_drop(gallery: Gallery) -> GalleryDeleted | Problem:
    """Delete a gallery; images without a version and versions that are only soft-deleted are in it all the same."""
    usage = gallery.usage
    if usage.images or usage.versions:
        return Problem(
            code="gallery_not_empty",
            detail=f"gallery {gallery.name} still has {usage.images} images and {usage.versions} versions",
            hint="Delete its versions (soft-deleted ones for good) and its images first.",
            data={"gallery": gallery.name, "images": usage.images, "versions": usage.versions},
        )
    return GalleryDeleted(gallery=gallery.id, tenant=gallery.tenant, name=gallery.name, revision=gallery.revision + 1)
