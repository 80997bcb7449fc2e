"""Edits: targets, replicas and terms are added and removed; pauses; single copies removed and repaired."""

from datetime import timedelta
from typing import Any

import pytest

from contracts.errors import Problem
from contracts.events.from_pods import Datastore
from contracts.events.hub import CopyPlanned, PlacementPlanned, Targets
from contracts.events.to_pods import CopyRequested
from contracts.requests import Actor, EditPlacement, PausePlacement, RemoveCopy, RepairCopy, SetPodState, SetPolicy
from contracts.terms import Override, Policy, Selector, Terms
from contracts.views import CopyView, PlacementView
from core.replicating import (
    DEADLINE,
    SAGA,
    TENANT,
    VERSION,
    House,
    announcement,
    cancelling,
    corrupted,
    dropped,
    finalised,
    heartbeat,
    kinds,
    rejected,
    unpublishing,
)
from replicator.documents import LANE, QUEUE, ROSTER, RUN

STORES = tuple(
    Datastore(name=name, capacity=10_000, free=free) for name, free in (("a", 9000), ("b", 8000), ("c", 7000))
)
ANN = Actor(tenant=TENANT, name="ann", roles=("owner",))
FIRST_TWO = Targets(kind="list", pods=("pod-1", "pod-2"))


def published(*available: str, **changes: Any) -> House:
    """A house of three pods with three datastores each; the version is published to pod-1 and pod-2."""
    house = House()
    for pod in ("pod-1", "pod-2", "pod-3"):
        house.pod(pod, announcement(datastores=STORES))
    house.publish(**{"targets": FIRST_TWO} | changes)
    for pod in available:
        house.pod(pod, finalised(pod))
    return house


def wanted(house: House) -> dict[str, tuple[int, ...]]:
    roster = house.get(ROSTER, VERSION)
    assert roster is not None
    return roster.wanted


def of(kind: type[Any], said: list[Any]) -> list[Any]:
    return [one for one in said if isinstance(one, kind)]


def copy_id_of(pod: str, replica: int) -> str:
    return f"{VERSION}_{pod}_{replica}"


def test_overrides_of_several_edits_are_together_no_more_than_those_of_one() -> None:
    names = [f"pod-{n}" for n in range(1, 301)]
    house = House(*names)
    house.publish()
    dark = Override(exclude_from_latest=True)
    view, _ = house.asked(EditPlacement, overrides=dict.fromkeys(names[:200], dark))
    assert isinstance(view, PlacementView)
    problem, said = house.asked(EditPlacement, overrides=dict.fromkeys(names[200:], dark))
    assert (problem.code, said) == ("targets_invalid", []), "else nobody could read the placement any more"
    swapped = dict.fromkeys(names[200:], dark) | dict.fromkeys(names[:100], None)
    view, _ = house.asked(EditPlacement, overrides=swapped)
    assert (len(view.terms.overrides), view.revision) == (200, 3)
    assert house.state("pod-1") == "REPLICATING"


# --- targets ----------------------------------------------------------------------------------------------------------


def test_an_added_pod_gets_the_version_without_a_publish_and_without_its_deadline() -> None:
    house = published("pod-1", "pod-2")
    house.pass_time((DEADLINE - house.now) / timedelta(seconds=1) + 60)
    for pod in ("pod-1", "pod-2", "pod-3"):
        house.pod(pod, heartbeat(datastores=STORES))
    view, said = house.asked(EditPlacement, add=("pod-3",), revision=1)
    assert isinstance(view, PlacementView)
    assert (view.pods, view.wanted, view.revision) == (("pod-1", "pod-2", "pod-3"), 3, 2)
    assert kinds(said) == ["placement.planned", "copy.planned", "copy.started", "copy.requested"]
    assert (said[0].wanted, said[0].publication, said[1].wanted, said[1].publication) == (3, 1, 3, 1)
    assert said[3].ticket_expires == house.now + timedelta(hours=6)
    assert {one.saga for one in house.emitted[-4:]} == {SAGA}
    house.pass_time(600)
    assert house.state("pod-3") == "REPLICATING"
    house.pod("pod-3", finalised("pod-3"))
    assert house.state("pod-3") == "AVAILABLE"


