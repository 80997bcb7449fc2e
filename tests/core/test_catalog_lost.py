"""A copy that was AVAILABLE and is lost: the version follows it down and up again, the job that made it does not."""

import itertools

import pytest

from catalog.domain import copies
from catalog.domain.publication import Publication, recount
from contracts.events.hub import Targets
from core.catalog_world import World, available, copying, delayed, failed, lost, planned, removed


def shown(world: World, version: str) -> tuple[str, int, int]:
    """State, wanted and available copies of a version."""
    found = world.version(version)
    counts = found.publication.counts
    assert counts.wanted == counts.available + counts.failed + counts.skipped
    return world.state(version), counts.wanted, counts.available


def test_a_lost_copy_lowers_the_version_and_its_repair_raises_it_again() -> None:
    world = World()
    accepted = world.published()
    job = world.version(accepted.version).job
    assert world.said(world.copy(lost(accepted.version, "pod-2"))) == ["version.partially_available"]
    assert shown(world, accepted.version) == ("PARTIALLY_AVAILABLE", 3, 2)
    assert world.said(world.copy(copying(accepted.version, "pod-2", revision=5))) == []
    assert world.said(world.copy(delayed(accepted.version, "pod-2", revision=6))) == []
    assert shown(world, accepted.version) == ("PARTIALLY_AVAILABLE", 3, 2)
    assert world.said(world.copy(available(accepted.version, "pod-2", revision=7))) == ["version.available"]
    assert shown(world, accepted.version) == ("AVAILABLE", 3, 3)
    assert world.version(accepted.version).usable
    assert world.job_state(job) == "SUCCESS"


def test_the_job_of_a_finished_publish_is_not_reopened_by_a_loss() -> None:
    world = World()
    accepted = world.published()
    job = world.version(accepted.version).job
    before = world.job(job)
    for pod in ("pod-1", "pod-2", "pod-3"):
        world.copy(lost(accepted.version, pod))
        assert world.job(job) == before
    assert shown(world, accepted.version) == ("FAILED", 3, 0)
    assert not world.version(accepted.version).usable
    world.copy(available(accepted.version, "pod-2", revision=6))
    assert shown(world, accepted.version) == ("PARTIALLY_AVAILABLE", 3, 1)
    assert world.job(job) == before


def test_a_partial_job_still_follows_its_version_up() -> None:
    world = World()
    accepted = world.deployed()
    job = world.publish(targets=Targets(kind="list", pods=("pod-1", "pod-2"))).job
    for pod in ("pod-1", "pod-2"):
        world.copy(planned(accepted.version, pod, wanted=2))
    world.copy(available(accepted.version, "pod-1"))
    world.copy(failed(accepted.version, "pod-2"))
    assert world.job_state(job) == "PARTIAL"
    world.copy(lost(accepted.version, "pod-1"))
    assert (world.job_state(job), world.job(job).copies.available) == ("PARTIAL", 1)
    world.copy(available(accepted.version, "pod-2", revision=4))
    world.copy(available(accepted.version, "pod-1", revision=6))
    assert (world.job_state(job), world.state(accepted.version)) == ("SUCCESS", "AVAILABLE")


def test_a_repair_that_fails_leaves_the_version_where_it_was() -> None:
    world = World()
    accepted = world.published()
    world.copy(lost(accepted.version, "pod-2"))
    world.copy(copying(accepted.version, "pod-2", revision=5))
    assert world.said(world.copy(failed(accepted.version, "pod-2", revision=6))) == []
    assert shown(world, accepted.version) == ("PARTIALLY_AVAILABLE", 3, 2)


def test_a_loss_while_others_are_still_copied_is_waited_for() -> None:
    world = World()
    accepted = world.deployed()
    job = world.publish(targets=Targets(kind="list", pods=("pod-1", "pod-2"))).job
    for pod in ("pod-1", "pod-2"):
        world.copy(planned(accepted.version, pod, wanted=2))
    world.copy(available(accepted.version, "pod-1"))
    world.copy(lost(accepted.version, "pod-1"))
    world.copy(available(accepted.version, "pod-2"))
    assert (world.state(accepted.version), world.job_state(job)) == ("REPLICATING", "PROCESSING")
    world.copy(available(accepted.version, "pod-1", revision=6))
    assert (world.state(accepted.version), world.job_state(job)) == ("AVAILABLE", "SUCCESS")


