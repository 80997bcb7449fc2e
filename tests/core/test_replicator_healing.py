"""Healing: what a pod's library holds, held against what should be there, and what is done about the difference."""

from typing import Any

import msgspec
import pytest

from contracts.events.from_pods import InventoryReported, LibraryItem
from contracts.events.hub import CopyLost, VersionSought
from contracts.events.to_pods import CopyRequested, CopyWithdrawn, InventoryRequested
from contracts.inventory import SECTIONS, root_of, section_of
from contracts.names import copy_id
from contracts.requests import EditPlacement, PausePlacement
from contracts.terms import Targets
from core.replicating import (
    MANIFEST,
    VERSION,
    House,
    announcement,
    cancelling,
    dropped,
    finalised,
    heartbeat,
    kinds,
    rejected,
    unpublishing,
)
from replicator.documents import HELD, PLACEMENT, POD, ROSTER, SOUGHT
from replicator.domain.held import SURPLUS, UNKNOWN, held_id, held_of
from replicator.domain.pod import Pod

OTHER = "0" * 31 + "7"
POD_2 = Targets(kind="list", pods=("pod-2",))
ID = copy_id(VERSION, "pod-2", 0)
_roots = iter(range(10**6))


def item(version: str = VERSION, **changes: Any) -> LibraryItem:
    """An item as pod-2 has it once its copy was finalised."""
    known = {
        "version": version, "datastore": "store", "digest": MANIFEST.digest, "size": 1500,
        "copies": (copy_id(version, "pod-2", 0),),
    }  # fmt: skip
    return LibraryItem(**(known | changes))


def library(*items: LibraryItem) -> InventoryReported:
    """All that a pod has."""
    return InventoryReported(root=f"root-{next(_roots)}", page=0, pages=1, vms=(), items=items)


def holding(*more: str, **config: Any) -> House:
    """A house in which pod-2 has its copy of the version for some time."""
    house = House("pod-1", "pod-2", *more, **config)
    house.publish(targets=POD_2)
    house.pod("pod-2", finalised("pod-2"))
    assert house.state("pod-2") == "AVAILABLE"
    later(house, "pod-1", "pod-2", *more)
    house.emitted.clear()
    return house


def later(house: House, *pods: str) -> None:
    """Some heartbeats pass."""
    for _ in range(3):
        house.pass_time(10)
        for pod in pods or ("pod-1", "pod-2"):
            house.pod(pod, heartbeat())


def asked(said: list[Any]) -> list[int]:
    """The attempts for which pod-2 was asked."""
    return [one.attempt for one in said if isinstance(one, CopyRequested) and one.pod == "pod-2"]


def withdrawn(said: list[Any]) -> list[tuple[str, str, int]]:
    return [(one.pod, one.copy, one.attempt) for one in said if isinstance(one, CopyWithdrawn)]


def pod_2(house: House) -> Pod:
    found = house.get(POD, "pod-2")
    assert found is not None
    return found


def strays(house: House, version: str = VERSION) -> dict[str, str]:
    held = house.get(HELD, held_of("pod-2", version))
    return {} if held is None else held.strays


def test_what_is_there_as_it_should_be_changes_nothing() -> None:
    house = holding()
    assert house.pod("pod-2", library(item())) == []
    assert house.pod("pod-2", library(item(copies=()))) == [], "a connector that does not say what it stands for"
    assert house.state("pod-2") == "AVAILABLE"


def test_a_copy_that_is_gone_is_missing_and_made_again_without_a_publish() -> None:
    house = holding()
    said = house.pod("pod-2", library())
    (lost,) = [one for one in said if isinstance(one, CopyLost)]
    assert (lost.pod, lost.state, lost.failure.code) == ("pod-2", "MISSING", "copy_missing")
    assert lost.failure.hint
    assert asked(said) == [2]
    house.pod("pod-2", finalised("pod-2", attempt=2))
    assert house.state("pod-2") == "AVAILABLE"
    assert [failure.code for failure in house.copy("pod-2").history] == ["copy_missing"]