def test_a_removed_pod_drops_its_copy_and_a_later_republish_does_not_bring_it_back() -> None:
    house = published("pod-1", "pod-2")
    view, said = house.asked(EditPlacement, remove=("pod-2",))
    assert kinds(said) == ["placement.planned", "copy.retired", "copy.withdrawn"]
    assert (said[0].wanted, view.pods) == (1, ("pod-1",))
    assert house.placement().holders == ("pod-1",)
    assert kinds(house.pod("pod-2", dropped("pod-2"))) == ["copy.removed"]
    said = house.publish(2, again=True, targets=FIRST_TWO)
    assert {one.pod for one in of(CopyPlanned, said)} == {"pod-1"}
    said = house.publish(3, targets=FIRST_TWO)
    assert {one.pod for one in of(CopyPlanned, said)} == {"pod-1", "pod-2"}


def test_a_pod_that_an_edit_added_is_published_to_again() -> None:
    house = published("pod-1", "pod-2")
    house.asked(EditPlacement, add=("pod-3",))
    house.pod("pod-3", rejected("pod-3", retry=False))
    said = house.publish(2, again=True, targets=FIRST_TWO)
    assert {one.pod: one.state for one in of(CopyPlanned, said)} == {
        "pod-1": "AVAILABLE", "pod-2": "AVAILABLE", "pod-3": "PENDING",
    }  # fmt: skip
    said = house.publish(3, again=True, targets=FIRST_TWO, more=("pod-9",))
    assert [one.reason.partition(":")[0] for one in of(CopyPlanned, said) if one.pod == "pod-9"] == ["pod_unknown"]


def test_an_edit_of_a_copy_on_its_way_gives_it_up() -> None:
    house = published("pod-1")
    _, said = house.asked(EditPlacement, remove=("pod-2",))
    assert kinds(said) == ["placement.planned", "copy.cancelled", "copy.withdrawn"]
    assert house.pod("pod-2", finalised("pod-2")) == []
    house.pod("pod-2", dropped("pod-2"))
    assert house.state("pod-2") == "ABSENT"


def test_a_pod_that_is_added_again_tries_again_what_failed_there() -> None:
    house = published("pod-1")
    house.pod("pod-2", rejected("pod-2", retry=False))
    _, said = house.asked(EditPlacement, add=("pod-2",))
    assert "copy.requested" in kinds(said)
    assert house.state("pod-2") == "REPLICATING"


def test_an_edit_that_changes_nothing_says_nothing() -> None:
    house = published("pod-1", "pod-2")
    before = dict(house.documents)
    for edit in ({}, {"add": ("pod-1",)}, {"replicas": 1}, {"priority": "normal"}, {"overrides": {"pod-2": None}}):
        view, said = house.asked(EditPlacement, **edit)
        assert isinstance(view, PlacementView), edit
        assert said == [], edit
    assert house.documents == before


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"revision": 7, "add": ("pod-3",)}, "revision_mismatch"),
        ({"remove": ("pod-3",)}, "targets_invalid"),
        ({"remove": ("pod-2",), "add": ("pod-2",)}, "targets_invalid"),
        ({"remove": ("pod-1", "pod-2")}, "targets_invalid"),
        ({"overrides": {"pod-3": Override(replicas=2)}}, "targets_invalid"),
        ({"overrides": {"pod-2": Override(replicas=4)}}, "replicas_unsupported"),
        ({"add": ("pod-3",), "overrides": {"pod-3": Override(replicas=4)}}, "replicas_unsupported"),
        ({"add": ("pod-9",)}, "pod_unknown"),
        ({"tenant": "other", "add": ("pod-3",)}, "placement_not_found"),
        ({"version": "f" * 32, "add": ("pod-3",)}, "placement_not_found"),
    ],
)
def test_an_edit_that_cannot_be_is_refused_with_what_to_do(fields: dict[str, Any], code: str) -> None:
    house = published("pod-1", "pod-2")
    before = dict(house.documents)
    problem, said = house.asked(EditPlacement, **fields)
    assert isinstance(problem, Problem)
    assert (problem.code, said) == (code, [])
    assert problem.hint
    assert house.documents == before


