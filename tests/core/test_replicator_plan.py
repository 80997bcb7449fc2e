"""What a publish would do, and how what is wanted stands: queries over what the driver decided, in a real database."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from contracts.errors import Problem
from contracts.limits import Limits, Window
from contracts.requests import (
    Actor,
    GetPlacement,
    GetPolicy,
    ListCopies,
    ListPods,
    ListPolicies,
    PlanPlacement,
    SetPodLimits,
    SetPolicy,
)
from contracts.terms import Policy, Requirements, Selector, Targets, Terms
from core.driver import Driver
from core.readside import stored
from core.replicating import MANIFEST, TENANT, VERSION, House, announcement, finalised, plainly, rejected
from replicator.documents import QUEUE
from replicator.domain.queue import Queue, Slots
from replicator.handlers import Config
from replicator.queries import queries

MIGRATIONS = Path(__file__).parents[2] / "services" / "replicator" / "migrations"
ADA, EVE = Actor(tenant=TENANT, name="ada", roles=("owner",)), Actor(tenant="globex", name="eve", roles=("owner",))
NEW = "0" * 31 + "9"


def ask(driver: Driver, tmp_path: Path, *requests: Any, config: Config | None = None) -> list[Any]:
    """The replies to queries, in order."""

    async def run() -> list[Any]:
        table = queries(config or Config(sign=plainly))
        async with stored(driver, tmp_path / "replicator.sqlite", MIGRATIONS) as reader:
            return [await table[type(request)](request, reader) for request in requests]

    return asyncio.run(run())


def plan(**changes: Any) -> PlanPlacement:
    return PlanPlacement(**{"actor": ADA, "version": NEW, "manifest": MANIFEST} | changes)


def rows(page: Any) -> list[tuple[str, int, str, str]]:
    return [(row.pod, row.replica, row.action, row.reason.partition(":")[0]) for row in page.items]


# --- the plan ---------------------------------------------------------------------------------------------------------


def test_a_plan_says_for_each_pod_what_would_happen_and_why_not(tmp_path: Path) -> None:
    house = House("pod-1", "pod-2")
    house.pod("pod-3", announcement(formats=("vhd",)))
    before = dict(house.documents)
    [page] = ask(house, tmp_path, plan())
    assert rows(page) == [
        ("pod-1", 0, "copy", ""),
        ("pod-2", 0, "copy", ""),
        ("pod-3", 0, "skip", "format_unsupported"),
    ]
    assert page.items[0].sources == ("pod-1",)
    assert page.items[1].sources == ("pod-1",)
    assert house.documents == before


def test_a_plan_for_a_published_version_keeps_what_is_there(tmp_path: Path) -> None:
    house = House("pod-1", "pod-2", "pod-3")
    house.publish()
    house.pod("pod-1", finalised("pod-1"))
    house.pod("pod-2", finalised("pod-2"))
    [page] = ask(house, tmp_path, plan(version=VERSION))
    assert [row[2] for row in rows(page)] == ["keep", "keep", "copy"]
    assert set(page.items[2].sources) == {"pod-1", "pod-2"}


def test_a_plan_does_not_tell_what_another_tenant_has(tmp_path: Path) -> None:
    house = House("pod-1", "pod-2")
    house.publish()
    house.pod("pod-1", finalised("pod-1"))
    [page] = ask(house, tmp_path, plan(version=VERSION, actor=EVE))
    assert [row[2] for row in rows(page)] == ["copy", "copy"]


def test_a_plan_names_replicas_requirements_and_policies(tmp_path: Path) -> None:
    house = House("pod-1", "pod-2")
    house.pod("pod-3", announcement(hypervisor="vsphere"))
    policy = Policy(selector=Selector(labels={"pod": ("pod-1", "pod-3")}), kind="HARD")
    house.ask(SetPolicy(actor=ADA, id=house.new_id(), name="here", policy=policy))
    terms = Terms(requires=Requirements(hypervisors=("directory",)))
    [hard, required, more] = ask(house, tmp_path, plan(), plan(terms=terms), plan(replicas=2))
    assert [row[3] for row in rows(hard)] == ["", "policy_forbids", ""]
    assert [row[3] for row in rows(required)] == ["", "policy_forbids", "hypervisor_unsupported"]
    assert [row[3] for row in rows(more)] == ["replicas", "policy_forbids", "replicas"]


def test_a_plan_comes_in_pages(tmp_path: Path) -> None:
    names = [f"pod-{number}" for number in range(1, 8)]
    house = House(*names)
    seen: list[str] = []
    cursor = None
    for count in (3, 3, 1):
        [page] = ask(house, tmp_path, plan(limit=3, cursor=cursor))
        seen += [row.pod for row in page.items]
        assert len(page.items) == count
        cursor = page.next
    assert (seen, cursor) == (names, None)


def test_a_plan_without_measurements_makes_no_promise(tmp_path: Path) -> None:
    [page] = ask(House("pod-1", "pod-2"), tmp_path, plan(deadline=1.0))
    assert (page.estimate, page.warning) == (None, "")


def test_a_plan_warns_of_a_deadline_that_the_measured_rates_cannot_meet(tmp_path: Path) -> None:
    house = House("pod-1", "pod-2")
    house.documents[QUEUE.name, "pod-2"] = msgspec.json.encode(Queue(rate=10.0))
    terms = Terms(on_deadline="refuse")
    [late, early, no] = ask(
        house, tmp_path, plan(deadline=100.0), plan(deadline=200.0), plan(deadline=100.0, terms=terms)
    )
    assert late.estimate == 150.0
    assert late.items[1].estimate == 150.0
    assert late.warning.startswith("deadline_at_risk: ")
    assert early.warning == ""
    assert no.warning.startswith("deadline_unreachable: ")


def test_a_plan_for_nobody_is_empty(tmp_path: Path) -> None:
    [page] = ask(House("pod-1"), tmp_path, plan(targets=Targets(kind="list", pods=("pod-9",))))
    assert page.items == ()


# --- the placement ----------------------------------------------------------------------------------------------------


def test_a_placement_shows_what_is_wanted_and_how_it_stands(tmp_path: Path) -> None:
    house = House("pod-1", "pod-2", "pod-3")
    house.pod("pod-4", announcement(formats=("vhd",)))
    house.publish()
    house.pod("pod-1", finalised("pod-1"))
    house.pod("pod-2", rejected("pod-2", retry=False, code="format_unsafe"))
    [view] = ask(house, tmp_path, GetPlacement(actor=ADA, version=VERSION))
    assert (view.state, view.wanted, view.pods) == ("RUNNING", 4, ("pod-1", "pod-2", "pod-3", "pod-4"))
    assert view.copies == {"AVAILABLE": 1, "FAILED": 1, "REPLICATING": 1, "SKIPPED": 1}
    house.pod("pod-3", finalised("pod-3"))
    [view] = ask(house, tmp_path, GetPlacement(actor=ADA, version=VERSION))
    assert view.state == "SETTLED"


@pytest.mark.parametrize(("actor", "version"), [(EVE, VERSION), (ADA, NEW), (ADA, "%")])
def test_a_placement_that_is_not_the_actors_is_not_found(tmp_path: Path, actor: Actor, version: str) -> None:
    house = House("pod-1")
    house.publish()
    [reply] = ask(house, tmp_path, GetPlacement(actor=actor, version=version))
    assert isinstance(reply, Problem)
    assert reply.code == "placement_not_found"


def test_a_placement_that_waits_for_its_time_says_so(tmp_path: Path) -> None:
    house = House("pod-1", "pod-2")
    house.publish(
        terms=Terms(not_before=datetime.now(UTC) + timedelta(days=1)), deadline=datetime(2100, 1, 1, tzinfo=UTC)
    )
    [view, page] = ask(
        house, tmp_path, GetPlacement(actor=ADA, version=VERSION), ListCopies(actor=ADA, version=VERSION)
    )
    assert view.state == "WAITING"
    assert {copy.reason for copy in page.items} == {"not_before"}


def test_a_placement_behind_others_of_its_tenant_tells_its_position(tmp_path: Path) -> None:
    house = House("pod-1", "pod-2")
    for number in range(1, 7):
        house.publish(version=f"{number:032x}", number=f"{number}.0.0")
    requests = [GetPlacement(actor=ADA, version=f"{number:032x}") for number in range(1, 7)]
    views = ask(house, tmp_path, *requests, ListCopies(actor=ADA, version=f"{6:032x}"))
    room = Slots().tenant
    assert [view.position for view in views[:6]] == [None] * room + list(range(1, 7 - room))
    assert [view.state for view in views[:6]] == ["RUNNING"] * room + ["QUEUED"] * (6 - room)
    assert {copy.reason for copy in views[6].items} == {"turn"}


# --- what copies and pods wait for ------------------------------------------------------------------------------------


def test_a_copy_says_what_it_waits_for(tmp_path: Path) -> None:
    house = House("pod-1", "pod-2", "pod-3")
    house.pod("pod-4", announcement(interval=1.0))
    house.pass_time(10.0)
    shut = Limits(windows=(Window(begin="00:00", end="00:01", days=((datetime.now(UTC).weekday() + 3) % 7,)),))
    house.ask(SetPodLimits(actor=ADA, id=house.new_id(), pod="pod-2", limits=shut))
    house.publish()
    [page, pods] = ask(house, tmp_path, ListCopies(actor=ADA, version=VERSION), ListPods(actor=ADA))
    waits = {copy.pod: (copy.state, copy.reason) for copy in page.items}
    assert waits["pod-2"] == ("PENDING", "window")
    assert waits["pod-4"] == ("PENDING", "pod_offline")
    by_name = {pod.name: pod for pod in pods.items}
    assert (by_name["pod-2"].open, by_name["pod-2"].opens is not None) == (False, True)
    assert (by_name["pod-3"].open, by_name["pod-3"].opens) == (True, None)
    assert by_name["pod-3"].receiving == 1
    assert by_name["pod-2"].queued == 1


def test_a_copy_that_waits_for_a_slot_says_so(tmp_path: Path) -> None:
    house = House("pod-1", "pod-2")
    room = Slots().pod
    for number in range(1, room + 2):
        house.publish(version=f"{number:032x}", number=f"{number}.0.0", tenant=f"tenant-{number}")
    last = Actor(tenant=f"tenant-{room + 1}", name="ada", roles=("owner",))
    [page, pods] = ask(house, tmp_path, ListCopies(actor=last, version=f"{room + 1:032x}"), ListPods(actor=ADA))
    assert {copy.reason for copy in page.items if copy.pod == "pod-2"} == {"slot"}
    assert {pod.name: (pod.receiving, pod.queued) for pod in pods.items}["pod-2"] == (room, 1)


def test_copies_are_estimated_by_the_measured_rates(tmp_path: Path) -> None:
    house = House("pod-3")
    house.now = datetime.now(UTC)
    for name in ("pod-1", "pod-2"):
        house.pod(name, announcement())
    house.publish(deadline=datetime(2100, 1, 1, tzinfo=UTC))
    for name in ("pod-2", "pod-3"):
        queue = house.get(QUEUE, name)
        assert queue is not None
        house.documents[QUEUE.name, name] = msgspec.json.encode(msgspec.structs.replace(queue, rate=1.0))
    [page] = ask(house, tmp_path, ListCopies(actor=ADA, version=VERSION))
    by_pod = {copy.pod: copy for copy in page.items}
    assert by_pod["pod-1"].estimate is None
    assert by_pod["pod-2"].estimate == house.now + timedelta(seconds=MANIFEST.size)
    assert (by_pod["pod-3"].reason, by_pod["pod-3"].estimate) == ("pod_offline", None)


def test_a_copy_in_a_queue_is_estimated_behind_those_before_it(tmp_path: Path) -> None:
    house = House()
    room = Slots().pod
    house.now = datetime.now(UTC)
    for name in ("pod-1", "pod-2"):
        house.pod(name, announcement())
    for number in range(1, room + 2):
        house.publish(version=f"{number:032x}", number=f"{number}.0.0", tenant=f"tenant-{number}")
    queue = house.get(QUEUE, "pod-2")
    assert queue is not None
    house.documents[QUEUE.name, "pod-2"] = msgspec.json.encode(msgspec.structs.replace(queue, rate=1.0))
    last = Actor(tenant=f"tenant-{room + 1}", name="ada", roles=("owner",))
    [page] = ask(house, tmp_path, ListCopies(actor=last, version=f"{room + 1:032x}"))
    [end] = [copy.estimate for copy in page.items if copy.pod == "pod-2"]
    assert end is not None
    assert end - house.now >= timedelta(seconds=2 * MANIFEST.size)


def test_a_copy_shows_where_most_of_its_bytes_came_from(tmp_path: Path) -> None:
    house = House("pod-1", "pod-2")
    house.publish()
    house.pod("pod-2", finalised("pod-2", bytes_from={"pod-1": 400, "pod-3": 800}))
    [page] = ask(house, tmp_path, ListCopies(actor=ADA, version=VERSION))
    assert [copy.source for copy in page.items] == ["", "pod-3"]


# --- policies ---------------------------------------------------------------------------------------------------------


def test_policies_are_listed_by_name_with_the_pods_that_match(tmp_path: Path) -> None:
    house = House("pod-1", "pod-2")
    policy = Policy(selector=Selector(labels={"pod": ("pod-2",)}))
    for name, actor in (("b", ADA), ("a", ADA), ("c", EVE)):
        house.ask(SetPolicy(actor=actor, id=house.new_id(), name=name, policy=policy))
    [first, last, one, none] = ask(
        house, tmp_path, ListPolicies(actor=ADA, limit=1), ListPolicies(actor=ADA, limit=1, cursor="a"),
        GetPolicy(actor=EVE, name="c"), GetPolicy(actor=ADA, name="c"),
    )  # fmt: skip
    assert [(one.name, one.pods) for one in first.items] == [("a", ("pod-2",))]
    assert (first.next, last.next) == ("a", None)
    assert [one.name for one in last.items] == ["b"]
    assert one.policy == policy
    assert none.code == "policy_not_found"
