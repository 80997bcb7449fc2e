"""Several ranges in one request: what is named is what comes, whoever answers, and a delta asks less often."""

import os
import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from doors import Site, failure, site
from hypothesis import given
from hypothesis import strategies as st
from misbehaving import Behaviour, misbehaving
from pods import Hub, Pod
from test_door_answers import WORDS

from connector.transfer import parts, worker
from connector.transfer.client import Connection
from connector.transfer.wire import Wire
from contracts.events.to_pods import Holder
from contracts.manifest import CHUNK, Manifest
from harness.certificates import TestAuthority

MIB = 1024 * 1024
Pods = Callable[..., Pod]


@pytest.fixture(params=["plain", "tls"])
def there(request: pytest.FixtureRequest, tmp_path: Path, hub: Hub) -> Iterator[Site]:
    authority = TestAuthority(tmp_path / "ca") if request.param == "tls" else None
    (tmp_path / "shelf").mkdir()
    with ExitStack() as stack:
        found = site(tmp_path / "shelf", hub, authority)
        stack.callback(found.door.close)
        yield found


RANGES = st.lists(st.tuples(st.integers(1, 1000), st.integers(1, 1000)), min_size=1, max_size=parts.MOST)


@given(gaps=RANGES, offset=st.integers(0, 10**12))
def test_what_is_named_is_understood(gaps: list[tuple[int, int]], offset: int) -> None:
    ranges, at = [], offset
    for gap, length in gaps:
        ranges.append((at + gap, at + gap + length))
        at += gap + length
    assert parts.parsed(parts.named(ranges), ranges[0][0], ranges[-1][1]) == ranges
    assert parts.parsed(parts.named(ranges), ranges[0][0], ranges[-1][1] + 1) is None


@pytest.mark.parametrize(
    "header",
    [
        "", "0-", "-9", "0-9,", "0-4,4-9", "0-4,3-9", "5-9,0-4", "0-4 ,6-9", "0-4,6-8", "1-4,6-9", "0-4;6-9", "4-0,6-9",
        "0-4,6-9,6-9", "٠-4,6-9", "0-4,6-9\n", ",".join(f"{2 * n}-{2 * n}" for n in range(65)), "0-" + "9" * 19,
    ],
)  # fmt: skip
def test_parts_that_do_not_fill_their_range_in_order_are_refused(header: str) -> None:
    assert parts.parsed(header, 0, 10) is None


def rooms(*ranges: tuple[int, int]) -> list[tuple[int, memoryview]]:
    return [(begin, memoryview(bytearray(end - begin))) for begin, end in ranges]


@pytest.mark.parametrize("wire", ["plain", "zstd"])
def test_each_part_comes_into_its_room(there: Site, wire: str) -> None:
    for content in (os.urandom(2 * MIB), WORDS[: 2 * MIB]):
        disk = there.shelf.add(content)
        wanted = rooms((5, 300_000), (400_000, 400_001), (MIB, 2 * MIB))
        with closing(there.connection(disk, wire=Wire(wire))) as connection:  # type: ignore[arg-type]
            for _ in range(2):
                size = sum(len(view) for _, view in wanted)
                assert connection.ranges(there.holder, disk, wanted) == (size, None)
                assert [bytes(view) for _, view in wanted] == [
                    content[begin : begin + len(view)] for begin, view in wanted
                ]
                shrunk = wire == "zstd" and content[:100] == WORDS[:100]
                assert (connection.received < size) is shrunk
                for _, view in wanted:
                    view[:] = bytes(len(view))


def test_a_door_refuses_parts_that_cannot_be(there: Site) -> None:
    disk = there.shelf.add(os.urandom(MIB))
    with closing(there.connection(disk)) as connection:
        got = connection.ranges(there.holder, disk, rooms((0, 10), (5, 20)))
        assert failure(got).code == "source_refused"
        assert connection.range(there.holder, disk, 0, memoryview(bytearray(10))) == (10, None)