def test_a_pod_that_drains_or_that_a_policy_forbids_is_not_added() -> None:
    house = published("pod-1", "pod-2")
    policy = Policy(selector=Selector(labels={"pod": ("pod-1", "pod-2")}), kind="HARD")
    house.ask(SetPolicy(id=house.new_id(), actor=ANN, name="here", policy=policy))
    problem, _ = house.asked(EditPlacement, add=("pod-3",))
    assert isinstance(problem, Problem)
    assert problem.code == "policy_forbids"
    house.ask(SetPodState(id=house.new_id(), actor=ANN, pod="pod-3", verb="drain"))
    problem, _ = house.asked(EditPlacement, add=("pod-3",))
    assert isinstance(problem, Problem)
    assert problem.code == "pod_draining"


def test_an_unpublished_placement_cannot_be_changed() -> None:
    house = published("pod-1", "pod-2")
    house.catalog(unpublishing())
    for command in (EditPlacement, PausePlacement):
        problem, _ = house.asked(command)
        assert isinstance(problem, Problem)
        assert problem.code == "placement_state"


# --- replicas ---------------------------------------------------------------------------------------------------------


def test_replicas_lie_on_a_datastore_each_and_the_surplus_goes_from_the_highest_number() -> None:
    house = published("pod-1", "pod-2")
    _, said = house.asked(EditPlacement, overrides={"pod-2": Override(replicas=3)})
    assert said[0].wanted == 4
    asked = of(CopyRequested, said)
    for request in asked:  # one after the other: a further replica is made of the first
        said = house.pod("pod-2", finalised("pod-2", copy=request.copy, datastore=request.datastore))
        asked += of(CopyRequested, said)
    assert [one.replica for one in asked] == [1, 2]
    stores = {house.copy("pod-2", replica).datastore for replica in range(3)}
    assert len(stores) == 3
    assert [house.state("pod-2", replica) for replica in range(3)] == ["AVAILABLE"] * 3
    _, said = house.asked(EditPlacement, overrides={"pod-2": None})
    assert [one.copy for one in said if one.words() == "copy.retired"] == [copy_id_of("pod-2", n) for n in (1, 2)]
    assert "pod-2" in house.placement().holders, "its first copy is still there"
    assert wanted(house) == {"pod-1": (0,), "pod-2": (0,)}


def test_a_pod_that_keeps_another_replica_still_serves_when_it_loses_one() -> None:
    house = published("pod-1", "pod-2")
    house.asked(EditPlacement, overrides={"pod-2": Override(replicas=2)})
    house.pod("pod-2", finalised("pod-2", copy=copy_id_of("pod-2", 1), datastore="b"))
    house.pod("pod-2", corrupted("pod-2"))
    assert "pod-2" in house.placement().holders
    house.pod("pod-2", corrupted("pod-2", copy=copy_id_of("pod-2", 1)))
    assert "pod-2" not in house.placement().holders


def test_a_publish_with_more_replicas_than_a_named_pod_has_datastores_is_refused() -> None:
    house = House("pod-1", "pod-2")
    (refused,) = house.publish(replicas=2, targets=FIRST_TWO)
    assert refused.failure.code == "replicas_unsupported"
    said = house.publish(2, replicas=2)
    assert [(one.pod, one.state) for one in of(CopyPlanned, said)] == [("pod-1", "SKIPPED"), ("pod-2", "SKIPPED")]


# --- terms ------------------------------------------------------------------------------------------------------------


def test_an_exclusion_from_latest_is_said_of_the_copy_at_once() -> None:
    house = published("pod-1", "pod-2")
    _, said = house.asked(EditPlacement, overrides={"pod-2": Override(exclude_from_latest=True)})
    assert [(one.pod, one.state, one.excluded) for one in of(CopyPlanned, said)] == [("pod-2", "AVAILABLE", True)]
    assert said[0].terms.overrides == {"pod-2": Override(exclude_from_latest=True)}
    _, said = house.asked(EditPlacement, overrides={"pod-2": None})
    assert [one.excluded for one in of(CopyPlanned, said)] == [False]


