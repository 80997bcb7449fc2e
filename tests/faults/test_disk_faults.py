"""Disks that fail under imports and copies: a reason with its code, nothing half visible, and whole the next time."""

import os
from collections.abc import Callable

import pytest

from connector.domain.tasks import Copy, Import
from faults.disks import CALLS, MIB, Scene, failing, tracing

Scenes = Callable[..., Scene]
CODES = {"EIO": "io_error", "ENOSPC": "no_space", "EDQUOT": "quota_exceeded"}
WHY_NOT = tracing()

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT)]


def task_of(kind: str, place: Scene) -> Copy | Import:
    return place.copy() if kind == "copy" else place.importing()


def check(place: Scene, kind: str, call: str, error: str, when: str) -> bool:
    """One attempt with a fault and one without; whether the fault came about at all."""
    task = task_of(kind, place)
    outcome = place.done(task, wrap=failing(call, error, when))
    if outcome.failure is None:
        assert place.holds(task.version)
        return False
    assert outcome.failure.code == CODES[error]
    assert outcome.failure.retry
    assert outcome.failure.hint
    for version in place.visible():
        assert place.holds(version)  # the fault came after all was done: whole, and found by the next attempt
    if kind == "import":
        assert place.visible() == place.left() == []
    again = place.done(task)
    assert again.failure is None
    assert place.visible() == [task.version]
    assert place.holds(task.version)
    assert place.left() == []
    return True


@pytest.mark.parametrize("error", CODES)
@pytest.mark.parametrize("kind", ["copy", "import"])
def test_a_disk_that_takes_no_more_writes_gives_its_reason(kind: str, error: str, scenes: Scenes) -> None:
    assert check(scenes(), kind, "write", error, "2+")


@pytest.mark.parametrize("call", [call for call in CALLS if call != "write"])
@pytest.mark.parametrize("kind", ["copy", "import"])
def test_whichever_of_its_calls_fails_nothing_half_made_is_seen(kind: str, call: str, scenes: Scenes) -> None:
    faults = 0
    while check(scenes(), kind, call, "EIO", str(faults + 1)):
        faults += 1
    assert faults or (kind, call) == ("import", "reserve")


@pytest.mark.parametrize("error", ["ENOSPC", "EDQUOT"])
def test_space_that_cannot_be_reserved_is_refused_before_the_first_byte(error: str, scenes: Scenes) -> None:
    place = scenes()
    outcome = place.done(place.copy(), wrap=failing("reserve", error, "1+"))
    assert outcome.failure is not None
    assert outcome.failure.code == CODES[error]
    assert outcome.network < 10_000  # the index
    assert place.staged().stat().st_blocks == 0


def test_a_file_system_that_cannot_reserve_is_written_without(scenes: Scenes) -> None:
    place = scenes()
    task = place.copy()
    assert place.done(task, wrap=failing("reserve", "EOPNOTSUPP", "1+")).failure is None
    assert place.holds(task.version)


@pytest.mark.parametrize("kind", ["copy", "import"])
def test_one_write_that_fails_in_the_middle_costs_only_what_was_under_way(kind: str, scenes: Scenes) -> None:
    assert check(scenes(os.urandom(24 * MIB + 5)), kind, "write", "EIO", "3")


@pytest.mark.parametrize("kind", ["copy", "import"])
def test_a_limit_on_the_size_of_files_is_no_space(kind: str, scenes: Scenes) -> None:
    place = scenes()
    task = task_of(kind, place)
    outcome = place.done(task, wrap=["prlimit", f"--fsize={len(place.content) // 2}"])
    assert outcome.failure is not None
    assert outcome.failure.code == "no_space"
    assert place.visible() == []
    assert place.done(task).failure is None
    assert place.holds(task.version)


def test_what_a_failed_sync_may_have_lost_is_not_believed_the_next_time(scenes: Scenes) -> None:
    # After it the kernel takes what it could not write for clean: reading it again proves nothing about the disk.
    place = scenes()
    task = place.copy()
    outcome = place.done(task, wrap=failing("sync", "EIO", "1+"))
    assert outcome.failure is not None
    again = place.done(task)
    assert again.failure is None
    assert again.network >= outcome.network - 64 * 1024
    assert place.holds(task.version)
