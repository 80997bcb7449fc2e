"""Reactions to how tenants answer what is offered to them (features.md b.4), and to where they want it delivered."""

from collections.abc import Iterator

from contracts.errors import Problem
from contracts.events.hub import ShareAccepted, ShareDeliveryRequested, ShareRejected
from contracts.names import format_number, parse_number
from contracts.requests import AnswerOffer, ShareView
from contracts.rights import forbidden
from runtime import access
from runtime.work import Get, Message, Reaction, Ref, Work
from sharing.documents import ANSWER, IMAGE, OFFER, answer_key, offer_key
from sharing.domain.image import Image
from sharing.domain.offer import narrowest
from sharing.references import standing
from sharing.said import above, say_answer
from sharing.settings import SharingSettings
from sharing.views import share_not_found, share_view


def reactions(settings: SharingSettings) -> dict[type, Reaction]:
    """The reactions of the member's side."""

    def on_answer(message: Message[AnswerOffer], work: Work) -> ShareView | Problem:
        return _answer(message.body, work, blocks=settings.reject_blocks_use)

    return {AnswerOffer: Reaction(_keys, on_answer)}


def _keys(message: Message[AnswerOffer], get: Get) -> Iterator[Ref]:
    command = message.body
    id, tenant = command.image, command.actor.tenant
    yield IMAGE(id)
    yield access.ACCESS(access.image_key(id))
    yield ANSWER(answer_key(id, tenant))
    answer = get(ANSWER, answer_key(id, tenant))
    for member in {*narrowest(command.actor.all), *(() if answer is None else answer.to)}:
        yield OFFER(offer_key(id, member))


def _answer(command: AnswerOffer, work: Work, *, blocks: bool) -> ShareView | Problem:
    id, tenant = command.image, command.actor.tenant
    image = work.get(IMAGE, id)
    if image is not None and image.owner == tenant and not image.deleted:
        return Problem(
            code="forbidden",
            detail="only a member can answer an offer",
            hint="As the owner you can offer an image and take the offer back.",
        )
    offers = () if image is None or image.deleted else standing(work.get, command.actor, id)
    state = access.answered(work.get(access.ACCESS, access.image_key(id)), command.actor)
    if image is None or not offers or not state:
        return share_not_found(id)
    if "manage" not in command.actor.rights:
        return forbidden("manage", "tenant")
    if (problem := _objection(command)) is not None:
        return problem
    accept = command.answer == "accept"
    if state != ("ACCEPTED" if accept else "REJECTED"):
        revision = above(image, work.floor).revision + 1
        said = (
            ShareAccepted(image=id, member=tenant, owner=image.owner, revision=revision)
            if accept
            else ShareRejected(image=id, member=tenant, owner=image.owner, blocks=blocks, revision=revision)
        )
        say_answer(work, said, offers)
    job = _deliver(command, image, work) if command.pods else ""
    answer = work.get(ANSWER, answer_key(id, tenant))
    return share_view(id, image, offers, "ACCEPTED" if accept else "REJECTED", answer, job=job)


def _objection(command: AnswerOffer) -> Problem | None:
    if command.pods and command.answer == "reject":
        return _unusable("pods", "what was rejected is not delivered", "Leave the pods out, or accept.")
    if not command.number:
        return None
    if not command.pods:
        return _unusable("number", "a version is named for a delivery only", "Name the pods that it is to go to.")
    if parse_number(command.number) is None:
        return Problem(
            code="version_number_invalid",
            detail=f"{command.number[:40]!r} is not a version number",
            hint="Give three integers as in 1.2.0, or none for the latest version.",
        )
    return None


def _unusable(field: str, detail: str, hint: str) -> Problem:
    return Problem(code="validation_failed", detail=detail, hint=hint, data={"field": field})


def _deliver(command: AnswerOffer, image: Image, work: Work) -> str:
    """Ask for a version on pods of the member's, as a job of its own; the job's id."""
    delivery = work.new_id()
    number = parse_number(command.number)
    work.emit(
        ShareDeliveryRequested(
            delivery=delivery,
            image=command.image,
            number="" if number is None else format_number(number),
            member=command.actor.tenant,
            owner=image.owner,
            actor=command.actor.name,
            pods=tuple(dict.fromkeys(command.pods)),
            principals=command.actor.principals,
        ),
        saga=delivery,
    )
    return delivery
