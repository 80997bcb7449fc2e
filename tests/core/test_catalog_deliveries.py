"""A shared version on pods of the member's own, as a job of the member's (issue 5; features.md E10, F15)."""

from pathlib import Path
from typing import Any

import pytest

from catalog.documents import DELIVERIES
from catalog.queries import queries
from contracts.errors import Failure, Problem
from contracts.events.hub import (
    DeliveryEnded,
    DeliveryPlanned,
    ShareDeliveryRequested,
    VersionDeliveryRequested,
    VersionSought,
)
from contracts.requests import Accepted, GetJob, SetDataAccess
from contracts.views import JobView, VersionView
from core.catalog_world import ADA, MIGRATIONS, SETTINGS, available, cancelled, failed, planned
from core.readside import stored
from core.shared_world import BOB, Shared

JOB = "d" * 32
NOT_HIS = Failure(code="delivery_target", step="plan", text="not one of its pods")


@pytest.fixture
def world() -> Shared:
    return Shared()


@pytest.fixture
def made(world: Shared) -> Accepted:
    """acme's version on pod-1, offered to beta."""
    made = world.published(pods=("pod-1",))
    world.offer()
    return made


def deliver(world: Shared, *pods: str, number: str = "", job: str = JOB) -> list[Any]:
    event = ShareDeliveryRequested(
        delivery=job,
        image=world.id_of(),
        number=number,
        member="beta",
        owner="acme",
        actor="bob",
        pods=pods or ("pod-2", "pod-3"),
        principals=BOB.principals,
    )
    return world.events(world.say(event, "sharing", saga=job))


def answered(world: Shared, version: str, *pods: str, **refused: Failure) -> None:
    named = {pod.replace("_", "-"): why for pod, why in refused.items()}
    event = DeliveryPlanned(
        delivery=JOB, version=version, image=world.id_of(), tenant="acme", member="beta", pods=pods, refused=named
    )
    world.say(event, "replicator")


def come(world: Shared, event: Any) -> None:
    world.copy(event)
    world.pass_time(0)


def test_the_latest_version_is_asked_for_and_the_job_ends_with_its_last_copy(world: Shared, made: Accepted) -> None:
    (event,) = [one for one in deliver(world) if isinstance(one, VersionDeliveryRequested)]
    assert (event.version, event.number, event.tenant, event.gallery) == (made.version, "1.0.0", "acme", "default")
    assert (event.member, event.pods, event.principals) == ("beta", ("pod-2", "pod-3"), BOB.principals)
    assert (world.job(JOB).kind, world.job(JOB).tenant, world.job(JOB).actor) == ("deliver", "beta", "bob")
    answered(world, made.version, "pod-2", "pod-3")
    for pod in ("pod-2", "pod-3"):
        assert world.job_state(JOB) == "PROCESSING"
        come(world, planned(made.version, pod))
        come(world, available(made.version, pod))
    assert world.job_state(JOB) == "SUCCESS"
    assert world.all(DELIVERIES) == {}
    assert not world.version(made.version).delivering
    assert f"delivery/{JOB}" not in world.reminders


def test_what_is_there_already_need_not_come(world: Shared, made: Accepted) -> None:
    deliver(world, "pod-1", number=made.number)
    assert world.job_state(JOB) == "SUCCESS"


def test_some_copies_that_fail_make_the_job_partial_and_all_of_them_a_failure(world: Shared, made: Accepted) -> None:
    deliver(world)
    come(world, planned(made.version, "pod-2"))
    come(world, failed(made.version, "pod-2"))
    assert world.job_state(JOB) == "PROCESSING"
    come(world, planned(made.version, "pod-3"))
    come(world, available(made.version, "pod-3"))
    assert world.job_state(JOB) == "PARTIAL"
    other = "e" * 32
    deliver(world, "pod-2", job=other)
    assert world.job_state(other) == "PROCESSING", "what failed before is no matter of this one"
    come(world, planned(made.version, "pod-2", revision=8))
    come(world, failed(made.version, "pod-2", revision=9))
    assert (world.job_state(other), world.job(other).failure.code) == ("FAILURE", "all_copies_failed")


def test_pods_that_the_member_may_not_use_get_nothing_and_the_job_says_so(world: Shared, made: Accepted) -> None:
    deliver(world)
    answered(world, made.version, "pod-3", pod_2=NOT_HIS)
    come(world, planned(made.version, "pod-3"))
    come(world, available(made.version, "pod-3"))
    assert (world.job_state(JOB), world.job(JOB).failure.code) == ("PARTIAL", "delivery_target")


