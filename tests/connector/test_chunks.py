"""The parts of the data plane by themselves: one pass over a source, holes, seeds, plans and writing."""

import ctypes
import errno
import os
import random
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pods import Hub, Pod, allocated, served, sparse

from connector.failures import Cancel, Cancelled, Refused
from connector.transfer import index as indexes
from connector.transfer import space
from connector.transfer.build import build
from connector.transfer.chunks import ALIGN, ROOM, buffer, digest, placed
from connector.transfer.grid import SPAN, Grid
from connector.transfer.index import Index
from connector.transfer.plan import LONGEST, Kept, runs
from connector.transfer.seeds import Seed, Seeds
from connector.transfer.sparse import extents, preallocated
from connector.transfer.writer import DiskWriter
from contracts.manifest import CHUNK, Blocks, Disk
from harness.digests import root_of, sha256_of

MIB = 1024 * 1024
SIZES = (0, 1, 511, 4096, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 4 * MIB, 4 * MIB + 5, 9 * MIB - 1)


def described(grid: Grid, root: str) -> Disk:
    return Disk(
        role="os", lun=0, format="raw", size=grid.size, virtual_size=grid.size, root=root, sha256="0" * 64,
        grid=grid.blocks or "file",
    )  # fmt: skip


def indexed(content: bytes, folder: Path, name: str = "file", blocks: Blocks | None = None) -> tuple[int, Index]:
    """An open file with ``content``, and its index."""
    path = folder / name
    path.write_bytes(content)
    data = os.open(path, os.O_RDONLY)
    fd = os.open(folder / f"{name}.index", os.O_RDWR | os.O_CREAT)
    grid = Grid(len(content), blocks)
    built = build(data, grid, fd, None, lambda _: None, Cancel())
    return data, indexes.verified(fd, described(grid, built.root))


@pytest.mark.parametrize("size", SIZES)
def test_one_pass_makes_a_copy_its_index_and_both_digests(size: int, tmp_path: Path) -> None:
    content = random.Random(size).randbytes(size)
    (tmp_path / "source").write_bytes(content)
    folder = os.open(tmp_path, os.O_RDONLY)
    source = os.open(tmp_path / "source", os.O_RDONLY)
    index = os.open(tmp_path / "index", os.O_RDWR | os.O_CREAT)
    advanced: list[int] = []
    with DiskWriter(folder, "target", size) as target:
        built = build(source, Grid(size), index, target, advanced.append, Cancel())
    assert (tmp_path / "target").read_bytes() == content
    assert built.sha256 == sha256_of(content)
    assert built.root == root_of(content)
    assert sum(advanced) == size
    assert indexes.verified(index, described(Grid(size), built.root)).data_bytes() == size


def test_zeros_in_the_data_become_holes_of_the_copy(tmp_path: Path) -> None:
    content = os.urandom(CHUNK) + bytes(2 * MIB) + os.urandom(CHUNK) + bytes(CHUNK + 5)
    (tmp_path / "source").write_bytes(content)
    folder, source = os.open(tmp_path, os.O_RDONLY), os.open(tmp_path / "source", os.O_RDONLY)
    index = os.open(tmp_path / "index", os.O_RDWR | os.O_CREAT)
    with DiskWriter(folder, "target", len(content)) as target:
        built = build(source, Grid(len(content)), index, target, lambda _: None, Cancel())
    assert (tmp_path / "target").read_bytes() == content
    assert allocated(tmp_path / "target") == 2 * CHUNK
    assert indexes.opened(index, described(Grid(len(content)), built.root)).data_bytes() == 2 * CHUNK
    assert built.sha256 == sha256_of(content)


def test_a_source_that_is_written_to_meanwhile_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "source"
    path.write_bytes(os.urandom(9 * MIB))
    os.utime(path, ns=(1, 1))
    source, index = os.open(path, os.O_RDONLY), os.open(tmp_path / "index", os.O_RDWR | os.O_CREAT)

    def write_once(_: int) -> None:
        with path.open("r+b") as file:
            file.write(b"new")

    with pytest.raises(Refused, match="file_changed"):
        build(source, Grid(9 * MIB), index, None, write_once, Cancel())


def test_a_source_that_shrinks_meanwhile_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "source"
    path.write_bytes(os.urandom(9 * MIB))
    source, index = os.open(path, os.O_RDONLY), os.open(tmp_path / "index", os.O_RDWR | os.O_CREAT)
    with pytest.raises(Refused, match="file_changed"):
        build(source, Grid(9 * MIB), index, None, lambda _: os.truncate(path, MIB), Cancel())


