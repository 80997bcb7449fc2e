"""Saying what was decided about an image, and keeping it: the offer's own row, and the model that rights are read from.

Everything that is said about who an image is shared with has a revision of that image, above any before.
"""

from collections.abc import Iterator

import msgspec

from contracts.events.hub import (
    GalleryShared,
    RolesGranted,
    ShareAccepted,
    ShareOffered,
    ShareRejected,
    ShareResumed,
    ShareRevoked,
    ShareSuspended,
)
from runtime import access
from runtime.work import Local, Ref, Work
from sharing import held
from sharing.documents import ANSWER, IMAGE, OFFER, answer_key, offer_key
from sharing.domain import offering
from sharing.domain.answer import Answer, counted, counts_for
from sharing.domain.image import Image
from sharing.domain.offer import Standing

OfferEvent = ShareOffered | ShareRevoked
ImageEvent = OfferEvent | ShareAccepted | ShareRejected | ShareSuspended | ShareResumed


class OfferEnds(Local, frozen=True, kw_only=True, tag="offer.ends"):
    """The end of an offer has come."""

    image: str
    member: str


def above(image: Image, floor: int) -> Image:
    """``image``, with what is said of it next above ``floor`` (`runtime.work.Work.floor`)."""
    return image if image.revision >= floor else msgspec.structs.replace(image, revision=floor)


def offer_refs(image: str, member: str) -> Iterator[Ref]:
    """The documents, beside the image's, that a word about an offer reads."""
    yield OFFER(offer_key(image, member))


def say_offer(work: Work, event: OfferEvent, *, ending: bool = False) -> Standing | None:
    """Say that an offer was made, has another end, or is over, and keep it; what stands of it then."""
    key = offer_key(event.image, event.member)
    before = work.get(OFFER, key)
    after = offering.evolve(before, event, work.message.at, ending=ending)
    work.put(OFFER, key, after)
    change = isinstance(after, Standing) - isinstance(before, Standing)
    held.count(work, event.member, change)
    _say(work, event, change)
    standing = after if isinstance(after, Standing) else None
    until = None if standing is None else standing.until
    name = f"offer/{event.image}/{event.member}"
    if until is not None:
        work.remind(name, until, OfferEnds(image=event.image, member=event.member), saga="")
    elif isinstance(before, Standing) and before.until is not None:
        work.forget(name)
    return standing


def say_answer(work: Work, event: ShareAccepted | ShareRejected, offers: tuple[Standing, ...]) -> Answer:
    """Say how a tenant answered ``offers``, all that hold for it, and keep it: each of them counts the answer."""
    key, accepted = answer_key(event.image, event.member), isinstance(event, ShareAccepted)
    before = work.get(ANSWER, key)
    for member in () if before is None else before.to:
        offer = work.get(OFFER, offer_key(event.image, member))
        if before is not None and isinstance(offer, Standing) and counts_for(before, offer):
            work.put(OFFER, offer_key(event.image, member), counted(offer, before.accepted, -1))
    for member in [offer.member for offer in offers]:
        offer = work.get(OFFER, offer_key(event.image, member))
        if isinstance(offer, Standing):
            work.put(OFFER, offer_key(event.image, member), counted(offer, accepted, 1))
    answer = Answer(
        image=event.image,
        tenant=event.member,
        accepted=accepted,
        to={offer.member: offer.since for offer in offers},
        updated=work.message.at,
        revision=event.revision,
    )
    work.put(ANSWER, key, answer)
    _say(work, event)
    return answer


def say_steered(work: Work, event: ShareSuspended | ShareResumed) -> None:
    """Say that the offers of an image rest, or hold again."""
    _say(work, event)


def say_opened(work: Work, event: GalleryShared | RolesGranted) -> None:
    """Say how a gallery is shared, or what somebody was granted."""
    work.emit(event, saga="")
    access.follow(work, event)


def _say(work: Work, event: ImageEvent, members: int = 0) -> None:
    work.emit(event, saga="")
    access.follow(work, event)
    image = work.get(IMAGE, event.image)
    if image is not None:
        image = msgspec.structs.replace(image, revision=event.revision, members=image.members + members)
        work.put(IMAGE, event.image, image)