@pytest.mark.parametrize("wrong", [{"state": "CORRUPT"}, {"digest": "f" * 64}])
def test_a_copy_whose_item_is_not_it_is_corrupt_and_made_again(wrong: dict[str, Any]) -> None:
    house = holding()
    said = house.pod("pod-2", library(item(**wrong)))
    (lost,) = [one for one in said if isinstance(one, CopyLost)]
    assert (lost.state, lost.failure.code) == ("CORRUPT", "bit_rot")
    assert asked(said) == [2]
    later(house)
    assert asked(house.pod("pod-2", library(item(**wrong)))) == [], "while it is being made again"


@pytest.mark.parametrize("seen", [(), (item(digest="f" * 64),), (item(state="CORRUPT"),)])
def test_a_copy_that_came_only_just_now_counts_until_the_pod_looks_again(seen: tuple[LibraryItem, ...]) -> None:
    house = House("pod-1", "pod-2")
    house.publish(targets=POD_2)
    house.pod("pod-2", finalised("pod-2"))
    words = library(*seen)  # what the pod saw before the copy came, told after that
    assert house.pod("pod-2", words) == []
    assert house.state("pod-2") == "AVAILABLE"
    assert pod_2(house).root is None, "so it is asked again"
    house.pass_time(10)
    assert kinds(house.pod("pod-2", heartbeat(root=words.root))) == ["inventory.requested"]
    house.pass_time(11)
    said = house.pod("pod-2", msgspec.structs.replace(words))
    assert "copy.lost" in kinds(said)


def test_a_copy_that_came_and_was_lost_between_two_looks_of_its_pod_is_missed_all_the_same() -> None:
    house = House("pod-1", "pod-2")
    sections = ("0" * 16,) * SECTIONS
    root = root_of(sections)
    words = InventoryReported(root=root, page=0, pages=1, vms=(), items=(), sections=sections, changed=())
    house.pod("pod-2", msgspec.structs.replace(words, changed=tuple(range(SECTIONS))))
    assert pod_2(house).root == root
    house.publish(targets=POD_2)
    house.pod("pod-2", finalised("pod-2"))
    house.emitted.clear()
    assert beats(house, 1, root=root) == []
    (asked_,) = [one for one in beats(house, 1, root=root) if isinstance(one, InventoryRequested)]
    lacks = [section for section, digest in enumerate(asked_.known) if digest != sections[section]]
    assert lacks == [section_of(VERSION)]
    house.pass_time(5)
    said = house.pod("pod-2", msgspec.structs.replace(words, changed=(section_of(VERSION),)))
    assert "copy.lost" in kinds(said)
    assert pod_2(house).root == root


def test_a_pod_that_tells_of_what_came_is_asked_for_nothing() -> None:
    house = House("pod-1", "pod-2")
    house.publish(targets=POD_2)
    house.pod("pod-2", finalised("pod-2"))
    house.pass_time(1)
    words = library(item())
    house.pod("pod-2", words)
    assert beats(house, 6, root=words.root) == []


def test_a_section_that_did_not_change_is_left_alone() -> None:
    house = holding()
    other = "0" * 31 + "2"
    assert section_of(other) != section_of(VERSION)
    sections = ("0" * 16,) * SECTIONS
    words = InventoryReported(
        root=root_of(sections), page=0, pages=1, vms=(), items=(), sections=sections, changed=(section_of(other),)
    )
    assert house.pod("pod-2", words) == []
    assert house.state("pod-2") == "AVAILABLE"


def test_a_failed_copy_of_which_the_pod_has_the_item_is_adopted() -> None:
    house = House("pod-1", "pod-2")
    house.publish(targets=POD_2)
    house.pod("pod-2", rejected("pod-2", retry=False))
    assert house.state("pod-2") == "FAILED"
    later(house)
    assert asked(house.pod("pod-2", library(item(copies=())))) == [2], "only the pod's own word makes it AVAILABLE"
    house.pod("pod-2", finalised("pod-2", attempt=2, bytes_network=0))
    assert house.state("pod-2") == "AVAILABLE"


def test_a_copy_that_waits_for_its_next_attempt_is_adopted_at_once() -> None:
    house = House("pod-1", "pod-2")
    house.publish(targets=POD_2)
    house.pod("pod-2", rejected("pod-2"))
    assert house.state("pod-2") == "RETRY_PENDING"
    assert asked(house.pod("pod-2", library(item()))) == [2]


