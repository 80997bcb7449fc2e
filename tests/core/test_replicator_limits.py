"""The operator's limits: what is refused, what counts as a change, and when the pod's connector is told."""

from typing import Any

import msgspec
import pytest

from contracts.errors import Problem
from contracts.events.to_pods import LimitsChanged
from contracts.limits import Limits, Window
from contracts.requests import Actor, SetPodLimits
from contracts.views import PodView
from core.replicating import House, announcement, heartbeat, kinds
from replicator.documents import POD
from replicator.domain.pod import Removed

ADMIN = Actor(tenant="acme", name="ann", roles=("operator", "owner"))
NIGHT = Limits(
    receive=50_000_000,
    links={"pod-2": 1_000_000},
    copies=3,
    windows=(Window(begin="22:00", end="06:00"),),
    timezone="Europe/Berlin",
)


def setting(house: House, limits: Limits = NIGHT, *, pod: str = "pod-1", revision: int | None = None) -> Any:
    return house.ask(SetPodLimits(actor=ADMIN, id=house.new_id(), pod=pod, limits=limits, revision=revision))


def test_limits_are_kept_shown_and_told_at_once() -> None:
    house = House("pod-1")
    view = setting(house)
    assert isinstance(view, PodView)
    assert (view.name, view.limits, view.limits_revision) == ("pod-1", NIGHT, 1)
    assert house.events() == [LimitsChanged(pod="pod-1", revision=1, limits=NIGHT)]
    assert setting(house, Limits()).limits_revision == 2
    assert house.events()[-1] == LimitsChanged(pod="pod-1", revision=2, limits=Limits())


def test_the_same_limits_again_are_no_change() -> None:
    house = House("pod-1")
    setting(house)
    assert setting(house).limits_revision == 1
    assert len(house.events()) == 1


def test_a_connector_that_starts_is_told_again_and_one_without_limits_is_told_nothing() -> None:
    house = House("pod-1", "pod-2")
    setting(house)
    assert kinds(house.pod("pod-1", announcement("boot-2"))) == ["pod.connected", "limits.changed"]
    assert kinds(house.pod("pod-1", heartbeat("boot-2"))) == []
    assert kinds(house.pod("pod-2", announcement("boot-2"))) == ["pod.connected"]


def test_a_pod_that_was_away_for_longer_than_words_to_it_are_kept_is_told_again() -> None:
    house = House("pod-1")
    house.pass_time(40)
    setting(house)
    assert kinds(house.pod("pod-1", heartbeat())) == ["pod.connected", "limits.changed"]


@pytest.mark.parametrize(
    ("limits", "revision", "code"),
    [
        (NIGHT, 0, "revision_mismatch"),
        (NIGHT, 2, "revision_mismatch"),
        (Limits(timezone="Europe/Atlantis"), None, "limits_invalid"),
        (Limits(timezone="../../etc/passwd"), None, "limits_invalid"),
        (Limits(timezone="Europe"), None, "limits_invalid"),
        (Limits(timezone="a\0b"), None, "limits_invalid"),
        (Limits(links={"pod-1": 1_000_000}), None, "limits_invalid"),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(limits: Limits, revision: int | None, code: str) -> None:
    house = House("pod-1")
    setting(house, Limits(copies=1))
    before = dict(house.documents)
    problem = setting(house, limits, revision=revision)
    assert isinstance(problem, Problem)
    assert problem.code == code
    assert problem.hint
    assert house.documents == before
    assert isinstance(setting(house, NIGHT, revision=1), PodView)


def test_a_pod_that_is_not_enrolled_or_was_removed_has_no_limits() -> None:
    house = House("pod-1")
    found = house.get(POD, "pod-1")
    assert found is not None
    removed = Removed(**{name: getattr(found, name) for name in found.__struct_fields__}, removed=house.now)
    house.documents[POD.name, "pod-1"] = msgspec.json.encode(removed)
    for pod in ("pod-1", "pod-9"):
        assert setting(house, pod=pod).code == "pod_not_found"
