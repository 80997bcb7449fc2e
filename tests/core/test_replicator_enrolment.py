"""Enrolment: with which token a pod joins, what an operator says of it, and who is kept out."""

from datetime import timedelta
from typing import Any

import pytest

from contracts.errors import Problem
from contracts.events.hub import PodConnected, PodEnrolled, PodRelabelled
from contracts.requests import Actor, EnrollPod, SetPodLabels, SetPodState
from contracts.views import EnrolmentView, PodView
from core.driver import START
from core.replicating import House, announcement, heartbeat, kinds
from replicator.documents import POD
from replicator.domain.pod import effective_labels, region_of, site_of
from runtime.enrolment import EnrolmentSigner
from runtime.signing import PrivateKey

ADMIN = Actor(tenant="default", name="admin", roles=("operator", "owner"))
SIGNER = EnrolmentSigner(PrivateKey.generate())
HOUR = timedelta(hours=1)


def closed(*pods: str) -> House:
    """A house in which pods join with tokens only."""
    house = House(enrolment=SIGNER, open_house=False)
    for pod in pods:
        house.pod(pod, announcement(token=SIGNER.token(pod, {}, START, START + HOUR)))
    house.pass_time(0)
    house.emitted.clear()
    return house


def ask(house: House, kind: type[Any], **fields: Any) -> Any:
    return house.ask(kind(actor=ADMIN, id=house.new_id(), **fields))


def test_a_pod_joins_with_a_token_made_for_it_and_carries_its_operators_labels() -> None:
    house = closed()
    view = ask(house, EnrollPod, pod="pod-1", labels={"region": "eu"}, hours=2.0)
    assert isinstance(view, EnrolmentView)
    assert (view.pod, view.labels, view.expires) == ("pod-1", {"region": "eu"}, START + 2 * HOUR)
    said = house.pod("pod-1", announcement(token=view.token, labels={"region": "us", "rack": "r1"}))
    labels = {"region": "eu", "rack": "r1"}
    assert said == [
        PodEnrolled(pod="pod-1", hypervisor="directory", labels=labels, revision=1),
        PodConnected(pod="pod-1", labels=labels, revision=2),
    ]
    pod = house.get(POD, "pod-1")
    assert pod is not None
    assert (effective_labels(pod), region_of(pod), site_of(pod), pod.labels_revision) == (labels, "eu", "eu", 1)


def tokens() -> dict[str, str]:
    return {
        "none": "",
        "of another pod": SIGNER.token("pod-2", {}, START, START + HOUR),
        "of another house": EnrolmentSigner(PrivateKey.generate()).token("pod-1", {}, START, START + HOUR),
        "that ended": SIGNER.token("pod-1", {}, START - HOUR, START),
        "that is none": "x.y",
    }


@pytest.mark.parametrize("which", list(tokens()))
def test_an_announcement_without_a_good_token_changes_nothing(which: str) -> None:
    house = closed()
    words = announcement(token=tokens()[which])
    assert house.pod("pod-1", words) == []
    assert house.pod("pod-1", heartbeat()) == []
    assert house.get(POD, "pod-1") is None
    assert house.reminders == {}


def test_a_pod_that_is_enrolled_needs_no_token_when_it_starts_again() -> None:
    house = closed("pod-1")
    assert kinds(house.pod("pod-1", announcement("boot-2"))) == ["pod.connected"]


def test_an_open_house_lets_every_pod_in_and_still_heeds_the_labels_of_a_token() -> None:
    house = House(enrolment=SIGNER, open_house=True)
    house.pod("pod-1", announcement(token="x.y"))
    house.pod("pod-2", announcement(token=SIGNER.token("pod-2", {"region": "eu"}, START, START + HOUR)))
    assert [region_of(house.get(POD, name)) for name in ("pod-1", "pod-2")] == ["", "eu"]


@pytest.mark.parametrize("open_house", [True, False])
def test_a_removed_pod_comes_back_with_a_token_made_since_and_with_no_other(open_house: bool) -> None:
    house = House(enrolment=SIGNER, open_house=open_house)
    old = SIGNER.token("pod-1", {}, START, START + HOUR)
    house.pod("pod-1", announcement(token=old))
    ask(house, SetPodState, pod="pod-1", verb="remove")
    house.pass_time(0)
    house.emitted.clear()
    assert house.pod("pod-1", announcement("boot-2", token=old)) == []
    assert house.pod("pod-1", announcement("boot-2")) == []
    view = ask(house, EnrollPod, pod="pod-1")  # in the very moment of the removal
    assert kinds(house.pod("pod-1", announcement("boot-2", token=view.token))) == ["pod.enrolled", "pod.connected"]


def test_a_token_is_not_made_for_a_pod_that_is_there() -> None:
    refusal = ask(closed("pod-1"), EnrollPod, pod="pod-1")
    assert isinstance(refusal, Problem)
    assert (refusal.code, bool(refusal.hint)) == ("pod_exists", True)


@pytest.mark.parametrize("label", ["pod", "hypervisor", "family"])
def test_what_every_pod_has_is_no_label(label: str) -> None:
    house = closed("pod-1")
    for refusal in (
        ask(house, EnrollPod, pod="pod-2", labels={label: "x"}),
        ask(house, SetPodLabels, pod="pod-1", labels={label: "x"}),
    ):
        assert isinstance(refusal, Problem)
        assert (refusal.code, refusal.data) == ("labels_invalid", {"label": label})


def test_an_operators_labels_stand_above_the_announced_ones_and_are_said() -> None:
    house = House()
    house.pod("pod-1", announcement(labels={"region": "us", "rack": "r1", "Bad Key": "x", "k": "not a value!"}))
    house.emitted.clear()
    view = ask(house, SetPodLabels, pod="pod-1", labels={"region": "eu"})
    assert isinstance(view, PodView)
    assert (view.labels, view.own_labels, view.labels_revision) == (
        {"region": "eu", "rack": "r1"}, {"region": "eu"}, 1,
    )  # fmt: skip
    assert house.events() == [PodRelabelled(pod="pod-1", labels={"region": "eu", "rack": "r1"}, revision=3)]
    assert ask(house, SetPodLabels, pod="pod-1", labels={"region": "eu"}, revision=1).labels_revision == 1
    assert len(house.events()) == 1, "the same labels again are no change"


def test_nobody_edits_labels_that_somebody_else_changed_in_the_meantime() -> None:
    house = House("pod-1")
    ask(house, SetPodLabels, pod="pod-1", labels={"region": "eu"}, revision=0)
    refusal = ask(house, SetPodLabels, pod="pod-1", labels={}, revision=0)
    assert isinstance(refusal, Problem)
    assert (refusal.code, refusal.data) == ("revision_mismatch", {"revision": 1})


def test_a_pod_that_nobody_enrolled_has_no_labels() -> None:
    refusal = ask(House(), SetPodLabels, pod="pod-1", labels={})
    assert isinstance(refusal, Problem)
    assert refusal.code == "pod_not_found"
