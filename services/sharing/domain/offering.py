"""What becomes of an offer: each decision takes the image, the rows concerned and who asks, and changes nothing."""

from typing import assert_never

from contracts.errors import Problem
from contracts.events.hub import ShareAccepted, ShareOffered, ShareRejected, ShareRevoked
from contracts.requests import AnswerOffer, OfferImage, RevokeOffer
from sharing.domain.image import Image, standing
from sharing.domain.member import Accepted, Member, Pending, Rejected, Revoked, ShareEvent


def decide_offer(
    image: Image | None, own: Member | None, member: Member | None, command: OfferImage, most: int
) -> list[ShareEvent] | Problem:
    """The owner offers an image; ``own`` is the asker's row, ``member`` that of the tenant offered to."""
    refused = _unless_owner(image, own, command)
    if refused is not None or image is None:
        return refused or image_not_found(command.image)
    if command.member == image.owner:
        return Problem(
            code="validation_failed",
            detail="an image cannot be offered to its owner",
            hint="Name another tenant.",
            data={"field": "member"},
        )
    if not image.ready:
        return Problem(
            code="not_shareable",
            detail="no version of the image is ready",
            hint="Wait until a version is DEPLOYMENT_DONE.",
        )
    if member is not None and not isinstance(member, Revoked):
        return Problem(
            code="member_exists",
            detail=f"the image is offered to {command.member} already",
            hint="List the members to see how it was answered.",
            data={"member": command.member, "state": str(member.__struct_config__.tag)},
        )
    if image.members >= most:
        return Problem(
            code="member_limit",
            detail=f"the image has {image.members} members and may have {most}",
            hint="Remove a member first.",
            data={"limit": most, "members": image.members},
        )
    revision = 1 if member is None else member.revision + 1
    return [
        ShareOffered(image=command.image, member=command.member, owner=image.owner, revision=revision),
    ]


def decide_answer(image: Image | None, own: Member | None, command: AnswerOffer) -> list[ShareEvent] | Problem:
    """The member accepts or rejects, or changes its mind; giving the same answer again changes nothing."""
    tenant = command.actor.tenant
    match standing(image, own, tenant):
        case "owner":
            return Problem(
                code="forbidden",
                detail="only a member can answer an offer",
                hint="As the owner you can offer an image and take the offer back.",
            )
        case "stranger":
            return image_not_found(command.image)
    match own:
        case Pending() | Accepted() | Rejected():
            accept = command.answer == "accept"
            if isinstance(own, Accepted if accept else Rejected):
                return []
            kind = ShareAccepted if accept else ShareRejected
            return [kind(image=command.image, member=tenant, revision=own.revision + 1)]
        case Revoked() | None:
            return image_not_found(command.image)
        case _:
            assert_never(own)


def decide_revoke(
    image: Image | None, own: Member | None, member: Member | None, command: RevokeOffer
) -> list[ShareEvent] | Problem:
    """The owner removes a member."""
    refused = _unless_owner(image, own, command)
    if refused is not None:
        return refused
    if member is None or isinstance(member, Revoked):
        return Problem(
            code="member_not_found",
            detail=f"{command.member} is no member of the image",
            hint="List the members.",
            data={"member": command.member},
        )
    return [ShareRevoked(image=command.image, member=command.member, revision=member.revision + 1)]


def image_not_found(image: str) -> Problem:
    """What a stranger is told of every image, whether it exists or not."""
    return Problem(
        code="image_not_found",
        detail=f"there is no image {image[:80]!r}",
        hint="Name an image of your own, or one that is shared with you, by its id.",
    )


def _unless_owner(image: Image | None, own: Member | None, command: OfferImage | RevokeOffer) -> Problem | None:
    match standing(image, own, command.actor.tenant):
        case "owner":
            return None
        case "member":
            return Problem(
                code="forbidden",
                detail="only the owner of an image can share it",
                hint="Ask the owner, or import a copy of your own.",
            )
        case "stranger":
            return image_not_found(command.image)
