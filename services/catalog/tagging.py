"""The reaction to the command that sets and removes tags of an image (features.md A11)."""

from collections.abc import Iterator

import msgspec

from catalog import references
from catalog.config import Config
from catalog.documents import DEFINED, IMAGE
from catalog.domain import schema
from catalog.domain.patching import objection_to_revision
from catalog.domain.schema import NOTHING
from catalog.images import change
from catalog.views import image_view
from contracts.errors import Problem
from contracts.requests import EditTags
from contracts.views import ImageView
from runtime.work import Get, Message, Reaction, Ref, Work


def reactions(config: Config) -> dict[type, Reaction]:
    """The reaction to the command about tags."""

    def on_edit(message: Message[EditTags], work: Work) -> ImageView | Problem:
        return _edit(message.body, work, config.settings.most_tags)

    return {EditTags: Reaction(_keys, on_edit)}


def _keys(message: Message[EditTags], get: Get) -> Iterator[Ref]:
    command = message.body
    yield from references.refs(command.actor.tenant, command.image, get)
    id = references.image_id(command.actor.tenant, command.image, get)
    image = None if id is None else get(IMAGE, id)
    if image is not None:
        yield DEFINED(image.tenant)


def _edit(command: EditTags, work: Work, most: int) -> ImageView | Problem:
    found = references.find_to_write(work, command.actor, command.image)
    if isinstance(found, Problem):
        return found
    id, image = found
    both = next((key for key in command.remove if key in command.set), None)
    if both is not None:
        return Problem(
            code="validation_failed",
            detail=f"the tag {both} is to be set and removed",
            hint="Name a tag once.",
            data={"field": "remove"},
        )
    tags = {key: value for key, value in image.tags.items() if key not in command.remove} | command.set
    problem = objection_to_revision(command.revision, image.revision) or schema.objection_to_tags(
        command.set, work.get(DEFINED, image.tenant) or NOTHING
    )
    if problem is None and len(tags) > len(image.tags):
        problem = schema.objection_to_count(len(tags), most)
    if problem is not None:
        return problem
    if tags != image.tags:
        image = change(work, id, msgspec.structs.replace(image, tags=tags), ("tags",))
    return image_view(id, image, None, at=work.message.at)
