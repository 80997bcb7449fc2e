"""From whom a copy comes."""

import pytest

from core.scheduling import Connected, Draining, Offline, pod
from replicator.domain.pod import Pod
from replicator.domain.sources import choose, feeders, nearest

TARGET = pod("target", site="berlin", region="eu")
PODS: dict[str, Pod | None] = {
    "here": pod("here", site="berlin", region="eu"),
    "near": pod("near", site="paris", region="eu"),
    "far": pod("far", site="tokyo", region="asia"),
    "gone": pod("gone", Offline, site="berlin", region="eu"),
    "unknown": None,
}


def _names(found: list[Pod]) -> list[str]:
    return [one.name for one in found]


def test_those_in_touch_come_first_then_the_same_site_then_the_same_region() -> None:
    assert _names(choose(TARGET, PODS, {}, 1, "copy")) == ["here", "near", "far", "gone"]


def test_among_equals_the_less_loaded_comes_first() -> None:
    pods: dict[str, Pod | None] = {name: pod(name, site="berlin") for name in ("a", "b", "c")}
    assert _names(choose(TARGET, pods, {"a": 2, "b": 0, "c": 1}, 1, "copy")) == ["b", "c", "a"]


def test_each_attempt_begins_with_another_one_than_the_attempt_before() -> None:
    firsts = [choose(TARGET, PODS, {}, attempt, "copy")[0].name for attempt in range(1, 5)]
    assert firsts == ["here", "near", "far", "here"]


def test_copies_spread_over_holders_that_are_equals() -> None:
    pods: dict[str, Pod | None] = {f"pod-{number}": pod(f"pod-{number}") for number in range(5)}
    assert len({choose(None, pods, {}, 1, f"copy-{number}")[0].name for number in range(50)}) == 5


def test_the_source_comes_last_while_two_others_can_serve() -> None:
    assert _names(choose(TARGET, PODS, {}, 1, "copy", "here")) == ["near", "far", "here", "gone"]
    assert _names(choose(TARGET, PODS, {}, 2, "copy", "here"))[-2:] == ["here", "gone"]
    two = {name: PODS[name] for name in ("here", "far", "gone")}
    assert _names(choose(TARGET, two, {}, 1, "copy", "here")) == ["here", "far", "gone"]


def test_a_pod_serves_neither_itself_nor_without_an_address() -> None:
    import msgspec

    mute = msgspec.structs.replace(pod("mute"), address="")
    assert choose(TARGET, {"target": TARGET, "mute": mute}, {}, 1, "copy") == []


@pytest.mark.parametrize(
    ("standing", "found"),
    [
        ({"source": Connected}, ["source"]),
        ({"source": Connected, "other": Connected}, ["other"]),
        ({"source": Connected, "other": Offline}, ["source"]),
        ({"source": Offline, "other": Draining}, ["other"]),
        ({"source": Offline}, []),
    ],
)
def test_the_source_feeds_until_another_can(standing: dict[str, type], found: list[str]) -> None:
    assert feeders("source", {name: pod(name, kind) for name, kind in standing.items()}) == found


def test_the_least_loaded_feeds_and_of_those_the_nearest() -> None:
    names = ["far", "near", "here"]
    assert nearest(TARGET, names, PODS, {}, "copy") == ["here", "near", "far"]
    assert nearest(TARGET, names, PODS, {"here": 1}, "copy") == ["near", "far", "here"]
