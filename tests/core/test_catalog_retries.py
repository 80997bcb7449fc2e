"""Doing again what a job was to do and did not (features.md J5)."""

from typing import Any

from contracts.events.hub import VersionPublishRequested
from contracts.requests import Accepted
from contracts.terms import Targets, Terms
from core.catalog_world import BROKEN, EVE, available, failed, planned, refused
from core.lives_world import OPS, Lives


def test_j5_an_import_that_failed_is_begun_again_as_it_was_accepted_then() -> None:
    world = Lives()
    first = world.import_(number="2.0.0", file_type="raw", description="golden")
    world.rejected(first.version, failure=BROKEN)
    assert world.job_state(first.job) == "FAILURE"
    second = world.retry(first.job)
    assert isinstance(second, Accepted), second
    assert (second.number, second.image) == ("2.0.0", first.image)
    assert second.version != first.version
    assert world.version(second.version).description == "golden"
    requested: Any = world.events()[-1]
    assert (requested.words(), requested.file_type) == ("source.requested", "raw")
    assert world.job(first.job).retried == second.job
    assert world.job_state(second.job) == "PENDING"
    world.started(second.version)
    world.prepared(second.version)
    assert world.job_state(second.job) == "SUCCESS"


def test_j5_a_job_is_done_again_once_and_then_the_new_job_is() -> None:
    world = Lives()
    first = world.import_()
    world.rejected(first.version)
    second = world.retry(first.job)
    problem = refused(world.retry(first.job), "not_retryable")
    assert problem.data["retried"] == second.job
    world.cancel_job(second.job)
    assert world.job_state(second.job) == "CANCELLED"
    assert isinstance(world.retry(second.job), Accepted), "what was cancelled can be done again too"


def test_j5_a_publish_that_failed_is_a_republish_with_its_own_terms() -> None:
    world = Lives()
    version = world.deployed().version
    targets = Targets(kind="list", pods=("pod-1", "pod-2"))
    first = world.publish(targets=targets, terms=Terms(priority="high"))
    world.copy(planned(version, "pod-1", wanted=2))
    world.copy(planned(version, "pod-2", wanted=2))
    world.copy(available(version, "pod-1"))
    world.copy(failed(version, "pod-2"))
    assert world.job_state(first.job) == "PARTIAL"
    second = world.retry(first.job, actor=OPS)
    assert isinstance(second, Accepted), second
    event: Any = world.events()[-1]
    assert isinstance(event, VersionPublishRequested)
    assert (event.publication, event.targets, event.terms.priority) == (2, targets, "high")
    assert world.job(second.job).actor == "olga"
    world.copy(planned(version, "pod-2", wanted=2, publication=2, revision=4))
    world.copy(planned(version, "pod-1", wanted=2, publication=2, revision=4, state="AVAILABLE"))
    world.copy(available(version, "pod-2", revision=5))
    assert (world.state(version), world.job_state(second.job)) == ("AVAILABLE", "SUCCESS")


def test_j5_a_publish_that_was_cancelled_before_anything_arrived_is_a_first_publish_again() -> None:
    world = Lives()
    version = world.deployed().version
    first = world.publish()
    world.cancel()
    world.pass_time(1000)
    assert (world.state(version), world.job_state(first.job)) == ("DEPLOYMENT_DONE", "CANCELLED")
    assert isinstance(world.retry(first.job), Accepted)
    assert world.state(version) == "PUBLISHING"


def test_j5_what_is_refused_now_is_refused_and_the_job_can_be_retried_later() -> None:
    world = Lives()
    version = world.deployed().version
    first = world.publish()
    world.copy(planned(version, "pod-1"))
    world.copy(failed(version, "pod-1"))
    world.disable("1.0.0")
    refused(world.retry(first.job), "version_disabled")
    assert world.job(first.job).retried == ""
    world.enable("1.0.0")
    assert isinstance(world.retry(first.job), Accepted)


def test_j5_only_what_failed_or_was_cancelled_is_done_again() -> None:
    world = Lives()
    accepted = world.import_()
    refused(world.retry(accepted.job), "not_retryable")
    world.started(accepted.version)
    refused(world.retry(accepted.job), "not_retryable")
    world.prepared(accepted.version)
    refused(world.retry(accepted.job), "not_retryable")
    world.publish()
    world.unpublish()
    unpublish = world.version(accepted.version).job
    world.pass_time(1000)
    refused(world.retry(unpublish), "not_retryable")
    refused(world.retry("0" * 32), "job_not_found")
    refused(world.retry(accepted.job, actor=EVE), "job_not_found")