async def test_the_job_of_a_delivery_has_a_row_for_each_pod(tmp_path: Path, world: Shared, made: Accepted) -> None:
    deliver(world, "pod-1", "pod-2", "pod-3")
    answered(world, made.version, "pod-1", "pod-3", pod_2=NOT_HIS)
    async with stored(world, tmp_path / "db", MIGRATIONS) as reader:
        view = await queries(SETTINGS)[GetJob](GetJob(actor=BOB, job=JOB), reader)
        assert isinstance(view, JobView)
        rows = [(row.pod, row.state, row.failure and row.failure.code) for row in view.rows]
        assert rows == [
            ("pod-1", "AVAILABLE", None),
            ("pod-2", "SKIPPED", "delivery_target"),
            ("pod-3", "PENDING", None),
        ]
        owner = await queries(SETTINGS)[GetJob](GetJob(actor=ADA, job=JOB), reader)
        assert isinstance(owner, Problem), "it is the member's"


def test_a_delivery_all_of_whose_pods_are_refused_fails_at_once(world: Shared, made: Accepted) -> None:
    deliver(world)
    answered(world, made.version, pod_2=NOT_HIS, pod_3=NOT_HIS)
    assert (world.job_state(JOB), world.job(JOB).failure.code) == ("FAILURE", "delivery_target")


@pytest.mark.parametrize("first", ["the copies", "the end"])
def test_f15_a_delivery_ends_with_the_share_whichever_word_comes_first(
    world: Shared, made: Accepted, first: str
) -> None:
    deliver(world, "pod-2")
    come(world, planned(made.version, "pod-2"))
    world.revoke()
    if first == "the copies":
        come(world, cancelled(made.version, "pod-2", wanted=False))
    ended = DeliveryEnded(delivery=JOB, version=made.version, image=world.id_of(), tenant="acme", member="beta")
    world.say(ended, "replicator")
    assert (world.job_state(JOB), world.job(JOB).failure.code) == ("CANCELLED", "share_revoked")
    assert world.all(DELIVERIES) == {}


def test_a_delivery_that_takes_too_long_ends_with_what_is_there(world: Shared, made: Accepted) -> None:
    deliver(world)
    come(world, planned(made.version, "pod-2"))
    come(world, available(made.version, "pod-2"))
    world.pass_time(40 * 86_400)
    assert (world.job_state(JOB), world.job(JOB).failure.code) == ("PARTIAL", "deadline_exceeded")


def test_nothing_is_delivered_of_what_is_not_shared_or_cannot_be_used(world: Shared, made: Accepted) -> None:
    assert [one for one in deliver(world, number="9.0.0") if isinstance(one, VersionDeliveryRequested)] == []
    assert (world.job_state(JOB), world.job(JOB).failure.code) == ("FAILURE", "no_latest")
    world.revoke()
    other = "e" * 32
    assert [one for one in deliver(world, job=other) if isinstance(one, VersionDeliveryRequested)] == []
    job = world.job(other)
    assert (world.job_state(other), job.failure.code, job.name, job.version) == ("FAILURE", "share_revoked", "", "")


def test_f6_nothing_is_delivered_of_a_version_whose_data_is_denied(world: Shared, made: Accepted) -> None:
    command = SetDataAccess(id=world.command_id(), actor=ADA, image=world.id_of(), number=made.number, active=False)
    assert isinstance(world.ask(command), VersionView)
    assert [one for one in deliver(world) if isinstance(one, VersionDeliveryRequested)] == []
    assert (world.job_state(JOB), world.job(JOB).failure.code) == ("FAILURE", "data_access_denied")


def test_a_request_that_is_heard_twice_is_one_delivery(world: Shared, made: Accepted) -> None:
    deliver(world)
    assert deliver(world) == []
    assert list(world.all(DELIVERIES)[made.version].by) == [JOB]


def test_a_replicator_that_does_not_know_the_version_is_told_of_its_deliveries_too(
    world: Shared, made: Accepted
) -> None:
    first = deliver(world)
    said = world.say(VersionSought(version=made.version, pod="pod-2"), "replicator")
    again = [one for one in said if isinstance(one.event, VersionDeliveryRequested)]
    assert [one.event for one in again] == [one for one in first if isinstance(one, VersionDeliveryRequested)]
    assert [one.saga for one in again] == [JOB]
