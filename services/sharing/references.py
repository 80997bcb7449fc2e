"""Whom an image or a gallery belongs to, how its owner names it, and what somebody may do with it.

An image is named by its id, or by its owner as ``gallery/name``; a gallery by its id, or by its owner by name. To whom
nothing at all gives a right, it is not there (features.md d.3).
"""

import re
from collections.abc import Iterator

from contracts.errors import Problem
from contracts.names import ID
from contracts.principals import Right
from contracts.requests import Actor
from contracts.rights import forbidden
from runtime import access
from runtime.work import Get, Ref
from sharing.documents import GALLERY, GALLERY_ID, IMAGE, IMAGE_NAME, OFFER, gallery_key, name_key, offer_key
from sharing.domain.gallery import Gallery
from sharing.domain.image import Image
from sharing.domain.offer import Standing, narrowest

_id = re.compile(ID)


def is_id(text: str) -> bool:
    """Whether ``text`` has the shape of an id made by the hub."""
    return _id.fullmatch(text) is not None


def own_name(tenant: str, text: str) -> str:
    """The key of the name that ``text`` is among the images of ``tenant``."""
    gallery, slash, name = text.partition("/")
    return name_key(tenant, gallery, name) if slash else name_key(tenant, "default", text)


def image_refs(tenant: str, text: str, get: Get) -> Iterator[Ref]:
    """The documents that `image_id` and `find_image` read."""
    if not is_id(text):
        yield IMAGE_NAME(own_name(tenant, text))
    id = image_id(tenant, text, get)
    if id is not None:
        yield IMAGE(id)
        yield access.ACCESS(access.image_key(id))
        if (image := get(IMAGE, id)) is not None:
            yield access.ACCESS(access.gallery_key(image.owner, image.gallery))


def image_id(tenant: str, text: str, get: Get) -> str | None:
    """The id that ``text`` stands for, as far as documents are loaded."""
    if is_id(text):
        return text
    claim = get(IMAGE_NAME, own_name(tenant, text))
    return None if claim is None else str(claim.id)


def find_image(get: Get, actor: Actor, text: str, right: Right) -> tuple[str, Image] | Problem:
    """The image with which ``actor`` may do what needs ``right``, and its id; or why not."""
    id = image_id(actor.tenant, text, get)
    image: Image | None = None if id is None else get(IMAGE, id)
    if id is None or image is None or image.deleted:
        return image_not_found(text)
    rights = image_rights(get, actor, id, image)
    if right in rights:
        return id, image
    return _refusal(image, right, own=image.owner == actor.tenant) if rights else image_not_found(text)


def image_rights(get: Get, actor: Actor, id: str, image: Image) -> frozenset[Right]:
    """What ``actor`` may do with an image."""
    return access.rights(
        get, actor, tenant=image.owner, image=id, gallery=image.gallery, public=image.image_class == "standard"
    )


def standing_refs(actor: Actor, image: str) -> Iterator[Ref]:
    """The documents that `standing` reads."""
    for member in narrowest(actor.all):
        yield OFFER(offer_key(image, member))


def standing(get: Get, actor: Actor, image: str) -> tuple[Standing, ...]:
    """The offers of an image that hold for whatever the actor is, that to his tenant first."""
    found = (get(OFFER, offer_key(image, member)) for member in narrowest(actor.all))
    return tuple(offer for offer in found if isinstance(offer, Standing))


def _refusal(image: Image, right: Right, *, own: bool) -> Problem:
    """What somebody is told who may know of an image, and may not do that with it."""
    if own or right not in ("share", "manage"):
        return forbidden(right, "image")
    if image.image_class == "standard":
        return Problem(
            code="class_read_only",
            detail="the image is the provider's",
            hint="Make an image of your own from one of its versions.",
        )
    return Problem(
        code="reshare_forbidden",
        detail="whoever was offered an image cannot share it on",
        hint="Ask the owner, or import a copy of your own.",
    )


def gallery_refs(tenant: str, text: str, get: Get) -> Iterator[Ref]:
    """The documents that `find_gallery` reads."""
    if is_id(text):
        yield GALLERY_ID(text)
    key = _gallery_key(tenant, text, get)
    if key is not None:
        yield GALLERY(key)
        owner, _, name = key.partition("/")
        yield access.ACCESS(access.gallery_key(owner, name))


def find_gallery(get: Get, actor: Actor, text: str, right: Right) -> Gallery | Problem:
    """The gallery with which ``actor`` may do what needs ``right``, or why not."""
    key = _gallery_key(actor.tenant, text, get)
    gallery: Gallery | None = None if key is None else get(GALLERY, key)
    if gallery is None or not gallery.id:
        return gallery_not_found(text)
    rights = access.gallery_rights(get, actor, tenant=gallery.tenant, gallery=gallery.name)
    if right in rights:
        return gallery
    return forbidden(right, "gallery") if rights else gallery_not_found(text)


def _gallery_key(tenant: str, text: str, get: Get) -> str | None:
    if not is_id(text):
        return gallery_key(tenant, text)
    claim = get(GALLERY_ID, text)
    return None if claim is None else str(claim.id)


def image_not_found(text: str) -> Problem:
    """What a stranger is told of every image, whether it exists or not."""
    return Problem(
        code="image_not_found",
        detail=f"there is no image {text[:80]!r}",
        hint="Name an image by its id or as gallery/name; list the images to see what there is.",
    )


def gallery_not_found(text: str) -> Problem:
    """What a stranger is told of every gallery, whether it exists or not."""
    return Problem(
        code="gallery_not_found",
        detail=f"there is no gallery {text[:80]!r}",
        hint="List the galleries to see what there is.",
    )
