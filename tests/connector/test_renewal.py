"""When another ticket is asked for."""

from datetime import UTC, datetime

import msgspec
import pytest

from connector.domain.tasks import Copy
from connector.renewal import LONGEST, MARGIN, Renewals
from contracts.manifest import Disk, Manifest, Source

DISK = Disk(role="os", lun=0, format="raw", size=1, virtual_size=1, root="a" * 64, sha256="b" * 64)
MANIFEST = Manifest(disks=(DISK,), source=Source(pod="pod-1", name="x"), created=datetime(2026, 1, 1, tzinfo=UTC))


def copy(expires: float | None, id: str = "c") -> Copy:
    at = None if expires is None else datetime.fromtimestamp(expires, UTC)
    return Copy(
        version="v", saga="s", copy=id, image="i", tenant="t", attempt=1, manifest=MANIFEST, holders=(), ticket="t",
        ticket_expires=at, datastore=None,
    )  # fmt: skip


class Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.mark.parametrize(("life", "asked_after"), [(21_600, 21_600 - MARGIN), (1000, 800), (10, 8)])
def test_a_ticket_is_renewed_ten_minutes_before_its_end_or_in_the_last_fifth_of_a_short_life(
    clock: Clock, life: float, asked_after: float
) -> None:
    renewals, one = Renewals(clock), copy(clock.now + life)
    assert renewals.due([one]) == ([], asked_after)
    clock.now += asked_after - 0.5
    assert renewals.due([one]) == ([], 0.5)
    clock.now += 0.5
    assert renewals.due([one])[0] == [one]


def test_while_nobody_answers_it_is_asked_again_less_and_less_often(clock: Clock) -> None:
    renewals, one = Renewals(clock), copy(clock.now + 100)
    assert renewals.due([one]) == ([], 80)
    clock.now += 80
    waits = []
    for _ in range(9):
        due, later = renewals.due([one])
        assert due == [one]
        assert later is not None
        assert renewals.due([one])[0] == []
        waits.append(later)
        clock.now += later
    assert waits[:4] == [1, 2, 4, 8]
    assert waits[-1] == LONGEST


def test_another_ticket_ends_the_asking_until_its_own_end_is_near(clock: Clock) -> None:
    renewals, one = Renewals(clock), copy(clock.now + 100)
    renewals.due([one])
    clock.now += 99
    assert renewals.due([one])[0] == [one]
    renewed = msgspec.structs.replace(one, ticket_expires=datetime.fromtimestamp(clock.now + 100, UTC))
    assert renewals.due([renewed]) == ([], 80)
    clock.now += 80
    assert renewals.due([renewed]) == ([renewed], 1)


def test_a_ticket_that_ended_before_it_was_seen_is_asked_for_at_once(clock: Clock) -> None:
    assert Renewals(clock).due([copy(clock.now - 5)])[0]


def test_each_copy_has_its_own_time_and_one_without_an_end_has_none(clock: Clock) -> None:
    renewals = Renewals(clock)
    soon, late, never = copy(clock.now + 10, "a"), copy(clock.now + 1000, "b"), copy(None, "c")
    assert renewals.due([soon, late, never]) == ([], 8)
    clock.now += 8
    assert renewals.due([soon, late, never])[0] == [soon]
    assert renewals.due([late, never]) == ([], 792)
    assert renewals.due([never]) == ([], None)
