"""What becomes of an offer: each decision takes the image, the rows concerned and who asks, and changes nothing."""

from typing import assert_never

from contracts.errors import Problem
from contracts.events.hub import ShareAccepted, ShareRejected
from contracts.requests import AnswerOffer
from sharing.domain.image import Image, standing
from sharing.domain.member import Accepted, Member, Pending, Rejected, Revoked, ShareEvent


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


def image_not_found(image: str) -> Problem:
    """What a stranger is told of every image, whether it exists or not."""
    return Problem(
        code="image_not_found",
        detail=f"there is no image {image[:80]!r}",
        hint="Name an image of your own, or one that is shared with you, by its id.",
    )