def test_a_version_published_dark_says_so_with_each_copy() -> None:
    house = House("pod-1", "pod-2")
    said = house.publish(terms=Terms(exclude_from_latest=True))
    assert {one.excluded for one in of(CopyPlanned, said)} == {True}


def test_a_changed_priority_changes_the_order_of_what_waits() -> None:
    house = published("pod-1")
    house.asked(EditPlacement, priority="urgent")
    queue = house.get(QUEUE, "pod-2")
    assert queue is not None
    assert [entry.urgency for entry in queue.copies.values()] == [0]
    assert house.placement().terms.priority == "urgent"


# --- pause ------------------------------------------------------------------------------------------------------------


def test_a_pause_stops_what_is_under_way_and_resuming_makes_the_next_attempt() -> None:
    house = published("pod-1")
    view, said = house.asked(PausePlacement)
    assert isinstance(view, PlacementView)
    assert (view.state, kinds(said)) == ("PAUSED", ["copy.paused"])
    assert house.state("pod-2") == "PENDING"
    assert house.asked(PausePlacement)[1] == []
    house.pass_time(120)
    for pod in ("pod-1", "pod-2"):
        assert "copy.requested" not in kinds(house.pod(pod, heartbeat()))
    _, said = house.asked(PausePlacement, resume=True)
    assert kinds(said) == ["copy.started", "copy.requested"]
    assert said[1].attempt == 2


def test_a_retry_that_comes_due_during_a_pause_waits_for_its_end() -> None:
    house = published("pod-1")
    house.pod("pod-2", rejected("pod-2"))
    house.asked(PausePlacement)
    house.pass_time(15)
    assert house.state("pod-2") == "PENDING"
    assert kinds(house.asked(PausePlacement, resume=True)[1]) == ["copy.started", "copy.requested"]


@pytest.mark.parametrize("what", ["failed", "lost"])
def test_an_exclusion_that_was_changed_while_there_was_no_copy_is_said_when_there_is_one(what: str) -> None:
    house = published("pod-1", "pod-2") if what == "lost" else published("pod-1")
    house.pod("pod-2", corrupted("pod-2") if what == "lost" else rejected("pod-2", retry=False))
    _, said = house.asked(EditPlacement, overrides={"pod-2": Override(exclude_from_latest=True)})
    assert of(CopyPlanned, said) == [], "the copy is as it was"
    said = house.pod("pod-2", finalised("pod-2", attempt=2 if what == "lost" else 1))
    assert [(one.state, one.excluded) for one in of(CopyPlanned, said)] == [("AVAILABLE", True)]
    assert kinds(said)[:2] == ["copy.available", "copy.planned"]
    assert house.copy("pod-2").excluded


def test_nothing_is_kept_of_the_run_of_a_publish_that_ended_while_it_was_paused() -> None:
    house = published()
    house.asked(PausePlacement)
    house.catalog(cancelling())
    assert (house.all(RUN), house.all(LANE)) == ({}, {})


def test_a_copy_that_was_paused_while_its_pod_was_away_goes_on_when_the_pod_is_back() -> None:
    house = House("pod-1", "pod-2")
    house.publish(targets=Targets(kind="list", pods=("pod-2",)))
    house.pass_time(40)
    house.asked(PausePlacement)
    house.asked(PausePlacement, resume=True)
    assert house.state("pod-2") == "PENDING"
    house.pod("pod-1", heartbeat())
    said = house.pod("pod-2", announcement("boot-2"))
    assert [one.attempt for one in said if isinstance(one, CopyRequested)] == [2]


def test_a_copy_that_was_done_when_the_pause_came_is_available() -> None:
    house = published("pod-1")
    house.asked(PausePlacement)
    house.pod("pod-2", finalised("pod-2"))
    assert house.state("pod-2") == "AVAILABLE"


