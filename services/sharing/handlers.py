"""Everything that sharing reacts to: what the catalog says of images, and the commands of owners and members."""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from contracts.errors import Problem
from contracts.events.hub import (
    ImageDeleted,
    ImageRegistered,
    ShareOffered,
    ShareRevoked,
    VersionAvailable,
    VersionDeployed,
    VersionPartiallyAvailable,
)
from contracts.requests import AnswerOffer, Done
from runtime.work import Get, Message, Reaction, Ref, Work
from sharing.documents import IMAGE, MEMBER, member_key
from sharing.domain import offering
from sharing.domain.image import Image
from sharing.domain.member import ShareEvent, evolve
from sharing.settings import SharingSettings


def reactions(settings: SharingSettings) -> dict[type, Reaction]:
    """Type of message -> reaction."""

    known = Reaction(_image_keys, _on_image)
    return {
        ImageDeleted: Reaction(_image_keys, _on_deleted),
        ImageRegistered: known,
        VersionDeployed: known,
        VersionAvailable: known,
        VersionPartiallyAvailable: known,
        AnswerOffer: Reaction(_command_keys, _on_answer),
    }


def _image_keys(message: Message[Any], _: Get) -> Iterator[Ref]:
    yield IMAGE(message.body.image)


def _on_image(
    message: Message[ImageRegistered | VersionDeployed | VersionAvailable | VersionPartiallyAvailable], work: Work
) -> None:
    """Each of these events names the owner, so they may come in any order."""
    event = message.body
    ready = not isinstance(event, ImageRegistered)
    before = work.get(IMAGE, event.image)
    if before is None:
        work.put(IMAGE, event.image, Image(owner=event.tenant, ready=ready))
    elif ready and not before.ready:
        work.put(IMAGE, event.image, msgspec.structs.replace(before, ready=True))


def _on_deleted(message: Message[ImageDeleted], work: Work) -> None:
    event = message.body
    before = work.get(IMAGE, event.image) or Image(owner=event.tenant)
    work.put(IMAGE, event.image, msgspec.structs.replace(before, deleted=True))


def _command_keys(message: Message[AnswerOffer], _: Get) -> Iterator[Ref]:
    command = message.body
    yield IMAGE(command.image)
    yield MEMBER(member_key(command.image, command.actor.tenant))


def _on_answer(message: Message[AnswerOffer], work: Work) -> Done | Problem:
    command = message.body
    own = work.get(MEMBER, member_key(command.image, command.actor.tenant))
    return _done(offering.decide_answer(work.get(IMAGE, command.image), own, command), work)


def _done(decided: Iterable[ShareEvent] | Problem, work: Work) -> Done | Problem:
    """Say what was decided and keep it, or pass the refusal on."""
    if isinstance(decided, Problem):
        return decided
    for event in decided:
        work.emit(event)
        work.put(MEMBER, member_key(event.image, event.member), evolve(event, work.message.at))
        image = work.get(IMAGE, event.image)
        change = isinstance(event, ShareOffered) - isinstance(event, ShareRevoked)
        if image is not None and change:
            work.put(IMAGE, event.image, msgspec.structs.replace(image, members=image.members + change))
    return Done()