def test_an_item_of_a_copy_under_way_is_left_to_the_pod() -> None:
    house = House("pod-1", "pod-2")
    house.publish(targets=POD_2)
    assert house.pod("pod-2", library(item())) == []
    assert house.state("pod-2") == "REPLICATING"


def test_a_copy_that_the_database_forgot_to_hold_is_held_again() -> None:
    house = holding()
    del house.documents[HELD.name, held_of("pod-2", VERSION)]
    assert house.pod("pod-2", library(item())) == []
    assert "copy.lost" in kinds(house.pod("pod-2", library()))


def test_what_was_unpublished_and_comes_back_with_an_old_disk_is_dropped_again() -> None:
    house = holding()
    house.catalog(unpublishing())
    house.pod("pod-2", dropped("pod-2"))
    assert house.state("pod-2") == "ABSENT"
    assert withdrawn(house.pod("pod-2", library(item()))) == [("pod-2", ID, 1)]
    assert house.pod("pod-2", dropped("pod-2")) == []
    assert house.state("pod-2") == "ABSENT"


def lacking(said: list[Any], sections: tuple[str, ...]) -> list[int]:
    """The sections that pod-2 is asked for, of which it said ``sections`` before."""
    known = [one.known for one in said if isinstance(one, InventoryRequested)]
    return [number for one in known for number, digest in enumerate(one) if digest != sections[number]]


def whole(*items: LibraryItem) -> InventoryReported:
    """All that a pod has, by sections."""
    digests = ["0" * 16] * SECTIONS
    for one in items:
        digests[section_of(one.version)] = "1" * 16
    sections = tuple(digests)
    return InventoryReported(
        root=root_of(sections), page=0, pages=1, vms=(), items=items, sections=sections, changed=tuple(range(SECTIONS))
    )


def test_what_the_pod_is_told_to_drop_because_it_came_back_is_looked_for_until_it_is_gone() -> None:
    house = holding()
    house.catalog(unpublishing())
    house.pod("pod-2", dropped("pod-2"))
    later(house)
    words = whole(item())
    for _ in range(3):
        house.pass_time(1)
        assert withdrawn(house.pod("pod-2", words)) == [("pod-2", ID, 1)]
        assert words.sections is not None
        assert lacking(beats(house, 2, root=words.root), words.sections) == [section_of(VERSION)]


@pytest.mark.parametrize("what", ["resumed", "removed", "cancelled"])
def test_an_item_that_was_left_alone_while_its_placement_was_paused_is_looked_at_after_that(what: str) -> None:
    house = House("pod-1", "pod-2")
    house.publish()
    if what != "cancelled":
        house.pod("pod-1", finalised("pod-1"))
    house.pod("pod-2", rejected("pod-2", retry=False))
    house.asked(PausePlacement)
    later(house)
    words = whole(item())
    assert house.pod("pod-2", words) == []
    if what == "resumed":
        house.asked(PausePlacement, resume=True)
    elif what == "removed":
        house.asked(EditPlacement, remove=("pod-2",))
        house.pod("pod-2", dropped("pod-2"))
    else:
        house.catalog(cancelling())
    assert words.sections is not None
    assert lacking(beats(house, 2, root=words.root), words.sections) == [section_of(VERSION)]
    house.pass_time(1)
    said = house.pod("pod-2", words)
    assert asked(said) == ([2] if what == "resumed" else [])
    assert withdrawn(said) == ([] if what == "resumed" else [("pod-2", ID, 1)])


def test_an_item_of_a_withdrawn_version_on_a_pod_that_never_had_it_is_dropped() -> None:
    house = holding("pod-3")
    house.catalog(unpublishing())
    said = house.pod("pod-3", library(item(copies=())))
    assert withdrawn(said) == [("pod-3", copy_id(VERSION, "pod-3", 0), 1)]


