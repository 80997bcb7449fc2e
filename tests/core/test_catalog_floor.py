"""A catalog on an older copy of its database: what it says is newer, to those who listen, than what it said before."""

from typing import Any

import pytest

from contracts.errors import Problem
from contracts.events.hub import PlacementPlanned, VersionDeleted, VersionPublishRequested, VersionUnpublishRequested
from contracts.requests import (
    CreateGallery,
    DeleteImage,
    DeleteVersion,
    DropGallery,
    EditGallery,
    EditVersion,
    SetDeprecation,
    SetEnabled,
    SetProtection,
)
from core.catalog_world import ADA, World, announced, available, planned, refused
from core.replicating import DEADLINE, House, publishing, unpublishing
from replicator.documents import PLACEMENT

FLOOR = 1_700_000_000_000


def words(world: World, since: int) -> list[Any]:
    """What was said about versions and images."""
    return [event for event in world.events()[since:] if type(event).about in {"version", "image"}]


def test_revisions_of_versions_and_images_are_above_the_floor_and_count_up() -> None:
    world = World()
    second = world.deployed(), world.import_()
    world.floor, before = FLOOR, len(world.emitted)
    version = second[1].version
    world.started(version)
    world.prepared(version)
    world.publish(number=second[1].number)
    world.copy(announced(version, 1, publication=FLOOR + 1))
    world.copy(planned(version, "pod-1", publication=FLOOR + 1))
    world.copy(available(version, "pod-1"))
    world.unpublish(number=second[1].number)
    said = [event.revision for event in words(world, before) if hasattr(event, "revision")]
    assert said == list(range(FLOOR + 1, FLOOR + 1 + len(said)))
    assert len(said) == 6


@pytest.mark.parametrize("published", [False, True])
def test_no_number_of_a_publish_is_given_out_again(published: bool) -> None:
    world = World()
    if published:
        world.published()
    else:
        world.deployed()
    world.floor = FLOOR
    world.publish(again=published)
    (last,) = [one for one in world.events() if isinstance(one, VersionPublishRequested)][-1:]
    assert last.publication == FLOOR + 1


def test_what_is_called_off_is_also_the_publish_that_the_older_database_does_not_know() -> None:
    world = World()
    world.published()
    world.floor = FLOOR
    world.unpublish()
    said = world.events()[-1]
    house = House("pod-1")
    house.publish(publication=5)
    house.catalog(unpublishing(said.publication))
    placement = house.placement()
    assert placement.state == "WITHDRAWN"
    assert house.get(PLACEMENT, placement.version) is not None
    again = house.say(publishing(FLOOR + 1, deadline=DEADLINE), "catalog")
    assert any(isinstance(one.event, PlacementPlanned) for one in again), "a later publish is heard"


def test_deleting_a_version_takes_back_the_publish_that_the_older_database_does_not_know() -> None:
    world = World()
    version = world.deployed().version
    delete = DeleteVersion(id=world.command_id(), actor=ADA, image="base", number="1.0.0")
    world.floor, before = FLOOR, len(world.emitted)
    world.ask(delete)
    said = world.events()[before:]
    (called_off,) = [event for event in said if isinstance(event, VersionUnpublishRequested)]
    assert any(isinstance(event, VersionDeleted) for event in said)
    house = House("pod-1")
    house.publish(publication=5)
    house.catalog(unpublishing(called_off.publication))
    assert house.placement().state == "WITHDRAWN"
    assert called_off.version == version


VERSION: dict[str, Any] = {"actor": ADA, "image": "base", "number": "1.0.0"}
IMAGE: dict[str, Any] = {"actor": ADA, "image": "empty"}
GALLERY: dict[str, Any] = {"actor": ADA, "gallery": "lab"}


@pytest.mark.parametrize(
    ("kind", "revision", "given"),
    [
        (EditVersion, 3, VERSION | {"changes": {"hidden": True, "revision": 3}}),
        (DeleteVersion, 3, VERSION),
        (SetEnabled, 3, VERSION | {"enabled": False}),
        (SetProtection, 3, VERSION | {"protected": True}),
        (SetDeprecation, 3, VERSION | {"state": "DEPRECATED"}),
        (SetEnabled, 1, IMAGE | {"enabled": False}),
        (DeleteImage, 1, IMAGE),
        (EditGallery, 1, GALLERY | {"changes": {"description": "mine", "revision": 1}}),
        (DropGallery, 1, GALLERY),
    ],
)
def test_what_was_there_before_can_be_changed_at_the_revision_that_queries_show(
    kind: Any, revision: int, given: dict[str, Any]
) -> None:
    world = World()
    world.deployed()
    world.register("empty")
    world.ask(CreateGallery(id=world.command_id(), actor=ADA, name="lab"))
    world.floor, before = FLOOR, len(world.emitted)
    refused(world.ask(kind(id=world.command_id(), revision=revision - 1, **given)), "revision_mismatch")
    assert len(world.emitted) == before
    reply = world.ask(kind(id=world.command_id(), revision=revision, **given))
    assert not isinstance(reply, Problem), reply
    assert min(event.revision for event in world.events()[before:] if hasattr(event, "revision")) == FLOOR + 1
