"""Inventories: how they come in page by page, which claims are believed, and what of them is asked for."""

from typing import Any

import pytest

from contracts.errors import Problem
from contracts.events.from_pods import InventoryReported, LibraryItem, Vm
from contracts.events.to_pods import InventoryRequested
from contracts.inventory import SECTIONS, VMS, root_of, section_of
from contracts.requests import Actor, RequestInventory
from contracts.requests.replies import Done
from core.driver import START
from core.replicating import House, heartbeat
from replicator.documents import ENTRIES, INVENTORY, LEDGER, POD
from replicator.domain.inventory import ENTRIES as MOST_ENTRIES
from replicator.domain.inventory import PAGES
from replicator.domain.pod import Pod

ADMIN = Actor(tenant="default", name="admin", roles=("operator", "owner"))
V1, V2, V3 = ("0" * 31 + digit for digit in "123")


def known(house: House, name: str = "pod-2") -> Pod:
    found = house.get(POD, name)
    assert found is not None
    return found


def item(version: str = V1, **changes: Any) -> LibraryItem:
    return LibraryItem(**{"version": version, "datastore": "store", "digest": "a" * 64, "size": 2**40} | changes)


def vm(name: str) -> Vm:
    return Vm(name=name, os_type="linux", power="off", locked=False, disks=())


def digests(**changed: str) -> tuple[str, ...]:
    """The digests of all sections: zeros, but for those named like ``s5``."""
    found = ["0" * 16] * SECTIONS
    for name, value in changed.items():
        found[int(name[1:])] = value * 16
    return tuple(found)


ALL = tuple(range(SECTIONS))


def page(
    sections: tuple[str, ...], changed: tuple[int, ...] = ALL, number: int = 0, pages: int = 1, **entries: Any
) -> InventoryReported:
    fields: dict[str, Any] = {"vms": (), "items": ()} | entries
    return InventoryReported(
        root=root_of(sections), page=number, pages=pages, sections=sections, changed=changed, **fields
    )


def old(root: str, number: int = 0, pages: int = 1, **entries: Any) -> InventoryReported:
    """A page of a connector that knows of no sections."""
    fields: dict[str, Any] = {"vms": (vm(f"{root}-{number}"),), "items": ()} | entries
    return InventoryReported(root=root, page=number, pages=pages, **fields)


def shown(house: House) -> set[str]:
    """The versions that people see in pod-2's library."""
    rows: dict[int, set[str]] = {}
    for statement, row in house.writes:
        if statement.startswith("DELETE FROM items") and len(row) == 2:
            rows[row[1]] = set()
        elif "INTO items" in statement:
            rows[row[1]].add(row[2])
    return {version for section in rows.values() for version in section}


def test_an_unknown_inventory_is_asked_for_until_it_came() -> None:
    house = House("pod-2")
    first = digests(s0="1")
    for _ in range(2):
        house.pass_time(10)
        root = root_of(first)
        assert house.pod("pod-2", heartbeat(root=root)) == [InventoryRequested(pod="pod-2", root=root)]
    house.pod("pod-2", page(first))
    house.pass_time(10)
    assert house.pod("pod-2", heartbeat(root=root_of(first))) == []
    assert known(house).root == root_of(first)


def test_only_sections_that_differ_from_those_on_record_are_asked_for() -> None:
    house = House("pod-2")
    first, second = digests(s0="1"), digests(s0="2")
    house.pod("pod-2", page(first, vms=(vm("a"),)))
    house.pass_time(10)
    said = house.pod("pod-2", heartbeat(root=root_of(second)))
    assert said == [InventoryRequested(pod="pod-2", root=root_of(second), known=first)]
    house.pod("pod-2", page(second, (VMS,), vms=(vm("b"),)))
    assert known(house).root == root_of(second)
    ledger = house.get(LEDGER, "pod-2")
    assert ledger is not None
    assert ledger.digests == second


def test_an_inventory_that_builds_upon_sections_which_are_not_on_record_is_asked_for_again() -> None:
    house = House("pod-2")
    house.pod("pod-2", page(digests(s0="1")))
    house.pod("pod-2", page(digests(s0="1", s3="3", s4="4"), (4,)))
    assert known(house).root is None
    house.pass_time(10)
    wanted = digests(s0="1", s3="3", s4="4")
    (asked,) = house.pod("pod-2", heartbeat(root=root_of(wanted)))
    assert asked.known == digests(s0="1", s4="4")
    house.pod("pod-2", page(wanted, (3,)))
    assert known(house).root == root_of(wanted)


@pytest.mark.parametrize("first", [0, 1])
def test_an_inventory_counts_once_all_its_pages_are_in(first: int) -> None:
    house = House("pod-2")
    for number in (first + 2, first, first):
        house.pod("pod-2", old("r1", number, 3))
        assert known(house).root is None
    house.pod("pod-2", old("r1", first + 1, 3))
    assert (known(house).root, house.get(INVENTORY, "pod-2")) == ("r1", None)


