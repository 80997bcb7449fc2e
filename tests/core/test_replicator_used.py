"""Copies that seats are made from stay on their pods, by what the pods themselves report (features.md F10)."""

from typing import Any

from contracts.desktops import Seat
from contracts.events.from_pods import AssignmentReported, Datastore
from contracts.events.hub import Targets
from contracts.requests import Actor, EditPlacement, RemoveCopy, SetPodState
from contracts.terms import Override
from contracts.views import CopyView, PlacementView
from core.catalog_world import refused
from core.replicating import VERSION, House, announcement, finalised, unpublishing
from replicator.documents import SEATED
from replicator.domain import seated
from replicator.domain.seated import Seated

DESKS, ROOMS, OTHER = "d" * 32, "e" * 32, "0" * 31 + "2"
ADMIN = Actor(tenant="house", name="root", roles=("operator",))
STORES = tuple(Datastore(name=name, capacity=10_000, free=9000) for name in ("a", "b"))
PODS = ("pod-1", "pod-2", "pod-3")


def seats(*versions: str) -> tuple[Seat, ...]:
    return tuple(Seat(name=f"desk-{n}", state="READY", version=version) for n, version in enumerate(versions, 1))


def report(*versions: str, assignment: str = DESKS, state: Any = "IN_SYNC", attempt: int = 1) -> AssignmentReported:
    return AssignmentReported(
        assignment=assignment, attempt=attempt, state=state, version=VERSION, seats=seats(*versions)
    )


def published() -> House:
    """The version on pods with two datastores each."""
    house = House()
    for pod in PODS:
        house.pod(pod, announcement(datastores=STORES))
    house.publish(targets=Targets(kind="list", pods=PODS))
    for pod in PODS:
        house.pod(pod, finalised(pod))
    return house


def test_f10_a_copy_that_seats_are_made_from_is_not_removed_and_the_refusal_names_pod_and_seats() -> None:
    house = published()
    house.pod("pod-2", report(VERSION, VERSION, OTHER))
    house.pod("pod-2", report(VERSION, assignment=ROOMS))
    for kind, given in ((RemoveCopy, {"pod": "pod-2"}), (EditPlacement, {"remove": ("pod-3", "pod-2")})):
        problem, said = house.asked(kind, **given)
        refused(problem, "version_in_use")
        assert (problem.status, problem.data["pod"], problem.data["seats"], said) == (409, "pod-2", 3, [])
    assert [house.state(pod) for pod in PODS] == ["AVAILABLE"] * 3


def test_f10_the_copies_of_pods_without_such_seats_are_removed_as_ever() -> None:
    house = published()
    house.pod("pod-2", report(VERSION))
    assert isinstance(house.asked(RemoveCopy, pod="pod-3")[0], CopyView)
    house = published()
    house.pod("pod-2", report(OTHER))
    assert isinstance(house.asked(EditPlacement, remove=("pod-2",))[0], PlacementView)


def test_f10_a_copy_can_go_when_its_seats_were_made_anew_or_are_gone() -> None:
    house = published()
    house.pod("pod-2", report(VERSION))
    house.pod("pod-2", report(OTHER, attempt=2))
    assert isinstance(house.asked(RemoveCopy, pod="pod-2")[0], CopyView)
    house.pod("pod-3", report(VERSION))
    house.pod("pod-3", report(VERSION, state="REMOVED", attempt=2))
    assert isinstance(house.asked(EditPlacement, remove=("pod-3",))[0], PlacementView)
    assert "pod-3" not in house.all(SEATED)


def test_f10_another_tenant_hears_of_no_seats() -> None:
    house = published()
    house.pod("pod-2", report(VERSION))
    refused(house.asked(RemoveCopy, pod="pod-2", tenant="evil")[0], "copy_not_found")
    refused(house.asked(EditPlacement, remove=("pod-2",), tenant="evil")[0], "placement_not_found")


def test_f10_a_version_that_is_unpublished_goes_whatever_its_pods_say() -> None:
    house = published()
    house.pod("pod-2", report(VERSION))
    house.catalog(unpublishing())
    assert house.state("pod-2") == "DELETING", "whether that may be is the catalog's to say"


def test_f10_only_the_first_replica_is_what_seats_are_made_from() -> None:
    house = published()
    house.asked(EditPlacement, overrides={"pod-2": Override(replicas=2)})
    house.pod("pod-2", report(VERSION))
    assert isinstance(house.asked(RemoveCopy, pod="pod-2", replica=1)[0], CopyView)
    refused(house.asked(RemoveCopy, pod="pod-2")[0], "version_in_use")


def test_f10_of_a_removed_pod_no_seats_are_remembered() -> None:
    house = published()
    house.pod("pod-3", report(VERSION))
    house.ask(SetPodState(actor=ADMIN, id=house.new_id(), pod="pod-3", verb="remove", force=True))
    house.pass_time(3600)
    assert "pod-3" not in house.all(SEATED)
    house.pod("pod-9", report(VERSION))
    assert house.all(SEATED) == {}, "who is no pod has no seats"


def test_f10_what_a_pod_says_is_kept_only_as_far_as_it_makes_sense() -> None:
    known = Seated(by={DESKS: {VERSION: 2}})
    assert seated.heard(known, report(VERSION, VERSION)) is known, "who is logged on changes nothing"
    assert seated.heard(known, report(VERSION, assignment="../x")) is known
    assert seated.heard(None, report("", "nonsense")) is None
    full = Seated(by={f"{n:032x}": {VERSION: 1} for n in range(seated.MOST)})
    after = seated.heard(full, report(VERSION))
    assert after is not None
    assert len(after.by) == seated.MOST
    grown: Seated | None = None
    for n in range(3 * seated.MOST // 100):
        made_up = (f"{n:016x}{seat:016x}" for seat in range(100))
        grown = seated.heard(grown, report(*made_up, assignment=f"{n:032x}"))
    assert grown is not None
    assert sum(map(len, grown.by.values())) <= seated.MOST, "one document holds it, however much a pod makes up"
