"""An image (a definition): REGISTERED without a version, AVAILABLE with one, FAILED when its first import failed."""

from datetime import datetime

import msgspec

from catalog.domain.defining import private_only
from catalog.domain.life import ALIVE, Life
from catalog.domain.number import following, rank
from catalog.domain.states import TransitionError, become
from contracts.definition import DesktopKind, Details, Identifier, ImageClass
from contracts.errors import Problem
from contracts.events import Event
from contracts.events.hub import (
    ImageAvailable,
    ImageChanged,
    ImageFailed,
    ImageRegistered,
    VersionDeployed,
    VersionFailed,
)
from contracts.events.hub import VersionRequested as Requested
from contracts.requests import RegisterImage


class _Image(msgspec.Struct, frozen=True, kw_only=True, tag_field="state"):
    """``highest`` is the highest number whose bytes exist, ``open`` the numbers of imports under way.

    ``versions`` counts those that exist, soft-deleted ones included: an image with any cannot be deleted. ``details``
    and what stands before it were fixed when it was registered, but for what may change (`contracts.definition`).
    """

    gallery: str
    name: str
    tenant: str
    os_type: str
    os_state: str
    generation: str
    architecture: str
    description: str
    created: datetime
    revision: int
    updated: datetime | None = None
    highest: str | None = None
    open: tuple[str, ...] = ()
    versions: int = 0
    identifier: Identifier | None = None
    image_class: ImageClass = "custom"
    desktop_kind: DesktopKind | None = None
    flavour: str | None = None
    tags: dict[str, str] = {}
    details: Details = Details()
    life: Life = ALIVE
    shared: tuple[str, ...] = ()
    """The principals that it is offered to."""
    listed: tuple[str, ...] = ()
    """The principals in whose lists it is, as `catalog.shares` writes them."""


class Registered(_Image, frozen=True, kw_only=True, tag="REGISTERED"):
    """No version is ready yet."""


class Available(_Image, frozen=True, kw_only=True, tag="AVAILABLE"):
    """A version is ready to publish, or more than that."""


class Failed(_Image, frozen=True, kw_only=True, tag="FAILED"):
    """Every import so far failed; another may follow."""


Image = Registered | Available | Failed


def decide_register(taken: bool, command: RegisterImage, id: str) -> list[ImageRegistered] | Problem:
    """Register an image under ``id``, or refuse: ``taken`` says that the gallery has the name already."""
    if taken:
        return Problem(
            code="image_exists",
            detail=f"{command.gallery}/{command.name} exists already",
            hint="Import into the image that is there, or choose another name.",
            data={"gallery": command.gallery, "name": command.name},
        )
    return [
        ImageRegistered(
            image=id,
            gallery=command.gallery,
            name=command.name,
            tenant=command.actor.tenant,
            os_type=command.os_type,
            image_class=command.image_class,
            market=command.details.purchase_plan is not None,
            private_only=private_only(command.details),
            revision=1,
        )
    ]


def said_registered(image: Image, id: str) -> ImageRegistered:
    """That there is an image, as it is now."""
    return ImageRegistered(
        image=id,
        gallery=image.gallery,
        name=image.name,
        tenant=image.tenant,
        os_type=image.os_type,
        image_class=image.image_class,
        market=image.details.purchase_plan is not None,
        private_only=private_only(image.details),
        revision=image.revision,
    )


def registered(event: ImageRegistered, command: RegisterImage, at: datetime) -> Registered:
    """The state after `ImageRegistered`; the command has what the event does not tell everyone."""
    return Registered(
        gallery=event.gallery,
        name=event.name,
        tenant=event.tenant,
        os_type=event.os_type,
        os_state=command.os_state,
        generation=command.generation,
        architecture=command.architecture,
        description=command.description,
        created=at,
        revision=event.revision,
        identifier=command.identifier,
        image_class=command.image_class,
        desktop_kind=command.desktop_kind,
        flavour=command.flavour,
        tags=command.tags,
        details=command.details,
    )


def changed(image: Image, id: str, fields: tuple[str, ...]) -> ImageChanged:
    """What is said when fields of the image change."""
    return ImageChanged(
        image=id,
        tenant=image.tenant,
        fields=fields,
        fixed=not image.details.allow_deletion_of_replicated_locations,
        private_only=private_only(image.details),
        revision=image.revision + 1,
    )


def next_number(image: Image) -> str | None:
    """The number of the next import that names none (None when none is left)."""
    return following((*image.open, *([image.highest] if image.highest is not None else [])))


def decide(image: Image, id: str, event: Event) -> list[Event]:
    """What an event about one of its versions means for the image ``id``."""
    match image, event:
        case Registered() | Failed(), VersionDeployed():
            return [ImageAvailable(image=id, revision=image.revision + 1)]
        case Registered(), VersionFailed(phase="import") if not set(image.open) - {event.number}:
            return [ImageFailed(image=id, revision=image.revision + 1)]
    return []


def evolve(image: Image, event: Event) -> Image:
    """The image after an event about it or about one of its versions."""
    match event:
        case Requested():
            open = (*image.open, event.number)
            if isinstance(image, Failed):
                return become(Registered, image, open=open)
            return msgspec.structs.replace(image, open=open)
        case VersionDeployed():
            highest = max(filter(None, (image.highest, event.number)), key=rank)
            return msgspec.structs.replace(image, highest=highest, open=_without(image, event.number))
        case VersionFailed(phase="import"):
            return msgspec.structs.replace(image, open=_without(image, event.number))
        case ImageAvailable():
            return become(Available, image, revision=event.revision)
        case ImageFailed() if isinstance(image, Registered):
            return become(Failed, image, revision=event.revision)
        case ImageFailed():
            raise TransitionError(image, event)
    return image


def _without(image: Image, number: str) -> tuple[str, ...]:
    return tuple(one for one in image.open if one != number)
