"""Copies at rest: what changed on the disk is found, never served again, and repaired by its chunks."""

import asyncio
import errno
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pods import Pod, sparse

from connector.backends import condition
from connector.backends.base import Checked, Corrupt, Spot
from connector.backends.directory import DirectoryBackend
from connector.domain.tasks import Copy
from connector.examine import Examination
from connector.presence import look
from connector.scrub import DAY, Rotten, Scrub
from connector.transfer.chunks import ALIGN
from contracts.manifest import CHUNK
from harness.wait import until

Pods = Callable[..., Pod]


def content(chunks: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(chunks * CHUNK)


def imported(pod: Pod, name: str = "golden", **more: bytes) -> str:
    task = pod.import_task(pod.vm(name, **more))  # type: ignore[arg-type]
    pod.prepare(task)
    return task.version


def flip(path: Path, offset: int) -> None:
    """One bit of a file, which is read-only to everybody."""
    path.chmod(0o600)
    with path.open("r+b") as file:
        file.seek(offset)
        (byte,) = file.read(1)
        file.seek(offset)
        file.write(bytes([byte ^ 4]))
    path.chmod(0o440)


def scrub_of(pod: Pod, *, days: float = 30.0, busy: bool = False, told: list[Rotten] | None = None) -> Scrub:
    async def tell(rotten: Rotten) -> None:
        if told is not None:
            told.append(rotten)

    return Scrub(pod.backend, lambda: days, lambda: busy, tell)


def folder_of(pod: Pod, version: str) -> Path:
    (found,) = pod.folder.glob(f"datastores/*/items/{version}")
    return found


def test_a_whole_item_is_found_whole_and_the_time_of_it_is_kept(pods: Pods) -> None:
    pod = pods("pod-1", door=False)
    version = imported(pod, os_disk=content(70), data=content(3)[:-5])
    assert scrub_of(pod).check(version) == []
    folder = pod.backend.folder(version)
    assert folder is not None
    checked = pod.backend.checked(folder)
    os.close(folder)
    assert checked == Checked(at=checked.at)
    assert checked.at > pod.disk(pod.backend.find(version)).stat().st_mtime
    assert pod.backend.doubted() == frozenset()


@pytest.mark.parametrize("chunk", [0, 63, 64, 129])
def test_a_flipped_bit_is_found_with_its_chunk_and_the_item_is_not_served_any_more(pods: Pods, chunk: int) -> None:
    pod = pods("pod-1", door=False)
    version = imported(pod, os_disk=content(130), data=content(2))
    placed = pod.backend.find(version)
    assert placed is not None
    root = placed.item.manifest.disks[0].root
    assert pod.backend.open(root) is not None
    flip(pod.disk(placed), chunk * CHUNK + 777)
    (rotten,) = scrub_of(pod).check(version)
    assert [(rot.lun, rot.index, rot.wrong, rot.chunks) for rot in rotten.corrupt.disks] == [(0, False, 1, (chunk,))]
    assert rotten.failure.code == "bit_rot"
    assert pod.backend.open(root) is None
    found = pod.backend.find(version)
    assert found is not None
    assert (found.intact, found.state) == (False, "CORRUPT")
    inventory, _ = look(pod.backend)
    assert [(item.version, item.state) for item in inventory.items] == [(version, "CORRUPT")]


def test_the_quarantine_survives_a_restart(pods: Pods) -> None:
    pod = pods("pod-1", door=False)
    version = imported(pod, os_disk=content(4))
    placed = pod.backend.find(version)
    flip(pod.disk(placed), 5)
    scrub_of(pod).check(version)
    fresh = DirectoryBackend(pod.folder)
    found = fresh.find(version)
    assert found is not None
    assert found.state == "CORRUPT"
    assert fresh.open(found.item.manifest.disks[0].root) is None
    fresh.close()


@pytest.mark.parametrize("offset", [3, 60, -1], ids=["the header", "the table", "a digest"])
def test_a_rotten_index_quarantines_too(pods: Pods, offset: int) -> None:
    pod = pods("pod-1", door=False)
    version = imported(pod, os_disk=content(4))
    index = folder_of(pod, version) / "disk-0.index"
    flip(index, offset % index.stat().st_size)
    (rotten,) = scrub_of(pod).work()[:1] or scrub_of(pod).check(version)
    assert [(rot.lun, rot.index) for rot in rotten.corrupt.disks] == [(0, True)]
    found = pod.backend.find(version)
    assert found is not None
    assert found.state == "CORRUPT"


def test_data_where_a_hole_should_be_and_a_hole_where_data_should_be_are_found(pods: Pods) -> None:
    pod = pods("pod-1", door=False)
    source = pod.vm()
    sparse(pod.folder / "vms/golden/os.raw", 300 * CHUNK, (10 * CHUNK, content(2)), (200 * CHUNK, content(2, 2)))
    task = pod.import_task(source)
    pod.prepare(task)
    disk = pod.disk(pod.backend.find(task.version))
    disk.chmod(0o600)
    with disk.open("r+b") as file:
        file.seek(290 * CHUNK)
        file.write(b"x")
    data = disk.read_bytes()
    sparse(disk, 300 * CHUNK, (10 * CHUNK, data[10 * CHUNK : 12 * CHUNK]), (290 * CHUNK, b"x"))
    (rotten,) = scrub_of(pod).check(task.version)
    assert rotten.corrupt.disks[0].chunks == (200, 201, 290)


def test_a_file_that_was_cut_off_is_quarantined_at_the_next_look(pods: Pods) -> None:
    pod = pods("pod-1", door=False)
    version = imported(pod, os_disk=content(4))
    disk = pod.disk(pod.backend.find(version))
    disk.chmod(0o600)
    os.truncate(disk, 3 * CHUNK)
    (rotten,) = scrub_of(pod).work()
    assert rotten.corrupt.wrong == 1


def test_a_sector_that_cannot_be_read_counts_as_wrong(pods: Pods, monkeypatch: pytest.MonkeyPatch) -> None:
    pod = pods("pod-1", door=False)
    version = imported(pod, os_disk=content(70))
    real = os.preadv

    def broken(fd: int, buffers: list[memoryview], offset: int) -> int:
        if offset <= 66 * CHUNK + ALIGN < offset + sum(map(len, buffers)):
            raise OSError(5, "Input/output error")
        return real(fd, buffers, offset)

    monkeypatch.setattr("connector.examine.os.preadv", broken)
    (rotten,) = scrub_of(pod).check(version)
    assert rotten.corrupt.disks[0].chunks == (66,)


def test_only_the_wrong_chunks_of_a_corrupt_copy_are_fetched_and_it_is_served_again(pods: Pods) -> None:
    one, two = pods("pod-1"), pods("pod-2")
    task = one.import_task(one.vm(os_disk=content(200)))
    manifest = one.prepare(task).manifest
    copying: Copy = two.copy_task(task.version, manifest, one)
    two.copy(copying)
    for chunk in (7, 8, 150):
        flip(two.disk(two.backend.find(task.version)), chunk * CHUNK + 9)
    (rotten,) = scrub_of(two).check(task.version)
    assert rotten.corrupt.disks[0].chunks == (7, 8, 150)
    made = two.copy(two.copy_task(task.version, manifest, one, attempt=2))
    assert made.network < 5 * CHUNK
    found = two.backend.find(task.version)
    assert found is not None
    assert (found.intact, found.state, found.item.copies) == (True, "INTACT", (copying.copy,))
    assert two.disk(found).read_bytes() == content(200)
    assert two.backend.open(manifest.disks[0].root) is not None
    assert scrub_of(two).check(task.version) == []
    assert two.leftovers() == []


def test_there_is_no_moment_without_an_item_while_a_repaired_one_takes_its_place(
    pods: Pods, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = pods("pod-1"), pods("pod-2")
    task = one.import_task(one.vm(os_disk=content(20)))
    manifest = one.prepare(task).manifest
    two.copy(two.copy_task(task.version, manifest, one))
    flip(two.disk(two.backend.find(task.version)), 5)
    scrub_of(two).check(task.version)
    seen = []
    real = os.rename

    def watched(*args: object, **named: object) -> None:
        real(*args, **named)  # type: ignore[arg-type]
        seen.append([path.name for path in two.folder.glob("datastores/*/items/*")])

    monkeypatch.setattr("connector.backends.library.os.rename", watched)
    two.copy(two.copy_task(task.version, manifest, one, attempt=2))
    assert seen
    assert all(names == [task.version] for names in seen)


def test_where_two_folders_cannot_be_exchanged_the_repaired_item_still_takes_its_place(
    pods: Pods, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connector.backends.library.folders.swap", lambda *_: False)
    one, two = pods("pod-1"), pods("pod-2")
    task = one.import_task(one.vm(os_disk=content(5)))
    manifest = one.prepare(task).manifest
    two.copy(two.copy_task(task.version, manifest, one))
    flip(two.disk(two.backend.find(task.version)), 5)
    scrub_of(two).check(task.version)
    two.copy(two.copy_task(task.version, manifest, one, attempt=2))
    assert two.disk(two.backend.find(task.version)).read_bytes() == content(5)
    assert two.leftovers() == []


def test_at_a_low_pace_each_batch_is_one_turn_and_the_place_is_kept_for_the_next_start(pods: Pods) -> None:
    pod = pods("pod-1", door=False)
    version = imported(pod, os_disk=content(200))
    flip(pod.disk(pod.backend.find(version)), 3)
    places = []
    for _ in range(4):
        # A library of 13 MB read over weeks: after each batch there are hours until the next, so a turn ends with it.
        # Each Scrub here is a restart.
        found = scrub_of(pod).work()
        folder = pod.backend.folder(version)
        assert folder is not None
        checked = pod.backend.checked(folder)
        os.close(folder)
        places.append((checked.span, sum(rot.wrong for rot in checked.rot), len(found)))
    assert places == [(1, 1, 0), (2, 1, 0), (3, 1, 0), (4, 1, 0)]
    (rotten,) = scrub_of(pod).work()
    assert rotten.corrupt.disks[0].chunks == (0,)


def test_what_is_in_doubt_is_checked_at_once(pods: Pods) -> None:
    pod = pods("pod-1", door=False)
    first, second = imported(pod, "a", os_disk=content(2)), imported(pod, "b", os_disk=content(2, 2))
    flip(pod.disk(pod.backend.find(second)), 3)
    pod.backend.doubt(Spot(second, "main"))
    (rotten,) = scrub_of(pod, busy=True).work()
    assert rotten.item.version == second
    pod.backend.doubt(Spot(first, "main"))
    assert scrub_of(pod, busy=True).work() == []
    assert pod.backend.doubted() == frozenset()


def test_a_rotten_seed_that_a_copy_notices_comes_into_doubt(pods: Pods) -> None:
    one, two = pods("pod-1"), pods("pod-2")
    first = one.import_task(one.vm("a", os_disk=content(100)))
    old = one.prepare(first).manifest
    two.copy(two.copy_task(first.version, old, one))
    flip(two.disk(two.backend.find(first.version)), 50 * CHUNK)
    second = one.import_task(one.vm("b", os_disk=content(99) + content(1, 2)))
    new = one.prepare(second).manifest
    two.copy(two.copy_task(second.version, new, one))
    assert two.disk(two.backend.find(second.version)).read_bytes() == content(99) + content(1, 2)
    assert two.backend.doubted() == {(first.version, "main")}
    (rotten,) = scrub_of(two, busy=True).work()
    assert (rotten.item.version, rotten.corrupt.disks[0].chunks) == (first.version, (50,))


def test_a_damaged_mark_is_a_mark_and_a_damaged_note_is_none(pods: Pods) -> None:
    pod = pods("pod-1", door=False)
    version = imported(pod, os_disk=content(2))
    folder = folder_of(pod, version)
    (folder / condition.CHECKED).write_bytes(b"\xff{")
    scrub_of(pod).check(version)
    (folder / condition.CORRUPT).write_bytes(b"\x00")
    found = pod.backend.find(version)
    assert found is not None
    assert found.state == "CORRUPT"


async def test_the_running_scrub_tells_of_what_it_finds_and_again_at_the_next_start(pods: Pods) -> None:
    pod = pods("pod-1", door=False)
    version = imported(pod, os_disk=content(2))
    flip(pod.disk(pod.backend.find(version)), 3)
    told: list[Rotten] = []
    for _ in range(2):
        pod.backend.doubt(Spot(version, "main"))
        running = asyncio.create_task(scrub_of(pod, days=30 * DAY, told=told).run())
        await until(lambda: told)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert [rotten.item.version for rotten in told] == [version]
        told.clear()


def meanwhile(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], object]) -> None:
    """Have something happen once, while a check has read a part of an item."""
    read, left = Examination._span, [happens]

    def reading(self: Examination, *args: Any, **more: Any) -> int:
        while left:
            left.pop()()
        return read(self, *args, **more)

    monkeypatch.setattr(Examination, "_span", reading)


def test_a_copy_that_was_published_while_its_item_was_checked_is_told_of(
    pods: Pods, monkeypatch: pytest.MonkeyPatch
) -> None:
    pod = pods("pod-1", door=False)
    version = imported(pod, os_disk=content(4))
    placed = pod.backend.find(version)
    assert placed is not None
    flip(pod.disk(placed), 5)
    task = pod.copy_task(version, placed.item.manifest)
    meanwhile(monkeypatch, lambda: pod.copy(task))
    (rotten,) = scrub_of(pod).check(version)
    assert rotten.item.copies == (task.copy,)


def test_an_item_that_was_removed_while_it_was_checked_is_not_called_corrupt(
    pods: Pods, monkeypatch: pytest.MonkeyPatch
) -> None:
    pod = pods("pod-1", door=False)
    version = imported(pod, os_disk=content(4), data=content(2))
    meanwhile(monkeypatch, lambda: pod.backend.remove(version))
    assert scrub_of(pod).check(version) == []
    assert pod.leftovers() == []


def test_an_item_that_was_replaced_while_it_was_checked_is_not_called_corrupt(
    pods: Pods, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, pod = pods("source"), pods("pod-1")
    version = imported(source, os_disk=content(4), data=content(2))
    placed = source.backend.find(version)
    assert placed is not None
    task = pod.copy_task(version, placed.item.manifest, source)
    path = pod.disk(pod.copy(task).placed, 3)
    path.chmod(0o600)
    os.truncate(path, 5)
    meanwhile(monkeypatch, lambda: pod.copy(task))
    assert scrub_of(pod).check(version) == []
    found = pod.backend.find(version)
    assert found is not None
    assert found.intact


def test_on_a_full_datastore_a_rotten_item_is_not_served_either(pods: Pods, monkeypatch: pytest.MonkeyPatch) -> None:
    pod = pods("pod-1", door=False)
    version = imported(pod, os_disk=content(4))
    placed = pod.backend.find(version)
    assert placed is not None
    flip(pod.disk(placed), 5)

    def full(at: int, corrupt: Corrupt) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(condition, "mark_corrupt", full)
    (rotten,) = scrub_of(pod).check(version)
    assert rotten.corrupt.wrong == 1
    assert [item.state for item in pod.backend.items()] == ["CORRUPT"]
    assert pod.backend.open(placed.item.manifest.disks[0].root) is None


def test_an_item_that_cannot_be_checked_does_not_keep_the_others_from_being_checked(
    pods: Pods, monkeypatch: pytest.MonkeyPatch
) -> None:
    pod = pods("pod-1", door=False)
    stuck, rotten = imported(pod, os_disk=content(4)), imported(pod, "other", os_disk=content(4, seed=2))
    note = condition.note_checked

    def noting(at: int, checked: Checked) -> None:
        if os.readlink(f"/proc/self/fd/{at}").endswith(stuck):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        note(at, checked)

    monkeypatch.setattr(condition, "note_checked", noting)
    pod.backend.doubt(Spot(stuck, "main"))
    flip(pod.disk(pod.backend.find(rotten)), 5)
    pod.backend.doubt(Spot(rotten, "main"))
    scrub = scrub_of(pod)
    found = [one for _ in range(2) for one in scrub.work()]
    assert [one.item.version for one in found] == [rotten]
