"""Staged moves of a marker: rings by pod and label, health gate, halt, resume, cancel (features.md F13)."""

from typing import Any

import pytest

from catalog.domain import rollout as rollouts
from catalog.domain.assignment import Stand
from catalog.domain.rollout import Rollout, ring_of
from contracts.events.hub import AssignmentUpdated, PodEnrolled, RolloutAdvanced
from contracts.requests.lives import Ring
from contracts.views import MarkerView
from core.catalog_world import refused
from core.pools_world import Pools, asked

CANARY = Ring(pods=("pod-1",))
EUROPE = Ring(labels={"region": ("eu", "uk")})
REST = Ring()


@pytest.fixture
def world() -> Pools:
    return Pools()


def staged(world: Pools, **given: Any) -> tuple[str, str, str]:
    """Two versions, an assignment on three pods in sync with the first, and a staged move to the second."""
    world.say(PodEnrolled(pod="pod-2", hypervisor="qemu", labels={"region": "eu"}, revision=2), "replicator")
    (first, second), desks = world.ready(pods=("pod-1", "pod-2", "pod-3"), versions=2)
    view = world.move(number=second.number, **{"rings": (CANARY, EUROPE, REST), **given})
    assert isinstance(view, MarkerView), view
    return first.version, second.version, desks


def wanted(world: Pools, desks: str) -> list[str]:
    """Which pods are to have the version that the marker names."""
    marker = world.marker()
    return [pod for pod, stand in world.assignment(desks).pods.items() if stand.wanted == marker.version]


def steps(world: Pools) -> list[tuple[int, str]]:
    return [(event.ring, event.state) for event in world.events() if isinstance(event, RolloutAdvanced)]


def test_f13_rings_follow_one_after_the_other_when_the_one_before_is_in_sync(world: Pools) -> None:
    _, second, desks = staged(world)
    assert (wanted(world, desks), steps(world)) == (["pod-1"], [(0, "RUNNING")])
    assert world.marker().version == second, "the marker names it at once"
    world.report(desks, "pod-1", "UPDATING")
    assert wanted(world, desks) == ["pod-1"]
    world.report(desks, "pod-1")
    assert wanted(world, desks) == ["pod-1", "pod-2"]
    world.report(desks, "pod-2")
    assert wanted(world, desks) == ["pod-1", "pod-2", "pod-3"]
    world.report(desks, "pod-3")
    assert steps(world) == [(0, "RUNNING"), (1, "RUNNING"), (2, "RUNNING"), (2, "DONE")]
    assert world.marker().rollout is not None
    assert [event.cause for event in world.events() if isinstance(event, AssignmentUpdated)] == ["marker"]


def test_f13_rings_without_pools_are_passed_over(world: Pools) -> None:
    _, _, desks = staged(world, rings=(Ring(pods=("pod-9",)), CANARY, Ring(pods=("pod-8",)), REST))
    assert wanted(world, desks) == ["pod-1"]
    world.report(desks, "pod-1")
    assert wanted(world, desks) == ["pod-1", "pod-2", "pod-3"]


def test_f13_a_marker_without_pools_is_through_at_once(world: Pools) -> None:
    world.published()
    second = world.published()
    world.move()
    world.move(number=second.number, rings=(CANARY, REST))
    assert steps(world)[-1] == (1, "DONE")


def test_f13_it_halts_by_itself_when_more_pools_fail_than_may(world: Pools) -> None:
    first, second, desks = staged(world)
    world.report(desks, "pod-1", "UPDATE_FAILED")
    assert steps(world)[-1] == (0, "HALTED")
    rollout = world.marker().rollout
    assert rollout is not None
    assert rollout.failure is not None
    assert rollout.failed == 1
    world.report(desks, "pod-1")
    assert world.pool(desks, "pod-1").state == "ROLLED_BACK"
    assert wanted(world, desks) == ["pod-1"], "the others keep what they have"
    assert world.pool(desks, "pod-1").version == first
    before = len(world.emitted)
    world.steer("resume")
    (again,) = asked(world.emitted[before:])
    assert (again.pod, again.wanted.version) == ("pod-1", second)
    world.report(desks, "pod-1")
    assert wanted(world, desks) == ["pod-1", "pod-2"]


def test_f13_it_halts_again_when_the_same_pool_fails_again(world: Pools) -> None:
    _, _, desks = staged(world)
    world.report(desks, "pod-1", "UPDATE_FAILED")
    world.steer("resume")
    world.report(desks, "pod-1", "UPDATE_FAILED")
    assert steps(world)[-1] == (0, "HALTED")


