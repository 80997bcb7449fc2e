"""What somebody may know of, for whoever passes events on; and where what is shared can be used."""

from collections.abc import Iterable

import msgspec

from catalog.documents import IMAGE, POD, VERSION
from catalog.domain.image import Image
from catalog.domain.pod import enrolled, seen_by
from catalog.galleries import gallery_not_found
from catalog.queries.named import find, find_gallery
from catalog.queries.sight import closed_pods, sight
from catalog.references import image_not_found
from contracts.errors import Problem
from contracts.names import parse_copy
from contracts.requests import GetSharingStatus, See
from contracts.requests.replies import Seen
from contracts.rights import forbidden
from contracts.views import SharedOn, SharingStatusView
from runtime import access
from runtime.store import Reader

OF_KIND = """
    SELECT d.id, d.body FROM json_each(?) AS page
    CROSS JOIN documents AS d ON d.kind = '{}' AND d.id = page.value"""
IMAGES = "SELECT image FROM image_facts WHERE scope = ? AND field = 'gallery' AND value = ? LIMIT ?"
MOST_IMAGES = 1000
"""Images of a gallery whose state is summed up."""
STATES = """
    SELECT c.id, c.state FROM json_each(?) AS page
    CROSS JOIN versions AS v ON v.image = page.value
    CROSS JOIN copies AS c ON c.id > v.id || '_' AND c.id < v.id || '`'
    WHERE v.usable AND c.state NOT IN ('ABSENT', 'DROPPED', 'DELETING', 'SKIPPED', 'CANCELLED')"""
_GOING = ("PENDING", "REPLICATING", "RETRY_PENDING")


async def see(query: See, reader: Reader) -> Seen:
    """Which of these images, versions and pods the actor may know of; an operator or auditor of all that there are."""
    versions = [(id, VERSION.decode(body)) for id, body in await _all(VERSION.name, query.versions, reader)]
    ids = {*query.images, *(version.image for _, version in versions)}
    images: dict[str, Image] = {id: IMAGE.decode(body) for id, body in await _all(IMAGE.name, ids, reader)}
    pods = await _pods(query, reader)
    if "audit" in query.actor.rights:
        seen = tuple(id for id in query.images if id in images)
        return Seen(images=seen, versions=tuple(id for id, _ in versions), pods=pods)
    known = await sight(query.actor, images.items(), reader)
    return Seen(
        images=tuple(id for id in query.images if id in images and known.reads(id, images[id])),
        versions=tuple(
            id
            for id, version in versions
            if version.image in images and known.reads(version.image, images[version.image], id)
        ),
        pods=pods,
    )


async def _pods(query: See, reader: Reader) -> tuple[str, ...]:
    """Those of the pods that are enrolled, and not for others alone."""
    found = {name: POD.decode(body) for name, body in await _all(POD.name, query.pods, reader)}
    audits = "audit" in query.actor.rights
    return tuple(name for name, pod in found.items() if enrolled(pod) and (audits or seen_by(pod, query.actor)))


async def get_sharing_status(query: GetSharingStatus, reader: Reader) -> SharingStatusView | Problem:
    """How far the usable versions of an image, or of the images of a gallery, are there, pod by pod."""
    images = await _shared(query, reader)
    if isinstance(images, Problem):
        return images
    pods: dict[str, list[str]] = {}
    for copy, state in await reader.rows(STATES, (_ids(images),)):
        if (parsed := parse_copy(str(copy))) is not None:
            pods.setdefault(parsed[1], []).append(str(state))
    closed = await closed_pods(query.actor, pods, reader)
    rows = tuple(_on(pod, pods[pod]) for pod in sorted(pods) if pod not in closed)
    return SharingStatusView(state=_sum(row.state for row in rows), pods=rows)


async def _shared(query: GetSharingStatus, reader: Reader) -> list[str] | Problem:
    """The images that are asked about, or why the actor may not ask."""
    actor = query.actor
    if (query.image is None) == (query.gallery is None):
        return Problem(
            code="validation_failed",
            detail="the state is that of an image or of a gallery, one of the two",
            hint="Name an image, or a gallery.",
            data={"field": "image"},
        )
    if query.image is not None:
        found = await find(actor, query.image, reader)
        if found is None:
            return image_not_found(query.image)
        rights = (await sight(actor, [found], reader)).rights(*found)
        return [found[0]] if "share" in rights else forbidden("share", "image")
    name = query.gallery or ""
    gallery = await find_gallery(actor, name, reader)
    if gallery is None:
        return gallery_not_found(name)
    tenant, own = gallery[0].tenant, gallery[0].name
    if "share" not in await access.read_rights(reader, actor, tenant=tenant, image="", gallery=own):
        return forbidden("share", "gallery")
    return [str(id) for (id,) in await reader.rows(IMAGES, (tenant, own, MOST_IMAGES))]


def _on(pod: str, states: list[str]) -> SharedOn:
    there = states.count("AVAILABLE")
    if there == len(states):
        state = "Succeeded"
    elif any(state in _GOING for state in states):
        state = "InProgress"
    else:
        state = "Failed"
    return SharedOn(pod=pod, state=state, versions=there, missing=len(states) - there)


def _sum(states: Iterable[str]) -> str:
    found = set(states)
    for state in ("Failed", "InProgress", "Succeeded"):
        if state in found:
            return state
    return "Unknown"


async def _all(kind: str, ids: Iterable[str], reader: Reader) -> list[tuple[str, bytes]]:
    return [(str(id), body) for id, body in await reader.rows(OF_KIND.format(kind), (_ids(ids),))]


def _ids(ids: Iterable[str]) -> str:
    return msgspec.json.encode(sorted(set(ids))).decode()
