"""What becomes of an offer when its owner makes it, gives it another end, or takes it back.

Each decision takes the image and the offer as they are, and tells what is to be said, or why nothing is.
"""

from datetime import datetime
from typing import Literal

import msgspec

from contracts.errors import Problem
from contracts.events.hub import ShareOffered, ShareRevoked
from sharing.domain.image import Image
from sharing.domain.image import objection as objection_to_image
from sharing.domain.offer import Offer, Revoked, Standing


def decide_offer(
    id: str, image: Image, offer: Offer | None, member: str, until: datetime | None, message: str, most: int
) -> ShareOffered | Problem:
    """The owner offers the image to ``member``, or prolongs (or shortens) an offer that holds."""
    if isinstance(offer, Standing):
        if not offer.ending and offer.until == until:
            return Problem(
                code="member_exists",
                detail=f"the image is offered to {member} already",
                hint="List the members to see how it was answered. With another end the offer is changed.",
                data={"member": member, "state": offer.answered},
            )
        return said(image, offer, until, message or offer.message)
    problem = objection_to_member(image, member) or objection_to_image(image)
    if problem is not None:
        return problem
    if image.members >= most:
        return Problem(
            code="member_limit",
            detail=f"the image has {image.members} members and may have {most}",
            hint="Remove a member first; an account or an organisation is one.",
            data={"limit": most, "members": image.members},
        )
    return ShareOffered(
        image=id, member=member, owner=image.owner, until=until, message=message, revision=image.revision + 1
    )


def decide_revoke(
    image: Image, offer: Offer | None, member: str, until: datetime | None
) -> ShareOffered | ShareRevoked | Problem:
    """The owner takes an offer back: at once, or with a grace to ``until``, though never beyond the end that the offer
    has already."""
    if not isinstance(offer, Standing):
        return Problem(
            code="member_not_found",
            detail=f"{member} is no member of the image",
            hint="List the members.",
            data={"member": member},
        )
    if until is None:
        return ended(image, offer, "removed")
    if offer.until is not None:
        until = min(until, offer.until)
    return said(image, offer, until, offer.message)


def said(image: Image, offer: Standing, until: datetime | None, message: str) -> ShareOffered:
    """An offer that holds, said again: with another end, or as it is."""
    return ShareOffered(
        image=offer.image,
        member=offer.member,
        owner=offer.owner,
        until=until,
        message=message,
        revision=image.revision + 1,
    )


def ended(image: Image, offer: Standing, reason: Literal["removed", "expired"]) -> ShareRevoked:
    """The end of an offer."""
    return ShareRevoked(
        image=offer.image, member=offer.member, owner=offer.owner, reason=reason, revision=image.revision + 1
    )


def evolve(offer: Offer | None, event: ShareOffered | ShareRevoked, at: datetime, *, ending: bool = False) -> Offer:
    """An offer after a word about it; ``ending``: its owner took it back with a grace."""
    if isinstance(event, ShareRevoked):
        return Revoked(
            image=event.image,
            member=event.member,
            owner=event.owner,
            offered=at if offer is None else offer.offered,
            updated=at,
            revision=event.revision,
            reason=event.reason,
        )
    if isinstance(offer, Standing):
        return msgspec.structs.replace(
            offer, until=event.until, message=event.message, ending=ending, updated=at, revision=event.revision
        )
    return Standing(
        image=event.image,
        member=event.member,
        owner=event.owner,
        offered=at,
        updated=at,
        since=event.revision,
        until=event.until,
        message=event.message,
        revision=event.revision,
    )


def objection_to_member(image: Image, member: str) -> Problem | None:
    """Why an image cannot be offered to ``member``."""
    if member != image.owner:
        return None
    return Problem(
        code="principal_invalid",
        detail="an image cannot be offered to its owner",
        hint="Name another tenant, an account or an organisation.",
        data={"member": member},
    )
