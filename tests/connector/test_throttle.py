"""Limits on bytes and hours, on a clock that only these tests move."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from connector.failures import Cancel, Cancelled
from connector.transfer.throttle import BURST, Throttle, Throttles
from contracts.limits import Limits, Window

MIB = 1024 * 1024


class Clock:
    """A clock that a wait moves on."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Waiting(Cancel):
    """Waits by moving the clock; ``change`` is called once after ``after`` seconds of waiting."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock
        self.waited = 0.0
        self.after = float("inf")
        self.change = lambda: None

    def pause(self, seconds: float) -> None:
        self.check()
        self._clock.now += seconds
        self.waited += seconds
        if self.waited >= self.after:
            self.after = float("inf")
            self.change()


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_without_a_rate_nothing_waits(clock: Clock) -> None:
    throttle, stop = Throttle(clock=clock), Waiting(clock)
    for _ in range(100):
        throttle.take(100 * MIB, stop)
        assert throttle.delay(100 * MIB) == 0.0
    assert stop.waited == 0.0


@pytest.mark.parametrize("piece", [1, 1000, 65536, 5 * MIB])
def test_bytes_pass_at_the_rate_however_they_are_cut(piece: int, clock: Clock) -> None:
    rate = 1000 * piece
    throttle, stop = Throttle(rate, clock=clock), Waiting(clock)
    for _ in range(5000):
        throttle.take(piece, stop)
    assert stop.waited == pytest.approx(5.0, abs=BURST + 0.01)


def test_a_silence_saves_up_no_more_than_a_moment(clock: Clock) -> None:
    throttle = Throttle(MIB, clock=clock)
    throttle.delay(MIB)
    clock.now += 1000.0
    assert throttle.delay(MIB) == pytest.approx(1 - BURST)


def test_a_new_rate_holds_for_those_who_wait_already(clock: Clock) -> None:
    throttle, stop = Throttle(16 * 1024, clock=clock), Waiting(clock)
    stop.after = 1.0
    stop.change = lambda: setattr(throttle, "rate", 100 * MIB)
    throttle.take(10 * MIB, stop)  # at the first rate ten minutes
    assert stop.waited < 1.5
    throttle.rate = 1024 * 1024
    stop.after, stop.change = stop.waited + 1.0, lambda: setattr(throttle, "rate", None)
    throttle.take(100 * MIB, stop)
    assert stop.waited < 3.0


def test_who_waits_can_be_cancelled(clock: Clock) -> None:
    throttle, stop = Throttle(1024, clock=clock), Waiting(clock)
    stop.after, stop.change = 2.0, stop.set
    with pytest.raises(Cancelled):
        throttle.take(MIB, stop)
    assert stop.waited < 3.0


def test_the_bytes_of_a_link_count_against_the_pod_too(clock: Clock) -> None:
    throttles, stop = Throttles(Limits(receive=2 * MIB, links={"far": 1 * MIB}), clock=clock), Waiting(clock)
    assert throttles.link("far").lowest == MIB
    assert throttles.link("near").lowest == 2 * MIB
    throttles.link("far").take(4 * MIB, stop)
    far = stop.waited
    assert far == pytest.approx(4, abs=0.5)
    throttles.link("near").take(4 * MIB, stop)
    assert stop.waited - far == pytest.approx(2, abs=0.6)


def test_limits_are_applied_to_links_that_are_in_use(clock: Clock) -> None:
    throttles = Throttles(clock=clock)
    link = throttles.link("far")
    assert link.lowest is None
    throttles.apply(Limits(links={"far": 64 * 1024}, send=32 * 1024))
    assert (link.lowest, throttles.send.rate, throttles.receive.rate) == (64 * 1024, 32 * 1024, None)
    throttles.apply(Limits())
    assert link.lowest is None


def at(text: str, zone: str = "UTC") -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))


NIGHT = Window(begin="22:00", end="06:00")
WEEKEND = Window(begin="00:00", end="00:00", days=(5, 6))
FRIDAY_NIGHT = Window(begin="22:00", end="04:00", days=(4,))
NOON = Window(begin="12:00", end="13:00", days=(0, 1, 2, 3, 4))

WINDOWS = [
    # 2026-06-01 is a Monday
    ((), "2026-06-01T12:30", True),
    ((NIGHT,), "2026-06-01T21:59", False),
    ((NIGHT,), "2026-06-01T22:00", True),
    ((NIGHT,), "2026-06-02T05:59", True),
    ((NIGHT,), "2026-06-02T06:00", False),
    ((NOON,), "2026-06-01T12:00", True),
    ((NOON,), "2026-06-01T12:59:59", True),
    ((NOON,), "2026-06-01T13:00", False),
    ((NOON,), "2026-06-06T12:30", False),
    ((NOON, NIGHT), "2026-06-06T23:30", True),
    ((WEEKEND,), "2026-06-05T23:59", False),
    ((WEEKEND,), "2026-06-06T00:00", True),
    ((WEEKEND,), "2026-06-07T23:59", True),
    ((WEEKEND,), "2026-06-08T00:00", False),
    ((FRIDAY_NIGHT,), "2026-06-05T22:00", True),
    ((FRIDAY_NIGHT,), "2026-06-06T03:59", True),
    ((FRIDAY_NIGHT,), "2026-06-06T22:30", False),
    ((FRIDAY_NIGHT,), "2026-06-05T03:00", False),
]


@pytest.mark.parametrize(("windows", "moment", "is_open"), WINDOWS)
def test_hours_are_those_of_the_windows(windows: tuple[Window, ...], moment: str, is_open: bool) -> None:
    assert Throttles(Limits(windows=windows)).open_now(at(moment)) is is_open


def test_hours_follow_the_pods_wall_clock_through_the_year() -> None:
    throttles = Throttles(Limits(windows=(NIGHT,), timezone="Europe/Berlin"))
    assert throttles.open_now(at("2026-06-01T20:30"))  # 22:30 there
    assert not throttles.open_now(at("2026-12-01T20:30"))  # 21:30 there
    assert throttles.open_now(at("2026-12-01T21:00"))
    assert not throttles.open_now(at("2026-06-01T13:00", "America/New_York"))  # 19:00 in Berlin


def test_an_unknown_time_zone_changes_nothing() -> None:
    throttles = Throttles(Limits(receive=MIB))
    for zone in ("Mars/Olympus", "../../etc/passwd", "/etc/localtime"):
        with pytest.raises(ValueError, match="time zone"):
            throttles.apply(Limits(timezone=zone))
    assert throttles.receive.rate == MIB


def test_a_copy_waits_for_its_hours_and_goes_on_in_them(clock: Clock) -> None:
    now = at("2026-06-01T21:59:50")
    begun = clock.now
    throttles = Throttles(Limits(windows=(NIGHT,)), clock=clock, now=lambda: now + timedelta(seconds=clock.now - begun))
    stop = Waiting(clock)
    throttles.wait_open(stop)
    assert 10.0 <= stop.waited <= 10.5
    throttles.wait_open(stop)
    assert stop.waited <= 10.5
    assert throttles.open_now(datetime(2026, 6, 1, 23, tzinfo=UTC))
