"""Reactions to the commands about galleries and about what a tenant may hold."""

from collections.abc import Iterator

import msgspec

from catalog import quotas, references
from catalog.config import Config
from catalog.documents import GALLERY, TALLY, gallery_key
from catalog.domain import gallery as galleries
from catalog.domain.gallery import Gallery
from catalog.domain.patching import objection_to_revision, patched
from catalog.domain.revision import above
from catalog.settings import CatalogSettings
from catalog.views.gallery import gallery_view, quota_view
from contracts.errors import Problem
from contracts.requests import Actor, CreateGallery, Done, DropGallery, EditGallery, SetQuota
from contracts.rights import forbidden
from contracts.views import GalleryView, QuotaView
from runtime import access
from runtime.access import ACCESS
from runtime.work import Get, Message, Reaction, Ref, Work


def reactions(config: Config) -> dict[type, Reaction]:
    """The reactions about galleries and quotas."""
    settings = config.settings

    def on_create(message: Message[CreateGallery], work: Work) -> GalleryView | Problem:
        return _create(message.body, work, settings)

    def on_quota(message: Message[SetQuota], work: Work) -> QuotaView | Problem:
        return _set_quota(message.body, work, settings)

    return {
        CreateGallery: Reaction(_create_keys, on_create),
        EditGallery: Reaction(_keys, _on_edit, refuses_anew=True),
        DropGallery: Reaction(_keys, _on_drop, refuses_anew=True),
        SetQuota: Reaction(_quota_keys, on_quota),
    }


def refs(tenant: str, text: str, get: Get) -> Iterator[Ref]:
    """The documents that `find` reads, and what its tenant holds."""
    yield from references.home_refs(text)
    if (place := references.home(tenant, text, get)) is not None:
        yield from quotas.refs(*place)
        yield ACCESS(access.gallery_key(*place))


def find(work: Work, actor: Actor, text: str) -> Gallery | Problem:
    """The gallery of this name or id that ``actor`` is about to change, or why not; one that is not to be known of is
    not there."""
    place = references.home(actor.tenant, text, work.get)
    gallery = None if place is None else work.get(GALLERY, gallery_key(*place))
    if gallery is None:
        return gallery_not_found(text)
    rights = access.gallery_rights(work.get, actor, tenant=gallery.tenant, gallery=gallery.name)
    if not rights:
        return gallery_not_found(text)
    needed = references.needs(work)
    return gallery if needed in rights else forbidden(needed, "gallery")


def gallery_not_found(text: str) -> Problem:
    """The refusal when `find` found nothing."""
    return Problem(
        code="gallery_not_found",
        detail=f"there is no gallery {text[:80]!r}",
        hint="List the galleries to see what there is; one that nobody made is made by its first image.",
    )


def _keys(message: Message[EditGallery | DropGallery], get: Get) -> Iterator[Ref]:
    yield from refs(message.body.actor.tenant, message.body.gallery, get)


def _create_keys(message: Message[CreateGallery], _: Get) -> Iterator[Ref]:
    yield from quotas.refs(message.body.actor.tenant, message.body.name)


def _quota_keys(message: Message[SetQuota], _: Get) -> Iterator[Ref]:
    yield TALLY(message.body.tenant)


def _create(command: CreateGallery, work: Work, settings: CatalogSettings) -> GalleryView | Problem:
    tenant, name = command.actor.tenant, command.name
    if work.get(GALLERY, gallery_key(tenant, name)) is not None:
        return Problem(
            code="gallery_exists",
            detail=f"there is a gallery {name} already",
            hint="Use the one that is there, or choose another name.",
            data={"gallery": name},
        )
    if command.quota.galleries is not None:
        return Problem(
            code="validation_failed",
            detail="a gallery holds no galleries",
            hint="Leave the bound out; an operator sets it for the tenant.",
            data={"field": "quota.galleries"},
        )
    problem = quotas.objection(work, settings, tenant, name)
    if problem is not None:
        return problem
    gallery = galleries.created(command, work.new_id(), work.message.at)
    quotas.open_gallery(work, gallery)
    return gallery_view(gallery)


def _on_edit(message: Message[EditGallery], work: Work) -> GalleryView | Problem:
    command = message.body
    gallery = find(work, command.actor, command.gallery)
    if isinstance(gallery, Problem):
        return gallery
    if (problem := objection_to_revision(command.revision, gallery.revision)) is not None:
        return problem
    edit = patched(Gallery, gallery, command.changes, galleries.UPDATABLE)
    if isinstance(edit, Problem):
        return edit
    if not edit.fields:
        return gallery_view(gallery)
    revision = above(gallery, work.floor).revision + 1
    after = msgspec.structs.replace(edit.value, revision=revision, updated=message.at)
    work.emit(galleries.said_changed(after, edit.fields))
    work.put(GALLERY, gallery_key(after.tenant, after.name), after)
    return gallery_view(after)


def _on_drop(message: Message[DropGallery], work: Work) -> Done | Problem:
    command = message.body
    gallery = find(work, command.actor, command.gallery)
    if isinstance(gallery, Problem):
        return gallery
    problem = objection_to_revision(command.revision, gallery.revision)
    said = galleries.decide_drop(above(gallery, work.floor)) if problem is None else problem
    if isinstance(said, Problem):
        return said
    work.emit(said)
    quotas.close_gallery(work, gallery)
    work.put(ACCESS, access.gallery_key(gallery.tenant, gallery.name), None)  # another may have the name later
    return Done()


def _set_quota(command: SetQuota, work: Work, settings: CatalogSettings) -> QuotaView | Problem:
    """Set what a tenant may hold. A limit below what there is keeps more from coming, and takes nothing away."""
    if not command.actor.operator:
        return Problem(
            code="forbidden",
            detail="only an operator says what a tenant may hold",
            hint="Ask the provider; of each of your galleries you can set the quota yourself.",
        )
    tally = quotas.set_limits(work, command.tenant, command.quota, command.revision)
    return tally if isinstance(tally, Problem) else quota_view(command.tenant, tally, settings.quota)
