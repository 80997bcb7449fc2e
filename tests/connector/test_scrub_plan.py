"""Which copy is checked next and how fast, as a table: no disk, no clock."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.domain.scrubbing import (
    BUSY,
    FASTEST,
    IDLE,
    MARGIN,
    SLOWEST,
    SOON,
    Check,
    Rest,
    Standing,
    next_step,
    pace,
)

DAY = 86_400.0
MONTH = 30 * DAY
NOW = 1_000 * DAY
GIB = 2**30


def item(version: str, days_ago: float, size: int = GIB, *, doubted: bool = False) -> Standing:
    return Standing(version, NOW - days_ago * DAY, size, doubted=doubted)


@pytest.mark.parametrize(
    ("items", "period", "busy", "expected"),
    [
        ([], MONTH, False, Rest(IDLE)),
        ([item("a", 1)], 0, False, Rest(IDLE)),
        ([item("a", 1)], MONTH, True, Rest(BUSY)),
        ([item("a", 1), item("b", 2)], MONTH, False, "b"),
        ([item("b", 2), item("a", 2)], MONTH, False, "a"),
        ([item("a", 31)], MONTH, True, "a"),
        ([item("a", 31), item("b", 1, doubted=True)], MONTH, True, "b"),
        ([item("a", 1, doubted=True)], 0, True, "a"),
    ],
    ids=[
        "an empty library is looked at again later",
        "a period of nothing is never",
        "a busy pod is left alone",
        "the oldest check comes first",
        "equal ones come in the order of their ids",
        "what is overdue comes although the pod is busy",
        "what is in doubt comes before everything",
        "what is in doubt comes even where nothing is checked by the clock",
    ],
)
def test_what_comes_next(items: list[Standing], period: float, busy: bool, expected: Rest | str) -> None:
    step = next_step(items, NOW, period, busy=busy)
    assert (step.version if isinstance(step, Check) else step) == expected


def test_a_library_checked_in_time_is_read_evenly_over_the_period() -> None:
    items = [item(str(number), number) for number in range(24)]
    assert pace(items, NOW, MONTH) == pytest.approx(GIB / DAY, rel=0.01)


def test_what_is_overdue_is_read_within_the_hour_but_never_faster_than_is_allowed() -> None:
    assert pace([item("a", 40)], NOW, MONTH) == pytest.approx(GIB / SOON)
    assert pace([item("a", 40, 2**40)], NOW, MONTH) == FASTEST


@given(
    st.lists(st.tuples(st.floats(0, 20), st.integers(0, 2**36)), min_size=1, max_size=12),
    st.floats(25, 400),
)
def test_at_the_rate_that_is_asked_for_every_item_is_read_before_its_time(
    found: list[tuple[float, int]], days: float
) -> None:
    items = [item(str(number), ago, size) for number, (ago, size) in enumerate(found)]
    period = days * DAY
    rate = pace(items, NOW, period)
    at = NOW
    for one in sorted(items, key=lambda one: (one.checked, one.version)):
        at += one.left / rate if one.left else 0.0
        assert rate == FASTEST or at <= max(one.checked + MARGIN * period, NOW + SOON) + 1e-3


def test_what_has_next_to_nothing_to_read_does_not_wait_for_ever_until_others_are_paid_for() -> None:
    for size in (0, 1):
        assert pace([item("empty", 0, size)], NOW, MONTH) == SLOWEST
        step = next_step([item("empty", 0, size)], NOW, MONTH, busy=False)
        assert isinstance(step, Check)
        assert step.rate == SLOWEST