def test_a_door_that_does_not_know_parts_is_asked_for_each_alone_from_then_on(one: Pod, two: Pod) -> None:
    _, after, expected = scattered(one, two)
    with misbehaving(one, Behaviour(old=True)) as address:
        asked = counted(lambda: fetch(two, after, address))
    assert two.disk(two.backend.find(after[0])).read_bytes() == expected
    assert asked > RUNS


@pytest.mark.parametrize(
    "behaviour",
    [
        Behaviour(flip=1),
        Behaviour(length=1),
        Behaviour(length=-1),
        Behaviour(script=[Behaviour()] * 3 + [Behaviour(cut=2 * CHUNK + 5)] * 4),
        Behaviour(shift=7),
    ],
    ids=["another byte", "too long", "too short", "cut", "another range"],
)
def test_whoever_answers_parts_wrongly_is_left_for_another_and_the_copy_is_right(
    behaviour: Behaviour, one: Pod, two: Pod
) -> None:
    _, (version, manifest), expected = scattered(one, two)
    with misbehaving(one, behaviour) as address:
        holders = (Holder(pod="pod-9", address=address), Holder(pod=one.name, address=one.address))
        two.copy(two.copy_task(version, manifest, holders=holders))
    assert two.disk(two.backend.find(version)).read_bytes() == expected


@pytest.fixture
def one(pods: Pods) -> Pod:
    return pods("pod-1")


@pytest.fixture
def two(pods: Pods) -> Pod:
    return pods("pod-2", door=False)


RUNS = 200
"""Chunks that differ, apart from each other, in ten spans."""


def scattered(one: Pod, two: Pod) -> tuple[tuple[str, Manifest], tuple[str, Manifest], bytes]:
    """A version that both pods have, and one that differs from it in many places; its content."""
    content = bytearray(os.urandom(10 * 64 * CHUNK + 99))
    found = []
    for name in ("before", "after"):
        task = one.import_task(one.file(name, bytes(content)))
        found.append((task.version, one.prepare(task).manifest))
        for chunk in random.Random(5).sample(range(0, 10 * 64, 2), RUNS):
            content[chunk * CHUNK : chunk * CHUNK + 4] = os.urandom(4)
    two.copy(two.copy_task(*found[0], one))
    return found[0], found[1], (one.folder / "incoming/after").read_bytes()


def fetch(two: Pod, after: tuple[str, Manifest], address: str) -> None:
    two.copy(two.copy_task(*after, holders=(Holder(pod="pod-1", address=address),)))


def counted(work: Callable[[], None]) -> int:
    """How many requests ``work`` made."""
    asked: list[str] = []
    ask = Connection._ask

    def noted(self: Connection, holder: Holder, path: str, *more: object) -> object:
        asked.append(path)
        return ask(self, holder, path, *more)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Connection, "_ask", noted)
        work()
    return sum(path.endswith("/data") for path in asked)


def test_a_scattered_delta_asks_once_for_each_span_and_fetches_no_byte_more(one: Pod, two: Pod) -> None:
    _, after, expected = scattered(one, two)
    sent = one.door.sent
    assert counted(lambda: fetch(two, after, one.address)) == 10
    assert two.disk(two.backend.find(after[0])).read_bytes() == expected
    assert one.door.sent - sent < RUNS * CHUNK + 64 * 1024


def test_under_the_operators_limit_requests_stay_small(one: Pod, two: Pod, monkeypatch: pytest.MonkeyPatch) -> None:
    _, after, expected = scattered(one, two)
    two.throttles.receive.rate = 64 * MIB
    monkeypatch.setattr(worker, "LINGER", 10 * CHUNK / (64 * MIB))  # ten chunks a request, where a span lacks twenty
    assert counted(lambda: fetch(two, after, one.address)) == RUNS
    assert two.disk(two.backend.find(after[0])).read_bytes() == expected
