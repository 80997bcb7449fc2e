"""How a client names an image: by id, as ``gallery/name``, or by name alone in the gallery ``default``.

A version of it is named by its number.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from catalog.documents import IMAGE, IMAGE_NAME, NUMBER, VERSION, name_key, number_key
from catalog.domain.image import Image
from catalog.domain.life import gone
from catalog.domain.number import normalise
from catalog.domain.revision import above
from catalog.domain.version import Version
from contracts.errors import Problem
from contracts.names import ID, NAME
from contracts.requests import Actor
from runtime.work import Get, Ref, Work

_id = re.compile(ID)
_name = re.compile(NAME)


@dataclass(frozen=True, slots=True)
class ById:
    """An id made by the hub."""

    id: str


@dataclass(frozen=True, slots=True)
class ByName:
    """A name in a gallery of the asking tenant; never looked up over other tenants' images."""

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


def refs(tenant: str, text: str, get: Get) -> Iterator[Ref]:
    """The documents that `find` reads."""
    match parse(text):
        case ById(id):
            yield IMAGE(id)
        case ByName(gallery, name):
            key = name_key(tenant, gallery, name)
            yield IMAGE_NAME(key)
            if claim := get(IMAGE_NAME, key):
                yield IMAGE(claim.id)


def image_id(tenant: str, text: str, get: Get) -> str | None:
    """The id that ``text`` stands for, as far as documents are loaded."""
    match parse(text):
        case ById(id):
            return id
        case ByName(gallery, name):
            claim = get(IMAGE_NAME, name_key(tenant, gallery, name))
            return None if claim is None else str(claim.id)
    return None


def find(work: Work, tenant: str, text: str, *, reading: bool = False) -> tuple[str, Image] | None:
    """The image and its id, None when there is none or when it is another tenant's: nobody learns which.

    For ``reading`` it may also be one of the standard class (named by its id), which belongs to all.
    """
    id = image_id(tenant, text, work.get)
    image = None if id is None else work.get(IMAGE, id)
    if id is None or image is None:
        return None
    return (id, image) if image.tenant == tenant or (reading and image.image_class == "standard") else None


def find_to_write(work: Work, actor: Actor, text: str) -> tuple[str, Image] | Problem:
    """The image that ``actor`` is about to change, or why not: one of the standard class is changed by operators only
    (features.md G1)."""
    found = find(work, actor.tenant, text, reading=True)
    if found is None:
        return image_not_found(text)
    if found[1].image_class == "standard" and not actor.operator:
        return Problem(
            code="class_read_only",
            detail=f"{found[1].gallery}/{found[1].name} is the provider's",
            hint="Make an image of your own from one of its versions.",
            data={"image": found[0]},
        )
    return found


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


def find_version(work: Work, tenant: str, text: str, number: str, *, reading: bool = False) -> Found | Problem:
    """The version of this number, or why there is none that the tenant can see (``reading`` as in `find`)."""
    found = find(work, tenant, text, reading=reading)
    return image_not_found(text) if found is None else _version_of(work, found, number)


def find_version_to_write(work: Work, actor: Actor, text: str, number: str) -> Found | Problem:
    """The version that ``actor`` is about to change, or why not, as `find_to_write`."""
    found = find_to_write(work, actor, text)
    return found if isinstance(found, Problem) else _version_of(work, found, number)


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
