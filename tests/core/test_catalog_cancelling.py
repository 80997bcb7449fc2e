"""Cancelling jobs that update pools or delete versions, and the end of jobs whose pools are late (features.md I2)."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from catalog.documents import ASSIGNMENT
from catalog.domain.pool import Pool
from catalog.queries import queries
from contracts.desktops import DataDisk
from contracts.events.hub import AssignmentUpdated, VersionRestored, VersionUnpublishRequested
from contracts.requests import Actor, GetJob
from contracts.requests.lives import Ring
from contracts.views import AssignmentView, JobView
from core.catalog_world import ADA, EVE, MIGRATIONS, SETTINGS, available, planned, refused, removed, retired
from core.lives_world import OPS, Lives
from core.pools_world import Pools, asked, seat, withdrawn
from core.readside import stored

PODS = ("pod-1", "pod-2", "pod-3")


@pytest.fixture
def world() -> Pools:
    return Pools()


def moved(world: Pools, **given: Any) -> tuple[str, str, str]:
    """Two versions, an assignment on three pods in sync with the first, and the marker moved to the second."""
    (first, second), desks = world.ready(pods=PODS, versions=2)
    world.move(number=second.number, **given)
    return first.version, second.version, desks


def wanted(world: Pools, desks: str) -> dict[str, str]:
    return {pod: stand.wanted for pod, stand in world.assignment(desks).pods.items()}


def pools_of(world: Pools, desks: str) -> list[Pool]:
    return [world.pool(desks, pod) for pod in world.assignment(desks).pods]


# --- an update of pools -----------------------------------------------------------------------------------------------


def test_i2_a_cancelled_update_leaves_the_pools_that_followed_and_sends_the_others_back(world: Pools) -> None:
    first, second, desks = moved(world)
    world.report(desks, "pod-1")
    world.report(desks, "pod-2", "UPDATING")
    job = world.assignment(desks).job
    before = world.pool(desks, "pod-2").attempt
    mark = len(world.emitted)
    view = world.cancel_job(job)
    assert isinstance(view, JobView)
    assert view.state == "CANCELLING"
    told = asked(world.emitted[mark:])
    assert {one.pod: one.wanted.version for one in told} == {"pod-2": first, "pod-3": first}
    assert world.pool(desks, "pod-2").attempt == before + 1, "what its pod heard before is overruled"
    assert wanted(world, desks) == {"pod-1": second, "pod-2": first, "pod-3": first}
    world.report(desks, "pod-2")
    assert world.job_state(job) == "CANCELLING"
    world.report(desks, "pod-3")
    assert world.job_state(job) == "CANCELLED"
    assert world.assignment(desks).state == "IN_SYNC"
    assert {pod: stand.version for pod, stand in world.assignment(desks).pods.items()} == wanted(world, desks)
    assert not [name for name in world.reminders if name.startswith("pools/")]


def test_i2_what_comes_too_late_of_a_cancelled_update_is_not_believed(world: Pools) -> None:
    first, second, desks = moved(world)
    late = world.pool(desks, "pod-1").attempt
    world.cancel_job(world.assignment(desks).job)
    world.report(desks, "pod-1", version=second, attempt=late)
    assert (world.pool(desks, "pod-1").version, world.pool(desks, "pod-1").wanted) == (first, first)
    assert second in world.pool(desks, "pod-1").held, "seats may be made of it until the pod says otherwise"


def test_i2_pools_that_only_waited_for_a_copy_are_in_sync_again_at_once(world: Pools) -> None:
    world.ready(versions=1)
    second = world.deployed()
    desks = next(iter(world.all(ASSIGNMENT)))
    world.publish(number=second.number)
    world.copy(planned(second.version, "pod-3"))
    world.copy(available(second.version, "pod-3", revision=3))
    world.move(number=second.number)
    job, mark = world.assignment(desks).job, len(world.emitted)
    assert {stand.state for stand in world.assignment(desks).pods.values()} == {"UPDATE_PENDING"}
    assert world.cancel_job(job).state == "CANCELLED"
    assert asked(world.emitted[mark:]) == [], "no pod heard of anything else"
    assert world.assignment(desks).state == "IN_SYNC"
    assert world.assignment(desks).number == "1.0.0", "what all its pools have is what it wants"
    for pod in ("pod-1", "pod-2"):
        world.copy(planned(second.version, pod))
        world.copy(available(second.version, pod, revision=3))
    world.pass_time(0)
    assert world.assignment(desks).state == "IN_SYNC", "a copy that comes later is no reason to follow"
    updates = [event.cause for event in world.events() if isinstance(event, AssignmentUpdated)]
    assert updates == ["marker", "cancel"]


def test_i2_the_marker_moved_again_takes_along_pools_whose_update_was_cancelled(world: Pools) -> None:
    _, second, desks = moved(world)
    world.cancel_job(world.assignment(desks).job)
    for pod in PODS:
        world.report(desks, pod)
    world.move(number="1.1.0")
    assert set(wanted(world, desks).values()) == {second}
    assert world.job_state(world.assignment(desks).job) == "PENDING"


def test_i2_a_cancelled_creation_takes_the_seats_away_and_the_name_is_free(world: Pools) -> None:
    world.published(pods=("pod-1", "pod-2"))
    world.move()
    made = world.assign()
    world.report(made.id, "pod-1", "UPDATING", version="")
    mark = len(world.emitted)
    job = world.assignment(made.id).job
    world.cancel_job(job)
    assert {one.pod for one in withdrawn(world.emitted[mark:])} == {"pod-1", "pod-2"}
    for pod in ("pod-1", "pod-2"):
        world.report(made.id, pod, "REMOVED")
    assert world.get(ASSIGNMENT, made.id) is None
    assert world.job_state(job) == "CANCELLED"
    assert isinstance(world.assign(), AssignmentView)
    assert world.marker().bound == tuple(world.all(ASSIGNMENT))


def test_i2_of_a_creation_that_is_cancelled_halfway_the_seats_that_are_there_stay(world: Pools) -> None:
    world.published(pods=("pod-1", "pod-2"))
    world.move()
    made = world.assign()
    world.report(made.id, "pod-1")
    job = world.assignment(made.id).job
    world.cancel_job(job)
    assert world.job_state(job) == "CANCELLING"
    world.report(made.id, "pod-2", "REMOVED")
    assert list(world.assignment(made.id).pods) == ["pod-1"]
    assert (world.assignment(made.id).state, world.job_state(job)) == ("IN_SYNC", "CANCELLED")


def test_i2_a_cancelled_rebuild_is_not_made_up_for_later_and_a_new_one_counts_on(world: Pools) -> None:
    _, desks = world.ready()
    world.rebuild()
    assert world.pool(desks, "pod-1").rebuild == 1
    world.cancel_job(world.assignment(desks).job)
    assert world.pool(desks, "pod-1").rebuild == 0
    world.synced(desks)
    world.rebuild()
    assert world.pool(desks, "pod-1").rebuild == 2, "seats that were rebuilt before the cancel are rebuilt, too"


def test_i2_after_a_cancelled_edit_the_assignment_is_what_its_pools_are_and_the_edit_can_be_made_again(
    world: Pools,
) -> None:
    _, desks = world.ready()
    before = world.assignment(desks)
    changes: tuple[Callable[[], Any], ...] = (
        lambda: world.edit(seats=7),
        lambda: world.edit(shape={"vcpus": 4}),
        lambda: world.add_disk(DataDisk(lun=9, size_gib=10)),
    )
    for change in changes:
        for _ in range(2):
            assert isinstance(change(), AssignmentView)
            assert {pool.asked for pool in pools_of(world, desks)} != {pool.had for pool in pools_of(world, desks)}
            world.cancel_job(world.assignment(desks).job)
            world.synced(desks)
            now = world.assignment(desks)
            assert (now.state, world.job_state(now.job)) == ("IN_SYNC", "CANCELLED")
            assert (now.seats, now.shape, now.disks) == (before.seats, before.shape, before.disks)


def test_i2_an_edit_that_a_pool_followed_already_is_what_the_others_are_to_come_to(world: Pools) -> None:
    _, desks = world.ready()
    world.edit(seats=7)
    world.report(desks, "pod-1")
    world.cancel_job(world.assignment(desks).job)
    world.synced(desks)
    assert [pool.had.seats for pool in pools_of(world, desks) if pool.had] == [7, 1]
    assert world.assignment(desks).seats == 7


def test_i2_a_cancelled_job_halts_the_staged_move_and_resume_goes_on(world: Pools) -> None:
    first, second, desks = moved(world, rings=(Ring(pods=("pod-1",)), Ring()))
    world.cancel_job(world.assignment(desks).job)
    rollout = world.marker().rollout
    assert rollout is not None
    assert rollout.state == "HALTED"
    assert rollout.failure is not None
    assert rollout.failure.code == "cancelled"
    world.report(desks, "pod-1")
    assert set(wanted(world, desks).values()) == {first}
    world.steer("resume")
    assert wanted(world, desks) == {"pod-1": second, "pod-2": first, "pod-3": first}
    for pod in PODS:
        world.report(desks, pod)
    assert set(wanted(world, desks).values()) == {second}
    rollout = world.marker().rollout
    assert rollout is not None
    assert rollout.state == "DONE"


def test_i2_a_pod_that_is_away_does_not_hold_up_a_cancel(world: Pools) -> None:
    first, _, desks = moved(world)
    job = world.assignment(desks).job
    world.cancel_job(job)
    world.report(desks, "pod-1")
    world.pass_time(SETTINGS.cancel_deadline)
    assert world.job_state(job) == "CANCELLED"
    world.report(desks, "pod-2")
    world.report(desks, "pod-3")
    assert world.assignment(desks).state == "IN_SYNC", "they go back all the same"
    assert set(wanted(world, desks).values()) == {first}


def test_i2_what_cannot_be_cancelled_is_refused_with_what_to_do_instead(world: Pools) -> None:
    _, _, desks = moved(world)
    job = world.assignment(desks).job
    refused(world.cancel_job(job, actor=EVE), "job_not_found")
    world.cancel_job(job)
    assert "already" in str(refused(world.cancel_job(job), "not_cancellable").detail)
    for pod in PODS:
        world.report(desks, pod)
    assert "CANCELLED" in str(refused(world.cancel_job(job), "not_cancellable").detail)
    world.register("other", os_type="linux")
    other = world.published("other", pods=PODS)
    world.move(image="other", number=other.number)
    world.switch("other")
    assert "Switch" in str(refused(world.cancel_job(world.assignment(desks).job), "not_cancellable").hint)
    world.drop(force=True)
    assert "go" in str(refused(world.cancel_job(world.assignment(desks).job), "not_cancellable").detail)


# --- jobs whose pools are late ----------------------------------------------------------------------------------------


async def test_i2_an_update_ends_after_its_time_with_the_late_pools_named_and_they_go_on(
    world: Pools, tmp_path: Path
) -> None:
    _, second, desks = moved(world)
    job = world.assignment(desks).job
    world.report(desks, "pod-1")
    world.report(desks, "pod-2", "UPDATING", seats=(seat("desk-1", user="ada"),))
    for _ in range(3):  # a pod that talks all the time does not put the end off
        world.pass_time(SETTINGS.assign_deadline / 4)
        world.report(desks, "pod-2", "UPDATING", seats=(seat("desk-1", user="ada"),))
    assert world.job_state(job) == "PROCESSING"
    world.pass_time(SETTINGS.assign_deadline / 4)
    assert world.job_state(job) == "PARTIAL"
    failure = world.job(job).failure
    assert failure.code == "deadline_exceeded"
    assert "pod-2, pod-3" in failure.text
    async with stored(world, tmp_path / "db", MIGRATIONS) as reader:
        view: Any = await queries(SETTINGS)[GetJob](GetJob(actor=ADA, job=job), reader)
    rows = {row.pod: (row.state, row.failure.code if row.failure else "", row.reason) for row in view.rows}
    assert rows == {
        "pod-1": ("IN_SYNC", "", ""),
        "pod-2": ("UPDATING", "deadline_exceeded", "users"),
        "pod-3": ("UPDATE_PENDING", "deadline_exceeded", ""),
    }
    world.report(desks, "pod-2")
    world.report(desks, "pod-3")
    assert set(wanted(world, desks).values()) == {second}
    assert world.assignment(desks).state == "IN_SYNC"
    assert world.job_state(job) == "PARTIAL", "what was over stays as it was"


def test_i2_an_update_that_reached_no_pool_in_its_time_failed(world: Pools) -> None:
    _, _, desks = moved(world)
    job = world.assignment(desks).job
    world.pass_time(SETTINGS.assign_deadline + 1)
    assert world.job_state(job) == "FAILURE"
    assert world.job(job).failure.retry
    assert [name for name in world.reminders if name.startswith("pools/")], "its pods are told again all the same"


# --- a deletion -------------------------------------------------------------------------------------------------------


def test_i2_a_deletion_whose_copies_go_is_taken_back_and_the_version_stays_to_be_published() -> None:
    world = Lives()
    version = world.published().version
    job = world.delete().job
    view = world.cancel_job(job)
    assert view.state == "CANCELLING"
    assert "copies are gone" in view.failure.text
    assert world.version(version).life.removal is None
    refused(world.cancel_job(job), "not_cancellable")
    for pod in PODS:
        world.copy(retired(version, pod, revision=4))
        world.copy(removed(version, pod, revision=5))
    world.pass_time(0)
    assert (world.state(version), world.job_state(job)) == ("DEPLOYMENT_DONE", "CANCELLED")
    assert sum(isinstance(event, VersionUnpublishRequested) for event in world.events()) == 1
    assert world.publish().job


def test_i2_a_soft_deletion_is_taken_back_and_the_version_is_as_it_was() -> None:
    world = Lives()
    version = world.published().version
    world.softly()
    job = world.delete().job
    assert world.cancel_job(job).state == "CANCELLED"
    assert (world.state(version), world.version(version).life.removal) == ("AVAILABLE", None)
    assert isinstance(world.events()[-1], VersionRestored)
    assert "there" in str(refused(world.cancel_job(job), "not_cancellable").detail)
    world.pass_time(365 * 24 * 3600.0)
    assert world.state(version) == "AVAILABLE"


def test_i2_a_deletion_of_which_nothing_is_left_is_not_cancelled() -> None:
    world = Lives()
    world.deployed()
    reply = world.delete()
    world.pass_time(0)
    refused(world.cancel_job(reply.job), "not_cancellable")


@pytest.mark.parametrize("softly", [True, False])
def test_i2_only_who_may_restore_a_version_takes_its_deletion_back(softly: bool) -> None:
    world = Lives()
    version = world.published().version
    if softly:
        world.softly()
    job = world.delete().job
    stage = world.version(version).life.removal.stage
    pat = Actor(tenant="acme", name="pat", roles=("publisher",))
    refused(world.restore(actor=pat), "forbidden")
    assert refused(world.cancel_job(job, actor=pat), "forbidden").data["needs"] == "manage"
    assert world.version(version).life.removal.stage == stage
    assert world.cancel_job(job).state in ("CANCELLED", "CANCELLING")


def test_i2_g1_what_operators_do_to_a_standard_image_is_not_given_up_by_others() -> None:
    world = Lives()
    image = world.register("gold", actor=OPS, image_class="standard").id
    begun = world.import_(image, actor=OPS, create=False)
    refused(world.cancel_job(begun.job), "class_read_only")
    world.started(begun.version)
    world.prepared(begun.version)
    world.softly()
    job = world.delete(image=image, actor=OPS).job
    refused(world.cancel_job(job), "class_read_only")
    assert world.cancel_job(job, actor=OPS).state == "CANCELLED"
