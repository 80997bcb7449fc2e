"""Which pods receive a version together."""

import msgspec

from core.driver import START
from core.replicating import VERSION, announcement
from replicator.domain.groups import LARGEST, groups
from replicator.domain.pod import Announced, Connected, Offline, Pod, evolve


def pod(name: str, kind: type[Connected | Offline] = Connected, **changes: object) -> Pod:
    made = evolve(None, Announced(name, announcement(), START))
    return kind(**msgspec.structs.asdict(made) | changes)


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