def test_a_pass_stops_when_it_is_cancelled(tmp_path: Path) -> None:
    path = tmp_path / "source"
    path.write_bytes(os.urandom(9 * MIB))
    source, index = os.open(path, os.O_RDONLY), os.open(tmp_path / "index", os.O_RDWR | os.O_CREAT)
    cancel = Cancel()
    advanced: list[int] = []

    def advance(some: int) -> None:
        advanced.append(some)
        cancel.set()

    with pytest.raises(Cancelled):
        build(source, Grid(9 * MIB), index, None, advance, cancel)
    assert len(advanced) == 1


@given(pieces=st.lists(st.tuples(st.integers(0, 40), st.integers(1, 6)), max_size=6), size=st.integers(0, 41 * CHUNK))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_extents_cover_the_file_once_and_miss_no_data(pieces: list[tuple[int, int]], size: int, tmp_path: Path) -> None:
    path = tmp_path / "sparse"
    sparse(path, size, *((at * CHUNK + 100, b"x" * length * 1000) for at, length in pieces if at * CHUNK < size))
    os.truncate(path, size)
    content = path.read_bytes()
    fd = os.open(path, os.O_RDONLY)
    try:
        found = list(extents(fd, Grid(size)))
    finally:
        os.close(fd)
    assert [begin for begin, _, _ in found] == [0, *(end for _, end, _ in found)][: len(found)]
    assert (found[-1][1] if found else 0) == size
    for begin, end, has_data in found:
        assert begin < end
        assert begin % CHUNK == 0
        assert has_data or not any(content[begin:end])


def test_seeds_find_every_chunk_they_have_and_nothing_else(tmp_path: Path) -> None:
    chunks = [os.urandom(CHUNK) for _ in range(50)]
    repeated = b"\xff" * CHUNK
    first = indexed(b"".join(chunks[:30]) + repeated * 40 + bytes(CHUNK), tmp_path, "a")
    second = indexed(b"".join(chunks[20:]) + b"short", tmp_path, "b")
    seeds = Seeds([Seed(*first), Seed(*second)])
    for content in [*chunks, repeated, b"short"]:
        found = seeds.find(digest(content))
        assert found is not None
        room = bytearray(len(content))
        assert seeds.read(found, memoryview(room)) == len(content)
        assert room == content
    for absent in (os.urandom(CHUNK), b"long", bytes(CHUNK)):
        assert seeds.find(digest(absent)) is None
    assert Seeds([]).find(digest(repeated)) is None


def test_more_seeds_than_the_table_may_hold_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connector.transfer.seeds.MAX_CHUNKS", 10)
    large = indexed(os.urandom(11 * CHUNK), tmp_path, "a")
    content = os.urandom(10 * CHUNK)
    small = indexed(content, tmp_path, "b")
    seeds = Seeds([Seed(*large), Seed(*small)])
    assert seeds.find(large[1].digest(0) or b"") is None
    assert seeds.find(digest(content[:CHUNK])) is not None


def test_a_plan_names_every_chunk_once_that_is_neither_hole_nor_kept(tmp_path: Path) -> None:
    chance = random.Random(7)
    chunks = [chance.choice((bytes(CHUNK), chance.randbytes(CHUNK))) for _ in range(300)]
    content = b"".join(chunks) + chance.randbytes(100)
    _, index = indexed(content, tmp_path)
    seed = indexed(b"".join(chunks[100:140] + chunks[10:20]), tmp_path, "seed")
    kept = Kept()
    for chunk in range(200, 210):
        kept.add(chunk)
    planned: dict[int, bytes] = {}
    for run in runs(index, kept, Seeds([Seed(*seed)])):
        assert run.chunks <= LONGEST
        assert run.seed is not None or run.first // SPAN == (run.first + run.chunks - 1) // SPAN
        for number in range(run.chunks):
            assert run.first + number not in planned
            planned[run.first + number] = run.digest(number)
            if run.seed is not None:
                at = (run.seed[1] + number) * CHUNK
                assert digest(os.pread(run.seed[0].fd, CHUNK, at)) == run.digest(number)
    assert planned == {
        chunk: found
        for chunk, found in enumerate(index.digests(0, index.chunks))
        if found is not None and chunk not in range(200, 210)
    }


