"""When copies will be there, as far as anybody can tell."""

from datetime import timedelta

import pytest

from contracts.limits import Limits, Window
from contracts.terms import Terms
from core.driver import START
from core.scheduling import Offline, pod
from replicator.domain.estimate import Estimate, Load, foresee, load_of, objection, outlook, queued_for
from replicator.domain.lane import Lane, Turn
from replicator.domain.limits import PodLimits
from replicator.domain.queue import Entry, Queue, Slots

SLOTS = Slots()
SIZE = 1000


def test_nothing_measured_nothing_said() -> None:
    assert foresee({"a": Load(), "b": Load()}, SIZE, 1, SLOTS) == Estimate()


def test_a_pod_that_was_not_measured_is_taken_for_an_average_one() -> None:
    loads = {"a": Load(rate=10.0), "b": Load(rate=20.0), "c": Load(rate=100.0), "d": Load()}
    found = foresee(loads, SIZE, 1, SLOTS)
    assert found.pods == {"a": 100.0, "b": 50.0, "c": 10.0, "d": 50.0}
    assert found.whole == 100.0


@pytest.mark.parametrize(
    ("load", "seconds"),
    [
        (Load(rate=10.0), 100.0),
        (Load(rate=10.0, ahead=2), 100.0),
        (Load(rate=10.0, ahead=3), 200.0),
        (Load(rate=10.0, ahead=6), 300.0),
        (Load(rate=10.0, ahead=1, slots=1), 200.0),
        (Load(rate=10.0, opens=60.0), 160.0),
        (Load(rate=10.0, fed=True), 0.0),
        (Load(rate=10.0, opens=None), None),
    ],
)
def test_what_is_before_it_and_closed_windows_take_their_time(load: Load, seconds: float | None) -> None:
    found = foresee({"a": load}, SIZE, 1, SLOTS)
    assert found.pods.get("a") == seconds
    assert found.whole == seconds


def test_groups_come_in_waves_as_wide_as_there_are_holders() -> None:
    loads = {f"pod-{number:04}": Load(rate=10.0) for number in range(2000)}
    found = foresee(loads, SIZE, 1, SLOTS)
    times = sorted(found.pods.values())
    assert times[8] == 100.0
    assert times[9] == 200.0, "the second group waits for the first"
    assert times[90] == 300.0
    assert found.whole == 1600.0
    assert foresee(loads, SIZE, 16, SLOTS).whole == 1400.0


def test_what_begins_later_ends_later() -> None:
    assert foresee({"a": Load(rate=10.0)}, SIZE, 1, SLOTS, begins=50.0).whole == 150.0


def test_the_load_of_a_pod_is_what_its_queue_its_limits_and_its_windows_say() -> None:
    entries = {str(number): Entry("v" + str(number), 0, "acme", 2, START, "running") for number in range(2)}
    entries["held"] = Entry("w", 0, "acme", 2, START, "held")
    entries["leaving"] = Entry("x", 0, "acme", 2, START, "leaving")
    queue = Queue(copies=entries, rate=5000.0)
    limits = Limits(copies=2, receive=16 * 1024, windows=(Window(begin="01:00", end="02:00"),))
    assert load_of(pod("a"), queue, limits, SLOTS, START) == Load(ahead=3, slots=2, opens=3600.0, rate=5000.0)
    assert load_of(pod("a"), None, Limits(receive=16 * 1024), SLOTS, START).rate == 16 * 1024
    assert load_of(pod("a", Offline), queue, limits, SLOTS, START).opens is None
    assert load_of(None, None, Limits(), SLOTS, START).opens is None


def test_the_outlook_of_a_publish_goes_by_what_any_pod_was_measured_at() -> None:
    pods = {name: pod(name) for name in ("source", "a", "b")}
    found = outlook(
        ["source", "a", "a", "b"], pods, {"c": Queue(rate=10.0)}, {"b": PodLimits()},
        size=SIZE, source="source", holders=("source",), slots=SLOTS, at=START,
        not_before=START + timedelta(seconds=5), queued=20.0,
    )  # fmt: skip
    assert found.pods == {"source": 20.0, "a": 120.0, "b": 120.0}


@pytest.mark.parametrize(
    ("whole", "begins", "on_deadline", "code"),
    [
        (None, 0.0, "refuse", None),
        (50.0, 0.0, "refuse", None),
        (150.0, 0.0, "warn", "deadline_at_risk"),
        (150.0, 0.0, "refuse", "deadline_unreachable"),
        (None, 100.0, "warn", "deadline_unreachable"),
    ],
)
def test_a_deadline_that_will_not_be_met_is_said_or_refused(
    whole: float | None, begins: float, on_deadline: str, code: str | None
) -> None:
    estimate = Estimate(pods={} if whole is None else {"a": whole}, whole=whole, begins=begins)
    terms = Terms(on_deadline="refuse" if on_deadline == "refuse" else "warn")
    found = objection(estimate, START + timedelta(seconds=100), terms, START)
    assert (None if found is None else found.code) == code


def test_a_publish_behind_others_has_its_turn_when_enough_of_them_are_through() -> None:
    ends = [START + timedelta(seconds=seconds) for seconds in (30, 10, 20)]
    lane = Lane(running={str(number): Turn(2, START, across=False, estimate=end) for number, end in enumerate(ends)})
    assert queued_for(None, across=False, slots=SLOTS, at=START) == 0.0
    assert queued_for(lane, across=False, slots=SLOTS, at=START) == 10.0
    assert queued_for(lane, across=True, slots=SLOTS, at=START) == 0.0
    unknown = Lane(running={str(number): Turn(2, START, across=False) for number in range(3)})
    assert queued_for(unknown, across=False, slots=SLOTS, at=START) == 0.0
