"""Copies between real pods on the loopback: what arrives, what travels, and what happens when a holder fails."""

import errno
import os
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

import pytest
from disk_images import dynamic_vhd, mbr
from misbehaving import Behaviour, misbehaving
from pods import Hub, Pod, allocated, sparse

from connector.failures import Cancel, Cancelled, Refused, refused
from connector.transfer.index import ENTRY, HEADER
from connector.transfer.seeds import Seed, Seeds
from connector.transfer.writer import DiskWriter
from contracts.events.to_pods import Holder
from contracts.manifest import CHUNK
from harness.digests import root_of, sha256_of

MIB = 1024 * 1024
Pods = Callable[..., Pod]


def published(pod: Pod, content: bytes | Path, name: str = "disk", **more: object):
    """A version on ``pod`` with one disk: its id and its manifest."""
    if isinstance(content, Path):
        os.rename(content, pod.folder / "incoming" / name)
        source = pod.file("other", b"x")
        source = type(source)(pod=pod.name, kind="file", name=name)
    else:
        source = pod.file(name, content)
    task = pod.import_task(source, **more)
    return task.version, pod.prepare(task).manifest


def test_a_copy_has_the_bytes_of_its_version_and_their_digests(pods: Pods) -> None:
    one, two = pods("pod-1"), pods("pod-2")
    content = os.urandom(9 * MIB + 12_345)
    version, manifest = published(one, content)
    assert manifest.disks[0].root == root_of(content)
    assert manifest.disks[0].sha256 == sha256_of(content)
    made = two.copy(two.copy_task(version, manifest, one))
    assert two.disk(made.placed).read_bytes() == content
    assert made.reused == 0
    assert len(content) <= made.network < len(content) + 10_000  # and the index
    assert made.placed.item.manifest.digest == manifest.digest
    assert two.leftovers() == []


def test_several_disks_travel_as_one_copy(pods: Pods) -> None:
    one, two = pods("pod-1"), pods("pod-2")
    source = one.vm(data=b"\2" * 100_001, os_disk=b"\1" * 77)
    task = one.import_task(source)
    manifest = one.prepare(task).manifest
    assert [(disk.role, disk.lun) for disk in manifest.disks] == [("os", 0), ("data", 3)]
    made = two.copy(two.copy_task(task.version, manifest, one))
    assert two.disk(made.placed, 0).read_bytes() == b"\1" * 77
    assert two.disk(made.placed, 3).read_bytes() == b"\2" * 100_001


def test_holes_neither_travel_nor_take_space(pods: Pods, tmp_path: Path) -> None:
    one, two = pods("pod-1"), pods("pod-2")
    path = tmp_path / "sparse"
    pieces = ((5 * MIB + 7, os.urandom(100)), (64 * MIB, b"\0" * MIB), (300 * MIB - 10, b"tail"))
    sparse(path, 300 * MIB, *pieces)
    version, manifest = published(one, path)
    made = two.copy(two.copy_task(version, manifest, one))
    for pod in (one, two):
        disk = pod.disk(pod.backend.find(version))
        assert disk.stat().st_size == 300 * MIB
        assert allocated(disk) <= 3 * CHUNK
    assert made.network < 4 * CHUNK + HEADER + 300 * MIB // CHUNK * 32
    with two.disk(made.placed).open("rb") as copy:
        copy.seek(5 * MIB + 7)
        assert copy.read(100) == pieces[0][1]
        copy.seek(300 * MIB - 10)
        assert copy.read() == b"tail" + bytes(6)


def test_the_next_version_takes_what_it_can_from_the_last_one(pods: Pods) -> None:
    one, two = pods("pod-1"), pods("pod-2")
    old = os.urandom(8 * MIB)
    version, manifest = published(one, old, "old")
    two.copy(two.copy_task(version, manifest, one))
    new = old[: 2 * MIB] + os.urandom(CHUNK) + old[2 * MIB + CHUNK : 6 * MIB] + os.urandom(CHUNK) + old[6 * MIB :]
    version, manifest = published(one, new, "new")
    made = two.copy(two.copy_task(version, manifest, one))
    assert two.disk(made.placed).read_bytes() == new
    assert made.reused == 8 * MIB - CHUNK
    assert made.network < 2 * CHUNK + 10_000


def test_chunks_that_moved_are_found_in_the_last_version(pods: Pods) -> None:
    one, two = pods("pod-1"), pods("pod-2")
    chunks = [os.urandom(CHUNK) for _ in range(40)]
    version, manifest = published(one, b"".join(chunks), "old")
    two.copy(two.copy_task(version, manifest, one))
    version, manifest = published(one, b"".join(reversed(chunks)) + chunks[3], "new")
    made = two.copy(two.copy_task(version, manifest, one))
    assert made.network < 10_000
    assert two.disk(made.placed).read_bytes() == b"".join(reversed(chunks)) + chunks[3]


