"""Pods: how they come, go silent and return, and what they are told when they do."""

from datetime import timedelta

import msgspec
import pytest

from contracts.events.from_pods import Datastore, InventoryReported
from contracts.events.hub import PodConnected, PodEnrolled
from contracts.events.to_pods import CopyRequested
from contracts.requests import Actor
from core.driver import START
from core.replicating import House, announcement, finalised, heartbeat, kinds, transferred
from replicator.documents import POD
from replicator.domain.limits import PodLimits
from replicator.domain.pod import Announced, Connected, Draining, Offline, Pod, Removed, Silence, decide, evolve
from replicator.views import pod_view

ANN = Actor(tenant="acme", name="ann", roles=("owner",))
POD_2 = evolve(None, Announced("pod-2", announcement(), START))
LATER = START + timedelta(seconds=5)
MUCH_LATER = START + timedelta(seconds=100)


def known(house: House, name: str = "pod-2") -> Pod:
    found = house.get(POD, name)
    assert found is not None
    return found


def become(kind: type[Connected | Offline | Draining | Removed]) -> Pod:
    more = {"removed": START} if kind is Removed else {}
    return kind(**(msgspec.structs.asdict(POD_2) | more))


@pytest.mark.parametrize(
    ("kind", "after_same_boot", "after_new_boot", "after_report", "after_silence"),
    [
        (Connected, "CONNECTED", "CONNECTED", "CONNECTED", "OFFLINE"),
        (Offline, "CONNECTED", "CONNECTED", "CONNECTED", "OFFLINE"),
        (Draining, "DRAINING", "DRAINING", "DRAINING", "DRAINING"),
        # whether one that was removed may join anew is asked before (test_replicator_enrolment)
        (Removed, "CONNECTED", "CONNECTED", "REMOVED", "REMOVED"),
    ],
)
def test_every_state_answers_every_word(
    kind: type[Connected], after_same_boot: str, after_new_boot: str, after_report: str, after_silence: str
) -> None:
    answers = []
    for words, at in (
        (announcement(), LATER), (announcement("boot-2"), LATER), (heartbeat(), LATER), (Silence(), MUCH_LATER),
    ):  # fmt: skip
        pod = become(kind)
        for fact in decide(pod, "pod-2", words, at, {}):
            pod = evolve(pod, fact)
        assert msgspec.json.decode(msgspec.json.encode(pod), type=Pod) == pod
        answers.append(pod.__struct_config__.tag)
    assert answers == [after_same_boot, after_new_boot, after_report, after_silence]


@pytest.mark.parametrize("words", [heartbeat(), Silence()])
def test_a_pod_that_never_announced_itself_is_not_known(words: object) -> None:
    assert decide(None, "pod-2", words, START, {}) == ()  # type: ignore[arg-type]


@pytest.mark.parametrize("words", [announcement("boot-0"), heartbeat("boot-0")])
def test_what_is_older_than_the_last_word_changes_nothing(words: object) -> None:
    assert decide(become(Connected), "pod-2", words, START - timedelta(seconds=1), {}) == ()  # type: ignore[arg-type]


def test_the_first_announcement_enrols_and_connects() -> None:
    house = House()
    assert house.pod("pod-2", announcement()) == [
        PodEnrolled(pod="pod-2", hypervisor="directory", revision=1), PodConnected(pod="pod-2", revision=2),
    ]  # fmt: skip
    assert {said.saga for said in house.emitted} == {""}


def test_a_new_start_is_said_a_repeated_announcement_is_not() -> None:
    house = House("pod-2")
    assert house.pod("pod-2", announcement()) == []
    assert kinds(house.pod("pod-2", announcement("boot-2"))) == ["pod.connected"]


def test_a_pod_is_offline_after_three_intervals_of_silence() -> None:
    house = House("pod-2")
    house.pass_time(25)
    house.pod("pod-2", heartbeat())
    assert house.pass_time(29) == []
    assert kinds(house.events(house.pass_time(1))) == ["pod.disconnected"]
    assert house.pass_time(600) == []
    assert kinds(house.pod("pod-2", heartbeat())) == ["pod.connected"]
    assert kinds(house.events(house.pass_time(30))) == ["pod.disconnected"]


