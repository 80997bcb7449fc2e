"""A tenant's lane: how many publishes are under way, and who is next."""

from datetime import timedelta

from core.driver import START
from replicator.domain.lane import Lane, Turn, admit, enter, leave, position
from replicator.domain.queue import Slots

SLOTS = Slots(tenant=2, tenant_across=1)


def _turn(age: float = 0.0, urgency: int = 2, *, across: bool = False) -> Turn:
    return Turn(urgency, START - timedelta(seconds=age), across)


def test_publishes_enter_as_long_as_there_is_room_and_wait_in_order_behind() -> None:
    lane = Lane()
    for name, turn in {"a": _turn(9), "b": _turn(8), "c": _turn(7), "d": _turn(6, urgency=0)}.items():
        lane = enter(lane, name, turn, SLOTS)
    assert list(lane.running) == ["a", "b"]
    assert {name: position(lane, name) for name in "abcd"} == {"a": None, "b": None, "c": 2, "d": 1}


def test_one_that_leaves_makes_room_for_the_next() -> None:
    lane = Lane()
    for name in "abcd":
        lane = enter(lane, name, _turn(), SLOTS)
    lane = admit(leave(lane, "a"), SLOTS)
    assert list(lane.running) == ["b", "c"]
    assert position(lane, "d") == 1
    assert admit(lane, SLOTS) is lane
    assert leave(lane, "unknown") is lane


def test_one_that_waits_can_leave_and_one_that_is_there_stays() -> None:
    lane = enter(enter(enter(Lane(), "a", _turn(), SLOTS), "b", _turn(), SLOTS), "c", _turn(), SLOTS)
    assert leave(lane, "c").queued == {}
    assert enter(lane, "a", _turn(99), SLOTS) is lane


def test_those_that_reach_other_regions_have_slots_of_their_own() -> None:
    lane = Lane()
    for name in ("a", "b"):
        lane = enter(lane, name, _turn(across=True), SLOTS)
    lane = enter(lane, "c", _turn(), SLOTS)
    assert sorted(lane.running) == ["a", "c"]
    assert position(lane, "b") == 1
