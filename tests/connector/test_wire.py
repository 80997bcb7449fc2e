"""How bytes travel: zstd exactly where it is measured to be faster."""

from dataclasses import dataclass

import pytest

from connector.transfer.wire import LONGEST, MARGIN, PROBE, SMALLEST, Rates, Wire

MB = 1_000_000
RANGE = 4 * 1024 * 1024


@dataclass
class Link:
    """Payload rates over a link of ``rate`` bytes a second, with a CPU that compresses at 500 MB/s."""

    rate: float
    ratio: float = 0.35
    """Bytes of zstd for a byte of payload; from 0.95 on the other side declines."""

    def travel(self, zstd: bool) -> tuple[bool, float]:
        """Whether it came as zstd, and the seconds that a range took."""
        if zstd and self.ratio < 0.95:
            return True, RANGE / (500 * MB) + RANGE * self.ratio / self.rate
        return False, RANGE / min(self.rate, 2000 * MB)


def fetch(wire: Wire, link: Link, ranges: int) -> list[bool]:
    """Which of so many ranges were asked for as zstd."""
    asked = []
    for _ in range(ranges):
        asked.append(wire.asks("pod"))
        zstd, seconds = link.travel(asked[-1])
        wire.measured("pod", asked=asked[-1], zstd=zstd, payload=RANGE, seconds=seconds)
    return asked


@pytest.mark.parametrize(
    ("link", "zstd"),
    [
        pytest.param(Link(1 * MB), True, id="a slow link"),
        pytest.param(Link(12 * MB), True, id="100 Mbit/s"),
        pytest.param(Link(125 * MB), True, id="1 Gbit/s"),
        pytest.param(Link(1250 * MB), False, id="10 Gbit/s"),
        pytest.param(Link(12 * MB, ratio=0.99), False, id="a slow link, bytes that do not shrink"),
        pytest.param(Link(12 * MB, ratio=0.9), False, id="a slow link, bytes that hardly shrink"),
        pytest.param(Link(450 * MB), False, id="a link that is about as fast as the CPU"),
    ],
)
def test_zstd_is_used_exactly_where_it_is_faster(link: Link, zstd: bool) -> None:
    asked = fetch(Wire("auto"), link, 400)
    assert asked[:2] == [False, True], "each way is measured first"
    assert asked[2:].count(not zstd) <= 8, "and the worse one is tried ever more rarely"


@pytest.mark.parametrize(("before", "after"), [(Link(1250 * MB), Link(6 * MB)), (Link(6 * MB), Link(1250 * MB))])
def test_a_link_that_changes_is_followed(before: Link, after: Link) -> None:
    wire = Wire("auto")
    fetch(wire, before, 100)
    fetch(wire, after, LONGEST + 10)
    assert fetch(wire, after, 20).count(after.rate < 100 * MB) >= 19


def test_bytes_that_begin_to_shrink_are_noticed() -> None:
    wire = Wire("auto")
    fetch(wire, Link(12 * MB, ratio=1.0), 50)
    fetch(wire, Link(12 * MB), LONGEST)
    assert fetch(wire, Link(12 * MB), 20).count(True) >= 19


def test_one_measurement_out_of_line_does_not_change_the_way() -> None:
    wire = Wire("auto")
    fetch(wire, Link(12 * MB), 50)
    wire.measured("pod", asked=True, zstd=True, payload=RANGE, seconds=RANGE / (20 * MB))
    assert wire.asks("pod")


def test_each_holder_has_its_own_way() -> None:
    wire = Wire("auto")
    fetch(wire, Link(12 * MB), 50)
    assert wire.asks("pod")
    assert not wire.asks("another")


def test_small_ranges_say_nothing_about_a_rate() -> None:
    wire = Wire("auto")
    for _ in range(10):
        assert not wire.asks("pod")
        wire.measured("pod", asked=False, zstd=False, payload=SMALLEST - 1, seconds=0.5)


@pytest.mark.parametrize("setting", ["zstd", "plain"])
def test_a_setting_holds_whatever_is_measured(setting: str) -> None:
    wire = Wire(setting)  # type: ignore[arg-type]
    for link in (Link(1 * MB), Link(2000 * MB), Link(1 * MB, ratio=1.0)):
        assert set(fetch(wire, link, 50)) == {setting == "zstd"}


def test_several_threads_that_try_at_once_count_as_one_try() -> None:
    rates = Rates(plain=100.0, left=0)
    for _ in range(4):
        assert rates.asks() or rates.left > 0
        rates = rates.measured(zstd=True, rate=100.0 * MARGIN)
    assert (rates.left, rates.gap) == (PROBE, 2 * PROBE)