def test_the_source_of_a_version_is_neither_surplus_nor_unknown() -> None:
    house = holding()
    source = [item(copies=(), source=True), item(OTHER, copies=(), source=True)]
    assert house.pod("pod-1", library(*source)) == []
    house.catalog(unpublishing())
    assert house.pod("pod-1", library(*source)) == []
    assert withdrawn(house.pod("pod-1", library(*source))) == []


def test_a_version_that_nobody_knows_is_sought_once_reported_and_left_alone() -> None:
    house = holding("pod-3")
    said = house.pod("pod-2", library(item(), item(OTHER)))
    assert [(one.version, one.pod) for one in said if isinstance(one, VersionSought)] == [(OTHER, "pod-2")]
    assert withdrawn(said) == []
    assert (strays(house, OTHER), pod_2(house).drift) == ({OTHER: UNKNOWN}, 1)
    assert house.pod("pod-3", library(item(OTHER, copies=()))) == [], "it was sought only just now"
    house.pass_time(601)
    assert house.all(SOUGHT) == {}
    for pod in ("pod-1", "pod-2", "pod-3"):
        house.pod(pod, heartbeat())
    assert "version.sought" in kinds(house.pod("pod-2", library(item(), item(OTHER))))
    house.pod("pod-2", library(item()))
    assert (strays(house, OTHER), pod_2(house).drift) == ({}, 0)


def test_a_version_that_was_sought_and_found_is_adopted_when_its_publish_is_said_again() -> None:
    house = House("pod-1", "pod-2")
    assert kinds(house.pod("pod-2", library(item(copies=())))) == ["version.sought"]
    assert pod_2(house).drift == 1
    house.publish(targets=POD_2)
    house.pod("pod-2", finalised("pod-2", bytes_network=0))
    assert house.state("pod-2") == "AVAILABLE"
    assert (strays(house), pod_2(house).drift) == ({}, 0)


def test_what_a_replicator_without_its_database_refused_and_heard_cancelled_is_no_tombstone() -> None:
    house = House()
    assert kinds(house.publish(targets=POD_2)) == ["placement.refused"], "the words of the catalog come before the pods"
    house.catalog(cancelling())
    house.pod("pod-2", announcement())
    said = house.pod("pod-2", library(item()))
    assert "version.sought" in kinds(said)
    assert withdrawn(said) == []
    house.publish(targets=POD_2, deadline=house.now)  # as the catalog says it again, for it is available somewhere
    assert house.state("pod-2") == "PENDING", "nobody in touch can serve it"
    assert "inventory.requested" in kinds(beats(house, 3, root="another"))
    assert asked(house.pod("pod-2", library(item()))) == [1]
    house.pod("pod-2", finalised("pod-2", bytes_network=0))
    assert house.state("pod-2") == "AVAILABLE"


@pytest.mark.parametrize("tail", ["0.evil", "0 x", "0\r\nPUB event.copy.available.x 0\r\n", "*", "0" * 5000, ""])
def test_an_item_under_a_name_that_the_hub_never_gave_is_withdrawn_under_the_one_that_it_would_have(tail: str) -> None:
    house = holding()
    house.catalog(unpublishing())
    house.pod("pod-2", dropped("pod-2"))
    house.emitted.clear()
    said = house.pod("pod-2", library(item(copies=(f"{VERSION}_pod-2_{tail}",))))
    assert [one[1] for one in withdrawn(said)] == [ID], "else the subject is refused and nothing is said any more"


@pytest.mark.parametrize("surplus", ["report", "remove", "adopt"])
def test_an_item_on_a_pod_that_is_no_target_is_treated_as_the_house_is_told(surplus: str) -> None:
    house = holding("pod-3", surplus=surplus)
    name = copy_id(VERSION, "pod-3", 0)
    said = house.pod("pod-3", library(item(copies=())))
    pod = house.get(POD, "pod-3")
    assert pod is not None
    assert pod.drift == 1
    assert [one.attempt for one in said if isinstance(one, CopyWithdrawn)] == ([1] if surplus == "remove" else [])
    roster = house.get(ROSTER, VERSION)
    assert roster is not None
    assert ("pod-3" in roster.wanted) == (surplus == "adopt")
    if surplus == "adopt":
        assert [one.copy for one in said if isinstance(one, CopyRequested)] == [name]
        house.pod("pod-3", finalised("pod-3", bytes_network=0))
        pod = house.get(POD, "pod-3")
        assert pod is not None
        assert (house.state("pod-3"), pod.drift) == ("AVAILABLE", 0)
    else:
        held = house.get(HELD, held_of("pod-3", VERSION))
        assert held is not None
        assert held.strays == {VERSION: SURPLUS}


