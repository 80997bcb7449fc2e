"""Reactions to what sharing says: to whom an image is offered. Retention policies may leave such images alone."""

from collections.abc import Iterator

import msgspec

from catalog.documents import IMAGE
from contracts.events.hub import ShareOffered, ShareRevoked
from runtime.work import Get, Message, Reaction, Ref, Work

ShareEvent = ShareOffered | ShareRevoked


def reactions() -> dict[type, Reaction]:
    """The reactions about offers; a member may use an image whether he has answered or not (features.md b.4)."""
    reaction = Reaction(_keys, _on_share)
    return {ShareOffered: reaction, ShareRevoked: reaction}


def _keys(message: Message[ShareEvent], _: Get) -> Iterator[Ref]:
    yield IMAGE(message.body.image)


def _on_share(message: Message[ShareEvent], work: Work) -> None:
    event = message.body
    image = work.get(IMAGE, event.image)
    work.saga = ""
    if image is None:
        return
    others = {member for member in image.shared if member != event.member}
    now = tuple(sorted(others | {event.member} if isinstance(event, ShareOffered) else others))
    if now != image.shared:
        work.put(IMAGE, event.image, msgspec.structs.replace(image, shared=now))
