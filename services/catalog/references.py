"""How a client names an image: by id, as ``gallery/name``, or by name alone in the gallery ``default``."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from catalog.documents import IMAGE, IMAGE_NAME, name_key
from catalog.domain.image import Image
from contracts.errors import Problem
from contracts.names import ID, NAME
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


def find(work: Work, tenant: str, text: str) -> tuple[str, Image] | None:
    """The image and its id, None when there is none or when it is another tenant's: nobody learns which."""
    id = image_id(tenant, text, work.get)
    image = None if id is None else work.get(IMAGE, id)
    return None if id is None or image is None or image.tenant != tenant else (id, image)


def image_not_found(text: str) -> Problem:
    """The refusal when `find` found nothing."""
    return Problem(
        code="image_not_found",
        detail=f"there is no image {text[:80]!r}",
        hint="Name an image by its id or as gallery/name; list the images to see what there is.",
    )
