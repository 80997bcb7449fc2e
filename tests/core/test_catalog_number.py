"""Version numbers: what is accepted, how they compare, which comes next."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.domain.number import LARGEST, following, normalise, rank
from contracts.names import format_number, parse_number

NUMBERS = st.tuples(*[st.integers(0, LARGEST)] * 3).map(format_number)


@pytest.mark.parametrize(
    ("text", "number"), [("1.0", "1.0.0"), ("1.0.0", "1.0.0"), ("0.0", "0.0.0"), ("10.20.30", "10.20.30")]
)
def test_two_integers_mean_a_patch_of_zero(text: str, number: str) -> None:
    assert normalise(text) == number


@pytest.mark.parametrize(
    "text", ["", "1", "1.", "1.0.0.0", "01.0.0", "-1.0.0", "1.0.0-rc1", " 1.0.0", "1.0.0\n", "1.9999999999.0", "١.0.0"]
)
def test_anything_else_is_no_number(text: str) -> None:
    assert normalise(text) is None


@given(NUMBERS, NUMBERS)
def test_ranks_sort_as_the_three_integers_do(one: str, two: str) -> None:
    assert (rank(one) < rank(two)) == (parse_number(one) < parse_number(two))  # type: ignore[operator]


@pytest.mark.parametrize(
    ("used", "number"),
    [
        ([], "1.0.0"),
        (["1.0.0"], "1.1.0"),
        (["1.9.0", "1.10.0", "1.2.0"], "1.11.0"),
        (["2.3.4"], "2.4.0"),
        ([f"1.{LARGEST}.0"], "2.0.0"),
        ([f"{LARGEST}.{LARGEST}.5"], None),
    ],
)
def test_the_next_number_is_a_minor_above_the_highest_in_use(used: list[str], number: str | None) -> None:
    assert following(tuple(used)) == number


@given(st.lists(NUMBERS))
def test_the_next_number_is_above_all_in_use(used: list[str]) -> None:
    number = following(tuple(used))
    assert number is None or all(rank(number) > rank(one) for one in used)
