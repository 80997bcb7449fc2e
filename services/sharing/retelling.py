"""Saying offers and answers of before once more: whoever listens kept less of them then, and takes them from here."""

from collections.abc import Iterator

from contracts.events.hub import ShareAccepted, ShareRejected
from runtime import access
from runtime.work import Get, Local, Message, Reaction, Ref, Work
from sharing.documents import ANSWER, IMAGE, OFFER, answer_key, offer_key
from sharing.domain import offering
from sharing.domain.offer import Standing
from sharing.said import above, say_answer, say_offer


class Retold(Local, frozen=True, kw_only=True, tag="image.retold"):
    """The offers and answers of an image that were kept by an earlier version are to be said again."""

    image: str
    members: tuple[str, ...]


def reactions() -> dict[type, Reaction]:
    """The reaction to what the migration left to be done."""
    return {Retold: Reaction(_keys, _on_retold)}


def _keys(message: Message[Retold], _: Get) -> Iterator[Ref]:
    id = message.body.image
    yield IMAGE(id)
    yield access.ACCESS(access.image_key(id))
    for member in message.body.members:
        yield OFFER(offer_key(id, member))
        yield ANSWER(answer_key(id, member))


def _on_retold(message: Message[Retold], work: Work) -> None:
    """Offers of before were to tenants, and each had its answer in its own row: listeners take them from here."""
    id = message.body.image
    image = work.get(IMAGE, id)
    if image is None or image.deleted:
        return
    for member in message.body.members:
        offer, answer = work.get(OFFER, offer_key(id, member)), work.get(ANSWER, answer_key(id, member))
        if not isinstance(offer, Standing):
            continue
        now = above(work.get(IMAGE, id) or image, work.floor)
        told = say_offer(work, offering.said(now, offer, offer.until, offer.message))
        if answer is None or told is None:
            continue
        kind = ShareAccepted if answer.accepted else ShareRejected
        say_answer(work, kind(image=id, member=member, owner=image.owner, revision=now.revision + 2), (told,))
