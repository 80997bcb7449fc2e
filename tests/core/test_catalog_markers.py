"""Markers: moving, history, rollback, freezing, and assignments that follow (features.md A8, F12, G1)."""

import pytest

from catalog.domain import marker as markers
from catalog.domain.marker import MOST_MARKERS, Marker, Move
from contracts.errors import Problem
from contracts.events.hub import AssignmentUpdated, MarkerDeleted, MarkerMoved
from contracts.requests import Done
from contracts.views import MarkerView
from core.catalog_world import EVE, START, available, lost, planned, refused
from core.pools_world import ROOT, Pools, asked


@pytest.fixture
def world() -> Pools:
    return Pools()


def test_a8_a_marker_is_made_by_moving_it_and_remembers_where_it_was(world: Pools) -> None:
    first, second = world.published(), world.published()
    view = world.move("prod", "1.0")
    assert isinstance(view, MarkerView)
    assert (view.version, view.number, view.revision, view.assignments) == (first.version, "1.0.0", 1, 0)
    view = world.move("prod", second.number)
    assert [one.number for one in view.history] == ["1.1.0", "1.0.0"]
    assert view.history[0].actor == "ada"
    moved = [event for event in world.events() if isinstance(event, MarkerMoved)]
    assert [(one.before, one.version, one.revision) for one in moved] == [
        ("", first.version, 1),
        (first.version, second.version, 2),
    ]


def test_a8_moving_a_marker_to_where_it_is_says_nothing(world: Pools) -> None:
    world.published()
    world.move()
    said = len(world.emitted)
    assert world.move().revision == 1
    assert len(world.emitted) == said


def test_a8_every_bound_pool_gets_one_update_and_each_of_its_pods_is_asked(world: Pools) -> None:
    (_, second), desks = world.ready(versions=2)
    more = world.assign("more", pods=("pod-1",)).id
    world.synced(more)
    before = len(world.emitted)
    world.move(number=second.number)
    said = world.emitted[before:]
    updated = [one.event for one in said if isinstance(one.event, AssignmentUpdated)]
    assert sorted(one.assignment for one in updated) == sorted([desks, more])
    assert {(one.cause, one.version) for one in updated} == {("marker", second.version)}
    told = {(one.assignment, one.pod, one.wanted.version, one.attempt) for one in asked(said)}
    assert told == {
        (desks, "pod-1", second.version, 2),
        (desks, "pod-2", second.version, 2),
        (more, "pod-1", second.version, 2),
    }
    assert world.assignment(desks).state == "UPDATE_PENDING"
    assert world.assignment(desks).number == second.number


def test_a8_a_pool_waits_where_there_is_no_copy_and_goes_on_when_there_is(world: Pools) -> None:
    _, desks = world.ready()
    second = world.deployed()
    world.publish(number=second.number)
    before = len(world.emitted)
    world.move(number=second.number)
    assert asked(world.emitted[before:]) == []
    assert world.version(second.version).awaited
    assert world.pool(desks, "pod-1").state == "UPDATE_PENDING"
    world.copy(planned(second.version, "pod-1", wanted=2))
    world.copy(planned(second.version, "pod-2", wanted=2))
    world.copy(available(second.version, "pod-1"))
    (one,) = asked(world.pass_time(0))
    assert (one.pod, one.wanted.version) == ("pod-1", second.version)
    world.copy(available(second.version, "pod-2"))
    (other,) = asked(world.pass_time(0))
    assert other.pod == "pod-2"
    world.copy(lost(second.version, "pod-2"))
    world.copy(available(second.version, "pod-2", revision=5))
    assert asked(world.pass_time(0)) == [], "it was asked for already"


def test_a8_the_marker_of_a_disabled_version_is_frozen(world: Pools) -> None:
    (_, second), _ = world.ready(versions=2)
    world.enable("1.0.0", enabled=False)
    refused(world.move(number=second.number), "marker_frozen")
    refused(world.roll_back(), "marker_frozen")
    world.enable("1.0.0", enabled=True)
    assert world.move(number=second.number).version == second.version


def test_a8_moving_onto_a_disabled_version_or_image_is_refused(world: Pools) -> None:
    (_, second), _ = world.ready(versions=2)
    world.enable(second.number, enabled=False)
    assert refused(world.move(number=second.number), "version_disabled").status == 409
    world.enable(None, enabled=False)
    refused(world.move("canary", "1.0.0"), "image_disabled")


