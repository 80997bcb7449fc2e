"""How a client names an image: by id, as ``gallery/name``, or by name alone in the gallery ``default``.

A version of it is named by its number. Names are the asking tenant's own; in a gallery of another tenant on which
somebody has a role an image is named as ``<id of the gallery>/name``. Whether somebody may know of what he names, and
what he may do with it, is decided here for every command (`runtime.access`): what is not to be known of is not found.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from catalog.documents import GALLERY_NAME, IMAGE, IMAGE_NAME, NUMBER, VERSION, name_key, number_key
from catalog.domain.image import Image
from catalog.domain.life import gone
from catalog.domain.number import normalise
from catalog.domain.revision import above
from catalog.domain.version import Version
from contracts.errors import Problem
from contracts.names import ID, NAME
from contracts.principals import Right
from contracts.requests import Actor
from contracts.rights import NEEDS, forbidden
from runtime import access
from runtime.work import Get, Ref, Work

_id = re.compile(ID)
_name = re.compile(NAME)


@dataclass(frozen=True, slots=True)
class ById:
    """An id made by the hub."""

    id: str


@dataclass(frozen=True, slots=True)
class ByName:
    """A name in a gallery: one of the asking tenant by its name, or any by its id."""

    gallery: str
    name: str


def is_id(text: str) -> bool:
    """Whether ``text`` has the shape of an id made by the hub."""
    return _id.fullmatch(text) is not None


def parse(text: str) -> ById | ByName | None:
    """What ``text`` refers to, None when it can be neither id nor name. No image's name looks like an id."""
    if is_id(text):
        return ById(text)
    gallery, slash, name = text.partition("/")
    if not slash:
        gallery, name = "default", text
    if _name.fullmatch(gallery) and _name.fullmatch(name):
        return ByName(gallery, name)
    return None


def home_refs(gallery: str) -> Iterator[Ref]:
    """The documents that `home` reads."""
    if is_id(gallery):
        yield GALLERY_NAME(gallery)


def home(tenant: str, gallery: str, get: Get) -> tuple[str, str] | None:
    """The tenant and the name of a gallery that ``tenant`` calls so; None for an id that no gallery has."""
    if not is_id(gallery):
        return tenant, gallery
    claim = get(GALLERY_NAME, gallery)
    if claim is None:
        return None
    owner, _, name = claim.id.partition("/")
    return owner, name


def refs(tenant: str, text: str, get: Get) -> Iterator[Ref]:
    """The documents that `find` reads."""
    match parse(text):
        case ById(id):
            yield from _image_refs(id, get)
        case ByName(gallery, name):
            yield from home_refs(gallery)
            if (place := home(tenant, gallery, get)) is not None:
                key = name_key(*place, name)
                yield IMAGE_NAME(key)
                if claim := get(IMAGE_NAME, key):
                    yield from _image_refs(claim.id, get)


def _image_refs(id: str, get: Get) -> Iterator[Ref]:
    yield IMAGE(id)
    if (image := get(IMAGE, id)) is not None:
        yield from access.refs(id, image.tenant, image.gallery)


def image_id(tenant: str, text: str, get: Get) -> str | None:
    """The id that ``text`` stands for, as far as documents are loaded."""
    match parse(text):
        case ById(id):
            return id
        case ByName(gallery, name):
            place = home(tenant, gallery, get)
            claim = None if place is None else get(IMAGE_NAME, name_key(*place, name))
            return None if claim is None else str(claim.id)
    return None


def rights_on(work: Work, actor: Actor, id: str, image: Image, version: str = "") -> frozenset[Right]:
    """What ``actor`` may do with an image, and with this version of it; nothing where it is not to be known of."""
    return access.rights(
        work.get,
        actor,
        tenant=image.tenant,
        image=id,
        gallery=image.gallery,
        version=version,
        public=image.image_class == "standard",
    )


def find(work: Work, actor: Actor, text: str) -> tuple[str, Image] | None:
    """The image and its id, as far as ``actor`` may read it; None when there is none or when he may not: nobody learns
    which."""
    found = _named(work, actor, text)
    return found if found is not None and "read" in rights_on(work, actor, *found) else None


def find_to_write(work: Work, actor: Actor, text: str) -> tuple[str, Image] | Problem:
    """The image that ``actor`` is about to change, or why not: one of the standard class is changed by operators only
    (features.md G1), any other by who has the right that the command needs (`contracts.rights`)."""
    found = _named(work, actor, text)
    if found is None:
        return image_not_found(text)
    return _objection(actor, text, found, rights_on(work, actor, *found), needs(work)) or found