def test_a_run_follows_its_seed_past_chunks_that_are_elsewhere_too(tmp_path: Path) -> None:
    chunks = [os.urandom(CHUNK) for _ in range(100)]
    twice = indexed(chunks[50] * 3 + bytes(CHUNK) + b"".join(chunks), tmp_path, "seed")
    _, index = indexed(bytes(30 * CHUNK) + b"".join(chunks[:90]) + os.urandom(2 * CHUNK), tmp_path, "wanted")
    found = [(run.first, run.chunks, run.seed and run.seed[1]) for run in runs(index, Kept(), Seeds([Seed(*twice)]))]
    # Chunk 50 is found where it stands first, when a run begins with it, and goes along within one.
    assert found == [(30, 64, 4), (94, 26, 68), (120, 2, None)]


def test_neighbours_are_coalesced_into_ranges_of_four_mebibytes(tmp_path: Path) -> None:
    _, index = indexed(os.urandom(10 * MIB), tmp_path)
    assert [run.chunks for run in runs(index, Kept(), Seeds([]))] == [64, 64, 32]


def has_data(path: Path) -> list[tuple[int, int]]:
    """The ranges of a file that are no holes."""
    fd = os.open(path, os.O_RDONLY)
    try:
        return [(begin, end) for begin, end, data in extents(fd, Grid(path.stat().st_size)) if data]
    finally:
        os.close(fd)


def test_a_pass_cuts_by_the_grid_it_is_given(tmp_path: Path) -> None:
    payload = random.Random(2).randbytes(3 * 2 * MIB)
    blocks = Blocks(begin=1000, lead=600, block=2 * MIB)
    content = b"h" * 1000
    for at in range(0, len(payload), 2 * MIB):
        content += b"\xff" * 600 + payload[at : at + 2 * MIB]
    content += b"t" * 512
    folder = os.open(tmp_path, os.O_RDONLY)
    (tmp_path / "source").write_bytes(content)
    source = os.open(tmp_path / "source", os.O_RDONLY)
    index = os.open(tmp_path / "index", os.O_RDWR | os.O_CREAT)
    grid = Grid(len(content), blocks)
    with DiskWriter(folder, "target", len(content)) as target:
        built = build(source, grid, index, target, lambda _: None, Cancel())
    assert (tmp_path / "target").read_bytes() == content
    assert built.sha256 == sha256_of(content)
    found = indexes.verified(index, described(grid, built.root))
    assert found.digests(0, 3) == [digest(b"h" * 1000), digest(b"\xff" * 600), digest(payload[:CHUNK])]
    _, raw = indexed(payload, tmp_path, "raw")
    assert set(raw.digests(0, raw.chunks)) <= set(found.digests(0, found.chunks))


def test_what_is_reserved_takes_space_and_counts_as_a_hole_until_it_is_written(tmp_path: Path) -> None:
    folder = os.open(tmp_path, os.O_RDONLY)
    with DiskWriter(folder, "disk", 4 * MIB) as target, buffer() as room:
        target.reserve([(0, MIB), (2 * MIB, 3 * MIB)])
        assert allocated(tmp_path / "disk") == 2 * MIB
        assert has_data(tmp_path / "disk") == []
        view = placed(room, 2 * MIB)[:CHUNK]
        view[:] = b"x" * CHUNK
        target.write(view, 2 * MIB)
        assert has_data(tmp_path / "disk") == [(2 * MIB, 2 * MIB + CHUNK)]
    with DiskWriter(folder, "disk", 4 * MIB) as target:  # as after a crash
        assert target.kept
        assert has_data(tmp_path / "disk") == [(2 * MIB, 2 * MIB + CHUNK)]
        target.reserve([(0, MIB), (2 * MIB, 3 * MIB)])
    assert (tmp_path / "disk").read_bytes() == bytes(2 * MIB) + b"x" * CHUNK + bytes(2 * MIB - CHUNK)


def test_space_that_zeros_do_not_need_is_given_back_unless_the_file_is_preallocated(tmp_path: Path) -> None:
    folder = os.open(tmp_path, os.O_RDONLY)
    with DiskWriter(folder, "sparse", 2 * MIB) as target:
        target.reserve([(0, 2 * MIB)])
        target.leave(CHUNK, MIB)
        assert allocated(tmp_path / "sparse") == MIB
    with DiskWriter(folder, "whole", 2 * MIB) as target:
        target.preallocate()
        target.leave(CHUNK, MIB)
        assert preallocated(target.fd)