def test_a8_a_marker_names_only_what_seats_can_be_made_from(world: Pools) -> None:
    accepted = world.import_()
    refused(world.move(number=accepted.number), "version_not_ready")
    refused(world.move(number="9.9.9"), "version_not_found")
    refused(world.move(image="nothing"), "image_not_found")


def test_a8_an_edit_of_an_old_revision_is_refused(world: Pools) -> None:
    world.published()
    second = world.published()
    world.move()
    assert refused(world.move(number=second.number, revision=7), "revision_mismatch").status == 412
    assert world.move(number=second.number, revision=1).revision == 2


def test_a8_there_are_so_many_markers_and_no_more(world: Pools) -> None:
    world.published()
    for n in range(MOST_MARKERS):
        assert isinstance(world.move(f"m{n}"), MarkerView)
    refused(world.move("more"), "limit_exceeded")


def test_f12_a_rollback_goes_back_in_one_call_and_pools_follow(world: Pools) -> None:
    (first, second), desks = world.ready(versions=2)
    world.move(number=second.number)
    world.synced(desks)
    before = len(world.emitted)
    view = world.roll_back()
    assert (view.version, view.history[0].rollback) == (first.version, True)
    said = world.emitted[before:]
    assert [one.event.cause for one in said if isinstance(one.event, AssignmentUpdated)] == ["rollback"]
    assert {(one.pod, one.wanted.version) for one in asked(said)} == {
        ("pod-1", first.version),
        ("pod-2", first.version),
    }


def test_f12_a_rollback_is_refused_where_a_pod_of_a_bound_pool_has_no_copy(world: Pools) -> None:
    (first, second), _ = world.ready(versions=2)
    world.move(number=second.number)
    world.copy(lost(first.version, "pod-2"))
    problem = refused(world.roll_back(), "marker_target_unavailable")
    assert problem.data["pod"] == "pod-2"
    assert world.marker().version == second.version


def test_f12_two_rollbacks_go_two_versions_back(world: Pools) -> None:
    for _ in range(3):
        world.published()
    for number in ("1.0.0", "1.1.0", "1.2.0"):
        world.move(number=number)
    assert world.roll_back().number == "1.1.0"
    assert world.roll_back().number == "1.0.0"
    refused(world.roll_back(), "marker_no_history")


@pytest.mark.parametrize(
    ("history", "target"),
    [
        ("1", None),
        ("2 1", "1"),
        ("3 2 1", "2"),
        ("2r 3 2 1", "1"),
        ("1r 2r 3 2 1", None),
        ("4 2r 3 2 1", "2"),
        ("2r 4 2r 3 2 1", "1"),
        ("2 1 2", "1"),
    ],
)
def test_f12_what_a_marker_named_before(history: str, target: str | None) -> None:
    moves = tuple(
        Move(version=one.rstrip("r"), number=one, at=START, actor="ada", rollback=one.endswith("r"))
        for one in history.split()
    )
    found = markers.before(Marker(version=moves[0].version, number="1", revision=1, history=moves))
    assert (None if found is None else found.version) == target


def test_a8_a_marker_with_assignments_is_not_deleted(world: Pools) -> None:
    _, desks = world.ready()
    refused(world.drop_marker(), "marker_in_use")
    world.drop()
    assert isinstance(world.drop_marker(), Done)
    refused(world.drop_marker(), "marker_not_found")
    assert world.said(world.emitted)[-1] == "marker.deleted"
    assert world.assignment(desks).leaving


def test_a_marker_made_anew_under_a_name_is_not_taken_for_the_one_that_had_it(world: Pools) -> None:
    world.published()
    known = world.move().revision
    world.drop_marker()
    said = [event.revision for event in world.events() if isinstance(event, MarkerMoved | MarkerDeleted)]
    assert world.move().revision > max(said) > known
    refused(world.drop_marker(revision=known), "revision_mismatch")


def test_g1_markers_of_a_standard_image_are_the_providers(world: Pools) -> None:
    image = world.register("gold", actor=ROOT, image_class="standard").id
    made = world.deployed(image, actor=ROOT)
    refused(world.move(image=image, number=made.number), "class_read_only")
    assert isinstance(world.move(image=image, number=made.number, actor=ROOT), MarkerView)
    own = world.published()
    refused(world.move(image=own.image, number="1.0.0", actor=EVE), "image_not_found")


def test_f12_a_marker_without_history_cannot_go_back(world: Pools) -> None:
    world.published()
    refused(world.roll_back(), "marker_not_found")
    world.move()
    problem = world.roll_back()
    assert isinstance(problem, Problem)
    refused(problem, "marker_no_history")
