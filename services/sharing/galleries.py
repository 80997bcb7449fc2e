"""Reactions to which galleries there are, and to how their owners share them."""

from collections.abc import Iterator

import msgspec

from contracts.errors import Problem
from contracts.events.hub import GalleryChanged, GalleryCreated, GalleryDeleted, GalleryShared
from contracts.requests import ShareGallery
from contracts.rights import forbidden
from contracts.views import GallerySharingView
from runtime import access
from runtime.work import Get, Message, Reaction, Ref, Work
from sharing import held
from sharing.documents import GALLERY, GALLERY_ID, Claim, gallery_key
from sharing.domain import gallery as galleries
from sharing.domain.gallery import Gallery
from sharing.grants import all_refs, drop_all, gallery_target, of_gallery
from sharing.references import find_gallery, gallery_refs
from sharing.said import say_opened
from sharing.scope import beyond, objection_to_scope, scope_refs
from sharing.settings import SharingSettings
from sharing.views import gallery_view

GalleryEvent = GalleryCreated | GalleryChanged | GalleryDeleted


def reactions(settings: SharingSettings) -> dict[type, Reaction]:
    """The reactions about galleries."""

    def share_keys(message: Message[ShareGallery], get: Get) -> Iterator[Ref]:
        command = message.body
        yield from gallery_refs(command.actor.tenant, command.gallery, get)
        gallery = find_gallery(get, command.actor, command.gallery, "manage")
        if isinstance(gallery, Gallery):
            yield from scope_refs(settings, command.members, [gallery.tenant], get)
            yield from held.refs({*command.members, *gallery.members})

    def on_share(message: Message[ShareGallery], work: Work) -> GallerySharingView | Problem:
        return _share(message.body, work, settings)

    there = Reaction(_keys, _on_there)
    return {
        GalleryCreated: there,
        GalleryChanged: there,
        GalleryDeleted: Reaction(_keys, _on_deleted),
        ShareGallery: Reaction(share_keys, on_share, refuses_anew=True),
    }


def _keys(message: Message[GalleryEvent], get: Get) -> Iterator[Ref]:
    event = message.body
    key = gallery_key(event.tenant, event.name)
    yield GALLERY(key)
    yield GALLERY_ID(event.gallery)
    yield from all_refs(gallery_target(event.tenant, event.name), get)
    if (gallery := get(GALLERY, key)) is not None:
        yield from held.refs(gallery.members)
    yield access.ACCESS(access.gallery_key(event.tenant, event.name))


def _on_there(message: Message[GalleryCreated | GalleryChanged], work: Work) -> None:
    event = message.body
    key = gallery_key(event.tenant, event.name)
    gallery = work.get(GALLERY, key) or Gallery(tenant=event.tenant, name=event.name)
    if gallery.id != event.gallery:
        work.put(GALLERY, key, msgspec.structs.replace(gallery, id=event.gallery))
        work.put(GALLERY_ID, event.gallery, Claim(id=key))


def _on_deleted(message: Message[GalleryDeleted], work: Work) -> None:
    """Another gallery may have the name later: nobody that reached this one reaches that one too."""
    event = message.body
    key = gallery_key(event.tenant, event.name)
    gallery = work.get(GALLERY, key)
    if gallery is None or gallery.id != event.gallery:
        return
    if gallery.sharing != "private":
        gallery = _say(work, gallery, galleries.closed(gallery))
    drop_all(work, of_gallery(gallery))
    # What it was called and the last revision stay: a gallery of the name goes on from there.
    work.put(GALLERY, key, Gallery(tenant=gallery.tenant, name=gallery.name, revision=gallery.revision))
    work.put(GALLERY_ID, event.gallery, None)


def _share(command: ShareGallery, work: Work, settings: SharingSettings) -> GallerySharingView | Problem:
    gallery = find_gallery(work.get, command.actor, command.gallery, "manage")
    if isinstance(gallery, Problem):
        return gallery
    if command.sharing == "public" and not command.actor.operator:
        return forbidden("operate", "provider")
    wanted = galleries.decide(gallery, command, settings.max_group_tenants, settings.max_group_accounts)
    if isinstance(wanted, Problem):
        return wanted
    if command.sharing == "community" and settings.share_scope != "anywhere":
        return beyond(settings)
    for member in wanted.members:
        if (problem := objection_to_scope(settings, work, gallery.tenant, member)) is not None:
            return problem
    return gallery_view(gallery if wanted is gallery else _say(work, gallery, wanted))


def _say(work: Work, before: Gallery, gallery: Gallery) -> Gallery:
    """Say how a gallery is shared from now on, and keep it."""
    for member in {*before.members, *gallery.members}:
        held.count(work, member, (member in gallery.members) - (member in before.members))
    now = msgspec.structs.replace(gallery, revision=max(gallery.revision, work.floor) + 1)
    event = GalleryShared(
        gallery=now.id,
        tenant=now.tenant,
        name=now.name,
        sharing=now.sharing,
        members=now.members,
        public_name=now.public_name,
        revision=now.revision,
    )
    say_opened(work, event)
    work.put(GALLERY, gallery_key(now.tenant, now.name), now)
    return now
