"""Finding what a query names: an image, its `latest`, the versions and the counts that are shown with it."""

from collections.abc import Collection
from typing import Any

import msgspec

from catalog import references
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
from catalog.domain.pod import enrolled, seen_by
from catalog.domain.version import Version
from catalog.queries.sight import sight
from catalog.references import ById, ByName, image_not_found, is_id, parse, version_not_found
from contracts.errors import Problem
from contracts.requests import Actor
from runtime import access
from runtime.access import Access
from runtime.store import Reader

RANK_OF = """
    SELECT rank FROM versions WHERE image = {image} AND usable = 1 AND eligible = 1 AND included = 1
    AND validated >= {held} ORDER BY rank DESC LIMIT 1"""
"""From the index alone, for it is asked for each image of a page. ``held`` is 1 where the image holds its versions back
until they are validated, else 0."""
LATEST_RANK = RANK_OF.format(image="?", held="?")
LATEST = """
    SELECT id, body FROM versions WHERE image = ? AND usable = 1 AND eligible = 1 AND included = 1
    AND validated >= ? ORDER BY rank DESC LIMIT 1"""
LATEST_ON_POD = """
    SELECT id, body FROM versions AS v WHERE image = ? AND usable = 1 AND eligible = 1 AND validated >= ? AND EXISTS (
        SELECT 1 FROM copies AS c
        WHERE c.id > v.id || ? AND c.id < v.id || ? AND c.state = 'AVAILABLE' AND NOT CASE
            WHEN v.publication <= v.promoted THEN 0
            WHEN c.publication = v.publication THEN c.excluded
            ELSE coalesce(json_extract(v.exceptions, ?), v.excluded)
        END
    ) ORDER BY rank DESC LIMIT 1"""
ELIGIBLE = "SELECT 1 FROM versions WHERE image = ? AND usable = 1 AND eligible = 1 AND validated >= ? LIMIT 1"
USABLE = "SELECT 1 FROM versions WHERE image = ? AND usable = 1 AND NOT disabled AND removal IS NULL LIMIT 1"
ASSIGNMENTS = """
    SELECT a.id, a.body FROM json_each(?) AS page
    CROSS JOIN documents AS a ON a.kind = 'assignment' AND a.id = page.value"""
NEWEST_OF_NUMBER = """
    SELECT id, body FROM versions WHERE image = ? AND place > ? AND place < ? ORDER BY place DESC LIMIT 1"""


async def find(actor: Actor, text: str, reader: Reader) -> tuple[str, Image] | None:
    """The image that ``text`` refers to, as far as ``actor`` may read it."""
    found = await _named(actor, text, reader)
    # Also where there is no such image: how long an answer takes does not tell it from one of somebody else.
    known = await sight(actor, [] if found is None else [found], reader)
    return found if found is not None and known.reads(*found) else None


async def _named(actor: Actor, text: str, reader: Reader) -> tuple[str, Image] | None:
    """The image that is called so, whoever may know of it."""
    match parse(text):
        case ById(id):
            pass
        case ByName(gallery, name):
            place = await home(actor.tenant, gallery, reader)
            if place is None or (claim := await reader.get(IMAGE_NAME, name_key(*place, name))) is None:
                return None
            id = claim.id
        case None:
            return None
    image = await reader.get(IMAGE, id)
    return None if image is None else (id, image)


async def home(tenant: str, gallery: str, reader: Reader) -> tuple[str, str] | None:
    """The tenant and the name of a gallery that ``tenant`` calls so; None for an id that no gallery has."""
    if not is_id(gallery):
        return tenant, gallery
    claim = await reader.get(GALLERY_NAME, gallery)
    return references.home(tenant, gallery, lambda *_: claim)


async def find_version(
    actor: Actor, text: str, number: str, reader: Reader
) -> tuple[str, Image, str, Version] | Problem:
    """The version of this number and its image; a number that failed imports left free is the last of them."""
    found = await _named(actor, text, reader)
    if found is None:
        return image_not_found(text)
    normal = normalise(number)
    version = None if normal is None else await _of_number(found[0], normal, reader)
    known = await sight(actor, [found], reader)
    if not known.reads(*found, "" if version is None else version[0]):
        return image_not_found(text)
    return version_not_found(normal or number) if version is None else (*found, *version)


async def _of_number(image: str, number: str, reader: Reader) -> tuple[str, Version] | None:
    claim = await reader.get(NUMBER, number_key(image, number))
    if claim is not None and (version := await reader.get(VERSION, claim.id)) is not None:
        return None if gone(version.life) else (claim.id, version)
    rows = await reader.rows(NEWEST_OF_NUMBER, (image, f"{rank(number)}/", f"{rank(number)}0"))
    return _decoded(rows[0]) if rows else None


async def latest(actor: Actor, id: str, image: Image, pod: str | None, reader: Reader) -> tuple[str, Version] | Problem:
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
    held = image.details.hold_until_validated
    rows = await reader.rows(LATEST if pod is None else ELIGIBLE, (id, held))
    if not rows:
        return Problem(
            code="no_latest",
            detail="no version of the image is available as latest",
            hint="Publish a version first; only AVAILABLE and PARTIALLY_AVAILABLE versions count, and none that is "
            "excluded from latest, disabled, deprecated or deleted"
            + (", nor one whose validations did not all succeed." if held else "."),
        )
    return _decoded(rows[0]) if pod is None else await _latest_on(actor, id, pod, reader, held=held)


async def _latest_on(actor: Actor, id: str, pod: str, reader: Reader, *, held: bool) -> tuple[str, Version] | Problem:
    known = await reader.get(POD, pod)
    if not enrolled(seen_by(known, actor)):
        return Problem(code="pod_not_found", detail=f"no pod named {pod[:40]!r} is enrolled", hint="List the pods.")
    # The id of a copy begins with version and pod (contracts.names.copy_id); "`" is what follows "_".
    rows = await reader.rows(LATEST_ON_POD, (id, held, f"_{pod}_", f"_{pod}`", f'$."{pod}"'))
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


async def find_gallery(actor: Actor, text: str, reader: Reader) -> tuple[Gallery, Access | None] | None:
    """The gallery of this name or id that ``actor`` may read, and how it is shared."""
    place = await home(actor.tenant, text, reader)
    if place is None:
        return None
    gallery = await reader.get(GALLERY, gallery_key(*place))
    _, known = await access.read(reader, tenant=place[0], image="", gallery=place[1])
    rights = access.decided(None, known, actor, tenant=place[0])
    return (gallery, known) if gallery is not None and "read" in rights else None


async def seen(assignments: Collection[str], image: Image, tenant: str, reader: Reader) -> set[str]:
    """Those of ``assignments`` (ids) of ``image`` that a tenant may know of: all when the image is its own, and of
    another tenant's its own ones."""
    if image.tenant == tenant or not assignments:
        return set(assignments)
    ids = msgspec.json.encode(sorted(assignments)).decode()
    rows = await reader.rows(ASSIGNMENTS, (ids,))
    return {id for id, body in rows if ASSIGNMENT.decode(body).tenant == tenant}
