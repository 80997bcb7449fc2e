"""Where copies go, who serves them, and when they are tried again."""

from datetime import timedelta

import msgspec
import pytest

from contracts.events.from_pods import FileDigest
from contracts.events.hub import Targets
from contracts.names import copy_id
from core.driver import START
from core.replicating import DEADLINE, FILES, MANIFEST, SAGA, TENANT, VERSION, announcement
from replicator.domain.groups import LARGEST, groups
from replicator.domain.placement import (
    HOLDERS_KNOWN,
    HOLDERS_OFFERED,
    Placement,
    held_by,
    lost_by,
    mismatch,
    resolve,
    sources,
)
from replicator.domain.pod import Announced, Connected, Draining, Offline, Pod, Removed, evolve
from replicator.domain.retry import Policy, next_attempt


def pod(name: str, kind: type[Connected | Offline | Draining | Removed] = Connected, **changes: object) -> Pod:
    made = evolve(None, Announced(name, announcement(), START))
    return kind(**msgspec.structs.asdict(made) | changes)


PODS = {
    "pod-1": pod("pod-1"),
    "pod-2": pod("pod-2", Offline),
    "pod-3": pod("pod-3", Draining),
    "pod-4": pod("pod-4", Removed),
    "pod-5": pod("pod-5", formats=("raw",)),
}
UNFIT = "format_unsupported: disk 0 is qcow2, the pod takes raw"


def chosen(targets: Targets, pods: dict[str, Pod] | None = None) -> dict[str, str]:
    return {target.pod: target.skip for target in resolve(PODS if pods is None else pods, targets, MANIFEST)}


def test_all_pods_but_draining_and_removed_ones_are_targets() -> None:
    assert chosen(Targets()) == {"pod-1": "", "pod-2": "", "pod-5": UNFIT}


def test_of_listed_pods_those_that_take_nothing_are_named_with_their_reason() -> None:
    listed = Targets(kind="list", pods=("pod-9", "pod-1", "pod-3", "pod-4", "pod-1", "pod-5"))
    assert chosen(listed) == {
        "pod-1": "",
        "pod-3": "pod_draining: the pod accepts nothing new",
        "pod-4": "pod_draining: the pod accepts nothing new",
        "pod-5": UNFIT,
        "pod-9": "pod_unknown: the pod is not enrolled",
    }


@pytest.mark.parametrize(
    ("targets", "pods"),
    [
        (Targets(), {}),
        (Targets(), {"pod-3": PODS["pod-3"], "pod-4": PODS["pod-4"]}),
        (Targets(kind="list", pods=()), PODS),
        (Targets(kind="list", pods=("pod-3", "pod-9")), PODS),
    ],
)
def test_without_a_pod_that_accepts_there_is_no_target(targets: Targets, pods: dict[str, Pod]) -> None:
    assert chosen(targets, pods) == {}


def test_a_listed_name_that_is_no_pods_name_is_dropped() -> None:
    listed = Targets(kind="list", pods=("pod-1", "to.pod.>", "../pod", "POD-1", "", "p" * 40))
    assert chosen(listed) == {"pod-1": ""}


PLACEMENT = Placement(
    version=VERSION, image="image-1", tenant=TENANT, publication=1, saga=SAGA, manifest=MANIFEST,
    digest=MANIFEST.digest, deadline=DEADLINE, wanted=1,
)  # fmt: skip


def served(placement: Placement, pods: dict[str, Pod], target: str = "pod-9", attempt: int = 1) -> list[str]:
    found = sources(placement.known, pods, copy_id(VERSION, target, 0), target, attempt)
    return [one.name for one in found]


def test_the_source_serves_first_and_never_a_pod_itself() -> None:
    assert served(PLACEMENT, PODS) == ["pod-1"]
    assert served(PLACEMENT, PODS, target="pod-1") == []


def test_the_next_attempt_begins_with_another_holder() -> None:
    placement = held_by(PLACEMENT, "pod-5")
    first, second = served(placement, PODS, attempt=1), served(placement, PODS, attempt=2)
    assert sorted(first) == sorted(second) == ["pod-1", "pod-5"]
    assert first[0] != second[0]


def test_pods_out_of_touch_come_last_and_those_without_an_address_not_at_all() -> None:
    placement = held_by(held_by(PLACEMENT, "pod-2"), "pod-5")
    pods = PODS | {"pod-5": pod("pod-5", address="")}
    for attempt in range(1, 5):
        assert served(placement, pods, attempt=attempt) == ["pod-1", "pod-2"]


def test_of_many_holders_a_few_are_known_and_fewer_are_offered() -> None:
    placement = PLACEMENT
    names = [f"pod-{number}" for number in range(10, 10 + HOLDERS_KNOWN + 5)]
    for name in (*names, *names):
        placement = held_by(placement, name)
    assert placement.holders == tuple(names[:HOLDERS_KNOWN])
    pods = PODS | {name: pod(name) for name in names}
    assert len(served(placement, pods)) == HOLDERS_OFFERED
    starts = {served(placement, pods, target=f"pod-{number}")[0] for number in range(100, 200)}
    assert len(starts) > HOLDERS_KNOWN / 2  # copies spread over the holders