def test_another_tenants_placement_is_not_found() -> None:
    house = published("pod-1", "pod-2")
    codes = [house.asked(PausePlacement, tenant="other")[0].code]
    codes += [house.asked(command, tenant="other", pod="pod-2")[0].code for command in (RemoveCopy, RepairCopy)]
    assert codes == ["placement_not_found", "copy_not_found", "copy_not_found"]


# --- single copies ----------------------------------------------------------------------------------------------------


def test_one_copy_is_removed_and_is_not_wanted_any_more() -> None:
    house = published("pod-1", "pod-2")
    view, said = house.asked(RemoveCopy, pod="pod-2")
    assert isinstance(view, CopyView)
    assert (view.state, view.wanted) == ("DELETING", False)
    assert kinds(said) == ["placement.planned", "copy.retired", "copy.withdrawn"]
    assert said[0].wanted == 1
    assert wanted(house) == {"pod-1": (0,)}
    assert house.asked(RemoveCopy, pod="pod-2")[1] == [], "it is going already"
    house.pod("pod-2", dropped("pod-2"))
    assert house.asked(RemoveCopy, pod="pod-2")[0].code == "copy_not_found"
    assert house.asked(RemoveCopy, pod="pod-1")[0].code == "copy_state", "the last one goes with an unpublish"


@pytest.mark.parametrize("code", ["io_error", "finalise_failed"])
def test_a_failed_copy_is_repaired_at_once_with_its_history(code: str) -> None:
    house = published("pod-1")
    house.pod("pod-2", rejected("pod-2", retry=False, code=code))
    view, said = house.asked(RepairCopy, pod="pod-2")
    assert isinstance(view, CopyView)
    assert (view.state, view.attempt, [one.code for one in view.history]) == ("REPLICATING", 2, [code])
    assert kinds(said) == ["placement.planned", "copy.planned", "copy.started", "copy.requested"]
    assert (of(PlacementPlanned, said)[0].wanted, of(CopyPlanned, said)[0].wanted) == (2, 2)


def test_a_copy_that_waits_for_its_next_attempt_need_not_wait() -> None:
    house = published("pod-1")
    house.pod("pod-2", rejected("pod-2"))
    assert kinds(house.asked(RepairCopy, pod="pod-2")[1]) == ["copy.started", "copy.requested"]
    for state in ("REPLICATING", "AVAILABLE"):
        problem, said = house.asked(RepairCopy, pod="pod-2")
        assert (problem.code, problem.data, said) == ("copy_state", {"state": state}, [])
        house.pod("pod-2", finalised("pod-2", 2))


# --- shallow ----------------------------------------------------------------------------------------------------------


def test_a_shallow_publish_asks_the_source_pod_alone_and_names_no_holder() -> None:
    house = House("pod-1", "pod-2")
    said = house.publish(terms=Terms(mode="shallow"))
    assert [(one.pod, one.state, one.reason.partition(":")[0]) for one in of(CopyPlanned, said)] == [
        ("pod-1", "PENDING", ""), ("pod-2", "SKIPPED", "shallow"),
    ]  # fmt: skip
    (asked,) = of(CopyRequested, said)
    assert (asked.pod, asked.shallow, asked.holders) == ("pod-1", True, ())
    house.pod("pod-1", finalised("pod-1"))
    problem, _ = house.asked(EditPlacement, replicas=2)
    assert isinstance(problem, Problem)
    assert problem.code == "replicas_unsupported"


# --- a version that was sought ----------------------------------------------------------------------------------------


def test_a_publish_heard_for_the_first_time_after_its_deadline_has_none() -> None:
    house = House("pod-1", "pod-2")
    said = house.publish(3, deadline=house.now - timedelta(seconds=1))
    asked = of(CopyRequested, said)
    assert {one.pod for one in asked} == {"pod-1", "pod-2"}
    assert {one.ticket_expires for one in asked} == {house.now + timedelta(hours=6)}
    house.pass_time(20)
    assert house.state("pod-2") == "REPLICATING"
    assert house.publish(3) == []
