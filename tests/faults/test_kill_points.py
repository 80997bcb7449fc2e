"""Imports and copies that are killed: nothing half made is ever seen, and what was verified does not come again."""

import os
import random
import signal
import time
from collections.abc import Callable, Iterator

import pytest

from connector.transfer.chunks import BATCH
from contracts.manifest import CHUNK
from faults.disks import CALLS, MIB, Relay, Scene, dying, tracing
from faults.work import THREADS

Scenes = Callable[..., Scene]
SEED = os.environ.get("IMPRINT_TEST_SEED") or str(random.randrange(10**6))
"""Chooses the moments of death; a failing test prints it."""
WHY_NOT = tracing()
FRAMING = 64 * 1024
"""Bytes at most of an attempt's index, bitmaps and headers."""

pytestmark = pytest.mark.slow
traced = pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT)


@pytest.fixture
def relay(source: object) -> Iterator[Relay]:
    """A relay in front of the source's door."""
    running = Relay(source.address)  # type: ignore[attr-defined]
    yield running
    running.close()


def kept(place: Scene) -> int:
    """Bytes of whole right chunks in the staging file."""
    try:
        lies = place.staged().read_bytes()
    except FileNotFoundError:
        return 0
    same = (
        len(wanted)
        for at in range(0, len(place.content), CHUNK)
        if any(wanted := place.content[at : at + CHUNK]) and lies[at : at + CHUNK] == wanted
    )
    return sum(same)


@pytest.mark.parametrize("label", ["copy.fetched", "copy.renamed"])
def test_a_copy_killed_at_a_step_is_whole_the_next_time_and_fetches_nothing_twice(label: str, scenes: Scenes) -> None:
    place = scenes()
    task = place.copy()
    assert place.killed(task, IMPRINT_CRASH_AT=label)
    assert place.visible() == ([] if label == "copy.fetched" else [task.version])
    again = place.done(task)
    assert again.failure is None
    assert again.network == 0
    assert place.visible() == [task.version]
    assert place.holds(task.version)
    assert place.left() == []


@pytest.mark.parametrize("label", ["import.copied", "import.renamed"])
def test_an_import_killed_at_a_step_is_whole_the_next_time(label: str, scenes: Scenes) -> None:
    place = scenes()
    task = place.importing()
    assert place.killed(task, IMPRINT_CRASH_AT=label)
    assert place.visible() == ([] if label == "import.copied" else [task.version])
    again = place.done(task)
    assert again.manifest is not None
    assert [disk.root for disk in again.manifest.disks] == [disk.root for disk in place.manifest.disks]
    assert place.holds(task.version)
    assert place.left() == []


@pytest.mark.parametrize("label", ["import.unpacked", "import.copied", "import.renamed"])
def test_b13_an_import_killed_behind_a_step_goes_on_there(label: str, scenes: Scenes) -> None:
    place = scenes()
    task = place.unpacking()
    assert place.killed(task, IMPRINT_CRASH_AT=label)
    assert place.visible() == ([task.version] if label == "import.renamed" else [])
    again = place.done(task)
    assert again.manifest is not None, again
    assert [disk.root for disk in again.manifest.disks] == [disk.root for disk in place.manifest.disks]
    assert place.holds(task.version)
    assert place.left() == []


@traced
@pytest.mark.parametrize(
    ("kind", "call"),
    [*((kind, call) for kind in ("copy", "import") for call in CALLS if call != "make folder"), ("unpacking", "write")],
)
def test_killed_with_any_of_its_calls_it_goes_on_where_it_was(kind: str, call: str, scenes: Scenes) -> None:
    deaths = 0
    while True:
        place = scenes()
        task = {"copy": place.copy, "import": place.importing, "unpacking": place.unpacking}[kind]()
        if not place.killed(task, wrap=dying(call, deaths + 1)):
            break
        deaths += 1
        for version in place.visible():
            assert place.holds(version)
        had = kept(place)
        again = place.done(task)
        assert again.failure is None
        assert place.visible() == [task.version]
        assert place.holds(task.version)
        assert place.left() == []
        if kind == "copy":
            data = sum(len(place.content[at : at + CHUNK]) for at in range(0, len(place.content), CHUNK)
                       if any(place.content[at : at + CHUNK]))  # fmt: skip
            assert again.network <= data - had + FRAMING
    assert place.holds(task.version)
    assert deaths or (kind, call) == ("import", "reserve")


def test_however_often_a_copy_is_killed_no_more_than_a_range_for_each_stream_comes_again(
    scenes: Scenes, relay: Relay
) -> None:
    chance = random.Random(SEED)
    place = scenes(os.urandom(48 * MIB + 77))
    task = place.copy(relay.address)
    had = 0
    for _ in range(4):
        child = place.child(task, rate=24 * MIB)
        time.sleep(chance.uniform(0.5, 1.2))
        os.killpg(child.pid, signal.SIGKILL)
        child.communicate()
        came, has = relay.received(), len(place.content) if place.visible() else kept(place)
        assert has >= had, SEED
        assert came <= has - had + THREADS * BATCH + FRAMING, SEED
        assert place.visible() == [] or place.holds(task.version), SEED
        had = has
        if place.visible():
            break
    again = place.done(task)
    assert again.failure is None, SEED
    assert again.network <= len(place.content) - had + FRAMING, SEED
    assert place.visible() == [task.version]
    assert place.holds(task.version), SEED


def test_however_often_an_import_is_killed_it_becomes_whole(scenes: Scenes) -> None:
    chance = random.Random(SEED)
    place = scenes(os.urandom(48 * MIB + 77))
    task = place.importing()
    for _ in range(5):
        child = place.child(task)
        time.sleep(chance.uniform(0.1, 0.8))
        os.killpg(child.pid, signal.SIGKILL)
        child.communicate()
        for version in place.visible():
            assert place.holds(version), SEED
    again = place.done(task)
    assert again.manifest is not None, SEED
    assert place.visible() == [task.version]
    assert place.holds(task.version), SEED
    assert place.left() == [], SEED