def test_what_a_pod_calls_itself_can_be_listed_with_the_others() -> None:
    house = House()
    bomb = "\x1b]0;x\x07" + "h" * 50_000
    house.pod("pod-2", announcement(hypervisor=bomb, family=bomb, connector_version=bomb, formats=(bomb,) * 100))
    pod = known(house)
    assert {pod.hypervisor, pod.family, pod.connector_version, *pod.formats} == {"]0;x" + "h" * 74}
    assert len(pod.formats) == 32
    (enrolled,) = [one for one in house.events() if isinstance(one, PodEnrolled)]
    assert enrolled.hypervisor == pod.hypervisor


def test_h3_what_a_pods_hosts_can_do_is_kept_and_shown() -> None:
    house = House()
    house.pod("pod-2", announcement(capabilities=("trusted_launch", "gpu.nvidia")))
    assert known(house).capabilities == ("trusted_launch", "gpu.nvidia")
    assert pod_view(known(house), PodLimits(), actor=ANN, at=house.now).capabilities == ("trusted_launch", "gpu.nvidia")
    house.pod("pod-2", announcement(boot="boot-2", capabilities=("x" * 500,) * 1000))
    assert known(house).capabilities == ("x" * 80,) * 64
    house.pod("pod-2", announcement(boot="boot-3"))
    assert known(house).capabilities == ()


@pytest.mark.parametrize("interval", [1e12, 1e300, 1.7e308, -1e300])
def test_a_pod_is_listened_to_whatever_interval_it_names(interval: float) -> None:
    house = House("pod-1", "pod-2")
    house.pod("pod-2", announcement(interval=interval))
    house.publish()
    house.pod("pod-1", finalised("pod-1"))
    assert house.state("pod-2") == "REPLICATING"
    for _ in range(3):
        house.pass_time(30)
        house.pod("pod-2", heartbeat(working=()))
    house.pod("pod-2", InventoryReported(root="r", page=0, pages=1, vms=(), items=()))
    assert known(house).inventory_at == house.now


@pytest.mark.parametrize(("interval", "seconds"), [(1e9, 75.0), (-5.0, 0.2), (0.1, 0.3)])
def test_silence_is_bounded_whatever_interval_a_pod_names(interval: float, seconds: float) -> None:
    house = House()
    house.pod("pod-2", announcement(interval=interval))
    assert house.pass_time(seconds * 0.9) == []
    assert kinds(house.events(house.pass_time(seconds * 0.1))) == ["pod.disconnected"]


def test_a_heartbeat_updates_what_is_known() -> None:
    house = House("pod-2")
    house.pass_time(10)
    stores = (Datastore(name="fast", capacity=100, free=50),)
    house.pod("pod-2", heartbeat(datastores=stores, dead_letters=3))
    pod = known(house)
    assert (pod.datastores, pod.dead_letters, pod.last_seen) == (stores, 3, house.now)


@pytest.mark.parametrize(
    ("address", "kept"),
    [
        ("http://10.0.0.7:9000", True),
        ("https://pod-2.example.org", True),
        ("http://[::1]:9000", True),
        ("file:///etc/passwd", False),
        ("http://user:secret@host:1", False),
        ("http://host:1/path", False),
        ("http://host:1\r\nX: y", False),
        ("", False),
    ],
)
def test_an_address_that_is_no_base_url_is_offered_to_nobody(address: str, kept: bool) -> None:
    house = House("pod-2")
    house.pod("pod-1", announcement(address=address))
    said = [*house.publish(), *house.events(house.pass_time(0))]
    asked = [one for one in said if isinstance(one, CopyRequested) and one.pod == "pod-2"]
    assert [holder.address for one in asked for holder in one.holders] == ([address] if kept else [])


@pytest.mark.parametrize("words", [announcement(), announcement("boot-2")])
def test_a_connector_that_starts_is_asked_again_for_what_is_under_way(words: object) -> None:
    house = House("pod-1", "pod-2")
    house.publish()
    house.pod("pod-2", transferred("pod-2"))
    said = house.pod("pod-2", words)
    assert [(one.pod, one.attempt) for one in said if isinstance(one, CopyRequested)] == [("pod-2", 1)]
    assert "copy.started" not in kinds(said)
    house.pod("pod-2", finalised("pod-2"))
    assert not [one for one in house.pod("pod-2", words) if isinstance(one, CopyRequested)]
