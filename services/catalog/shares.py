"""Reactions to what sharing says: who may do what with an image or in a gallery, and in whose lists an image is.

The decisions are `runtime.access`; what an image itself keeps of it is what retention policies and lists go by.
"""

from collections.abc import Iterator

import msgspec

from catalog import rollouts
from catalog.documents import IMAGE, MARKERS
from contracts.events.hub import GalleryShared, RolesGranted, ShareAccepted, ShareOffered, ShareResumed
from runtime import access
from runtime.access import ACCESS, Access, ShareEvent
from runtime.work import Get, Message, Reaction, Ref, Work

ACCEPTED, GRANTED = "+", "@"
"""What stands before a principal in whose lists an image is: it accepted the image, or has a role on it."""
OPENING = (ShareOffered, ShareAccepted, ShareResumed)
"""After these somebody may use the image who could not before."""


def reactions() -> dict[type, Reaction]:
    """The reactions to offers, answers, grants, and to how galleries are shared."""
    return dict.fromkeys(access.EVENTS, Reaction(_keys, _on_share))


def _keys(message: Message[ShareEvent], get: Get) -> Iterator[Ref]:
    yield from access.keys(message, get)
    if (image := _image(message.body)) is not None:
        yield IMAGE(image)
        if isinstance(message.body, OPENING):
            yield MARKERS(image)


def _image(event: ShareEvent) -> str | None:
    """The image that a word of sharing is about; None where it is about a gallery."""
    match event:
        case GalleryShared() | RolesGranted(scope="gallery"):
            return None
        case RolesGranted(scope="image"):
            return event.target
    return event.image


def _on_share(message: Message[ShareEvent], work: Work) -> None:
    event = message.body
    work.saga = ""
    id = _image(event)
    if id is None:
        access.follow(work, event)
        return
    image = work.get(IMAGE, id)
    if image is None or not access.follow(work, event):  # of what is deleted nothing is kept
        return
    known = work.get(ACCESS, access.image_key(id)) or Access()
    shared, listed = offered_to(known), listed_by(known)
    if (shared, listed) != (image.shared, image.listed):
        work.put(IMAGE, id, msgspec.structs.replace(image, shared=shared, listed=listed))
    if isinstance(event, OPENING) and (markers := work.get(MARKERS, id)) is not None:
        for marker in markers.by.values():  # assignments that were left behind meanwhile
            rollouts.have_followed(work, marker.bound, "marker")


def offered_to(known: Access) -> tuple[str, ...]:
    """Everybody to whom the image is offered at present."""
    offers = {} if known.suspended else known.offers
    return tuple(sorted(one for one, offer in offers.items() if not offer.ended))


def listed_by(known: Access) -> tuple[str, ...]:
    """In whose lists the image is. Whether a tenant still is what the image was offered to is seen when it asks."""
    answers = known.answers if offered_to(known) else {}
    accepted = [ACCEPTED + tenant for tenant, answer in answers.items() if answer.state == "ACCEPTED"]
    granted = [GRANTED + one for one, roles in known.grants.items() if roles.roles]
    return tuple(sorted((*accepted, *granted)))
