"""Assignments: made, followed on their pods, changed, deleted; what their pods may say (features.md b.5, F10, F14)."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from catalog.documents import ASSIGNMENT, HOSTED, POOL, USES
from catalog.hosting import STEP
from contracts.definition import Details, PurchasePlan
from contracts.desktops import Account, Customisation, DataDisk, Endpoint, Seat, Shape
from contracts.errors import Failure
from contracts.events.from_pods import AssignmentReported
from contracts.events.hub import (
    AssignmentCreated,
    AssignmentDeleted,
    AssignmentSettled,
    AssignmentUpdated,
    PodConnected,
    PodDisconnected,
    PodDrained,
    PodRemoved,
    Targets,
)
from contracts.views import AssignmentView
from core.catalog_world import EVE, SETTINGS, START, available, disk, manifest, planned, refused
from core.pools_world import BROKEN, DESK, ROOT, Pools, asked, seat, withdrawn


@pytest.fixture
def world() -> Pools:
    return Pools()


def settled(said: list[Any]) -> list[tuple[str, str]]:
    return [(one.event.pod, one.event.state) for one in said if isinstance(one.event, AssignmentSettled)]


# --- made -------------------------------------------------------------------------------------------------------------


def test_b5_an_assignment_is_made_on_its_pods_and_is_in_sync_when_they_say_so(world: Pools) -> None:
    made = world.published(pods=("pod-1", "pod-2"))
    world.move()
    before = len(world.emitted)
    view = world.assign()
    assert isinstance(view, AssignmentView)
    assert (view.state, view.marker, view.version, view.seats, view.revision) == ("PENDING", "prod", made.version, 1, 1)
    assert [one.state for one in view.pods] == ["PENDING", "PENDING"]
    said = world.emitted[before:]
    assert isinstance(said[0].event, AssignmentCreated)
    (first, second) = asked(said)
    assert (first.pod, second.pod, first.attempt) == ("pod-1", "pod-2", 1)
    wanted = first.wanted
    assert (wanted.version, wanted.digest) == (made.version, world.version(made.version).manifest.digest)
    assert (wanted.copy, wanted.customisation, wanted.kind) == (f"{made.version}_pod-1_0", DESK, "desktop")
    world.report(view.id, "pod-1", "VALIDATING", version="")
    assert world.pool(view.id, "pod-1").state == "VALIDATING"
    assert world.job_state(view.job) == "PROCESSING"
    world.report(view.id, "pod-1", "UPDATING", version="")
    assert settled(world.report(view.id, "pod-1")) == [("pod-1", "IN_SYNC")]
    assert world.assignment(view.id).state == "PENDING", "the least of its pods"
    assert settled(world.report(view.id, "pod-2")) == [("pod-2", "IN_SYNC")]
    assert world.assignment(view.id).state == "IN_SYNC"
    assert world.job_state(view.job) == "SUCCESS"
    assert f"pools/{view.id}" not in world.reminders, "nothing more is to come"


def test_b5_saying_in_sync_again_settles_nothing_again(world: Pools) -> None:
    _, desks = world.ready()
    assert settled(world.report(desks, "pod-1")) == []


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"marker": None}, "validation_failed"),
        ({"number": "1.0.0", "marker": "prod"}, "validation_failed"),
        ({"marker": "nothing"}, "marker_not_found"),
        ({"number": "4.0.0"}, "version_not_found"),
        ({"image": "nothing"}, "image_not_found"),
        ({"pods": ("pod-9",)}, "pod_unknown"),
        ({"pods": ("pod-3",)}, "copy_unavailable"),
        ({"customisation": None}, "customisation_required"),
        ({"endpoints": (Endpoint(name="e1", model="TC100"),)}, "endpoints_invalid"),
        ({"shape": Shape(vm_kind="confidential")}, "security_type_mismatch"),
        ({"disks": (DataDisk(lun=1, size_gib=1),)}, "disk_exists"),
        ({"name": "0" * 32}, "validation_failed"),
        ({"plan": PurchasePlan(name="a", publisher="b", product="c")}, "plan_mismatch"),
    ],
)
def test_b5_what_cannot_be_made_is_refused_and_changes_nothing(world: Pools, given: dict[str, Any], code: str) -> None:
    world.published(pods=("pod-1", "pod-2"))
    world.move()
    refused(world.assign(**given), code)
    assert world.all(ASSIGNMENT) == world.all(POOL) == world.all(HOSTED) == {}


def test_b5_a_name_is_given_once_in_a_tenant(world: Pools) -> None:
    world.ready()
    refused(world.assign(), "assignment_exists")


def test_b5_a_pod_that_is_drained_takes_nothing_new(world: Pools) -> None:
    world.ready()
    world.say(PodDrained(pod="pod-1", revision=2), "replicator")
    refused(world.assign("more"), "pod_draining")


def test_h5_an_image_with_an_eula_is_used_by_whoever_accepts_it(world: Pools) -> None:
    world.register(details=Details(eula="be nice", require_eula=True))
    world.published(pods=("pod-1", "pod-2"))
    world.move()
    refused(world.assign(), "eula_not_accepted")
    assert isinstance(world.assign(accept_eula=True), AssignmentView)


def test_g7_whoever_uses_a_paid_image_names_its_plan(world: Pools) -> None:
    plan = PurchasePlan(name="gold", publisher="contoso", product="desk")
    world.register(details=Details(purchase_plan=plan))
    world.published(pods=("pod-1", "pod-2"))
    world.move()
    refused(world.assign(), "plan_mismatch")
    assert isinstance(world.assign(plan=plan), AssignmentView)


def test_h1_hard_minimums_refuse_and_recommendations_warn(world: Pools) -> None:
    details = msgspec.convert({"min_ram_mib": 2048, "vcpus": {"min": 4}}, Details)
    world.register(details=details)
    world.published(pods=("pod-1", "pod-2"))
    world.move()
    assert refused(world.assign(shape=Shape(memory_mib=1024)), "requirements_not_met").status == 422
    view = world.assign(shape=Shape(memory_mib=2048, vcpus=2), pods=("pod-1",))
    assert view.warnings == ("2 vCPUs: the image recommends 4 or more",)


def test_g1_a_standard_image_is_used_by_every_tenant(world: Pools) -> None:
    image = world.register("gold", actor=ROOT, image_class="standard").id
    made = world.deployed(image, actor=ROOT)
    world.publish(image, actor=ROOT, targets=Targets(kind="list", pods=("pod-1",)))
    world.copy(planned(made.version, "pod-1"))
    world.copy(available(made.version, "pod-1"))
    world.move(image=image, actor=ROOT)
    view = world.assign(image=image, pods=("pod-1",), actor=EVE)
    assert (view.tenant, view.image_name) == ("evil", "gold")
    refused(world.drop(view.id), "assignment_not_found")
    assert world.marker("prod", "gold", "house").bound == (view.id,)


def test_f5_a_disabled_version_takes_no_new_assignment_and_those_it_has_go_on(world: Pools) -> None:
    _, desks = world.ready()
    world.enable("1.0.0", enabled=False)
    refused(world.assign("more"), "version_disabled")
    refused(world.duplicate("more"), "version_disabled")
    refused(world.edit(seats=9), "version_disabled")
    assert isinstance(world.rebuild(), AssignmentView)
    assert isinstance(world.edit(seats=0), AssignmentView)
    assert world.assignment(desks).seats == 0


def test_b5_what_one_message_cannot_tell_a_pod_is_refused(world: Pools) -> None:
    world.ready()
    key = "ssh-ed25519 " + "A" * 4000
    accounts = tuple(Account(name=f"a{n}", ssh_keys=(key,) * 8) for n in range(8))
    refused(world.assign("more", customisation=Customisation(host_name="d-{n}", accounts=accounts)), "limit_exceeded")


# --- what pods say ----------------------------------------------------------------------------------------------------


def test_b5_an_update_that_fails_goes_back_by_itself_and_is_rolled_back(world: Pools) -> None:
    (first, second), desks = world.ready(versions=2)
    world.move(number=second.number)
    said = world.report(desks, "pod-1", "UPDATE_FAILED", version=first.version)
    assert settled(said) == [("pod-1", "UPDATE_FAILED")]
    (back,) = asked(said)
    assert (back.wanted.version, back.attempt, back.pod) == (first.version, 3, "pod-1")
    pool = world.pool(desks, "pod-1")
    assert (pool.state, pool.version, pool.wanted, pool.failed) == (
        "UPDATE_FAILED",
        first.version,
        second.version,
        second.version,
    )
    assert settled(world.report(desks, "pod-1")) == [("pod-1", "ROLLED_BACK")]
    world.report(desks, "pod-2")
    assert world.assignment(desks).state == "ROLLED_BACK"
    job = world.job(world.assignment(desks).job)
    assert (job.__struct_config__.tag, job.failure) == ("PARTIAL", BROKEN)
    assert settled(world.report(desks, "pod-1")) == [], "it is back once"


def test_b5_a_way_back_that_fails_too_ends_there(world: Pools) -> None:
    (first, second), desks = world.ready(versions=2)
    world.move(number=second.number)
    world.report(desks, "pod-1", "UPDATE_FAILED")
    said = world.report(desks, "pod-1", "UPDATE_FAILED", version="")
    assert (settled(said), asked(said)) == ([("pod-1", "UPDATE_FAILED")], [])
    assert not world.pool(desks, "pod-1").open
    assert world.pool(desks, "pod-1").version == first.version
    before = len(world.emitted)
    world.rebuild(pods=("pod-1",))
    (again,) = asked(world.emitted[before:])
    assert (again.wanted.version, again.wanted.rebuild) == (second.version, 1)


def test_b5_a_pool_that_never_was_has_no_way_back(world: Pools) -> None:
    world.published(pods=("pod-1", "pod-2"))
    world.move()
    view = world.assign()
    world.report(view.id, "pod-1", "UPDATE_FAILED")
    said = world.report(view.id, "pod-2", "UPDATE_FAILED")
    assert (settled(said), asked(said)) == ([("pod-2", "UPDATE_FAILED")], [])
    assert world.job_state(view.job) == "FAILURE"
    assert world.job(view.job).failure == BROKEN


def test_b5_a_pod_without_the_copy_is_asked_again_later(world: Pools) -> None:
    (_, second), desks = world.ready(versions=2)
    world.move(number=second.number)
    missing = Failure(code="version_missing", step="open", text="no such item")
    said = world.report(desks, "pod-1", "UPDATE_FAILED", failure=missing)
    assert (settled(said), asked(said)) == ([], [])
    assert (world.pool(desks, "pod-1").state, world.pool(desks, "pod-1").waiting) == ("UPDATE_PENDING", True)
    again = asked(world.pass_time(SETTINGS.pool_interval))
    assert [(one.pod, one.attempt) for one in again] == [("pod-1", 3), ("pod-2", 2)]


def test_b5_a_pool_says_what_it_waits_for(world: Pools) -> None:
    (first,), desks = world.ready()
    second = world.published(pods=("pod-1",))
    world.move(number=second.number)
    assert [pool.waits for pool in (world.pool(desks, "pod-1"), world.pool(desks, "pod-2"))] == ["", "copy"]
    world.report(desks, "pod-1", "UPDATING", version=first.version, seats=(seat(version=first.version, user="bob"),))
    view = world.edit(seats=1)
    assert [(one.state, one.reason) for one in view.pods] == [("UPDATING", "users"), ("UPDATE_PENDING", "copy")]
    job = world.job(world.assignment(desks).job)
    assert job.__struct_config__.tag == "PROCESSING"
    world.copy(planned(second.version, "pod-2", wanted=2))
    world.copy(available(second.version, "pod-2", revision=4))
    world.synced(desks)
    assert [one.reason for one in world.edit(seats=1).pods] == ["", ""]


def test_d_8_what_a_pod_says_of_another_pods_pool_or_an_unknown_one_counts_for_nothing(world: Pools) -> None:
    _, desks = world.ready()
    before = dict(world.documents)
    word = AssignmentReported(assignment=desks, attempt=1, state="UPDATE_FAILED", version="", failure=BROKEN)
    assert world.say(word, "pod:pod-3") == []
    assert world.say(msgspec.structs.replace(word, assignment="x"), "pod:pod-1") == []
    assert world.documents == before


@pytest.mark.parametrize("attempt", [0, -1, 3])
def test_b5_an_attempt_that_was_never_asked_for_is_not_believed(world: Pools, attempt: int) -> None:
    (_, second), desks = world.ready(versions=2)
    world.move(number=second.number)
    before = dict(world.documents)
    world.report(desks, "pod-1", attempt=attempt, seats=(seat(user="mallory"),))
    assert world.documents == before


def test_b5_an_older_attempt_tells_who_uses_the_seats_and_nothing_more(world: Pools) -> None:
    (first, second), desks = world.ready(versions=2)
    world.move(number=second.number)
    world.report(
        desks, "pod-1", "IN_SYNC", attempt=1, version=first.version, seats=(seat(version=first.version, user="bob"),)
    )
    pool = world.pool(desks, "pod-1")
    assert (pool.state, pool.users) == ("UPDATE_PENDING", 1)


def test_b5_a_version_that_was_not_asked_for_does_not_run(world: Pools) -> None:
    (first, second), desks = world.ready(versions=2)
    world.report(desks, "pod-1", version=second.version, seats=(seat(version=second.version),))
    assert world.pool(desks, "pod-1").version == first.version
    assert world.pool(desks, "pod-1").seats[0].version == ""
    assert world.uses(second.version).by == {}


def test_f14_seats_are_bounded_named_once_and_used_in_the_past_only(world: Pools) -> None:
    (first,), desks = world.ready()
    future = START + timedelta(days=900)
    seats = (
        *(seat(f"s-{n}", version=first.version) for n in range(300)),
        seat("s-1", user="twice"),
        seat("../etc", user="mallory"),
        seat("late", last_used=future),
    )
    world.report(desks, "pod-1", seats=seats)
    pool = world.pool(desks, "pod-1")
    assert len(pool.seats) == 200
    assert pool.users == 0
    world.report(desks, "pod-1", seats=(seat("late", last_used=future, version=first.version),))
    assert world.pool(desks, "pod-1").last_used == world.now


def test_f14_who_uses_a_version_is_kept_by_version_and_pod(world: Pools) -> None:
    (first, second), desks = world.ready(versions=2)
    used = START + timedelta(hours=1)
    world.pass_time(7200)
    world.report(
        desks,
        "pod-1",
        seats=(seat(version=first.version, user="bob", last_used=used), seat("desk-2", version=first.version)),
    )
    uses = world.uses(first.version)
    one = uses.by[f"{desks}/pod-1"]
    assert (one.name, one.seats, one.users, one.runs, one.wanted, one.last_used) == ("desks", 2, 1, True, True, used)
    world.move(number=second.number)
    assert world.uses(first.version).by[f"{desks}/pod-1"].wanted is False
    assert world.uses(second.version).by[f"{desks}/pod-1"].wanted is True
    world.report(
        desks,
        "pod-1",
        "UPDATING",
        version=second.version,
        seats=(seat(version=first.version, user="bob"), seat("desk-2", version=second.version)),
    )
    assert world.uses(first.version).by[f"{desks}/pod-1"].runs, "somebody is still logged on to a seat made from it"
    world.report(desks, "pod-1", seats=(seat(version=second.version), seat("desk-2", version=second.version)))
    assert f"{desks}/pod-1" not in world.uses(first.version).by
    assert world.uses(first.version).last_used == used, "that outlives the use"


def test_f10_a_version_that_was_asked_for_and_never_heard_of_counts_as_used(world: Pools) -> None:
    (first, second), desks = world.ready(versions=2)
    world.move(number=second.number)
    world.move(number=first.number)
    assert world.uses(second.version).by[f"{desks}/pod-1"].runs
    world.report(desks, "pod-1", seats=(seat(version=first.version),))
    assert f"{desks}/pod-1" not in world.uses(second.version).by


def test_b5_reports_in_sagas_of_a_pods_own_choosing_stay_out_of_timelines(world: Pools) -> None:
    _, desks = world.ready()
    world.writes.clear()
    world.report(desks, "pod-1", attempt=7)
    assert [row for statement, row in world.writes if "timeline" in statement] == []


# --- asked again ------------------------------------------------------------------------------------------------------


def test_b5_a_pod_that_is_back_is_told_again_under_the_same_attempt(world: Pools) -> None:
    (_, second), desks = world.ready(versions=2)
    world.say(PodDisconnected(pod="pod-1", revision=2), "replicator")
    world.move(number=second.number)
    world.pass_time(SETTINGS.pool_interval)
    world.say(PodConnected(pod="pod-1", labels={}, revision=3), "replicator")
    (again,) = asked(world.pass_time(0))
    assert (again.pod, again.attempt, again.wanted.version) == ("pod-1", 2, second.version)
    world.report(desks, "pod-1")
    assert world.pool(desks, "pod-1").state == "IN_SYNC"


def test_b5_what_is_open_is_asked_again_slowly_and_only_of_pods_that_are_heard_of(world: Pools) -> None:
    (_, second), desks = world.ready(versions=2)
    world.say(PodDisconnected(pod="pod-1", revision=2), "replicator")
    world.move(number=second.number)
    assert [one.pod for one in asked(world.pass_time(SETTINGS.pool_interval))] == ["pod-2"]
    world.report(desks, "pod-2")
    assert asked(world.pass_time(SETTINGS.pool_interval)) == []


def test_b5_however_many_pools_wait_for_a_copy_or_a_pod_each_is_asked(world: Pools) -> None:
    made = world.published(pods=("pod-1",))
    world.move()
    for n in range(STEP * 2 + 3):
        world.assign(f"desks-{n:03}", pods=("pod-1",))
    second = world.deployed()
    world.publish(number=second.number, targets=Targets(kind="list", pods=("pod-1",)))
    world.copy(planned(second.version, "pod-1"))
    world.move(number=second.number)
    world.copy(available(second.version, "pod-1"))
    assert len({one.assignment for one in asked(world.pass_time(0))}) == STEP * 2 + 3
    world.say(PodDisconnected(pod="pod-1", revision=2), "replicator")
    world.say(PodConnected(pod="pod-1", labels={}, revision=3), "replicator")
    assert len({one.assignment for one in asked(world.pass_time(0))}) == STEP * 2 + 3
    world.say(PodRemoved(pod="pod-1", revision=4), "replicator")
    world.pass_time(0)
    assert world.all(POOL) == world.all(HOSTED) == {}
    assert world.uses(made.version).by == {}


def test_b5_the_pools_of_a_removed_pod_are_gone(world: Pools) -> None:
    (first,), desks = world.ready()
    world.say(PodRemoved(pod="pod-1", revision=2), "replicator")
    world.pass_time(0)
    assert list(world.assignment(desks).pods) == ["pod-2"]
    assert world.get(HOSTED, "pod-1") is None
    assert list(world.uses(first.version).by) == [f"{desks}/pod-2"]


def test_b5_after_a_restored_database_attempts_are_above_all_that_was_heard(world: Pools) -> None:
    (_, second), _ = world.ready(versions=2)
    world.floor = 10_000
    before = len(world.emitted)
    world.move(number=second.number)
    assert {one.attempt for one in asked(world.emitted[before:])} == {10_001}


def test_b5_a_pod_that_a_newer_database_asked_for_something_else_is_asked_again(world: Pools) -> None:
    (first, second), desks = world.ready(versions=2)
    assert world.report(desks, "pod-1", attempt=7, version=second.version) == [], "nobody ever asked for that"
    world.floor = 10_000
    said = world.report(desks, "pod-1", attempt=7, version=second.version)
    assert [(one.pod, one.attempt, one.wanted.version) for one in asked(said)] == [("pod-1", 10_001, first.version)]
    assert world.pool(desks, "pod-1").state == "UPDATE_PENDING"
    assert world.report(desks, "pod-1", attempt=7, version=second.version) == [], "it was told"
    assert [one.attempt for one in asked(world.pass_time(SETTINGS.pool_interval))] == [10_001]
    world.report(desks, "pod-1")
    assert world.pool(desks, "pod-1").state == "IN_SYNC"
    assert not world.under_way


def test_b5_a_pod_that_fell_back_behind_what_it_had_ended_is_told_again(world: Pools) -> None:
    (first, second), desks = world.ready(versions=2, pods=("pod-1",))
    world.move(number=second.number)
    assert world.report(desks, "pod-1", attempt=1, version=first.version) == [], "it is still to hear of it"
    world.report(desks, "pod-1")
    said = world.report(desks, "pod-1", attempt=1, version=first.version, seats=(seat(version=first.version),))
    assert [(one.attempt, one.wanted.version) for one in asked(said)] == [(2, second.version)]
    assert world.report(desks, "pod-1") == []
    assert not world.under_way


def test_b5_a_pool_that_goes_is_withdrawn_again_from_a_pod_that_a_newer_database_told_more(world: Pools) -> None:
    _, desks = world.ready(pods=("pod-1",))
    world.drop()
    world.floor = 10_000
    said = world.report(desks, "pod-1", "REMOVED", attempt=9)
    assert [one.attempt for one in withdrawn(said)] == [10_001]
    world.report(desks, "pod-1", "REMOVED")
    assert world.all(ASSIGNMENT) == {}


# --- changed ----------------------------------------------------------------------------------------------------------


def test_b5_an_edit_changes_seats_and_pods_and_says_so_once(world: Pools) -> None:
    world.published()
    world.move()
    desks = world.assign().id
    world.synced(desks)
    before = len(world.emitted)
    view = world.edit(seats=5, pods=["pod-2", "pod-3"], revision=1)
    assert isinstance(view, AssignmentView), view
    assert (view.seats, view.revision) == (5, 2)
    said = world.emitted[before:]
    assert [one.event.cause for one in said if isinstance(one.event, AssignmentUpdated)] == ["edit"]
    assert [(one.pod, one.wanted.seats) for one in asked(said)] == [("pod-2", 5), ("pod-3", 5)]
    assert [one.pod for one in withdrawn(said)] == ["pod-1"]
    refused(world.edit(pods=["pod-1", "pod-2"]), "assignment_state")
    world.report(desks, "pod-1", "REMOVED")
    assert list(world.assignment(desks).pods) == ["pod-2", "pod-3"]
    before = len(world.emitted)
    world.edit(pods=["pod-1", "pod-2", "pod-3"])
    assert [(one.pod, one.attempt) for one in asked(world.emitted[before:])] == [("pod-1", 3)], "above all it heard"
    refused(world.edit(seats=6, revision=1), "revision_mismatch")


def test_b5_an_edit_that_changes_nothing_says_nothing(world: Pools) -> None:
    _, desks = world.ready()
    before = len(world.emitted)
    view = world.edit(seats=1, marker="prod", pods=["pod-2", "pod-1"], name="desks")
    assert isinstance(view, AssignmentView)
    assert (view.id, view.revision) == (desks, 1)
    assert len(world.emitted) == before


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"name": "other"}, "property_change_not_allowed"),
        ({"image": "other"}, "property_change_not_allowed"),
        ({"seats": -1}, "validation_failed"),
        ({"seats": 201}, "validation_failed"),
        ({"nothing": 1}, "validation_failed"),
        ({"pods": []}, "validation_failed"),
        ({"pods": ["pod-9"]}, "pod_unknown"),
        ({"pods": ["pod-3"]}, "copy_unavailable"),
        ({"marker": "nothing"}, "marker_not_found"),
        ({"shape": {"vm_kind": "trusted_launch"}}, "security_type_mismatch"),
    ],
)
def test_b5_an_edit_that_cannot_be_made_is_refused(world: Pools, changes: dict[str, Any], code: str) -> None:
    world.ready()
    refused(world.edit(**changes), code)


def test_b5_an_assignment_is_pinned_and_bound_again(world: Pools) -> None:
    (first, second), desks = world.ready(versions=2)
    view = world.edit(number=second.number)
    assert (view.marker, view.version) == ("", second.version)
    assert world.marker().bound == ()
    world.synced(desks)
    world.move(number=second.number)
    world.move(number=first.number)
    assert world.assignment(desks).version == second.version, "pinned: the marker is nothing to it"
    view = world.edit(marker="prod")
    assert (view.marker, view.version) == ("prod", first.version)
    assert world.marker().bound == (desks,)
    view = world.edit(marker=None)
    assert (view.marker, view.number) == ("", first.number)


def test_b5_a_disk_is_added_to_each_seat_at_a_lun_that_is_free(world: Pools) -> None:
    world.ready()
    refused(world.add_disk(DataDisk(lun=1, size_gib=1)), "disk_exists")
    before = len(world.emitted)
    view = world.add_disk(DataDisk(lun=5, size_gib=20))
    assert view.disks == (DataDisk(lun=5, size_gib=20),)
    assert {one.wanted.disks for one in asked(world.emitted[before:])} == {view.disks}
    refused(world.add_disk(DataDisk(lun=5, size_gib=20)), "disk_exists")


def test_b5_a_version_that_has_no_room_for_an_added_disk_fails_before_its_pod_is_asked(world: Pools) -> None:
    (first,), desks = world.ready()
    world.add_disk(DataDisk(lun=5, size_gib=20))
    world.synced(desks)
    second = world.import_()
    world.started(second.version)
    world.prepared(second.version, of=manifest(manifest().disks[0], disk("data", 5)))
    world.publish(number=second.number, targets=Targets(kind="list", pods=("pod-1", "pod-2")))
    for pod in ("pod-1", "pod-2"):
        world.copy(planned(second.version, pod, wanted=2))
        world.copy(available(second.version, pod))
    before = len(world.emitted)
    world.move(number=second.number)
    said = world.emitted[before:]
    assert (asked(said), settled(said)) == ([], [("pod-1", "UPDATE_FAILED"), ("pod-2", "UPDATE_FAILED")])
    assert world.pool(desks, "pod-1").version == first.version
    job = world.job(world.assignment(desks).job)
    assert (job.__struct_config__.tag, job.failure.code) == ("FAILURE", "pool_unsupported")


def test_b5_a_rebuild_makes_seats_anew_on_the_pods_named(world: Pools) -> None:
    world.ready()
    refused(world.rebuild(pods=("pod-3",)), "pod_not_found")
    before = len(world.emitted)
    view = world.rebuild(pods=("pod-2",))
    assert [(one.pod, one.wanted.rebuild) for one in asked(world.emitted[before:])] == [("pod-2", 1)]
    assert view.state == "UPDATE_PENDING"


def test_b5_a_duplicate_wants_the_same_under_another_name(world: Pools) -> None:
    (first,), desks = world.ready()
    refused(world.duplicate("desks"), "assignment_exists")
    view = world.duplicate("more", pods=("pod-2",))
    assert (view.version, view.marker, [one.pod for one in view.pods]) == (first.version, "prod", ["pod-2"])
    assert sorted(world.marker().bound) == sorted([desks, view.id])


def test_s5_switching_asks_for_the_same_os_generation_and_disks(world: Pools) -> None:
    _, desks = world.ready()
    for name, given in (
        ("win", {"os_type": "windows"}),
        ("gen2", {"generation": "V2"}),
        ("special", {"os_state": "specialized"}),
    ):
        world.register(name, **given)
        world.published(name, pods=("pod-1", "pod-2"))
        world.move(image=name)
        assert refused(world.switch(name), "switch_incompatible").data["field"] == next(iter(given))
    other = world.published("other", pods=("pod-1", "pod-2"))
    world.move(image="other")
    before = len(world.emitted)
    view = world.switch("other", revision=1)
    assert isinstance(view, AssignmentView), view
    assert (view.image_name, view.version) == ("other", other.version)
    said = world.emitted[before:]
    assert [one.event.cause for one in said if isinstance(one.event, AssignmentUpdated)] == ["switch"]
    assert {one.wanted.image for one in asked(said)} == {other.image}
    assert world.marker().bound == ()
    assert world.marker(image="other").bound == (desks,)


def test_s5_switching_to_another_disk_layout_is_refused(world: Pools) -> None:
    world.ready()
    accepted = world.import_("lean")
    world.started(accepted.version)
    world.prepared(accepted.version, of=manifest(manifest().disks[0]))
    world.publish("lean", targets=Targets(kind="list", pods=("pod-1", "pod-2")))
    for pod in ("pod-1", "pod-2"):
        world.copy(planned(accepted.version, pod, wanted=2))
        world.copy(available(accepted.version, pod))
    world.move(image="lean")
    assert refused(world.switch("lean"), "switch_incompatible").data["field"] == "disks"


# --- deleted ----------------------------------------------------------------------------------------------------------


def test_b5_an_assignment_is_gone_when_all_its_pods_say_so(world: Pools) -> None:
    (first,), desks = world.ready()
    before = len(world.emitted)
    view = world.drop()
    assert view.state == "DELETING"
    assert [(one.pod, one.attempt, one.force) for one in withdrawn(world.emitted[before:])] == [
        ("pod-1", 2, False),
        ("pod-2", 2, False),
    ]
    refused(world.edit(seats=3), "assignment_state")
    refused(world.rebuild(), "assignment_state")
    refused(world.assign(), "assignment_exists")
    world.report(desks, "pod-1", "REMOVED", attempt=1)
    assert len(world.assignment(desks).pods) == 2, "that was said before it was told to go"
    world.report(desks, "pod-1", "REMOVED")
    assert world.uses(first.version).by.keys() == {f"{desks}/pod-2"}
    said = world.report(desks, "pod-2", "REMOVED")
    assert [type(one.event) for one in said] == [AssignmentDeleted]
    assert world.all(ASSIGNMENT) == world.all(POOL) == world.all(HOSTED) == {}
    assert world.job_state(view.job) == "SUCCESS"
    assert isinstance(world.assign(), AssignmentView), "its name is free"


def test_f10_a_pool_with_users_goes_only_by_force(world: Pools) -> None:
    (first,), desks = world.ready()
    world.report(desks, "pod-1", seats=(seat(version=first.version, user="bob"),))
    assert refused(world.drop(), "assignment_in_use").data["users"] == 1
    refused(world.edit(pods=["pod-2"]), "assignment_in_use")
    before = len(world.emitted)
    world.drop(force=True)
    assert {one.force for one in withdrawn(world.emitted[before:])} == {True}
    assert world.drop(force=True).state == "DELETING"
    assert f"{desks}/pod-1" in world.uses(first.version).by, "until its pod says that it is gone"
    assert not world.uses(first.version).by[f"{desks}/pod-1"].wanted


def test_b5_a_withdrawal_is_said_again_until_it_is_heard(world: Pools) -> None:
    world.ready()
    world.drop()
    said = world.pass_time(SETTINGS.pool_interval)
    assert [(one.pod, one.attempt) for one in withdrawn(said)] == [("pod-1", 2), ("pod-2", 2)]


def test_b5_an_assignment_that_waits_for_its_first_copy_goes_at_once(world: Pools) -> None:
    _, desks = world.ready()
    third = world.deployed()
    world.publish(number=third.number)
    world.move(number=third.number)
    world.drop()
    for pod in ("pod-1", "pod-2"):
        world.report(desks, pod, "REMOVED")
    assert world.get(ASSIGNMENT, desks) is None
    assert (world.get(USES, third.version) or world.uses("")).by == {}


def test_another_tenants_assignment_is_not_found(world: Pools) -> None:
    _, desks = world.ready()
    for reply in (
        world.edit(desks, EVE, seats=2),
        world.rebuild(desks, EVE),
        world.add_disk(DataDisk(lun=7, size_gib=1), desks, EVE),
        world.duplicate("x", desks, EVE),
        world.drop(desks, EVE),
        world.switch("base", desks, EVE),
    ):
        refused(reply, "assignment_not_found" if reply.code != "image_not_found" else "image_not_found")


def test_b6_a_voi_image_goes_to_endpoints_of_its_flavour(world: Pools) -> None:
    world.register("thin", desktop_kind="VOI", flavour="thin-client")
    made = world.import_("thin", create=False)
    content = manifest(msgspec.structs.replace(manifest().disks[0], format="qcow2"))
    world.started(made.version)
    world.prepared(made.version, of=content)
    world.publish("thin", targets=Targets(kind="list", pods=("pod-1",)))
    world.copy(planned(made.version, "pod-1"))
    world.copy(available(made.version, "pod-1"))
    world.move(image="thin")
    given: dict[str, Any] = {"image": "thin", "pods": ("pod-1",), "customisation": None}
    refused(world.assign(**given), "endpoints_invalid")
    wrong = Endpoint(name="e1", model="NB13")
    refused(world.assign(**given, endpoints=(wrong,)), "flavour_mismatch")
    refused(world.assign(**given, endpoints=(wrong, wrong)), "endpoints_invalid")
    before = len(world.emitted)
    view = world.assign(**given, endpoints=(wrong, Endpoint(name="e2", model="TC100")))
    assert (view.kind, view.seats) == ("endpoint", 2)
    assert "1 endpoints are skipped" in view.warnings[0]
    (one,) = asked(world.emitted[before:])
    assert one.wanted.models is not None
    assert "TC100" in one.wanted.models
    states: tuple[Seat, ...] = (seat("e1", "SKIPPED"), seat("e2", "WAITING_INSTALL"))
    world.report(view.id, "pod-1", seats=states)
    assert [one.state for one in world.pool(view.id, "pod-1").seats] == ["SKIPPED", "WAITING_INSTALL"]
