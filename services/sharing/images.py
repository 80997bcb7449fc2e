"""Reactions to what the catalog says: which images, versions and galleries there are, and what they are like."""

from collections.abc import Iterator
from typing import Any, Literal

import msgspec

from contracts.events.hub import (
    ImageChanged,
    ImageDeleted,
    ImageDisabled,
    ImageEnabled,
    ImageRegistered,
    ShareSuspended,
    VersionAvailable,
    VersionDeleted,
    VersionDeployed,
    VersionPartiallyAvailable,
    VersionWithdrawn,
)
from runtime.access import ACCESS, Access, image_key
from runtime.work import Get, Local, Message, Reaction, Ref, Work
from sharing import held
from sharing.directory import tenants
from sharing.directory.documents import TENANT
from sharing.documents import (
    GALLERY,
    GRANTS,
    IMAGE,
    IMAGE_NAME,
    NUMBER,
    OFFER,
    VERSION,
    Claim,
    gallery_key,
    name_key,
    number_key,
    offer_key,
)
from sharing.domain import offering
from sharing.domain.gallery import Gallery, holding
from sharing.domain.image import Image, Version, counted, heard
from sharing.domain.offer import Standing
from sharing.grants import all_refs, drop_all, of_image, of_version
from sharing.said import above, say_offer, say_steered

VersionEvent = VersionDeployed | VersionAvailable | VersionPartiallyAvailable | VersionWithdrawn | VersionDeleted
STATES: dict[type[VersionEvent], Literal["READY", "AVAILABLE", "GONE"]] = {
    VersionDeployed: "READY",
    VersionWithdrawn: "READY",
    VersionAvailable: "AVAILABLE",
    VersionPartiallyAvailable: "AVAILABLE",
    VersionDeleted: "GONE",
}
MarkEvent = ImageChanged | ImageDisabled | ImageEnabled | ImageDeleted


class Encrypted(Local, frozen=True, kw_only=True, tag="image.encrypted"):
    """An image that was offered had an encrypted version already when that did not end its sharing yet."""

    image: str


def reactions() -> dict[type, Reaction]:
    """The reactions about images and versions."""
    version = Reaction(_version_keys, _on_version)
    mark = Reaction(_image_keys, _on_mark)
    return {
        ImageRegistered: Reaction(_image_keys, _on_registered),
        ImageChanged: mark,
        ImageDisabled: mark,
        ImageEnabled: mark,
        ImageDeleted: mark,
        VersionDeployed: version,
        VersionAvailable: version,
        VersionPartiallyAvailable: version,
        VersionWithdrawn: version,
        VersionDeleted: version,
        Encrypted: Reaction(_encrypted_keys, _on_encrypted),
    }


def _image_keys(message: Message[Any], get: Get) -> Iterator[Ref]:
    event = message.body
    yield IMAGE(event.image)
    image = get(IMAGE, event.image)
    if isinstance(event, ImageDeleted):
        yield from all_refs(of_image(event.image, image or Image(owner=event.tenant)).key, get)
        yield ACCESS(image_key(event.image))
        if (known := get(ACCESS, image_key(event.image))) is not None:
            yield from held.refs(known.offers)
            for member in known.offers:
                yield OFFER(offer_key(event.image, member))
    if isinstance(event, ImageRegistered):
        yield IMAGE_NAME(name_key(event.tenant, event.gallery, event.name))
        yield GALLERY(gallery_key(event.tenant, event.gallery))
        yield TENANT(event.tenant)
    elif image is not None and image.gallery:
        yield IMAGE_NAME(name_key(image.owner, image.gallery, image.name))
        yield GALLERY(gallery_key(image.owner, image.gallery))


def _version_keys(message: Message[VersionEvent], get: Get) -> Iterator[Ref]:
    yield from _image_keys(message, get)
    event = message.body
    yield VERSION(event.version)
    yield NUMBER(number_key(event.image, event.number))
    if isinstance(event, VersionDeleted):
        yield from all_refs(of_version(event.version, event.image, event.tenant).key, get)
    if isinstance(event, VersionDeleted | VersionDeployed):
        yield ACCESS(image_key(event.image))


