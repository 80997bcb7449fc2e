"""The reaction to the command that registers an image without a version."""

from collections.abc import Iterator

from catalog.documents import IMAGE, IMAGE_NAME, Claim, name_key
from catalog.domain import image as images
from catalog.references import is_id
from catalog.views import image_view
from contracts.errors import Problem
from contracts.requests import RegisterImage
from contracts.views import ImageView
from runtime.work import Get, Message, Reaction, Ref, Work


def reactions() -> dict[type, Reaction]:
    """The reactions about images alone."""
    return {RegisterImage: Reaction(_keys, _on_register)}


def _keys(message: Message[RegisterImage], _: Get) -> Iterator[Ref]:
    yield IMAGE_NAME(_key(message.body))


def _key(command: RegisterImage) -> str:
    return name_key(command.actor.tenant, command.gallery, command.name)


def _on_register(message: Message[RegisterImage], work: Work) -> ImageView | Problem:
    command = message.body
    if is_id(command.name):
        return Problem(
            code="validation_failed",
            detail="an image's name must not look like an id",
            hint="Choose a name that is not 32 hexadecimal digits.",
            data={"field": "name"},
        )
    id = work.new_id()
    events = images.decide_register(work.get(IMAGE_NAME, _key(command)) is not None, command, id)
    if isinstance(events, Problem):
        return events
    (event,) = events
    work.emit(event)
    image = images.registered(event, command, message.at)
    work.put(IMAGE_NAME, _key(command), Claim(id=id))
    work.put(IMAGE, id, image)
    return image_view(id, image, None)