@pytest.mark.parametrize(
    ("number", "code"),
    [(errno.ENOSPC, "no_space"), (errno.EDQUOT, "quota_exceeded"), (errno.EFBIG, "no_space")],
)
def test_space_that_cannot_be_had_is_refused_and_what_was_taken_is_given_back(
    number: int, code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fallocate = space._libc.fallocate

    def until_full(fd: int, mode: int, offset: int, length: int) -> int:
        if mode or offset < 2 * MIB:
            return fallocate(fd, mode, offset, length)
        ctypes.set_errno(number)
        return -1

    monkeypatch.setattr(space, "_libc", SimpleNamespace(fallocate=until_full))
    folder = os.open(tmp_path, os.O_RDONLY)
    with DiskWriter(folder, "disk", 4 * MIB) as target:
        target.write(memoryview(b"x" * CHUNK), CHUNK)
        with pytest.raises(Refused) as refusal:
            target.reserve([(0, MIB), (2 * MIB, 4 * MIB)])
        target.sync()
    assert refusal.value.failure.code == code
    assert refusal.value.failure.retry
    assert allocated(tmp_path / "disk") == CHUNK
    assert (tmp_path / "disk").read_bytes() == bytes(CHUNK) + b"x" * CHUNK + bytes(4 * MIB - 2 * CHUNK)


def test_a_file_system_that_cannot_reserve_is_written_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: int) -> int:
        ctypes.set_errno(errno.EOPNOTSUPP)
        return -1

    monkeypatch.setattr("connector.transfer.space._libc", SimpleNamespace(fallocate=refuse))
    with DiskWriter(os.open(tmp_path, os.O_RDONLY), "disk", MIB) as target:
        target.preallocate()
        target.write(memoryview(b"x" * CHUNK), CHUNK)
        target.leave(0, CHUNK)
    assert (tmp_path / "disk").read_bytes() == bytes(CHUNK) + b"x" * CHUNK + bytes(MIB - 2 * CHUNK)