def test_a_copy_of_an_earlier_publish_that_is_lost_is_missed_too() -> None:
    world = World()
    accepted = world.published(pods=("pod-1", "pod-2"))
    world.publish(number=accepted.number, again=True, targets=Targets(kind="list", pods=("pod-3",)))
    world.copy(planned(accepted.version, "pod-3", publication=2))
    world.copy(available(accepted.version, "pod-3"))
    assert shown(world, accepted.version) == ("AVAILABLE", 3, 3)
    world.copy(lost(accepted.version, "pod-1"))
    assert shown(world, accepted.version) == ("PARTIALLY_AVAILABLE", 3, 2)
    world.publish(number=accepted.number, again=True, targets=Targets(kind="list", pods=("pod-2",)))
    world.copy(planned(accepted.version, "pod-2", publication=3, state="AVAILABLE", revision=4))
    assert shown(world, accepted.version) == ("PARTIALLY_AVAILABLE", 3, 2), "still missed by the publish after that"
    world.copy(available(accepted.version, "pod-1", revision=7))
    assert shown(world, accepted.version) == ("AVAILABLE", 3, 3)


def test_a_lost_copy_that_the_next_publish_wants_counts_there_alone() -> None:
    world = World()
    accepted = world.published(pods=("pod-1", "pod-2"))
    world.copy(lost(accepted.version, "pod-1"))
    job = world.publish(number=accepted.number, again=True, targets=Targets(kind="list", pods=("pod-1", "pod-2"))).job
    world.copy(planned(accepted.version, "pod-1", wanted=2, publication=2, revision=5))
    world.copy(planned(accepted.version, "pod-2", wanted=2, publication=2, state="AVAILABLE", revision=4))
    world.copy(failed(accepted.version, "pod-1", revision=6))
    assert shown(world, accepted.version) == ("PARTIALLY_AVAILABLE", 2, 1)
    assert world.job_state(job) == "PARTIAL"
    world.publish(number=accepted.number, again=True, targets=Targets(kind="list", pods=("pod-2",)))
    world.copy(planned(accepted.version, "pod-2", publication=3, state="AVAILABLE", revision=5))
    assert shown(world, accepted.version) == ("PARTIALLY_AVAILABLE", 2, 1), "it is still wanted"
    world.copy(removed(accepted.version, "pod-1", revision=7))
    assert shown(world, accepted.version) == ("AVAILABLE", 1, 1), "until its target is removed"


HISTORIES = {
    "repaired": (
        planned("v", "pod-1"), available("v", "pod-1"), lost("v", "pod-1"), copying("v", "pod-1", revision=5),
        available("v", "pod-1", revision=6),
    ),
    "given up": (
        planned("v", "pod-1"), available("v", "pod-1"), lost("v", "pod-1"), copying("v", "pod-1", revision=5),
        failed("v", "pod-1", revision=6),
    ),
    "wanted again": (
        planned("v", "pod-1"), available("v", "pod-1"), lost("v", "pod-1"),
        planned("v", "pod-1", publication=2, revision=5), failed("v", "pod-1", revision=6),
    ),
}  # fmt: skip


@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize("history", HISTORIES.values(), ids=HISTORIES)
def test_the_sums_are_the_same_in_whatever_order_the_words_come(
    history: tuple[copies.CopyEvent, ...], number: int
) -> None:
    def sums(events: tuple[copies.CopyEvent, ...]) -> Publication:
        publication, copy = Publication(number=number), None
        for event in events:
            after = copies.evolve(copy, event)
            publication = recount(publication, copy, after, 0)
            copy = after
        return publication

    expected = sums(history)
    for order in itertools.permutations(history):
        assert sums(order) == expected