def test_nothing_is_taken_from_another_tenants_copies(pods: Pods) -> None:
    one, two = pods("pod-1"), pods("pod-2")
    content = os.urandom(2 * MIB)
    version, manifest = published(one, content, "a", tenant="a")
    two.copy(two.copy_task(version, manifest, one, tenant="a"))
    version, manifest = published(one, content, "b", tenant="b")
    made = two.copy(two.copy_task(version, manifest, one, tenant="b"))
    assert made.reused == 0
    assert made.network >= len(content)


def test_a_rotten_chunk_of_a_seed_is_fetched_instead(pods: Pods) -> None:
    one, two = pods("pod-1"), pods("pod-2")
    content = os.urandom(4 * MIB)
    version, manifest = published(one, content, "old")
    seed = two.disk(two.copy(two.copy_task(version, manifest, one)).placed)
    with seed.open("r+b") as file:
        file.seek(10 * CHUNK + 17)
        file.write(b"rot")
    version, manifest = published(one, content + b"more", "new")
    made = two.copy(two.copy_task(version, manifest, one))
    assert two.disk(made.placed).read_bytes() == content + b"more"
    assert made.reused == 63 * CHUNK
    assert made.network < CHUNK + 10_000


def test_what_a_disk_cannot_read_of_a_seed_is_fetched_instead(pods: Pods, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = pods("pod-1"), pods("pod-2")
    content = os.urandom(12 * MIB)
    version, manifest = published(one, content, "old")
    two.copy(two.copy_task(version, manifest, one))
    read, left = Seeds.read, [1]

    def failing(self: Seeds, place: tuple[Seed, int], view: memoryview) -> int:
        left[0] -= 1
        if left[0] >= 0:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return read(self, place, view)

    monkeypatch.setattr(Seeds, "read", failing)
    version, manifest = published(one, content + b"more", "new")
    made = two.copy(two.copy_task(version, manifest, one))
    assert two.disk(made.placed).read_bytes() == content + b"more"
    assert made.reused == 8 * MIB
    assert two.backend.doubted()


def test_an_interrupted_copy_goes_on_with_what_was_verified(pods: Pods) -> None:
    one, two = pods("pod-1"), pods("pod-2")
    content = os.urandom(12 * MIB)
    version, manifest = published(one, content)
    task = two.copy_task(version, manifest, one)
    with misbehaving(one, Behaviour(stop_after=5 * MIB)) as holder:
        short = two.copy_task(version, manifest, holders=(Holder(pod="pod-1", address=holder),))
        with pytest.raises(Refused, match="source_unreachable"):
            two.copy(short)
    staging = next(two.folder.glob(f"datastores/main/staging/{version}/disk-0.raw"))
    with staging.open("r+b") as file:  # and one chunk of it was torn by the crash
        file.seek(3 * CHUNK)
        file.write(b"torn")
    made = two.copy(task)
    assert two.disk(made.placed).read_bytes() == content
    assert made.reused >= 4 * MIB
    assert made.reused % CHUNK == 0
    assert made.network + made.reused < len(content) + 10_000


def test_rubbish_in_a_hole_of_the_staging_file_is_cleared(pods: Pods, tmp_path: Path) -> None:
    one, two = pods("pod-1"), pods("pod-2")
    path = tmp_path / "sparse"
    sparse(path, 4 * MIB, (MIB, b"data"))
    version, manifest = published(one, path)
    staging = two.folder / "datastores/main/staging" / version
    staging.mkdir(parents=True)
    sparse(staging / "disk-0.raw", 4 * MIB, (2 * MIB, b"rubbish"))
    made = two.copy(two.copy_task(version, manifest, one))
    assert two.disk(made.placed).read_bytes() == bytes(MIB) + b"data" + bytes(3 * MIB - 4)


def test_a_link_where_the_copy_is_to_be_written_is_not_followed(pods: Pods, tmp_path: Path) -> None:
    one, two = pods("pod-1"), pods("pod-2")
    version, manifest = published(one, b"content")
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    staging = two.folder / "datastores/main/staging" / version
    staging.mkdir(parents=True)
    (staging / "disk-0.raw").symlink_to(victim)
    with pytest.raises(OSError, match="symbolic"):
        two.copy(two.copy_task(version, manifest, one))
    assert victim.read_bytes() == b"precious"


def test_a_dynamic_vhd_is_copied_on_its_own_grid_and_takes_chunks_from_a_raw_file(pods: Pods) -> None:
    one, two = pods("pod-1"), pods("pod-2")
    vhd = dynamic_vhd(size=8 * MIB, blocks=3)
    raw = b"".join(bytes([number + 1]) * 2 * MIB for number in range(3))
    version, manifest = published(one, mbr(raw), "raw")
    two.copy(two.copy_task(version, manifest, one))
    version, manifest = published(one, vhd, "vhd")
    assert manifest.disks[0].format == "vhd"
    assert manifest.disks[0].grid != "file"
    made = two.copy(two.copy_task(version, manifest, one))
    assert two.disk(made.placed).read_bytes() == vhd
    assert made.network < 10 * CHUNK


def test_a_copy_of_a_file_without_holes_has_none(pods: Pods) -> None:
    one, two = pods("pod-1"), pods("pod-2")
    content = bytes(4 * MIB) + os.urandom(MIB)
    version, manifest = published(one, content)
    assert manifest.disks[0].preallocated
    made = two.copy(two.copy_task(version, manifest, one))
    assert made.network < 1.1 * MIB
    assert allocated(two.disk(made.placed)) >= len(content)
    assert two.disk(made.placed).read_bytes() == content


def test_space_for_all_disks_is_taken_before_the_first_byte(pods: Pods, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = pods("pod-1"), pods("pod-2")
    task = one.import_task(one.vm(data=os.urandom(MIB), os_disk=os.urandom(2 * MIB)))
    manifest = one.prepare(task).manifest
    reserve, left = DiskWriter.reserve, [1]

    def reserving(self: DiskWriter, ranges: Iterable[tuple[int, int]]) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise refused("quota_exceeded", "space", retry=True)
        reserve(self, ranges)

    monkeypatch.setattr(DiskWriter, "reserve", reserving)
    sent = one.door.sent
    with pytest.raises(Refused, match="quota_exceeded"):
        two.copy(two.copy_task(task.version, manifest, one))
    assert one.door.sent - sent < 10_000  # the indexes
    assert two.backend.find(task.version) is None


def test_the_next_index_is_fetched_only_where_it_differs(pods: Pods) -> None:
    one, two = pods("pod-1"), pods("pod-2")
    old = os.urandom(32 * MIB)
    version, manifest = published(one, old, "old")
    two.copy(two.copy_task(version, manifest, one))
    new = old[: 9 * MIB] + os.urandom(CHUNK) + old[9 * MIB + CHUNK :]
    version, manifest = published(one, new, "new")
    made = two.copy(two.copy_task(version, manifest, one))
    table = HEADER + 8 * ENTRY
    assert made.network == CHUNK + table + 64 * 32  # the chunk, the table, and the digests of the one span


LIES = {
    "other bytes": (Behaviour(flip=5), "digest_mismatch"),
    "an index of something else": (Behaviour(flip_index=True), "index_invalid"),
    "another length": (Behaviour(length=-1), "source_refused"),
    "another range": (Behaviour(shift=CHUNK), "source_refused"),
    "a refusal": (Behaviour(status=403), "source_refused"),
    "a redirect": (Behaviour(status=302), "source_refused"),
    "an end in the middle": (Behaviour(stop_after=3 * CHUNK + 5), "source_unreachable"),
    "no answer that is HTTP": (Behaviour(garbage=True), "source_unreachable"),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_holder_that_gives_something_else_is_left_for_the_next(lie: str, pods: Pods) -> None:
    behaviour, _ = LIES[lie]
    one, two = pods("pod-1"), pods("pod-2")
    content = os.urandom(2 * MIB + 99)
    version, manifest = published(one, content)
    with misbehaving(one, behaviour) as liar:
        holders = (Holder(pod="liar", address=liar), Holder(pod="pod-1", address=one.address))
        made = two.copy(two.copy_task(version, manifest, holders=holders))
    assert two.disk(made.placed).read_bytes() == content


@pytest.mark.parametrize("lie", LIES)
def test_when_no_holder_is_left_the_failure_names_them_and_nothing_wrong_is_kept(lie: str, pods: Pods) -> None:
    behaviour, code = LIES[lie]
    one, two = pods("pod-1"), pods("pod-2")
    version, manifest = published(one, os.urandom(MIB))
    with misbehaving(one, behaviour) as liar, pytest.raises(Refused) as refusal:
        two.copy(two.copy_task(version, manifest, holders=(Holder(pod="liar", address=liar),)))
    assert refusal.value.failure.code == code
    assert "liar: " in refusal.value.failure.text
    assert refusal.value.failure.retry
    assert two.backend.find(version) is None
    made = two.copy(two.copy_task(version, manifest, one))
    assert root_of(two.disk(made.placed).read_bytes()) == manifest.disks[0].root


@pytest.mark.parametrize(
    "address",
    ["", "http://", "ftp://127.0.0.1:9", "http://user@127.0.0.1:9", "http://127.0.0.1:9/path", "http://h:99999", "x"],
)
def test_an_address_of_another_form_is_not_asked(address: str, pods: Pods) -> None:
    one, two = pods("pod-1"), pods("pod-2")
    version, manifest = published(one, b"content")
    with pytest.raises(Refused, match="source_refused: odd: its address"):
        two.copy(two.copy_task(version, manifest, holders=(Holder(pod="odd", address=address),)))


def test_without_holders_a_copy_is_unreachable(pods: Pods) -> None:
    one, two = pods("pod-1"), pods("pod-2")
    version, manifest = published(one, b"content")
    with pytest.raises(Refused, match="source_unreachable"):
        two.copy(two.copy_task(version, manifest))


def test_a_copy_that_waits_for_a_silent_holder_can_be_cancelled(pods: Pods) -> None:
    one, two = pods("pod-1"), pods("pod-2")
    version, manifest = published(one, os.urandom(MIB))
    cancel, silent = Cancel(), threading.Event()
    with misbehaving(one, Behaviour(silent=silent)) as holder:
        task = two.copy_task(version, manifest, holders=(Holder(pod="pod-1", address=holder),))
        failure: list[BaseException] = []

        def work() -> None:
            try:
                two.copy(task, cancel)
            except Cancelled as error:
                failure.append(error)

        thread = threading.Thread(target=work)
        thread.start()
        assert silent.wait(10)
        cancel.set()
        thread.join(5)
        assert not thread.is_alive()
        assert failure


def test_other_content_under_a_known_version_is_refused_for_good(pods: Pods) -> None:
    one, two = pods("pod-1"), pods("pod-2")
    version, manifest = published(one, b"content", "a")
    two.copy(two.copy_task(version, manifest, one))
    _, other = published(one, b"other", "b")
    with pytest.raises(Refused) as refusal:
        two.copy(two.copy_task(version, other, one))
    assert refusal.value.failure.code == "digest_mismatch"
    assert not refusal.value.failure.retry


def test_a_copy_that_does_not_fit_is_refused_before_its_first_byte(pods: Pods, hub: Hub, monkeypatch) -> None:
    one, two = pods("pod-1"), pods("pod-2")
    version, manifest = published(one, os.urandom(4 * MIB))
    monkeypatch.setattr("connector.backends.staging.DirectoryStaging.free", lambda _: 3 * MIB)
    with pytest.raises(Refused) as refusal:
        two.copy(two.copy_task(version, manifest, one))
    assert refusal.value.failure.code == "no_space"
    assert refusal.value.failure.retry
    assert not list(two.folder.glob("datastores/main/staging/*/disk-0.raw"))


def test_progress_is_said_from_nothing_to_the_whole(pods: Pods) -> None:
    one, two = pods("pod-1"), pods("pod-2")
    version, manifest = published(one, os.urandom(MIB))
    two.copy(two.copy_task(version, manifest, one))
    assert two.said[0].bytes_done == 0
    assert two.said[-1].bytes_done == two.said[-1].bytes_total == MIB
    assert two.said[-1].bytes_network >= MIB
    assert all(before.bytes_done <= after.bytes_done for before, after in zip(two.said, two.said[1:], strict=False))


@pytest.mark.parametrize("part", ["table", "digests"])
def test_a_seed_whose_index_cannot_be_read_is_done_without_and_comes_into_doubt(
    part: str, pods: Pods, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = pods("pod-1"), pods("pod-2")
    old = os.urandom(4 * MIB)
    version, manifest = published(one, old)
    first = two.copy(two.copy_task(version, manifest, one)).placed
    new = os.urandom(CHUNK) + old[CHUNK:]
    newer, manifest = published(one, new, "new")
    bad, readable = os.stat(two.disk(first).with_name("disk-0.index")).st_ino, 48 if part == "table" else 200
    read = os.pread

    def failing(fd: int, size: int, at: int) -> bytes:
        if os.fstat(fd).st_ino == bad and at + size > readable:
            raise OSError(errno.EIO, "Input/output error")
        return read(fd, size, at)

    monkeypatch.setattr(os, "pread", failing)
    made = two.copy(two.copy_task(newer, manifest, one))
    assert two.disk(made.placed).read_bytes() == new
    assert two.backend.doubted() == {(version, "main")}
    assert not [name for name in open_files() if f"items/{version}" in name]


def open_files() -> Iterable[str]:
    for name in os.listdir("/proc/self/fd"):
        with suppress(FileNotFoundError):  # that of the listing itself
            yield os.readlink(f"/proc/self/fd/{name}")
