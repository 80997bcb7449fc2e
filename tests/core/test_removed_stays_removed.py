"""What was removed or given up stays so when a replicator that lost its database is told anew what is wanted."""

from datetime import timedelta

import pytest
from msgspec import json

from catalog.domain import withdrawing
from catalog.domain.asked import MOST, Asked, after
from catalog.domain.publishing import LARGEST
from contracts.events.hub import VersionPublishRequested, VersionSought
from contracts.names import copy_id
from contracts.terms import Targets, Terms
from core.catalog_world import World, cancelled, planned, removed, retired
from core.driver import START
from core.replicating import DEADLINE, VERSION, House, announcement, finalised
from replicator.documents import ROSTER

PODS = ("pod-1", "pod-2", "pod-3")


def told(world: World, version: str) -> VersionPublishRequested:
    """What the catalog answers to a replicator that seeks the version."""
    world.now += timedelta(hours=1)
    (said,) = world.events(world.say(VersionSought(version=version, pod="pod-1", reason="it lies there"), "replicator"))
    assert isinstance(said, VersionPublishRequested)
    return said


def test_what_left_is_said_with_the_publish_until_it_is_planned_again() -> None:
    world = World()
    version = world.published().version
    world.copy(retired(version, "pod-2"))
    assert (told(world, version).left, told(world, version).cancelled) == (("pod-2",), ())
    world.copy(removed(version, "pod-2"))
    world.copy(planned(version, "pod-3", wanted=3, revision=6))
    world.copy(cancelled(version, "pod-3", revision=7))
    assert (told(world, version).left, told(world, version).cancelled) == (("pod-2",), ("pod-3",))
    world.copy(planned(version, "pod-2", wanted=3, revision=8))
    world.copy(cancelled(version, "pod-3", revision=9, wanted=False))
    assert (told(world, version).left, told(world, version).cancelled) == (("pod-3",), ())


def test_a_publish_again_does_not_forget_what_left_and_a_first_one_does() -> None:
    world = World()
    version = world.published().version
    world.copy(retired(version, "pod-2"))
    world.copy(removed(version, "pod-2"))
    world.publish(again=True)
    assert told(world, version).left == ("pod-2",)
    for pod in ("pod-1", "pod-3"):
        world.copy(planned(version, pod, publication=2, wanted=2, state="AVAILABLE", revision=6))
    world.unpublish()
    for pod in ("pod-1", "pod-3"):
        world.copy(removed(version, pod, revision=9))
    assert world.state(version) == "DEPLOYMENT_DONE"
    world.publish()
    world.copy(planned(version, "pod-1", publication=3, revision=10))
    assert told(world, version).left == ()


def test_what_left_is_bounded_and_never_too_much_for_a_message() -> None:
    asked = Asked(targets=Targets(), replicas=1, terms=Terms(), deadline=START)
    for number in range(MOST + 10):
        asked = after(asked, copy_id("0" * 32, f"a-pod-with-a-name-{number:012}", 0), "ABSENT")
    assert len(asked.left) == MOST
    world = World()
    id = world.published().version
    (event,) = withdrawing.decide_sought(world.version(id), id, asked, START, 60)
    assert isinstance(event, VersionPublishRequested)
    assert len(json.encode(event)) <= LARGEST
    assert event.left[-1] == asked.left[-1]


@pytest.mark.parametrize("again", [False, True])
def test_a_replicator_that_sought_a_version_makes_neither_what_was_removed_nor_what_was_given_up(again: bool) -> None:
    house = House(*PODS)
    late = DEADLINE.replace(year=2000)
    house.publish(left=("pod-2",), cancelled=("pod-3",), deadline=late)
    roster = house.get(ROSTER, VERSION)
    assert roster is not None
    assert (roster.wanted, roster.removed) == ({"pod-1": (0,)}, ("pod-2",))
    house.pod("pod-1", finalised("pod-1"))
    house.pod("pod-3", announcement("boot-2"))
    if again:
        house.publish(publication=2, again=True)
        roster = house.get(ROSTER, VERSION)
        assert roster is not None
        assert sorted(roster.wanted) == ["pod-1", "pod-3"], "what was given up is asked for again, what was removed not"


def test_of_several_copies_on_a_pod_those_stay_that_did_not_leave() -> None:
    house = House(*PODS)
    house.publish(left=("pod-2/1",), replicas=1, terms=Terms(), deadline=DEADLINE.replace(year=2000))
    roster = house.get(ROSTER, VERSION)
    assert roster is not None
    assert (roster.wanted["pod-2"], roster.removed) == ((0,), ())
