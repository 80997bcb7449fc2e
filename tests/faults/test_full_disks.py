"""A datastore that is full, or becomes so: a real one, small and in memory."""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from faults.disks import MIB, Scene, resized, tmpfs

Scenes = Callable[..., Scene]

pytestmark = [pytest.mark.slow, pytest.mark.needs_root]
LARGE = 64 * MIB


@pytest.fixture
def small(scenes: Scenes) -> Iterator[tuple[Scene, Path]]:
    """A scene whose target has its datastore on a small file system of its own."""
    place = scenes()
    store = place.target / "datastores/main"
    with tmpfs(store, LARGE):
        yield place, store


def filled(store: Path, leave: int) -> Path:
    """A file that takes all but ``leave`` bytes of the datastore."""
    filler = store / ".filler"
    filler.write_bytes(bytes(LARGE - leave))
    return filler


@pytest.mark.parametrize("kind", ["copy", "import"])
def test_on_a_full_datastore_nothing_begins_and_with_space_it_succeeds(kind: str, small: tuple[Scene, Path]) -> None:
    place, store = small
    task = place.copy() if kind == "copy" else place.importing()
    filler = filled(store, 3 * MIB)
    refused = place.done(task)
    assert refused.failure is not None
    assert refused.failure.code == "no_space"
    assert refused.failure.retry
    assert refused.network < 10_000  # the index
    assert place.visible() == []
    assert not place.staged().exists() or place.staged().stat().st_blocks == 0
    filler.unlink()
    assert place.done(task).failure is None
    assert place.holds(task.version)


def test_space_that_a_copy_has_reserved_cannot_be_taken_from_it(small: tuple[Scene, Path]) -> None:
    place, store = small
    task = place.copy()
    filler = filled(store, 8 * MIB)
    child = place.child(task, rate=2 * MIB)
    while not place.staged().exists() or place.staged().stat().st_blocks * 512 < 5 * MIB:
        assert child.poll() is None
        time.sleep(0.01)
    assert 8 * MIB - os.statvfs(store).f_bavail * os.statvfs(store).f_frsize > 5 * MIB
    said, errors = child.communicate(timeout=60)
    assert b'"failure":null' in said, errors
    filler.unlink()
    assert place.holds(task.version)


@pytest.mark.parametrize("kind", ["copy", "import"])
def test_a_datastore_without_inodes_is_full_too_wherever_the_work_notices(kind: str, small: tuple[Scene, Path]) -> None:
    place, store = small
    task = place.copy() if kind == "copy" else place.importing()
    taken = os.statvfs(store).f_files - os.statvfs(store).f_ffree
    refusals = 0
    for inodes in range(taken, taken + 20):
        resized(store, f"{LARGE},nr_inodes={inodes}")
        outcome = place.done(task)
        if outcome.failure is None:
            break
        refusals += 1
        assert outcome.failure.code == "no_space"
        assert outcome.failure.retry
        assert place.visible() == []
        resized(store, f"{LARGE},nr_inodes=1000")
        shutil.rmtree(store / "staging", ignore_errors=True)
    assert refusals > 2
    assert place.holds(task.version)
    assert place.left() == []
