"""Giving up and taking back: cancel, unpublish, roll-back, and a replicator that has forgotten a version."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from catalog.documents import ASKED, NUMBER, number_key
from catalog.domain import withdrawing
from contracts.errors import Failure, Problem
from contracts.events.hub import (
    PlacementRefused,
    PlacementRolledBack,
    PodDisconnected,
    Targets,
    VersionSought,
)
from contracts.terms import Terms
from core.catalog_world import (
    BROKEN,
    EVE,
    SETTINGS,
    World,
    announced,
    available,
    cancelled,
    copying,
    failed,
    lost,
    planned,
    refused,
    removed,
    retired,
)
from core.driver import START
from core.test_catalog_publish import STATES

PODS = ("pod-1", "pod-2", "pod-3")


def replicating(**given: Any) -> tuple[World, str, str]:
    """A world with a version that is published to three pods, one copy AVAILABLE, two on their way; and its job."""
    world = World()
    version = world.deployed().version
    job = world.publish(**given).job
    world.copy(announced(version, 3))
    for pod in PODS:
        world.copy(planned(version, pod, wanted=3))
        world.copy(copying(version, pod))
    world.copy(available(version, "pod-1"))
    return world, version, job


def test_a_cancel_waits_for_the_copies_to_be_given_up_and_keeps_what_is_available() -> None:
    world, version, job = replicating()
    assert world.cancel().job == job
    assert world.said(world.emitted[-1:]) == ["version.cancel_requested"]
    assert world.emitted[-1].saga == job
    assert (world.state(version), world.job_state(job)) == ("CANCELLING", "CANCELLING")
    assert world.copy(cancelled(version, "pod-2")) == []
    said = world.copy(cancelled(version, "pod-3"))
    assert world.said(said) == ["version.partially_available"]
    event: Any = said[0].event
    assert (event.available, event.failed, event.cancelled) == (1, 0, 2)
    assert (world.state(version), world.job_state(job)) == ("PARTIALLY_AVAILABLE", "CANCELLED")
    assert (world.job(job).copies.available, world.job(job).copies.cancelled) == (1, 2)
    assert world.under_way == {}


def test_a_cancel_before_any_copy_is_available_makes_the_version_ready_to_publish_again() -> None:
    world = World()
    version = world.deployed().version
    job = world.publish().job
    world.cancel()
    world.copy(announced(version, 1))
    world.copy(planned(version, "pod-1"))
    said = world.copy(cancelled(version, "pod-1"))
    assert [(world.said(said), said[0].event.reason)] == [(["version.withdrawn"], "cancelled")]  # type: ignore[attr-defined]
    assert (world.state(version), world.job_state(job)) == ("DEPLOYMENT_DONE", "CANCELLED")
    assert not world.version(version).usable
    world.publish()
    assert world.events()[-1].publication == 2
    world.copy(planned(version, "pod-2", publication=2))
    assert world.said(world.copy(available(version, "pod-2"))) == ["version.available"], "nothing is held against it"


def test_a_cancel_that_comes_too_late_changes_nothing_in_the_outcome() -> None:
    world, version, job = replicating()
    world.cancel()
    for pod in ("pod-2", "pod-3"):
        world.copy(available(version, pod))
    assert (world.state(version), world.job_state(job)) == ("AVAILABLE", "SUCCESS")


def test_a_cancel_does_not_wait_for_a_repair() -> None:
    world, version, job = replicating()
    world.copy(lost(version, "pod-1", revision=4))
    world.copy(copying(version, "pod-1", revision=5))
    world.cancel()
    world.copy(cancelled(version, "pod-2"))
    world.copy(cancelled(version, "pod-3"))
    assert (world.state(version), world.job_state(job)) == ("DEPLOYMENT_DONE", "CANCELLED")
    world.copy(available(version, "pod-1", revision=6))
    assert (world.state(version), world.job_state(job)) == ("PARTIALLY_AVAILABLE", "CANCELLED")


def test_a_cancel_ends_without_the_replicators_word_when_its_time_is_over() -> None:
    world, version, job = replicating()
    world.cancel()
    world.pass_time(SETTINGS.cancel_deadline - 1)
    assert world.state(version) == "CANCELLING"
    world.pass_time(2)
    assert (world.state(version), world.job_state(job)) == ("PARTIALLY_AVAILABLE", "CANCELLED")
    assert world.job(job).copies.failed == 2
    world.copy(cancelled(version, "pod-2"))
    assert world.said(world.copy(cancelled(version, "pod-3"))) == ["version.partially_available"], "the counts changed"
    assert world.version(version).publication.counts.cancelled == 2


def test_a_publish_that_was_refused_while_it_was_cancelled_is_cancelled() -> None:
    world = World()
    version = world.deployed().version
    job = world.publish().job
    world.cancel()
    world.copy(PlacementRefused(version=version, publication=1, failure=BROKEN))
    assert (world.state(version), world.job_state(job)) == ("DEPLOYMENT_DONE", "CANCELLED")


@pytest.mark.parametrize("state", STATES)
def test_what_is_under_way_can_be_cancelled_and_nothing_else(state: str) -> None:
    world, id = STATES[state]
    version = world.version(id)
    decided = withdrawing.decide_cancel(version, id)
    expected = {
        "PENDING": ["version.failed", "source.discarded"],
        "DEPLOYING_VM": ["version.failed", "source.discarded"],
        "PUBLISHING": ["version.cancel_requested"],
        "REPLICATING": ["version.cancel_requested"],
    }
    if state in expected:
        assert isinstance(decided, list)
        assert [type(event).words() for event in decided] == expected[state]
    else:
        refused(decided, "not_cancellable")


@pytest.mark.parametrize("state", STATES)
def test_what_was_published_can_be_unpublished_and_nothing_else(state: str) -> None:
    world, id = STATES[state]
    decided = withdrawing.decide_unpublish(world.version(id), id)
    if state in ("PUBLISHING", "REPLICATING", "AVAILABLE", "PARTIALLY_AVAILABLE", "FAILED by publish"):
        assert not isinstance(decided, Problem)
        assert [type(event).words() for event in decided] == ["version.unpublish_requested"]
    else:
        refused(decided, "version_not_ready")


def test_to_cancel_or_unpublish_twice_is_answered_with_what_is_under_way() -> None:
    world, _, job = replicating()
    world.cancel()
    count = len(world.emitted)
    assert world.cancel().job == job
    assert len(world.emitted) == count
    unpublished = world.unpublish().job
    count = len(world.emitted)
    assert world.unpublish().job == unpublished
    assert len(world.emitted) == count
    refused(world.cancel(), "not_cancellable")
    refused(world.publish(), "version_not_ready")


@pytest.mark.parametrize("ask", ["cancel", "unpublish"])
def test_another_tenants_version_is_not_there(ask: str) -> None:
    world, _, _ = replicating()
    refused(getattr(world, ask)(world.version(replicating()[1]).image, actor=EVE), "image_not_found")
    refused(getattr(world, ask)("base", "9.9"), "version_not_found")
    refused(getattr(world, ask)("base", "latest"), "version_number_invalid")


def test_a_job_is_cancelled_by_its_id_inside_its_tenant() -> None:
    world, version, job = replicating()
    refused(world.cancel_job(job, EVE), "job_not_found")
    refused(world.cancel_job("none"), "job_not_found")
    view = world.cancel_job(job)
    assert (view.id, view.state, view.copies.available) == (job, "CANCELLING", 1)
    assert world.cancel_job(job).state == "CANCELLING"
    for pod in ("pod-2", "pod-3"):
        world.copy(cancelled(version, pod))
    refused(world.cancel_job(job), "not_cancellable")
    refused(world.cancel_job(world.version(version).import_job), "not_cancellable")
    assert "publish the version again" in str(refused(world.cancel_job(world.unpublish().job), "not_cancellable").hint)


@pytest.mark.parametrize("started", [False, True])
def test_a_cancelled_import_leaves_no_bytes_and_its_number_free(started: bool) -> None:
    world = World()
    accepted = world.import_()
    if started:
        world.started(accepted.version)
    view = world.cancel_job(accepted.job)
    assert (view.kind, view.state) == ("import", "CANCELLED")
    said = [type(event).words() for event in world.events()][-3:]
    assert said == ["version.failed", "source.discarded", "image.failed"]
    assert world.state(accepted.version) == "CANCELLED"
    assert world.version(accepted.version).failure.code == "cancelled"
    assert world.get(NUMBER, number_key(accepted.image, "1.0.0")) is None
    assert world.under_way == {}
    assert world.said(world.prepared(accepted.version)) == ["source.discarded"], "it was ready all the same"
    assert world.rejected(accepted.version) == []
    assert world.deployed().number == "1.0.0"


def test_an_unpublish_is_over_when_no_pod_in_touch_has_a_copy() -> None:
    world = World()
    version = world.published().version
    world.say(PodDisconnected(pod="pod-3", revision=9), "replicator")
    before = world.version(version).job
    job = world.unpublish().job
    assert (world.state(version), world.job_state(job), world.job(job).kind) == (
        "UNPUBLISHING",
        "PROCESSING",
        "unpublish",
    )
    assert not world.version(version).usable, "nobody is handed a copy that goes"
    assert job != before
    for pod in PODS:
        assert world.copy(retired(version, pod)) == []
    assert world.copy(removed(version, "pod-1")) == []
    said = world.copy(removed(version, "pod-2"))
    assert world.said(said) == ["version.withdrawn"]
    assert (said[0].event.reason, said[0].saga) == ("unpublished", job)  # type: ignore[attr-defined]
    assert (world.state(version), world.job_state(job)) == ("DEPLOYMENT_DONE", "SUCCESS")
    assert world.under_way == {}
    assert world.job_state(before) == "SUCCESS"
    assert world.copy(removed(version, "pod-3")) == [], "when it is back"
    assert world.state(version) == "DEPLOYMENT_DONE"


def test_an_unpublish_while_copies_are_made_gives_the_publish_up() -> None:
    world, version, job = replicating()
    unpublish = world.unpublish().job
    assert world.job_state(job) == "CANCELLED"
    world.copy(retired(version, "pod-1"))
    for pod in ("pod-2", "pod-3"):
        world.copy(cancelled(version, pod, wanted=False))
    assert world.state(version) == "UNPUBLISHING"
    world.copy(removed(version, "pod-1"))
    assert (world.state(version), world.job_state(unpublish)) == ("DEPLOYMENT_DONE", "SUCCESS")


def test_an_unpublish_before_the_replicator_planned_waits_for_it() -> None:
    world = World()
    version = world.deployed().version
    world.publish()
    world.unpublish()
    world.copy(announced(version, 1))
    world.copy(planned(version, "pod-1"))
    assert world.state(version) == "UNPUBLISHING"
    world.copy(cancelled(version, "pod-1", wanted=False))
    assert world.state(version) == "DEPLOYMENT_DONE"


def test_an_unpublish_of_a_version_without_copies_is_over_at_once() -> None:
    world = World()
    version = world.deployed().version
    world.publish(deadline=60)
    world.pass_time(60 + SETTINGS.publish_margin)
    assert world.state(version) == "FAILED"
    job = world.unpublish().job
    assert [type(event).words() for event in world.events()][-2:] == [
        "version.unpublish_requested",
        "version.withdrawn",
    ]
    assert (world.state(version), world.job_state(job)) == ("DEPLOYMENT_DONE", "SUCCESS")


def test_an_unpublish_does_not_hang_on_a_pod_that_vanishes_meanwhile() -> None:
    world = World()
    version = world.published().version
    job = world.unpublish().job
    for pod in PODS:
        world.copy(retired(version, pod))
    world.pass_time(SETTINGS.unpublish_deadline + 1)
    assert (world.state(version), world.job_state(job)) == ("DEPLOYMENT_DONE", "SUCCESS")
    world.publish()
    world.copy(planned(version, "pod-1", publication=2, revision=5))
    world.copy(available(version, "pod-1", revision=6))
    assert world.state(version) == "AVAILABLE"
    for pod in ("pod-2", "pod-3"):
        assert world.copy(removed(version, pod)) == []
    assert world.version(version).publication.counts.wanted == 1


def rolled_back(version: str, publication: int = 1) -> PlacementRolledBack:
    failure = Failure(code="all_or_nothing", step="publish", text="pod-2 had no space")
    return PlacementRolledBack(version=version, image="i", tenant="acme", publication=publication, failure=failure)


def test_an_all_or_nothing_publish_that_fails_is_as_if_it_had_not_been() -> None:
    world, version, job = replicating(terms=Terms(all_or_nothing=True))
    assert world.copy(failed(version, "pod-2")) == []
    assert world.copy(available(version, "pod-3")) == []
    world.copy(retired(version, "pod-1"))
    world.copy(retired(version, "pod-3"))
    for pod in PODS:
        assert world.copy(removed(version, pod)) == [], "the replicator says when it is done"
    said = world.copy(rolled_back(version))
    assert world.said(said) == ["version.withdrawn"]
    assert (said[0].event.reason, said[0].event.failure.code) == ("rolled_back", "all_or_nothing")  # type: ignore[attr-defined]
    assert (world.state(version), world.job_state(job)) == ("DEPLOYMENT_DONE", "FAILURE")
    assert world.job(job).failure.code == "all_or_nothing"
    assert world.under_way == {}
    assert world.copy(rolled_back(version)) == []


def test_what_earlier_publishes_made_survives_a_roll_back() -> None:
    world = World()
    version = world.published(pods=("pod-1",)).version
    job = world.publish(
        again=True, targets=Targets(kind="list", pods=("pod-2", "pod-3")), terms=Terms(all_or_nothing=True)
    ).job
    for pod in ("pod-2", "pod-3"):
        world.copy(planned(version, pod, wanted=2, publication=2))
    world.copy(failed(version, "pod-2"))
    world.copy(cancelled(version, "pod-3", wanted=False))
    world.copy(removed(version, "pod-2"))
    assert world.state(version) == "REPLICATING"
    assert world.said(world.copy(rolled_back(version, 2))) == ["version.available"]
    asked = world.get(ASKED, version)
    assert asked is not None
    assert asked.targets.pods == ("pod-1",), "a publish again is for those that it was for before"
    assert (world.state(version), world.job_state(job)) == ("AVAILABLE", "FAILURE")
    world.copy(lost(version, "pod-1", revision=6))
    world.copy(available(version, "pod-1", revision=7))
    assert world.job_state(job) == "FAILURE", "what happens later is not its doing"


def test_an_all_or_nothing_publish_of_which_all_is_available_or_skipped_succeeds() -> None:
    world, version, job = replicating(terms=Terms(all_or_nothing=True))
    world.copy(planned(version, "pod-2", wanted=3, state="SKIPPED", revision=3))
    world.copy(available(version, "pod-3"))
    assert (world.state(version), world.job_state(job)) == ("AVAILABLE", "SUCCESS")


def sought(world: World, version: str) -> list[Any]:
    return world.events(world.say(VersionSought(version=version, pod="pod-1"), "replicator"))


def test_a_version_that_is_sought_is_asked_for_again_without_a_job_or_a_change() -> None:
    world, version, _ = replicating(
        targets=Targets(kind="list", pods=PODS), terms=Terms(priority="high"), replicas=2, deadline=600
    )
    first = next(event for event in world.events() if type(event).words() == "version.publish_requested")
    state, jobs = world.version(version), [key for key in world.documents if key[0] == "job"]
    (again,) = sought(world, version)
    assert msgspec.structs.replace(again, revision=first.revision) == first
    assert world.emitted[-1].saga == state.job
    assert world.version(version) == state
    assert [key for key in world.documents if key[0] == "job"] == jobs
    assert sought(world, version) == [], "each of 2,000 pods makes the replicator seek it"
    world.now += timedelta(seconds=SETTINGS.sought_interval)
    assert len(sought(world, version)) == 1


def test_a_publish_under_way_that_is_sought_late_gets_more_time_and_one_that_is_over_gets_none() -> None:
    world, version, _ = replicating(deadline=600)
    world.now += timedelta(seconds=601)
    assert sought(world, version)[0].deadline == world.now + timedelta(seconds=SETTINGS.publish_deadline)
    world = World()
    version = world.published().version
    world.now += timedelta(seconds=60)
    assert sought(world, version)[0].deadline == world.now


def test_what_was_cancelled_or_unpublished_is_said_to_be_when_it_is_sought() -> None:
    world, version, _ = replicating()
    world.cancel()
    assert [type(event).words() for event in sought(world, version)] == [
        "version.publish_requested",
        "version.cancel_requested",
    ]
    world.now += timedelta(seconds=SETTINGS.sought_interval)
    world.unpublish()
    (gone,) = sought(world, version)
    assert (type(gone).words(), gone.publication) == ("version.unpublish_requested", 1)
    world.pass_time(SETTINGS.unpublish_deadline + 1)
    assert world.state(version) == "DEPLOYMENT_DONE"
    assert [type(event).words() for event in sought(world, version)] == ["version.unpublish_requested"]


def test_of_a_version_that_is_unknown_or_was_never_published_nothing_is_said() -> None:
    world = World()
    version = world.deployed().version
    assert sought(world, version) == []
    assert sought(world, "0" * 32) == []
    assert sought(world, world.import_().version) == []
    assert world.now == START