def objection_to_change(work: Work, actor: Actor, id: str, needed: Right) -> Problem | None:
    """Why ``actor`` may not do with image ``id`` what needs this right, where the command alone does not tell which."""
    found = _named(work, actor, id)
    return (
        image_not_found(id) if found is None else _objection(actor, id, found, rights_on(work, actor, *found), needed)
    )


def _named(work: Work, actor: Actor, text: str) -> tuple[str, Image] | None:
    """The image that is called so, whoever may know of it."""
    id = image_id(actor.tenant, text, work.get)
    image = None if id is None else work.get(IMAGE, id)
    return None if id is None or image is None else (id, image)


def _objection(
    actor: Actor, text: str, found: tuple[str, Image], rights: frozenset[Right], needed: Right
) -> Problem | None:
    """Why somebody with these rights may not change the image in a way that needs one of them."""
    id, image = found
    if not rights:
        return image_not_found(text)
    if image.image_class == "standard" and not actor.operator:
        return Problem(
            code="class_read_only",
            detail=f"{image.gallery}/{image.name} is the provider's",
            hint="Make an image of your own from one of its versions.",
            data={"image": id},
        )
    return None if needed in rights else forbidden(needed, "image")


def needs(work: Work) -> Right:
    """The right that is needed for what is asked for; what the hub does by itself it does as a publisher."""
    return NEEDS.get(type(work.message.body), ("publish", "image"))[0]


class Found(NamedTuple):
    """A version that a client named, and its image. ``version`` is as `follow.version_of` has it; ``known`` is the
    revision at which people know it, 0 where nobody named it."""

    image_id: str
    image: Image
    id: str
    version: Version
    known: int = 0


def version_refs(tenant: str, text: str, number: str, get: Get) -> Iterator[Ref]:
    """The documents that `find_version` reads."""
    yield from refs(tenant, text, get)
    image, normal = image_id(tenant, text, get), normalise(number)
    if image is not None and normal is not None:
        key = number_key(image, normal)
        yield NUMBER(key)
        if claim := get(NUMBER, key):
            yield VERSION(claim.id)


def named_version(tenant: str, text: str, number: str, get: Get) -> tuple[str, Version] | None:
    """The version and its id, as far as documents are loaded."""
    image, normal = image_id(tenant, text, get), normalise(number)
    if image is None or normal is None or (claim := get(NUMBER, number_key(image, normal))) is None:
        return None
    version = get(VERSION, claim.id)
    return None if version is None else (claim.id, version)


def find_version(work: Work, actor: Actor, text: str, number: str) -> Found | Problem:
    """The version of this number, or why there is none that ``actor`` may read."""
    found = _named(work, actor, text)
    if found is None or "read" not in _rights_on_version(work, actor, found, number):
        return image_not_found(text)
    return _version_of(work, found, number)


def find_version_to_write(work: Work, actor: Actor, text: str, number: str) -> Found | Problem:
    """The version that ``actor`` is about to change, or why not, as `find_to_write`."""
    found = _named(work, actor, text)
    if found is None:
        return image_not_found(text)
    rights = _rights_on_version(work, actor, found, number)
    return _objection(actor, text, found, rights, needs(work)) or _version_of(work, found, number)


def _rights_on_version(work: Work, actor: Actor, found: tuple[str, Image], number: str) -> frozenset[Right]:
    named = named_version(found[1].tenant, found[0], number, work.get)
    return rights_on(work, actor, *found, "" if named is None else named[0])


def _version_of(work: Work, found: tuple[str, Image], number: str) -> Found | Problem:
    normal = normalise(number)
    if normal is None:
        return Problem(
            code="version_number_invalid",
            detail=f"{number[:40]!r} is not a version number",
            hint="Give three integers as in 1.2.0.",
        )
    claim = work.get(NUMBER, number_key(found[0], normal))
    stored = None if claim is None else work.get(VERSION, claim.id)
    if claim is None or stored is None or gone(stored.life):
        return version_not_found(normal)
    return Found(*found, claim.id, above(stored, work.floor), stored.revision)


def version_not_found(number: str) -> Problem:
    """The refusal when an image has no version of this number."""
    return Problem(
        code="version_not_found",
        detail=f"there is no version {number[:40]!r}",
        hint="List the versions of the image to see what there is.",
    )


def image_not_found(text: str) -> Problem:
    """The refusal when `find` found nothing."""
    return Problem(
        code="image_not_found",
        detail=f"there is no image {text[:80]!r}",
        hint="Name an image by its id or as gallery/name; list the images to see what there is.",
    )


def job_not_found(job: str) -> Problem:
    """The refusal when the tenant has no such job."""
    return Problem(code="job_not_found", detail=f"there is no job {job[:40]!r}", hint="List the jobs.")
