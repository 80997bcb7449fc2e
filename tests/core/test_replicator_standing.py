"""A pod's standing: drained, readmitted, removed; and what becomes of what it holds."""

from typing import Any

import pytest

from contracts.errors import Problem
from contracts.events.hub import CopyRemoved, PlacementPlanned, PodConnected, PodDisconnected, PodReadmitted
from contracts.events.to_pods import CopyRequested
from contracts.names import copy_id
from contracts.requests import Actor, SetPodState
from contracts.terms import Targets, Terms
from contracts.views import PodView
from core.replicating import VERSION, House, announcement, finalised, heartbeat, kinds, publishing, rejected
from replicator.documents import ENTRIES, HELD, INVENTORY, LEDGER, POD, QUEUE, ROSTER
from replicator.domain.pod import Draining, Pod, reporting

ADMIN = Actor(tenant="default", name="admin", roles=("operator", "owner"))


def stand(house: House, verb: str, pod: str = "pod-2", *, force: bool = False, later: bool = True) -> Any:
    """Have it done; ``later`` also what follows from it at once."""
    reply = house.ask(SetPodState(actor=ADMIN, id=house.new_id(), pod=pod, verb=verb, force=force))  # type: ignore[arg-type]
    if later:
        house.pass_time(0)
    return reply


def known(house: House, name: str = "pod-2") -> Pod:
    found = house.get(POD, name)
    assert found is not None
    return found


def available(*pods: str) -> House:
    """A house in which these pods, pod-1 among them as the source, have their copies."""
    house = House(*pods)
    house.publish(targets=Targets(kind="list", pods=pods))
    for _ in pods:
        for pod in pods:
            house.pod(pod, finalised(pod))
    assert {house.state(pod) for pod in pods} == {"AVAILABLE"}
    house.emitted.clear()
    return house


def test_a_draining_pod_is_no_target_and_says_so() -> None:
    house = House("pod-1", "pod-2")
    view = stand(house, "drain")
    assert isinstance(view, PodView)
    assert view.state == "DRAINING"
    assert kinds(house.events()) == ["pod.drained"]
    house.publish()
    roster = house.get(ROSTER, VERSION)
    assert roster is not None
    assert set(roster.wanted) == {"pod-1"}
    assert stand(house, "drain").state == "DRAINING"


def test_a_draining_pod_finishes_what_it_is_at() -> None:
    house = House("pod-1", "pod-2")
    house.publish(targets=Targets(kind="list", pods=("pod-2",)))
    stand(house, "drain")
    house.pod("pod-2", finalised("pod-2"))
    assert house.state("pod-2") == "AVAILABLE"


def test_a_draining_pod_that_goes_silent_is_seen_to_and_stays_draining() -> None:
    house = House("pod-1", "pod-2")
    stand(house, "drain")
    house.emitted.clear()
    said = house.events(house.pass_time(29))
    assert said == []
    said = house.events(house.pass_time(1))
    assert [one for one in said if isinstance(one, PodDisconnected) and one.pod == "pod-2"]
    assert isinstance(known(house), Draining)
    assert not reporting(known(house))
    house.pass_time(600)
    said = house.pod("pod-2", heartbeat())
    assert [type(one) for one in said] == [PodConnected]
    assert isinstance(known(house), Draining)
    assert reporting(known(house))
    assert kinds(house.events(house.pass_time(30))) == ["pod.disconnected"]


@pytest.mark.parametrize(
    ("silent", "state", "word"), [(0, "CONNECTED", PodConnected), (100, "OFFLINE", PodDisconnected)]
)
def test_a_readmitted_pod_is_what_it_is_by_its_reports(silent: float, state: str, word: type) -> None:
    house = House("pod-2")
    stand(house, "drain")
    house.pass_time(silent)
    house.emitted.clear()
    assert stand(house, "readmit").state == state
    assert [type(one) for one in house.events()] == [PodReadmitted, word]
    assert stand(house, "readmit").state == state
    house.pod("pod-1", announcement())
    said = house.publish(targets=Targets(kind="list", pods=("pod-2",)))
    assert bool([one for one in said if isinstance(one, CopyRequested)]) == (state == "CONNECTED")


