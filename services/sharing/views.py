"""What people see of offers, shared galleries and grants."""

from collections.abc import Sequence
from typing import Literal

from contracts.errors import Problem
from contracts.views import GallerySharingView, GrantView, MemberView, ShareView
from sharing.domain.answer import Answer
from sharing.domain.gallery import Gallery
from sharing.domain.grants import Grant
from sharing.domain.image import Image
from sharing.domain.offer import Offer, Revoked, Standing


def member_view(offer: Offer, *, suspended: bool) -> MemberView:
    """An offer as its owner sees it."""
    if isinstance(offer, Revoked):
        return MemberView(
            image=offer.image, member=offer.member, state="REVOKED", updated=offer.updated, revision=offer.revision
        )
    return MemberView(
        image=offer.image,
        member=offer.member,
        state="SUSPENDED" if suspended else offer.answered,
        updated=offer.updated,
        until=offer.until,
        message=offer.message,
        accepted=offer.accepted,
        rejected=offer.rejected,
        revision=offer.revision,
    )


def own_row(offer: Standing, state: str, answer: Answer | None) -> MemberView:
    """The offer as a member sees it: how the others that it was made to answered is nothing to it."""
    answered = answer is not None and state != "PENDING"
    return MemberView(
        image=offer.image,
        member=offer.member,
        state=state,
        updated=answer.updated if answer is not None and answered else offer.updated,
        until=offer.until,
        message=offer.message,
        revision=max(offer.revision, answer.revision if answer is not None and answered else 0),
    )


def share_view(
    id: str, image: Image, offers: Sequence[Standing], state: str, answer: Answer | None, *, job: str = ""
) -> ShareView:
    """What is offered to a tenant, by the first of ``offers``; it ends when the last of them does."""
    first = offers[0]
    ends = [offer.until for offer in offers if offer.until is not None]
    answered = answer if state != "PENDING" else None
    return ShareView(
        image=id,
        gallery=image.gallery,
        name=image.name,
        owner=image.owner,
        state=state,
        via=first.member,
        offered=first.offered,
        updated=first.updated if answered is None else max(first.updated, answered.updated),
        until=max(ends) if len(ends) == len(offers) else None,
        message=first.message,
        job=job,
        revision=max(first.revision, 0 if answered is None else answered.revision),
    )


def share_not_found(image: str) -> Problem:
    """What is said of an image that nobody offered, whether it exists or not."""
    return Problem(
        code="share_not_found",
        detail=f"no image {image[:80]!r} is offered",
        hint="List what is offered; the owner may have taken it back.",
    )


def gallery_view(gallery: Gallery) -> GallerySharingView:
    """How a gallery is shared, as those see it who may change that."""
    return GallerySharingView(
        gallery=gallery.id,
        name=gallery.name,
        tenant=gallery.tenant,
        sharing=gallery.sharing,
        members=gallery.members,
        community=gallery.community,
        public_name=gallery.public_name,
        revision=gallery.revision,
    )


def grant_view(
    scope: Literal["gallery", "image", "version"], target: str, name: str, principal: str, grant: Grant
) -> GrantView:
    """What a principal was granted."""
    return GrantView(
        scope=scope,
        target=target,
        name=name,
        principal=principal,
        roles=grant.roles,
        updated=grant.updated,
        revision=grant.revision,
    )