def _on_registered(message: Message[ImageRegistered], work: Work) -> None:
    event = message.body
    before = work.get(IMAGE, event.image) or Image(owner=event.tenant)
    image = msgspec.structs.replace(
        before,
        gallery=event.gallery,
        name=event.name,
        image_class=event.image_class,
        market=event.market,
        private_only=event.private_only,
    )
    if not image.deleted:
        work.put(IMAGE_NAME, name_key(event.tenant, event.gallery, event.name), Claim(id=event.image))
    tenants.note(work, event.tenant)
    _keep(work, event.image, before, image)


def _on_mark(message: Message[MarkEvent], work: Work) -> None:
    event = message.body
    before = work.get(IMAGE, event.image) or Image(owner=event.tenant)
    match event:
        case ImageChanged():
            private_only = before.private_only if event.private_only is None else event.private_only
            image = msgspec.structs.replace(before, private_only=private_only)
        case ImageDisabled() | ImageEnabled():
            image = msgspec.structs.replace(before, disabled=isinstance(event, ImageDisabled))
        case ImageDeleted():
            _end_all(work, event.image, before)
            image = msgspec.structs.replace(work.get(IMAGE, event.image) or before, deleted=True)
            name = name_key(before.owner, before.gallery, before.name)
            if before.gallery and work.get(IMAGE_NAME, name) == Claim(id=event.image):
                work.put(IMAGE_NAME, name, None)
    _keep(work, event.image, before, image)


def _end_all(work: Work, id: str, image: Image) -> None:
    """With an image go its offers and the roles on it: members are told, and nobody keeps a right to what was there."""
    known = work.get(ACCESS, image_key(id)) or Access()
    for member in sorted(known.offers):
        offer = work.get(OFFER, offer_key(id, member))
        if isinstance(offer, Standing):
            say_offer(work, offering.ended(above(work.get(IMAGE, id) or image, work.floor), offer, "removed"))
    target = of_image(id, image)
    drop_all(work, target)
    work.put(GRANTS, target.key, None)
    work.put(ACCESS, image_key(id), None)


def _on_version(message: Message[VersionEvent], work: Work) -> None:
    """Each of these events names the owner and has a revision, so they may come in any order."""
    event = message.body
    version = work.get(VERSION, event.version)
    after = heard(version, _said(event))
    if after == version:
        return
    work.put(VERSION, event.version, after)
    number = number_key(event.image, event.number)
    if after.state != "GONE":
        work.put(NUMBER, number, Claim(id=event.version))
    elif work.get(NUMBER, number) == Claim(id=event.version):
        work.put(NUMBER, number, None)
    if isinstance(event, VersionDeleted):
        drop_all(work, of_version(event.version, event.image, event.tenant))
    before = work.get(IMAGE, event.image) or Image(owner=event.tenant)
    now = counted(before, version, after)
    _keep(work, event.image, before, now)
    if isinstance(event, VersionDeployed) and now.encrypted > before.encrypted:
        _suspend(work, event.image, now)


def _encrypted_keys(message: Message[Encrypted], _: Get) -> Iterator[Ref]:
    yield IMAGE(message.body.image)
    yield ACCESS(image_key(message.body.image))


def _on_encrypted(message: Message[Encrypted], work: Work) -> None:
    image = work.get(IMAGE, message.body.image)
    if image is not None and image.encrypted and not image.deleted:
        _suspend(work, message.body.image, image)


def _suspend(work: Work, id: str, image: Image) -> None:
    """What is encrypted is nobody else's: offers of before rest from the first such version on (features.md E6)."""
    if image.members and not (work.get(ACCESS, image_key(id)) or Access()).suspended:
        say_steered(work, ShareSuspended(image=id, owner=image.owner, revision=above(image, work.floor).revision + 1))


def _said(event: VersionEvent) -> Version:
    encrypted = isinstance(event, VersionDeployed) and "encrypted" in event.manifest.traits
    return Version(
        image=event.image,
        number=event.number,
        state=STATES[type(event)],
        encrypted=encrypted,
        revision=event.revision,
    )


def _keep(work: Work, id: str, before: Image, image: Image) -> None:
    """Keep an image, and note at its gallery what others may not reach of it."""
    if image != before or work.get(IMAGE, id) is None:
        work.put(IMAGE, id, image)
    if not image.gallery:
        return
    key = gallery_key(image.owner, image.gallery)
    known = work.get(GALLERY, key)
    gallery = holding(known or Gallery(tenant=image.owner, name=image.gallery), id, image)
    if gallery != known:
        work.put(GALLERY, key, gallery)