def test_a_removed_pod_counts_no_more_and_its_copies_are_absent_without_its_word() -> None:
    house = available("pod-1", "pod-2", "pod-3")
    assert stand(house, "remove").state == "REMOVED"
    said = house.events()
    assert kinds(said)[0] == "pod.removed"
    assert [one.pod for one in said if isinstance(one, CopyRemoved)] == ["pod-2"]
    assert [one.wanted for one in said if isinstance(one, PlacementPlanned)] == [2]
    assert "copy.withdrawn" not in kinds(said)
    assert house.state("pod-2") == "ABSENT"
    assert house.pod("pod-2", heartbeat()) == []
    assert house.pass_time(600) is not None
    assert stand(house, "remove").state == "REMOVED", "once more is no change"


def test_everything_that_a_removed_pod_had_in_hand_goes() -> None:
    house = House("pod-1", "pod-2", "pod-3")
    versions = [f"{n:032x}" for n in range(1, 41)]
    for version in versions:
        house.catalog(publishing(version=version, targets=Targets(kind="list", pods=("pod-2", "pod-3"))))
    house.pod("pod-2", finalised("pod-2", copy=copy_id(versions[0], "pod-2", 0), version=versions[0]))
    house.pod("pod-3", finalised("pod-3", copy=copy_id(versions[0], "pod-3", 0), version=versions[0]))
    house.pod("pod-2", rejected("pod-2", retry=False))
    house.emitted.clear()
    stand(house, "remove")
    house.pass_time(1)
    removed = {one.version for one in house.events() if isinstance(one, CopyRemoved) and one.pod == "pod-2"}
    assert removed == set(versions), "AVAILABLE, under way, waiting and failed ones"
    for version in versions:
        roster = house.get(ROSTER, version)
        assert roster is not None
        assert "pod-2" not in roster.wanted
    queue = house.get(QUEUE, "pod-2")
    assert queue is None or (queue.copies, queue.ended) == ({}, ())
    assert [key for kind in (HELD, LEDGER, INVENTORY, ENTRIES) for key in house.all(kind) if "pod-2" in key] == []


@pytest.mark.parametrize("later", [True, False])
def test_the_only_pod_that_holds_a_version_is_removed_by_force_alone(later: bool) -> None:
    house = available("pod-1", "pod-2")
    stand(house, "remove", "pod-1", later=later)
    refusal = stand(house, "remove")
    assert isinstance(refusal, Problem)
    assert (refusal.code, refusal.data, bool(refusal.hint)) == (
        "last_holder", {"versions": 1, "version": VERSION}, True,
    )  # fmt: skip
    assert known(house).__struct_config__.tag == "CONNECTED"
    assert stand(house, "remove", force=True).state == "REMOVED"


def test_the_source_of_a_version_that_is_on_its_way_is_not_removed_before_somebody_else_has_it() -> None:
    house = House("pod-1", "pod-2")
    house.publish()
    assert stand(house, "remove", "pod-1").code == "last_holder"
    house.pod("pod-1", finalised("pod-1"))
    house.pass_time(0)
    house.pod("pod-2", finalised("pod-2"))
    assert stand(house, "remove", "pod-1").state == "REMOVED"


def test_the_source_of_a_shallow_version_is_not_removed() -> None:
    house = House("pod-1", "pod-2")
    house.publish(terms=Terms(mode="shallow"))
    house.pod("pod-1", finalised("pod-1"))
    assert stand(house, "remove", "pod-1").code == "last_holder"
    assert stand(house, "remove", "pod-2").state == "REMOVED"


@pytest.mark.parametrize("verb", ["drain", "readmit"])
def test_nothing_but_a_new_enrolment_brings_a_removed_pod_back(verb: str) -> None:
    house = House("pod-2")
    stand(house, "remove")
    refusal = stand(house, verb)
    assert isinstance(refusal, Problem)
    assert refusal.code == "pod_state"


@pytest.mark.parametrize("verb", ["drain", "readmit", "remove"])
def test_a_pod_that_nobody_enrolled_has_no_standing(verb: str) -> None:
    assert stand(House(), verb).code == "pod_not_found"
