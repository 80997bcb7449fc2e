"""Reactions to what an owner does with offers: many images to many members at once, taking them back, pausing them."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from contracts.errors import Problem
from contracts.events.hub import ShareResumed, ShareSuspended
from contracts.requests import Done, OfferImages, PairPage, RevokeOffers, SuspendSharing
from contracts.requests.sharing import MOST_PAIRS
from contracts.views import PairView
from runtime import access
from runtime.work import Get, Message, Reaction, Ref, Work
from sharing import held
from sharing.documents import IMAGE, OFFER, offer_key
from sharing.domain import offering
from sharing.domain.image import Image, encrypted
from sharing.domain.offer import Offer, Standing
from sharing.references import find_image, image_id, image_refs
from sharing.said import OfferEnds, above, say_offer, say_steered
from sharing.scope import objection_to_scope, scope_refs
from sharing.settings import SharingSettings

Pair = Callable[[str, Image, str], Standing | Problem | None]
"""What becomes of one image and one member: the offer that stands then, if any, or why nothing came of it."""


def reactions(settings: SharingSettings) -> dict[type, Reaction]:
    """The reactions of the owner's side."""

    def offer_keys(message: Message[OfferImages], get: Get) -> Iterator[Ref]:
        yield from _pair_keys(message, get)
        yield from scope_refs(settings, message.body.members, _owners(message.body, get), get)

    def on_offer(message: Message[OfferImages], work: Work) -> PairPage | Problem:
        command = message.body
        problem = _objection_to_offer(command, message.at)
        if problem is not None:
            return problem

        def offer(id: str, image: Image, member: str) -> Standing | Problem | None:
            known = work.get(OFFER, offer_key(id, member))
            if (problem := objection_to_scope(settings, work, image.owner, member)) is not None:
                return problem
            if not isinstance(known, Standing) and _suspended(work, id):
                return _resting()
            event = offering.decide_offer(
                id, image, known, member, command.until, command.message, settings.max_members
            )
            return event if isinstance(event, Problem) else say_offer(work, event)

        return _each(command, work, offer)

    def on_revoke(message: Message[RevokeOffers], work: Work) -> PairPage | Problem:
        command = message.body
        problem = _objection_to_size(command) or _objection_to_grace(command, settings)
        if problem is not None:
            return problem
        until = message.at + timedelta(hours=command.grace) if command.grace else None

        def revoke(id: str, image: Image, member: str) -> Standing | Problem | None:
            event = offering.decide_revoke(image, work.get(OFFER, offer_key(id, member)), member, until)
            return event if isinstance(event, Problem) else say_offer(work, event, ending=until is not None)

        return _each(command, work, revoke)

    return {
        OfferImages: Reaction(offer_keys, on_offer),
        RevokeOffers: Reaction(_pair_keys, on_revoke),
        SuspendSharing: Reaction(_suspend_keys, _on_suspend),
        OfferEnds: Reaction(_end_keys, _on_end),
    }


def _pair_keys(message: Message[OfferImages | RevokeOffers], get: Get) -> Iterator[Ref]:
    command = message.body
    if _objection_to_size(command) is not None:
        return
    yield from held.refs(command.members)
    for text in command.images:
        yield from image_refs(command.actor.tenant, text, get)
        if (id := image_id(command.actor.tenant, text, get)) is not None:
            for member in command.members:
                yield OFFER(offer_key(id, member))


def _owners(command: OfferImages, get: Get) -> set[str]:
    """The owners of the images that are offered, as far as documents are loaded."""
    ids = {image_id(command.actor.tenant, text, get) for text in command.images}
    return {image.owner for id in ids if id is not None and (image := get(IMAGE, id)) is not None}


