"""A pod's queue: who is next, and how fast the pod receives."""

from datetime import timedelta

import msgspec
import pytest

from core.driver import START
from replicator.domain.queue import (
    MEASURABLE,
    Entry,
    Place,
    Queue,
    Slots,
    behind,
    choose,
    entry,
    measured,
    placed,
    without,
)
from replicator.settings import ReplicatorSettings

A, B = "a" * 32, "b" * 32


def _entry(
    tenant: str = "acme", priority: str = "normal", age: float = 0.0, place: Place = "queued", **more: int
) -> Entry:
    since = START - timedelta(seconds=age)
    return entry(f"{tenant}{priority}{age}", more.get("replica", 0), tenant, priority, since, place)


@pytest.mark.parametrize(
    ("waiting", "order"),
    [
        ({"young": _entry(age=1), "old": _entry(age=9)}, ["old", "young"]),
        ({"old": _entry(age=9), "urgent": _entry(priority="urgent")}, ["urgent", "old"]),
        (
            {name: _entry(priority=name) for name in ("low", "normal", "high", "urgent")},
            ["urgent", "high", "normal", "low"],
        ),
        (
            {"a1": _entry("a", age=9), "a2": _entry("a", age=8), "b1": _entry("b", age=1)},
            ["a1", "b1", "a2"],
        ),
        (
            {"held": _entry(place="held"), "rests": _entry("b", place="resting"), "goes": _entry("c", place="leaving")},
            [],
        ),
    ],
)
def test_the_urgent_go_first_then_it_goes_round_the_tenants_then_by_age(
    waiting: dict[str, Entry], order: list[str]
) -> None:
    assert choose(Queue(copies=waiting), 9) == order


def test_a_tenant_that_has_less_under_way_is_before_one_that_waits_longer() -> None:
    queue = Queue(copies={"runs": _entry("a", age=99, place="running"), "old": _entry("a", age=9), "new": _entry("b")})
    assert choose(queue, 1) == ["new"]


def test_of_two_tenants_with_nothing_under_way_the_one_served_longer_ago_is_next() -> None:
    queue = Queue()
    for tenant in ("a", "b"):
        for number in range(3):
            queue = placed(queue, f"{tenant}{number}", _entry(tenant, age=10.0 - number))
    order = []
    while chosen := choose(queue, 1):
        queue = placed(queue, chosen[0], msgspec.structs.replace(queue.copies[chosen[0]], place="running"))
        queue = without(queue, chosen[0])
        order.append(chosen[0])
    assert order == ["a0", "b0", "a1", "b1", "a2", "b2"]


def test_a_further_replica_waits_for_those_before_it() -> None:
    copies = {str(number): Entry(A, number, "acme", 2, START, "queued") for number in range(3)}
    queue = Queue(copies=copies | {"other": Entry(B, 1, "acme", 2, START, "queued")})
    assert choose(queue, 9) == ["0", "other"]
    assert [behind(queue, id) for id in ("0", "1", "2", "other")] == [False, True, True, False]
    assert "1" in choose(without(queue, "0"), 9)


def test_a_tenant_without_copies_is_forgotten() -> None:
    queue = placed(Queue(), "copy", _entry("a", place="running"))
    assert queue.served == {"a": 1}
    assert without(queue, "copy").served == {}


def test_the_slots_that_are_taken_and_those_who_wait_are_counted() -> None:
    places: tuple[Place, ...] = ("held", "queued", "running", "running", "resting", "leaving")
    queue = Queue(copies={str(number): _entry(str(number), place=place) for number, place in enumerate(places)})
    assert (queue.receiving, queue.queued) == (2, 2)


def test_the_rate_follows_what_was_moved_and_heeds_no_trifles() -> None:
    queue = measured(Queue(), 10 * MEASURABLE, 10.0)
    assert queue.rate == MEASURABLE
    assert measured(queue, MEASURABLE - 1, 0.001) == queue
    assert measured(queue, 10 * MEASURABLE, 0.0) == queue
    faster = measured(queue, 20 * MEASURABLE, 10.0).rate
    assert faster is not None
    assert MEASURABLE < faster < 2 * MEASURABLE


def test_the_settings_say_how_much_goes_on_at_once() -> None:
    given = ReplicatorSettings(data=".", pod_copies=1, source_groups=2, tenant_publishes=4, tenant_publishes_across=6)
    assert given.slots == Slots(pod=1, source=2, tenant=4, tenant_across=6)
    assert ReplicatorSettings(data=".").slots == Slots()


@pytest.mark.parametrize(
    "wrong", [{"pod_copies": 0}, {"source_groups": 0}, {"tenant_publishes": 0}, {"tenant_publishes_across": 0}]
)
def test_there_is_a_slot_at_least(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="a slot at least"):
        ReplicatorSettings(data=".", **wrong)
