"""The steps about with whom galleries and images are shared. Nobody who is not named loses an offer."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any

from contracts.views import GallerySharingView, ImageView, MemberView
from imprint.client import Client
from imprint.declared.difference import current, differing, plain
from imprint.declared.document import Document, GalleryToHave, ImageToHave, OffersToHave, said, whole
from imprint.declared.steps import SETTLING, Act, Carrier, Difference, Step
from imprint.exits import HttpProblem, ImprintError

PRIVATE: dict[str, Any] = {"sharing": "private", "members": [], "community": None}
"""How a gallery is shared that was just made."""
HEARD_AFTER = 10.0
"""Seconds within which the sharing service is to have heard of what was just made."""
PAUSE = 0.2


async def openings(client: Client, document: Document, given: Mapping[str, Any], found: Difference) -> None:
    """The steps about how galleries are shared. Raises ImprintError."""
    for gallery, text in zip(document.galleries, given.get("galleries") or (), strict=True):
        if gallery.sharing is None:
            continue
        view = await _opening(client, gallery.name)
        wanted = _wanted(gallery, text["sharing"])
        changes = differing(wanted, PRIVATE if view is None else current(view))
        if not changes:
            found.steps.append(Step("=", "sharing", gallery.name))
            continue
        act = _share(gallery.name, plain(wanted), None if view is None else view.revision)
        found.steps.append(Step("~", "sharing", gallery.name, changes, act))


def _wanted(gallery: GalleryToHave, text: Any) -> dict[str, Any]:
    """All of how a gallery is shared: it is only ever said whole."""
    sharing: dict[str, Any] = said(gallery, {"sharing": text})["sharing"]
    wanted = {**PRIVATE, **sharing}
    return {**wanted, "members": sorted(set(wanted["members"]))}


async def _opening(client: Client, gallery: str) -> GallerySharingView | None:
    try:
        return await client.gallery_sharing(gallery)
    except ImprintError as error:
        if error.problem.code != "gallery_not_found":
            raise
        return None


def _share(gallery: str, wanted: dict[str, Any], revision: int | None) -> Act:
    async def act(carrier: Carrier) -> None:
        async def once() -> None:
            await carrier.client.share_gallery(gallery, wanted, revision)

        await _heard(once, "gallery_not_found")

    return act


async def offers(client: Client, image: ImageToHave, view: ImageView | None, found: Difference) -> None:
    """The steps about whom an image is offered to. Raises ImprintError."""
    if image.offers is None:
        return
    there = {} if view is None else {one.member: one for one in await client.members(view.id)}
    for member in dict.fromkeys(image.offers.to):
        name = f"{image.image} {member}"
        wanted = _said(image.offers)
        changes = differing(wanted, _known(there.get(member)))
        if member in there and not changes:
            found.steps.append(Step("=", "offer", name))
            continue
        found.steps.append(Step("~" if member in there else "+", "offer", name, changes, _offer(image, member)))


def _said(offers: OffersToHave) -> dict[str, Any]:
    return {} if offers.until is None else {"until": offers.until}


def _known(member: MemberView | None) -> dict[str, datetime | None]:
    return {} if member is None else {"until": member.until}


def _offer(image: ImageToHave, member: str) -> Act:
    wanted = image.offers or OffersToHave(to=())

    async def act(carrier: Carrier) -> None:
        for version in image.versions:
            if version.publish is not None:
                await carrier.version_out_of(image.image, whole(version.number), SETTLING)

        async def once() -> None:
            (pair,) = await carrier.client.offer_images(
                [image.image],
                [member],
                acknowledged=wanted.acknowledged,
                until=wanted.until,
                message=wanted.message,
            )
            if pair.code:
                title = f"{image.image} is not offered to {member}"
                raise ImprintError(
                    HttpProblem(status=409, title=title, code=pair.code, detail=pair.detail, hint=pair.hint)
                )

        await _heard(once, "image_not_found", "not_shareable_unavailable")

    return act


async def _heard(act: Callable[[], Awaitable[None]], *codes: str) -> None:
    """Do something that is refused with one of ``codes`` as long as its service has not heard of what was made."""
    clock = asyncio.get_running_loop().time
    begun = clock()
    while True:
        try:
            await act()
            return
        except ImprintError as error:
            if error.problem.code not in codes or clock() > begun + HEARD_AFTER:
                raise
        await asyncio.sleep(PAUSE)