def _each(command: OfferImages | RevokeOffers, work: Work, do: Pair) -> PairPage:
    """What becomes of each pair, in order and named as the owner named it; one that is refused hinders no other."""
    found = []
    for text in dict.fromkeys(command.images):
        named = find_image(work.get, command.actor, text, "share")
        for member in dict.fromkeys(command.members):
            if isinstance(named, Problem):
                found.append(_view(text, member, named))
                continue
            id = named[0]
            image = work.get(IMAGE, id) or named[1]
            found.append(_view(text, member, do(id, above(image, work.floor), member)))
    return PairPage(items=tuple(found))


def _view(image: str, member: str, outcome: Standing | Problem | None) -> PairView:
    if isinstance(outcome, Problem):
        return PairView(image=image, member=member, code=outcome.code, detail=outcome.detail, hint=outcome.hint)
    return PairView(image=image, member=member, state="REVOKED" if outcome is None else outcome.answered)


def _objection_to_offer(command: OfferImages, at: datetime) -> Problem | None:
    if not command.acknowledged:
        return Problem(
            code="acknowledgement_required",
            detail="whoever is offered an image can read all of its disks",
            hint="Look that they hold no secrets (keys, passwords, histories), and say so: acknowledged.",
            data={"field": "acknowledged"},
        )
    if command.until is not None and command.until <= at:
        return Problem(
            code="validation_failed",
            detail="the offers would have ended already",
            hint="Name a time to come, or none.",
            data={"field": "until"},
        )
    return _objection_to_size(command)


def _objection_to_size(command: OfferImages | RevokeOffers) -> Problem | None:
    pairs = len(command.images) * len(command.members)
    if pairs <= MOST_PAIRS:
        return None
    return Problem(
        code="validation_failed",
        detail=f"{pairs} pairs of images and members are more than {MOST_PAIRS}",
        hint="Send them in several batches.",
        data={"field": "members", "limit": MOST_PAIRS},
    )


def _objection_to_grace(command: RevokeOffers, settings: SharingSettings) -> Problem | None:
    if command.grace <= settings.max_grace_hours:
        return None
    return Problem(
        code="validation_failed",
        detail=f"a grace is at most {settings.max_grace_hours:g} hours",
        hint="Give a shorter one, or take the offers back later.",
        data={"field": "grace"},
    )


def _suspended(work: Work, image: str) -> bool:
    known = work.get(access.ACCESS, access.image_key(image))
    return known is not None and known.suspended


def _resting() -> Problem:
    return Problem(
        code="not_shareable",
        detail="sharing of the image is suspended",
        hint="Let it be shared again first.",
    )


def _suspend_keys(message: Message[SuspendSharing], get: Get) -> Iterator[Ref]:
    yield from image_refs(message.body.actor.tenant, message.body.image, get)


def _on_suspend(message: Message[SuspendSharing], work: Work) -> Done | Problem:
    """The owner makes an image private, or shared again; its offers are kept meanwhile (features.md b.4)."""
    command = message.body
    named = find_image(work.get, command.actor, command.image, "share")
    if isinstance(named, Problem):
        return named
    id, image = named
    if image.encrypted and not command.suspended and _suspended(work, id):
        return encrypted()
    if _suspended(work, id) != command.suspended:
        kind = ShareSuspended if command.suspended else ShareResumed
        say_steered(work, kind(image=id, owner=image.owner, revision=above(image, work.floor).revision + 1))
    return Done()


def _end_keys(message: Message[OfferEnds], _: Get) -> Iterator[Ref]:
    yield IMAGE(message.body.image)
    yield OFFER(offer_key(message.body.image, message.body.member))
    yield from held.refs([message.body.member])
    yield access.ACCESS(access.image_key(message.body.image))


def _on_end(message: Message[OfferEnds], work: Work) -> None:
    """An offer whose time is over ends; of an image that is gone nothing is left to end."""
    offer: Offer | None = work.get(OFFER, offer_key(message.body.image, message.body.member))
    image = work.get(IMAGE, message.body.image)
    if not isinstance(offer, Standing) or offer.until is None or offer.until > message.at:
        return
    if image is not None and not image.deleted:
        say_offer(work, offering.ended(above(image, work.floor), offer, "removed" if offer.ending else "expired"))
