"""A placement's bookkeeping: who is wanted, who holds, what was finalised; and when attempts are made again."""

from datetime import timedelta

import msgspec
import pytest

from contracts.events.from_pods import FileDigest
from core.driver import START
from core.replicating import DEADLINE, FILES, MANIFEST, SAGA, TENANT, VERSION
from replicator.domain.placement import (
    HOLDERS_KNOWN,
    Placement,
    Roster,
    held_by,
    left_by,
    lost_by,
    mismatch,
    numbered,
    with_wanted,
)
from replicator.domain.retry import Policy, next_attempt

PLACEMENT = Placement(
    version=VERSION, image="image-1", tenant=TENANT, publication=1, saga=SAGA, manifest=MANIFEST,
    digest=MANIFEST.digest, deadline=DEADLINE, began=START, wanted=1,
)  # fmt: skip


def test_of_many_holders_a_few_are_known_each_once() -> None:
    placement = PLACEMENT
    names = [f"pod-{number}" for number in range(10, 10 + HOLDERS_KNOWN + 5)]
    for name in (*names, *names):
        placement = held_by(placement, name)
    assert placement.holders == tuple(names[:HOLDERS_KNOWN])
    assert placement.known[0] == "pod-1", "the source has it too"


def test_what_is_lost_is_not_served_and_counts_again_when_it_is_back() -> None:
    placement = lost_by(held_by(held_by(PLACEMENT, "pod-1"), "pod-2"), "pod-2")
    assert placement.known == ("pod-1",)
    bare = lost_by(placement, "pod-1")
    assert bare.known == ()
    assert held_by(bare, "pod-5").known == ("pod-5",)
    assert held_by(bare, "pod-1").known == ("pod-1",)


def test_the_source_keeps_the_version_when_its_copy_goes() -> None:
    placement = left_by(held_by(held_by(PLACEMENT, "pod-1"), "pod-2"), "pod-1")
    assert placement.known == ("pod-1", "pod-2")
    assert left_by(placement, "pod-9") is placement


@pytest.mark.parametrize(
    ("have", "count", "expected"),
    [
        ((), 1, (0,)),
        ((), 3, (0, 1, 2)),
        ((0,), 3, (0, 1, 2)),
        ((0, 1, 2), 1, (0,)),
        ((0, 1, 2), 2, (0, 1)),
        ((1,), 1, (1,)),
        ((1,), 2, (0, 1)),
        ((1, 3), 3, (0, 1, 3)),
        ((0, 2), 2, (0, 2)),
    ],
)
def test_more_replicas_take_the_lowest_free_numbers_and_fewer_lose_the_highest(
    have: tuple[int, ...], count: int, expected: tuple[int, ...]
) -> None:
    assert numbered(have, count) == expected


def test_a_roster_remembers_what_was_wanted_once() -> None:
    roster = with_wanted(Roster(), {"pod-2": (0, 1), "pod-1": (0,)})
    assert (roster.count, list(roster.wanted)) == (3, ["pod-1", "pod-2"])
    roster = with_wanted(roster, {"pod-2": (0,), "pod-1": (), "pod-3": (0,)})
    assert roster.wanted == {"pod-2": (0,), "pod-3": (0,)}
    assert list(roster.copies()) == [("pod-1", 0), ("pod-2", 0), ("pod-2", 1), ("pod-3", 0)]


def changed(number: int, **changes: object) -> tuple[FileDigest, ...]:
    files = list(FILES)
    files[number] = msgspec.structs.replace(files[number], **changes)
    return tuple(files)


@pytest.mark.parametrize(
    ("files", "right"),
    [
        (FILES, True),
        (FILES[::-1], True),
        (changed(0, format="vhd", size=4096, root="0" * 64), True),
        (changed(0, size=1001), False),
        (changed(1, root="0" * 64), False),
        (FILES[:1], False),
        ((*FILES, FILES[0]), False),
        (changed(1, lun=2), False),
        ((), False),
    ],
)
def test_finalised_files_are_the_disks_or_conversions_of_them(files: tuple[FileDigest, ...], right: bool) -> None:
    assert (mismatch(MANIFEST, files) == "") is right


def test_attempts_end_at_their_number() -> None:
    policy = Policy(max_attempts=3, backoff=(5.0,))
    assert [next_attempt(policy, "copy", tries, START) is None for tries in (1, 2, 3, 4)] == [False, False, True, True]


def test_jitter_spreads_copies_and_is_the_same_each_time() -> None:
    policy = Policy(backoff=(10.0, 100.0))
    delays = [next_attempt(policy, f"copy-{number}", 1, START) for number in range(50)]
    assert delays == [next_attempt(policy, f"copy-{number}", 1, START) for number in range(50)]
    assert len(set(delays)) > 25
    ten, twelve = START + timedelta(seconds=10), START + timedelta(seconds=12)
    assert all(at is not None and ten <= at <= twelve for at in delays)


def test_the_last_delay_stays() -> None:
    policy = Policy(max_attempts=9, backoff=(1.0, 100.0))
    later = next_attempt(policy, "copy", 7, START)
    assert later is not None
    assert later >= START + timedelta(seconds=100)
