"""Who must leave a door that is full."""

import asyncio
from typing import Any

import pytest

from connector.transfer import callers as module
from connector.transfer.callers import GRACE, SLOWEST, Caller, Callers, Taking, leaver

NOW = 1000.0


class Line(asyncio.Transport):
    """A connection that notes that it was cut."""

    def __init__(self) -> None:
        super().__init__()
        self.cut = False

    def abort(self) -> None:
        self.cut = True


def caller(address: str = "10.0.0.1", *, age: float = 1.0, **more: Any) -> Caller:
    return Caller(address, NOW - age, Line(), **more)


def reader(rate: float, *, seconds: float = GRACE, **more: Any) -> Caller:
    """One that takes an answer at ``rate`` bytes a second."""
    return caller(admitted=True, busy=1, taking=Taking(bytes=int(rate * seconds), seconds=seconds), **more)


def test_of_strangers_the_eldest_of_the_largest_crowd_leaves() -> None:
    flood = [caller("10.6.6.6", age=age) for age in (2, 4, 3)]
    alone = caller("10.0.0.2", age=100)
    assert leaver([alone, *flood, reader(1)], NOW) is flood[1]


def test_a_connection_that_is_idle_leaves_before_a_slow_reader() -> None:
    idle, idler = caller(admitted=True, age=5), caller(admitted=True, age=9)
    assert leaver([reader(1), idle, idler], NOW) is idler


def test_a_connection_between_two_requests_is_not_idle() -> None:
    assert leaver([caller(admitted=True, age=0.1)], NOW) is None


def test_of_slow_readers_the_slowest_leaves() -> None:
    slowest = reader(SLOWEST / 8)
    assert leaver([reader(SLOWEST / 2), slowest, reader(SLOWEST * 50)], NOW) is slowest


def test_nobody_leaves_who_reads_fast_enough_or_has_only_begun() -> None:
    assert leaver([reader(SLOWEST), reader(1, seconds=GRACE - 1)], NOW) is None


def test_a_reader_that_takes_nothing_is_slow_while_it_still_waits() -> None:
    stuck = caller(admitted=True, busy=1)
    stuck.taking.begin(NOW - GRACE)
    assert leaver([stuck], NOW) is stuck


def test_what_a_reader_did_long_ago_is_forgotten() -> None:
    taking = Taking()
    now = 0.0
    for size in [SLOWEST * 10] * 60 + [SLOWEST // 10] * 200:
        taking.begin(now)
        now += 1
        taking.end(size, now)
    rate = taking.rate(now)
    assert rate is not None
    assert rate < SLOWEST


def test_time_in_which_we_do_not_send_is_not_the_readers() -> None:
    taking = Taking()
    taking.begin(0)
    taking.end(SLOWEST * 100, GRACE)
    assert taking.rate(GRACE * 100) == SLOWEST * 100 / GRACE


def test_a_newcomer_takes_the_place_of_who_must_leave(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CONNECTIONS", 3)
    door = Callers()
    strangers = [caller(f"10.0.0.{n}", age=n) for n in range(3)]
    for stranger in strangers:
        assert door.came(stranger, anonymous=True, now=NOW)
    assert door.came(caller(), anonymous=True, now=NOW)
    assert [stranger.transport.cut for stranger in strangers] == [False, False, True]
    assert len(door) == 3


def test_when_all_use_their_place_well_the_newcomer_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CONNECTIONS", 2)
    door = Callers()
    for _ in range(2):
        assert door.came(reader(SLOWEST * 9), anonymous=True, now=NOW)
    assert not door.came(caller(), anonymous=True, now=NOW)


def test_a_pods_many_connections_cost_only_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PER_PEER", 2)
    door = Callers()
    others = [reader(1, bearer="pod-9") for _ in range(2)]
    mine = [reader(SLOWEST * 9, bearer="pod-2"), reader(1, bearer="pod-2")]
    for one in others + mine:
        assert door.came(one, anonymous=False, now=NOW)
    newcomer = caller()
    assert door.came(newcomer, anonymous=False, now=NOW)
    assert door.named(newcomer, "pod-2", NOW)
    assert [one.transport.cut for one in others + mine] == [False, False, False, True]
    another = caller()
    assert door.came(another, anonymous=False, now=NOW)
    newcomer.admitted, newcomer.busy = True, 1
    assert not door.named(another, "pod-2", NOW)


def test_without_certificates_an_address_is_a_peer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PER_PEER", 1)
    door = Callers()
    assert door.came(reader(SLOWEST * 9), anonymous=True, now=NOW)
    assert not door.came(caller("10.0.0.1"), anonymous=True, now=NOW)
    assert door.came(caller("10.0.0.2"), anonymous=True, now=NOW)
