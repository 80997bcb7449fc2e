"""Reactions to what the catalog says of images beside what it asks for: where they belong, and that they are gone."""

from collections.abc import Iterator

import msgspec

from contracts.events.hub import ImageDeleted, ImageRegistered, VersionDeleted
from replicator import memberships
from replicator.config import Config
from replicator.documents import DELIVERIES, PLACEMENT, SHELF
from replicator.domain.shelf import Shelf
from runtime import access
from runtime.access import ACCESS
from runtime.work import Get, Message, Ref, Work


def registered_keys(message: Message[ImageRegistered], get: Get) -> Iterator[Ref]:
    """The placements of the image's live versions: there are some when it is told once more."""
    yield SHELF(message.body.image)
    for one in _live(get(SHELF, message.body.image)):
        yield PLACEMENT(one)


def registered(message: Message[ImageRegistered], work: Work, _: Config) -> None:
    """Learn who else may know of versions that were published before a publish told that."""
    words = message.body
    for version in _live(work.get(SHELF, words.image)):
        placement = work.get(PLACEMENT, version)
        if placement is not None and not placement.gallery:
            public = words.image_class == "standard"
            work.put(PLACEMENT, version, msgspec.structs.replace(placement, gallery=words.gallery, public=public))


def _live(shelf: Shelf | None) -> list[str]:
    return [] if shelf is None else [one.version for one in shelf.versions]


def deleted_keys(message: Message[VersionDeleted], _: Get) -> Iterator[Ref]:
    """The placement."""
    yield PLACEMENT(message.body.version)


def deleted(message: Message[VersionDeleted], work: Work, _: Config) -> None:
    """The version is gone from all pods, as they said: to all but its owner it is as what never was."""
    placement = work.get(PLACEMENT, message.body.version)
    if placement is not None and not placement.deleted:
        work.put(PLACEMENT, placement.version, msgspec.structs.replace(placement, deleted=True))


def gone_keys(message: Message[ImageDeleted], get: Get) -> Iterator[Ref]:
    """What is known of whom it is shared with, and what was delivered of it."""
    yield ACCESS(access.image_key(message.body.image))
    yield DELIVERIES(message.body.image)
    yield from memberships.gone_keys(message.body.image, get)


def gone(message: Message[ImageDeleted], work: Work, _: Config) -> None:
    """Nobody has anything of the image any more, and its id comes never again."""
    id = message.body.image
    if work.get(ACCESS, access.image_key(id)) is not None:
        work.put(ACCESS, access.image_key(id), None)
    memberships.gone(work, id)
    if work.get(DELIVERIES, id) is not None:
        work.put(DELIVERIES, id, None)