def test_f13_failures_within_what_is_allowed_do_not_stop_it(world: Pools) -> None:
    _, _, desks = staged(world, failures=1)
    world.report(desks, "pod-1", "UPDATE_FAILED")
    assert wanted(world, desks) == ["pod-1"], "its way back is awaited"
    world.report(desks, "pod-1")
    assert wanted(world, desks) == ["pod-1", "pod-2"]
    world.report(desks, "pod-2", "UPDATE_FAILED")
    assert steps(world)[-1] == (1, "HALTED")


def test_f13_a_staged_move_is_halted_resumed_and_cancelled(world: Pools) -> None:
    _, second, desks = staged(world)
    assert world.steer("halt").rollout.state == "HALTED"
    world.report(desks, "pod-1")
    assert wanted(world, desks) == ["pod-1"]
    world.steer("resume")
    assert wanted(world, desks) == ["pod-1", "pod-2"]
    view = world.steer("cancel")
    assert (view.rollout.state, view.version) == ("CANCELLED", second)
    world.report(desks, "pod-2")
    assert wanted(world, desks) == ["pod-1", "pod-2"], "it ended where it stood"
    refused(world.steer("resume"), "rollout_not_found")
    world.move(number="1.1.0")
    assert wanted(world, desks) == ["pod-1", "pod-2", "pod-3"], "moving it again takes the others along"
    assert world.roll_back().number == "1.0.0"


def test_f13_one_staged_move_at_a_time(world: Pools) -> None:
    staged(world)
    third = world.published(pods=("pod-1", "pod-2", "pod-3"))
    refused(world.move(number=third.number), "rollout_running")
    refused(world.steer("halt", "nothing"), "marker_not_found")
    world.steer("cancel")
    assert isinstance(world.move(number=third.number), MarkerView)


def test_f12_a_rollback_ends_a_staged_move_and_takes_all_back(world: Pools) -> None:
    first, second, desks = staged(world)
    world.report(desks, "pod-1")
    before = len(world.emitted)
    view = world.roll_back()
    assert (view.version, view.rollout) == (first, None)
    assert steps(world)[-1] == (1, "CANCELLED")
    assert sorted(one.pod for one in asked(world.emitted[before:])) == ["pod-1", "pod-2"]
    assert wanted(world, desks) == ["pod-1", "pod-2", "pod-3"]
    assert world.uses(second).by.keys() == {f"{desks}/pod-1", f"{desks}/pod-2"}


def test_f13_users_are_waited_for_or_not_as_the_move_says(world: Pools) -> None:
    (_, second), _ = world.ready(versions=2)
    before = len(world.emitted)
    world.move(number=second.number, logoff="force")
    assert {one.wanted.logoff for one in asked(world.emitted[before:])} == {"force"}


def test_f13_an_assignment_that_is_deleted_holds_no_ring_up(world: Pools) -> None:
    _, _, desks = staged(world)
    world.assign("more", pods=("pod-3",))
    world.drop()
    world.pass_time(0)
    assert [event.state for event in world.events() if isinstance(event, RolloutAdvanced)][-1] == "RUNNING"
    more = next(id for id in world.marker().bound if id != desks)
    world.synced(more)
    assert steps(world)[-1] == (2, "DONE")


@pytest.mark.parametrize(
    ("pod", "labels", "ring"),
    [
        ("pod-1", {}, 0),
        ("pod-1", {"region": "eu"}, 0),
        ("pod-2", {"region": "uk"}, 1),
        ("pod-2", {"region": "us"}, 2),
        ("pod-2", {}, 2),
    ],
)
def test_f13_the_ring_of_a_pod(pod: str, labels: dict[str, str], ring: int) -> None:
    assert ring_of((CANARY, EUROPE, REST), pod, labels) == ring


def test_f13_a_ring_with_several_labels_means_pods_with_all_of_them() -> None:
    rings = (Ring(labels={"region": ("eu",), "tier": ("canary",)}), REST)
    assert ring_of(rings, "p", {"region": "eu", "tier": "canary"}) == 0
    assert ring_of(rings, "p", {"region": "eu"}) == 1


def test_f13_a_halted_move_stays_as_it_is() -> None:
    rollout = Rollout(version="v", number="1.0.0", rings=(REST,), state="HALTED")
    stand = Stand(state="IN_SYNC", version="v", wanted="v", open=False)
    assert rollouts.advanced(rollout, [(0, stand)]) is rollout