@pytest.mark.parametrize("base", [0, 512, 1000, 4095])
def test_threads_that_write_runs_which_meet_inside_a_block_lose_nothing(base: int, tmp_path: Path) -> None:
    lengths = [random.Random(base + number).choice((100, 5000, CHUNK, 3 * CHUNK + 512)) for number in range(60)]
    offsets = [base + sum(lengths[:number]) for number in range(len(lengths) + 1)]
    content = random.Random(base).randbytes(offsets[-1])

    def write(numbers: list[int]) -> None:
        with buffer() as room:
            for number in numbers:
                begin, end = offsets[number], offsets[number + 1]
                view = placed(room, begin)[: end - begin]
                view[:] = content[begin:end]
                target.write(view, begin)

    with DiskWriter(os.open(tmp_path, os.O_RDONLY), "disk", len(content)) as target:
        threads = [threading.Thread(target=write, args=([*range(first, 60, 3)],)) for first in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        target.sync()
    assert (tmp_path / "disk").read_bytes() == bytes(base) + content[base:]


@pytest.mark.parametrize("offset", [0, 2560, 4096, 99_999])
def test_the_whole_blocks_of_a_run_go_past_the_page_cache_wherever_it_begins(offset: int, tmp_path: Path) -> None:
    with DiskWriter(os.open(tmp_path, os.O_RDONLY), "disk", 8 * MIB) as target, buffer() as room:
        if target._direct < 0:
            pytest.skip("the file system has no O_DIRECT")
        view = placed(room, offset)[: 2 * MIB]
        view[:] = random.Random(offset).randbytes(2 * MIB)
        buffered: list[int] = []
        direct = target._direct
        with pytest.MonkeyPatch.context() as patch:
            pwrite = os.pwrite

            def noted(fd: int, data: memoryview, at: int) -> int:
                written = pwrite(fd, data, at)
                if fd != direct:
                    buffered.append(written)
                return written

            patch.setattr("connector.transfer.writer.os.pwrite", noted)
            target.write(view, offset)
        assert sum(buffered) < 2 * ALIGN
        assert len(room) == ROOM
        assert os.pread(target.fd, 2 * MIB, offset) == view


@pytest.mark.parametrize("sparse_source", [True, False])
def test_a_copy_takes_the_space_that_its_source_takes(sparse_source: bool, pods: Callable[..., Pod]) -> None:
    one, two = pods("pod-1"), pods("pod-2")
    content = os.urandom(CHUNK) + bytes(3 * MIB) + os.urandom(CHUNK)
    source = one.file("disk", content)
    if sparse_source:
        sparse(one.folder / "incoming" / "disk", len(content), (0, content[:CHUNK]), (len(content) - CHUNK, b"x"))
    task = one.import_task(source, file_type="raw")
    manifest = one.prepare(task).manifest
    made = two.copy(two.copy_task(task.version, manifest, one))
    assert manifest.disks[0].preallocated is not sparse_source
    for pod in (one, two):
        path = pod.disk(pod.backend.find(task.version))
        assert path.read_bytes() == (one.folder / "incoming" / "disk").read_bytes()
        assert allocated(path) == (2 * CHUNK if sparse_source else len(content))
    assert made.network < 3 * CHUNK


@pytest.mark.parametrize("direct", [True, False])
def test_what_is_written_is_there_whatever_its_place_and_length(
    direct: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not direct:
        monkeypatch.setattr(DiskWriter, "_open_direct", staticmethod(lambda *_: -1))
    folder = os.open(tmp_path, os.O_RDONLY)
    expected = bytearray(MIB + 77)
    with DiskWriter(folder, "disk", len(expected)) as target:
        for offset, length in ((0, 4096), (4096, 10_000), (100_001, 3), (MIB - 4096, 4096 + 77), (500_000, 0)):
            data = os.urandom(length)
            target.write(memoryview(data), offset)
            expected[offset : offset + length] = data
        target.clear(100, 5000)
        expected[100:5100] = bytes(5000)
        target.sync()
    assert (tmp_path / "disk").read_bytes() == expected


def test_a_file_of_another_size_is_made_anew_and_one_of_the_same_size_is_kept(tmp_path: Path) -> None:
    folder = os.open(tmp_path, os.O_RDONLY)
    (tmp_path / "disk").write_bytes(b"x" * 100)
    with DiskWriter(folder, "disk", 100) as target:
        assert target.kept
    with DiskWriter(folder, "disk", 101) as target:
        assert not target.kept
    assert (tmp_path / "disk").read_bytes() == bytes(101)


def test_a_hard_link_to_another_file_is_not_written_through(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    (tmp_path / "disk").hardlink_to(victim)
    with pytest.raises(Refused, match="io_error"):
        DiskWriter(os.open(tmp_path, os.O_RDONLY), "disk", 100)
    assert victim.read_bytes() == b"precious"


@st.composite
def disks(draw: st.DrawFn) -> tuple[int, tuple[tuple[int, int, int], ...]]:
    """A size, and pieces of data (offset, length, seed of the content) in it."""
    size = draw(st.sampled_from((1, 513, CHUNK - 1, CHUNK, CHUNK + 1, 5 * CHUNK, 70 * CHUNK + 3)))
    pieces = draw(
        st.lists(st.tuples(st.integers(0, size - 1), st.integers(1, 3 * CHUNK), st.integers(0, 3)), max_size=5)
    )
    return size, tuple((at, min(length, size - at), seed) for at, length, seed in pieces)


def lay(path: Path, disk: tuple[int, tuple[tuple[int, int, int], ...]]) -> None:
    size, pieces = disk
    sparse(path, size, *((at, random.Random(seed).randbytes(length)) for at, length, seed in pieces))


@given(base=disks(), disk=disks())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_disk_is_copied_bit_by_bit_over_any_earlier_version(
    base: tuple[int, tuple[tuple[int, int, int], ...]],
    disk: tuple[int, tuple[tuple[int, int, int], ...]],
    hub: Hub,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("pods")
    one, two = Pod("pod-1", folder / "one", hub), Pod("pod-2", folder / "two", hub)
    try:
        with served(one):
            for name, laid in (("base", base), ("disk", disk)):
                source = one.file(name, b"")
                lay(one.folder / "incoming" / name, laid)
                task = one.import_task(source, file_type="raw")
                manifest = one.prepare(task).manifest
                made = two.copy(two.copy_task(task.version, manifest, one))
                content = (one.folder / "incoming" / name).read_bytes()
                assert two.disk(made.placed).read_bytes() == content
                assert manifest.disks[0].root == root_of(content)
                assert manifest.disks[0].sha256 == sha256_of(content)
    finally:
        one.backend.close()
        two.backend.close()


def test_a_disk_of_no_bytes_can_be_indexed_and_written(tmp_path: Path) -> None:
    _, index = indexed(b"", tmp_path)
    assert index.chunks == 0
    assert index.data_bytes() == 0
    assert list(runs(index, Kept(), Seeds([]))) == []