def test_a_lying_pod_can_touch_nobody_elses_copy() -> None:
    house = holding("pod-3")
    theirs = library(item(copies=(ID,)), item(OTHER, copies=(ID, copy_id(OTHER, "pod-2", 0))))
    said = house.pod("pod-3", theirs)
    assert withdrawn(said) == []
    assert asked(said) == []
    assert house.state("pod-2") == "AVAILABLE"


def test_a_pod_that_makes_up_versions_is_no_flood_for_the_catalog() -> None:
    house = House("pod-2")
    section = section_of(OTHER)
    made_up = [one for n in range(20_000) if section_of(one := f"{n:032x}") == section][:200]
    said = house.pod("pod-2", library(*(item(version) for version in made_up)))
    assert kinds(said).count("version.sought") == 32
    assert pod_2(house).drift == 200


# --- heartbeats -------------------------------------------------------------------------------------------------------


def beats(house: House, count: int, **words: Any) -> list[Any]:
    """``count`` heartbeats of pod-2, ten seconds apart, while pod-1 reports too."""
    said = []
    for _ in range(count):
        house.pass_time(10)
        house.pod("pod-1", heartbeat())
        said += house.pod("pod-2", heartbeat(**words))
    return said


def test_a_copy_that_the_pod_does_not_name_is_asked_for_again_and_not_before_two_intervals() -> None:
    house = House("pod-1", "pod-2")
    house.publish(targets=POD_2)
    assert asked(beats(house, 2, working=())) == []
    assert asked(beats(house, 1, working=())) == [1], "the same attempt: harmless"
    assert asked(beats(house, 1, working=())) == []
    assert asked(beats(house, 1, working=())) == [1]


@pytest.mark.parametrize("working", [(f"{ID}:1",), None, tuple(f"{n}:1" for n in range(64))])
def test_a_pod_that_names_its_copies_or_cannot_is_left_alone(working: tuple[str, ...] | None) -> None:
    house = House("pod-1", "pod-2")
    house.publish(targets=POD_2)
    assert asked(beats(house, 6, working=working)) == []


def test_a_withdrawal_that_is_not_answered_is_said_again() -> None:
    house = holding()
    assert withdrawn(house.catalog(unpublishing())) == [("pod-2", ID, 1)]
    assert withdrawn(beats(house, 2)) == []
    assert withdrawn(beats(house, 1)) == [("pod-2", ID, 1)]
    house.pod("pod-2", dropped("pod-2"))
    assert withdrawn(beats(house, 4)) == []
    assert pod_2(house).unheard == {}


def test_a_pod_that_comes_back_is_told_again_what_is_under_way_and_what_to_drop() -> None:
    house = holding()
    house.pass_time(40)
    assert withdrawn(house.catalog(unpublishing())) == [("pod-2", ID, 1)]
    assert withdrawn(house.pod("pod-2", heartbeat())) == [("pod-2", ID, 1)]
    assert withdrawn(house.pod("pod-2", announcement("boot-2"))) == [("pod-2", ID, 1)]


def test_what_a_pod_holds_is_kept_by_section_and_follows_its_copies() -> None:
    house = holding()
    section = section_of(VERSION)
    held = house.get(HELD, held_id("pod-2", section))
    assert held is not None
    (found,) = held.copies.values()
    assert (found.digest, found.datastore, found.leaving) == (MANIFEST.digest, "store", False)
    house.catalog(unpublishing())
    held = house.get(HELD, held_id("pod-2", section))
    assert held is not None
    assert [one.leaving for one in held.copies.values()] == [True]
    house.pod("pod-2", dropped("pod-2"))
    assert house.get(HELD, held_id("pod-2", section)) is None
    assert house.get(PLACEMENT, VERSION) is not None, "it is remembered that nothing is wanted"
