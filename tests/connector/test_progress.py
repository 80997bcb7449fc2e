"""What is told about work under way, and how often."""

from typing import Any

import pytest

from connector.progress import EVERY, WAITING, Meter
from contracts.views import Progress


class Watch:
    """A meter under a clock that the test moves."""

    def __init__(self) -> None:
        self.now = 100.0
        self.said: list[Progress] = []
        self.meter = Meter("copy", "version", self.said.append, lambda: self.now)

    @property
    def last(self) -> Progress:
        return self.said[-1]


@pytest.fixture
def watch() -> Watch:
    return Watch()


def test_at_most_five_words_a_second_however_often_something_happens(watch: Watch) -> None:
    watch.meter.begin("copy", 10_000)
    begun = watch.now
    while watch.now < begun + 2:
        watch.meter.add(done=1, network=1)
        watch.now += 0.001
    assert len(watch.said) <= 2 / EVERY + 1
    for before, after in zip(watch.said, watch.said[1:], strict=False):
        assert after.bytes_done > before.bytes_done


def test_a_word_tells_done_and_total_where_it_came_from_the_rate_and_the_rest(watch: Watch) -> None:
    watch.meter.begin("copy", 1000)
    assert (watch.last.bytes_total, watch.last.rate, watch.last.eta) == (1000, None, None)
    watch.now += 2
    watch.meter.add(done=300, network=100, reused=200)
    found: dict[str, Any] = {name: getattr(watch.last, name) for name in watch.last.__struct_fields__}
    assert found == {
        "id": "copy", "version": "version", "step": "copy", "bytes_done": 300, "bytes_total": 1000,
        "bytes_network": 100, "bytes_reused": 200, "rate": 150.0, "eta": pytest.approx(700 / 150),
    }  # fmt: skip


def test_work_that_is_held_says_that_it_waits_without_a_rate_and_then_goes_on(watch: Watch) -> None:
    watch.meter.begin("copy", 1000)
    watch.now += 1
    watch.meter.add(done=500, network=500)
    watch.meter.hold()
    assert (watch.last.step, watch.last.bytes_done, watch.last.rate, watch.last.eta) == (WAITING, 500, None, None)
    words = len(watch.said)
    watch.now += 3600
    watch.meter.hold()
    assert len(watch.said) == words + 1, "told again, so that it does not look forgotten"
    watch.meter.resume()
    assert (watch.last.step, watch.last.rate) == ("copy", None), "the hour of waiting is no part of the rate"
    watch.now += 1
    watch.meter.add(done=100, network=100)
    assert watch.last.rate == 100


def test_work_that_is_not_held_has_nothing_to_say_about_it(watch: Watch) -> None:
    watch.meter.begin("copy", 1000)
    words = len(watch.said)
    watch.meter.resume()
    assert len(watch.said) == words