def test_holders_at_the_targets_own_site_come_first_and_those_out_of_touch_last() -> None:
    placement = held_by(held_by(held_by(PLACEMENT, "pod-2"), "pod-5"), "pod-6")
    pods = {
        "pod-1": pod("pod-1"),
        "pod-2": pod("pod-2", Offline, labels={"site": "berlin"}),
        "pod-5": pod("pod-5", labels={"site": "berlin", "region": "north"}),
        "pod-6": pod("pod-6", labels={"site": "paris"}),
        "pod-8": pod("pod-8", labels={"region": "berlin"}),
        "pod-9": pod("pod-9", labels={"site": "berlin"}),
    }
    for attempt in range(1, 5):
        for target in ("pod-9", "pod-8"):  # a pod without a site is where its region is
            found = served(placement, pods, target=target, attempt=attempt)
            assert (found[0], sorted(found[1:3]), found[3]) == ("pod-5", ["pod-1", "pod-6"], "pod-2")
    firsts = {served(placement, pods, target="pod-7", attempt=attempt)[0] for attempt in range(1, 4)}
    assert firsts == {"pod-1", "pod-5", "pod-6"}, "a pod of which nothing is known has no neighbours"


def test_what_is_lost_is_not_served_and_counts_again_when_it_is_back() -> None:
    placement = lost_by(held_by(held_by(PLACEMENT, "pod-1"), "pod-2"), "pod-2")
    assert placement.known == ("pod-1",)
    bare = lost_by(placement, "pod-1")
    assert bare.known == ()
    assert held_by(bare, "pod-5").known == ("pod-5",)
    assert held_by(bare, "pod-1").known == ("pod-1",)


def test_groups_are_even_and_every_member_is_told_of_exactly_the_others() -> None:
    for count in (0, 1, 2, 9, 10, 19, 100):
        pods = {f"pod-{number:03}": pod(f"pod-{number:03}") for number in range(count)}
        found = groups(VERSION, list(pods), pods)
        assert found.keys() == pods.keys()
        sizes = set()
        for name, peers in found.items():
            assert name not in peers
            members = {name, *peers}
            assert all({one, *found[one]} == members for one in peers)
            sizes.add(len(members))
        assert len(sizes) <= 2
        assert not sizes or max(sizes) <= LARGEST
        assert not sizes or max(sizes) - min(sizes) <= 1


def test_groups_do_not_depend_on_the_order_of_names_and_differ_between_versions() -> None:
    pods = {f"pod-{number}": pod(f"pod-{number}") for number in range(30)}
    found = groups(VERSION, list(pods), pods)
    assert groups(VERSION, list(pods)[::-1], pods) == found
    assert groups("0" * 31 + "2", list(pods), pods) != found


def test_pods_in_touch_and_pods_of_a_site_are_grouped_with_each_other() -> None:
    places = ("berlin", "paris")
    pods: dict[str, Pod] = {
        f"{place}-{number}": pod(f"{place}-{number}", labels={"site": place})
        for place in places
        for number in range(LARGEST)
    }
    pods |= {f"away-{number}": pod(f"away-{number}", Offline) for number in range(LARGEST)}
    found = groups(VERSION, list(pods), pods)
    for name, peers in found.items():
        assert {peer.split("-")[0] for peer in peers} == {name.split("-")[0]}


def changed(number: int, **changes: object) -> tuple[FileDigest, ...]:
    files = list(FILES)
    files[number] = msgspec.structs.replace(files[number], **changes)
    return tuple(files)


@pytest.mark.parametrize(
    ("files", "right"),
    [
        (FILES, True),
        (FILES[::-1], True),
        (changed(0, format="vhd", size=4096, root="0" * 64), True),
        (changed(0, size=1001), False),
        (changed(1, root="0" * 64), False),
        (FILES[:1], False),
        ((*FILES, FILES[0]), False),
        (changed(1, lun=2), False),
        ((), False),
    ],
)
def test_finalised_files_are_the_disks_or_conversions_of_them(files: tuple[FileDigest, ...], right: bool) -> None:
    assert (mismatch(MANIFEST, files) == "") is right


def test_attempts_end_at_their_number() -> None:
    policy = Policy(max_attempts=3, backoff=(5.0,))
    assert [next_attempt(policy, "copy", tries, START) is None for tries in (1, 2, 3, 4)] == [False, False, True, True]


def test_jitter_spreads_copies_and_is_the_same_each_time() -> None:
    policy = Policy(backoff=(10.0, 100.0))
    delays = [next_attempt(policy, f"copy-{number}", 1, START) for number in range(50)]
    assert delays == [next_attempt(policy, f"copy-{number}", 1, START) for number in range(50)]
    assert len(set(delays)) > 25
    ten, twelve = START + timedelta(seconds=10), START + timedelta(seconds=12)
    assert all(at is not None and ten <= at <= twelve for at in delays)


def test_the_last_delay_stays() -> None:
    policy = Policy(max_attempts=9, backoff=(1.0, 100.0))
    later = next_attempt(policy, "copy", 7, START)
    assert later is not None
    assert later >= START + timedelta(seconds=100)