def test_a_newer_inventory_takes_the_place_of_an_unfinished_one_and_leaves_nothing_of_it() -> None:
    house = House("pod-2")
    house.pod("pod-2", old("r1", 0, 2, items=(item(V1),)))
    assert len(house.all(ENTRIES)) == 1
    house.pass_time(1)
    house.pod("pod-2", old("r2", 0, 2, items=(item(V2),)))
    late = house.message(old("r1", 1, 2), "pod:pod-2", at=START)
    house.deliver(late)
    house.pod("pod-2", old("r2", 1, 2))
    assert (known(house).root, known(house).generation) == ("r2", 2)
    house.pass_time(0)
    assert shown(house) == {V2}
    assert house.all(ENTRIES) == {}


def test_what_people_see_of_a_section_is_replaced_with_it_and_the_rest_stays() -> None:
    house = House("pod-2")
    house.pod("pod-2", page(digests(s0="1"), items=(item(V1), item(V2)), vms=(vm("a"),)))
    house.pass_time(0)
    assert shown(house) == {V1, V2}
    section = section_of(V1)
    assert section != section_of(V2)
    house.pod("pod-2", page(_with(digests(s0="1"), section), (section,)))
    house.pass_time(0)
    assert shown(house) == {V2}
    generations = {row[1] for statement, row in house.writes if "INTO vms" in statement}
    dropped = [row[1] for statement, row in house.writes if statement.startswith("DELETE FROM vms")]
    assert (generations, dropped) == ({1}, [1]), "the VMs are those of the inventory that told them last"
    assert known(house).generation == 1


def _with(sections: tuple[str, ...], section: int) -> tuple[str, ...]:
    return (*sections[:section], "9" * 16, *sections[section + 1 :])


GOOD = digests(s0="1")
V1_SECTION = section_of(V1)


@pytest.mark.parametrize(
    "words",
    [
        old("r1", pages=0),
        old("r1", 5, 2),
        old("r1", -1, 2),
        old("r1", pages=PAGES + 1),
        old("r" * 129),
        old(""),
        InventoryReported(root="r1", page=0, pages=1, vms=(), items=(), changed=(1,)),
        page(GOOD[:-1]),
        page((*GOOD[:-1], "0" * 15)),
        page((*GOOD[:-1], "X" * 16)),
        InventoryReported(root="r1", page=0, pages=1, vms=(), items=(), sections=GOOD, changed=()),
        page(GOOD, (SECTIONS,)),
        page(GOOD, (-1,)),
        page(GOOD, (1,), vms=(vm("a"),)),
        page(GOOD, (V1_SECTION - 1,), items=(item(V1),)),
        page(GOOD, items=tuple(item(V1, datastore=f"store-{n}") for n in range(MOST_ENTRIES + 1))),
    ],
)
def test_an_impossible_page_is_not_kept(words: InventoryReported) -> None:
    house = House("pod-2")
    assert house.pod("pod-2", words) == []
    assert house.writes == []
    assert house.get(INVENTORY, "pod-2") is None
    assert house.all(ENTRIES) == {}


def test_an_unknown_pods_inventory_is_not_kept() -> None:
    house = House()
    assert house.pod("pod-9", old("r1")) == []
    assert house.writes == []


def test_an_item_that_is_no_version_of_ours_is_passed_over() -> None:
    house = House("pod-2")
    house.pod("pod-2", old("r1", items=(item("../../etc"), item(V1))))
    house.pass_time(0)
    assert shown(house) == {V1}


def test_on_demand_a_pod_looks_again_and_everything_is_taken_in_though_nothing_changed() -> None:
    house = House("pod-2")
    sections = digests(s0="1")
    house.pod("pod-2", page(sections, items=(item(V1),)))
    house.pass_time(0)
    house.writes.clear()
    reply = house.ask(RequestInventory(actor=ADMIN, id=house.new_id(), pod="pod-2"))
    assert isinstance(reply, Done)
    assert house.events()[-1] == InventoryRequested(pod="pod-2", root="")
    house.pod("pod-2", page(sections, items=(item(V1),)))
    house.pass_time(0)
    assert shown(house) == {V1}
    assert known(house).root == root_of(sections)


@pytest.mark.parametrize(("pod", "code"), [("pod-9", "pod_not_found"), ("pod-2", "pod_offline")])
def test_nobody_is_asked_who_would_not_answer(pod: str, code: str) -> None:
    house = House("pod-2")
    house.pass_time(100)
    refusal = house.ask(RequestInventory(actor=ADMIN, id=house.new_id(), pod=pod))
    assert isinstance(refusal, Problem)
    assert refusal.code == code


def test_a_large_library_is_compared_a_few_sections_at_a_time() -> None:
    house = House("pod-2")
    versions = [f"{n:032x}" for n in range(1000)]
    for number in range(5):
        part = versions[number * 200 : number * 200 + 200]
        house.say(page(GOOD, number=number, pages=5, items=tuple(map(item, part))), "pod:pod-2")
    steps = 0
    while "compare:pod-2" in house.reminders:
        one = house.reminders.pop("compare:pod-2")
        before = len([1 for statement, _ in house.writes if "INTO items" in statement])
        house.deliver(house.message(one.body, "self"))
        assert len([1 for statement, _ in house.writes if "INTO items" in statement]) - before <= 64
        steps += 1
    assert steps > 10
    assert shown(house) == set(versions)
    assert house.all(ENTRIES) == {}
