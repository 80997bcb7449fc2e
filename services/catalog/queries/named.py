"""Finding what a query names: an image, its `latest`, the versions and the counts that are shown with it."""

import re
from collections.abc import Collection
from typing import Any

import msgspec

from catalog.documents import (
    ASSIGNMENT,
    GALLERY,
    GALLERY_NAME,
    IMAGE,
    IMAGE_NAME,
    NUMBER,
    POD,
    VERSION,
    gallery_key,
    name_key,
    number_key,
)
from catalog.domain.gallery import Gallery
from catalog.domain.image import Image
from catalog.domain.life import gone
from catalog.domain.number import normalise, rank
from catalog.domain.pod import enrolled
from catalog.domain.version import Version
from catalog.references import ById, ByName, image_not_found, parse, version_not_found
from contracts.errors import Problem
from contracts.names import ID
from runtime.store import Reader

LATEST_RANK = """
    SELECT rank FROM versions
    WHERE image = ? AND usable = 1 AND eligible = 1 AND included = 1 ORDER BY rank DESC LIMIT 1"""
"""From the index alone, for it is asked for each image of a page."""
LATEST = """
    SELECT id, body FROM versions
    WHERE image = ? AND usable = 1 AND eligible = 1 AND included = 1 ORDER BY rank DESC LIMIT 1"""
LATEST_ON_POD = """
    SELECT id, body FROM versions AS v WHERE image = ? AND usable = 1 AND eligible = 1 AND EXISTS (
        SELECT 1 FROM copies AS c
        WHERE c.id > v.id || ? AND c.id < v.id || ? AND c.state = 'AVAILABLE' AND NOT CASE
            WHEN v.publication <= v.promoted THEN 0
            WHEN c.publication = v.publication THEN c.excluded
            ELSE coalesce(json_extract(v.exceptions, ?), v.excluded)
        END
    ) ORDER BY rank DESC LIMIT 1"""
ELIGIBLE = "SELECT 1 FROM versions WHERE image = ? AND usable = 1 AND eligible = 1 LIMIT 1"
USABLE = "SELECT 1 FROM versions WHERE image = ? AND usable = 1 AND NOT disabled AND removal IS NULL LIMIT 1"
ASSIGNMENTS = """
    SELECT a.id, a.body FROM json_each(?) AS page
    CROSS JOIN documents AS a ON a.kind = 'assignment' AND a.id = page.value"""
NEWEST_OF_NUMBER = """
    SELECT id, body FROM versions WHERE image = ? AND place > ? AND place < ? ORDER BY place DESC LIMIT 1"""

_id = re.compile(ID)


async def find(tenant: str, text: str, reader: Reader) -> tuple[str, Image] | None:
    """The image that ``text`` refers to, in the asker's tenant or of the standard class (by its id)."""
    match parse(text):
        case ById(id):
            pass
        case ByName(gallery, name):
            claim = await reader.get(IMAGE_NAME, name_key(tenant, gallery, name))
            if claim is None:
                return None
            id = claim.id
        case None:
            return None
    image = await reader.get(IMAGE, id)
    readable = image is not None and (image.tenant == tenant or image.image_class == "standard")
    return (id, image) if image is not None and readable else None


async def find_version(
    tenant: str, text: str, number: str, reader: Reader
) -> tuple[str, Image, str, Version] | Problem:
    """The version of this number and its image; a number that failed imports left free is the last of them."""
    found = await find(tenant, text, reader)
    if found is None:
        return image_not_found(text)
    normal = normalise(number)
    if normal is None:
        return version_not_found(number)
    image_id, image = found
    claim = await reader.get(NUMBER, number_key(image_id, normal))
    if claim is not None and (version := await reader.get(VERSION, claim.id)) is not None:
        return version_not_found(normal) if gone(version.life) else (image_id, image, claim.id, version)
    rows = await reader.rows(NEWEST_OF_NUMBER, (image_id, f"{rank(normal)}/", f"{rank(normal)}0"))
    if not rows:
        return version_not_found(normal)
    id, body = rows[0]
    return image_id, image, id, VERSION.decode(body)


async def latest(id: str, image: Image, pod: str | None, reader: Reader) -> tuple[str, Version] | Problem:
    """The version that `latest` means, on a pod if one is named."""
    if image.life.disabled:
        return Problem(
            code="image_disabled",
            detail=f"image {image.name} is disabled",
            hint="Enable the image first; its versions can still be looked at by number.",
            data={"image": id},
        )
    if image.life.deprecation == "OBSOLETE":
        instead = image.life.replacement
        return Problem(
            code="no_latest",
            detail=f"image {image.name} is obsolete, and with it all its versions",
            hint=f"Use image {instead} instead." if instead else "Use another image.",
            data={"image": id, "replacement": instead},
        )
    rows = await reader.rows(LATEST if pod is None else ELIGIBLE, (id,))
    if not rows:
        return Problem(
            code="no_latest",
            detail="no version of the image is available as latest",
            hint="Publish a version first; only AVAILABLE and PARTIALLY_AVAILABLE versions count, and none that is "
            "excluded from latest, disabled, deprecated or deleted.",
        )
    return _decoded(rows[0]) if pod is None else await _latest_on(id, pod, reader)


async def _latest_on(id: str, pod: str, reader: Reader) -> tuple[str, Version] | Problem:
    known = await reader.get(POD, pod)
    if not enrolled(known):
        return Problem(code="pod_not_found", detail=f"no pod named {pod[:40]!r} is enrolled", hint="List the pods.")
    # The id of a copy begins with version and pod (contracts.names.copy_id); "`" is what follows "_".
    rows = await reader.rows(LATEST_ON_POD, (id, f"_{pod}_", f"_{pod}`", f'$."{pod}"'))
    if not rows:
        return Problem(
            code="no_latest_on_pod",
            detail=f"no version of the image is available as latest on {pod}",
            hint="Republish a version to this pod, or leave the pod out.",
            data={"pod": pod},
        )
    return _decoded(rows[0])


def _decoded(row: tuple[Any, ...]) -> tuple[str, Version]:
    id, body = row
    return id, VERSION.decode(body)


async def find_gallery(tenant: str, text: str, reader: Reader) -> Gallery | None:
    """The tenant's gallery of this name or id."""
    key = gallery_key(tenant, text)
    if _id.fullmatch(text) is not None:
        claim = await reader.get(GALLERY_NAME, text)
        if claim is None:
            return None
        key = claim.id
    gallery = await reader.get(GALLERY, key)
    return gallery if gallery is not None and gallery.tenant == tenant else None


async def seen(assignments: Collection[str], image: Image, tenant: str, reader: Reader) -> set[str]:
    """Those of ``assignments`` (ids) of ``image`` that a tenant may know of: all when the image is its own, and of an
    image of the standard class its own ones."""
    if image.tenant == tenant or not assignments:
        return set(assignments)
    ids = msgspec.json.encode(sorted(assignments)).decode()
    rows = await reader.rows(ASSIGNMENTS, (ids,))
    return {id for id, body in rows if ASSIGNMENT.decode(body).tenant == tenant}
