"""The parts of the data plane by themselves: indexes, holes, seeds, plans and writing."""

import os
import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pods import Hub, Pod, allocated, root_of, served, sha256_of, sparse

from connector.failures import Cancel, Cancelled, Refused
from connector.transfer import index as indexes
from connector.transfer.build import build
from connector.transfer.chunks import digest, zero
from connector.transfer.index import Index, IndexInvalidError, IndexWriter
from connector.transfer.plan import LONGEST, Kept, runs
from connector.transfer.seeds import Seed, Seeds
from connector.transfer.sparse import extents
from connector.transfer.writer import DiskWriter
from contracts.manifest import CHUNK

MIB = 1024 * 1024
SIZES = (0, 1, 511, 4096, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 4 * MIB, 4 * MIB + 5, 9 * MIB - 1)


def indexed(content: bytes, folder: Path, name: str = "file") -> tuple[int, Index]:
    """An open file with ``content``, and its index."""
    path = folder / name
    path.write_bytes(content)
    data = os.open(path, os.O_RDONLY)
    fd = os.open(folder / f"{name}.index", os.O_RDWR | os.O_CREAT)
    build(data, len(content), fd, None, lambda _: None, Cancel())
    return data, indexes.opened(fd, len(content))


@pytest.mark.parametrize("size", SIZES)
def test_one_pass_makes_a_copy_its_index_and_both_digests(size: int, tmp_path: Path) -> None:
    content = random.Random(size).randbytes(size)
    (tmp_path / "source").write_bytes(content)
    folder = os.open(tmp_path, os.O_RDONLY)
    source = os.open(tmp_path / "source", os.O_RDONLY)
    index = os.open(tmp_path / "index", os.O_RDWR | os.O_CREAT)
    advanced: list[int] = []
    with DiskWriter(folder, "target", size) as target:
        built = build(source, size, index, target, advanced.append, Cancel())
    assert (tmp_path / "target").read_bytes() == content
    assert built.sha256 == sha256_of(content)
    assert built.root == root_of(content)
    assert sum(advanced) == size
    assert indexes.verified(index, size, built.root).chunks == -(-size // CHUNK)


def test_zeros_in_the_data_become_holes_of_the_copy(tmp_path: Path) -> None:
    content = os.urandom(CHUNK) + bytes(2 * MIB) + os.urandom(CHUNK) + bytes(CHUNK + 5)
    (tmp_path / "source").write_bytes(content)
    folder, source = os.open(tmp_path, os.O_RDONLY), os.open(tmp_path / "source", os.O_RDONLY)
    index = os.open(tmp_path / "index", os.O_RDWR | os.O_CREAT)
    with DiskWriter(folder, "target", len(content)) as target:
        built = build(source, len(content), index, target, lambda _: None, Cancel())
    assert (tmp_path / "target").read_bytes() == content
    assert allocated(tmp_path / "target") == 2 * CHUNK
    assert indexes.opened(index, len(content)).data_bytes() == 2 * CHUNK
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
        build(source, 9 * MIB, index, None, write_once, Cancel())


def test_a_source_that_shrinks_meanwhile_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "source"
    path.write_bytes(os.urandom(9 * MIB))
    source, index = os.open(path, os.O_RDONLY), os.open(tmp_path / "index", os.O_RDWR | os.O_CREAT)
    with pytest.raises(Refused, match="file_changed"):
        build(source, 9 * MIB, index, None, lambda _: os.truncate(path, MIB), Cancel())


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
        build(source, 9 * MIB, index, None, advance, cancel)
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
        found = list(extents(fd, size))
    finally:
        os.close(fd)
    assert [begin for begin, _, _ in found] == [0, *(end for _, end, _ in found)][: len(found)]
    assert (found[-1][1] if found else 0) == size
    for begin, end, has_data in found:
        assert begin < end
        assert begin % CHUNK == 0
        assert has_data or not any(content[begin:end])


def broken(content: bytes, at: int) -> bytes:
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


def test_an_index_is_believed_only_whole_and_unchanged(tmp_path: Path) -> None:
    content = os.urandom(5 * CHUNK + 1)
    _, index = indexed(content, tmp_path)
    good = (tmp_path / "file.index").read_bytes()
    root = root_of(content)
    assert indexes.verified(index.fd, len(content), root)
    bad = [b"", good[:10], good[:-1], good + b"x", broken(good, 0), broken(good, 11), broken(good, 20),
           broken(good, 30), *(broken(good, at) for at in range(indexes.HEADER, len(good), 31))]  # fmt: skip
    for content_ in bad:
        (tmp_path / "bad").write_bytes(content_)
        fd = os.open(tmp_path / "bad", os.O_RDONLY)
        with pytest.raises(IndexInvalidError):
            indexes.verified(fd, len(content), root)
        os.close(fd)
    with pytest.raises(IndexInvalidError):
        indexes.verified(index.fd, len(content), root_of(b"other"))
    with pytest.raises(IndexInvalidError):
        indexes.verified(index.fd, len(content) + 1, root)


def test_an_unfinished_index_cannot_be_finished(tmp_path: Path) -> None:
    fd = os.open(tmp_path / "index", os.O_RDWR | os.O_CREAT)
    writer = IndexWriter(fd, 3 * CHUNK)
    writer.add_holes(2)
    with pytest.raises(ValueError, match="2 digests for 3 chunks"):
        writer.finish()


def test_seeds_find_every_chunk_they_have_and_nothing_else(tmp_path: Path) -> None:
    chunks = [os.urandom(CHUNK) for _ in range(50)]
    repeated = b"\xff" * CHUNK
    first = indexed(b"".join(chunks[:30]) + repeated * 40 + bytes(CHUNK), tmp_path, "a")
    second = indexed(b"".join(chunks[20:]) + b"short", tmp_path, "b")
    seeds = Seeds([Seed(*first), Seed(*second)])
    for content in [*chunks, repeated]:
        found = seeds.find(digest(content))
        assert found is not None
        assert os.pread(found[0].fd, CHUNK, found[1] * CHUNK) == content
    for absent in (os.urandom(CHUNK), b"short", bytes(CHUNK)):
        assert seeds.find(digest(absent)) is None
    assert Seeds([]).find(digest(repeated)) is None


def test_more_seeds_than_the_table_may_hold_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connector.transfer.seeds.MAX_CHUNKS", 10)
    large = indexed(os.urandom(11 * CHUNK), tmp_path, "a")
    content = os.urandom(10 * CHUNK)
    small = indexed(content, tmp_path, "b")
    seeds = Seeds([Seed(*large), Seed(*small)])
    assert seeds.find(large[1].digests(0, 1)) is None
    assert seeds.find(digest(content[:CHUNK])) is not None


def test_a_plan_names_every_chunk_once_that_is_neither_hole_nor_kept(tmp_path: Path) -> None:
    chance = random.Random(7)
    chunks = [chance.choice((bytes(CHUNK), chance.randbytes(CHUNK))) for _ in range(300)]
    content = b"".join(chunks) + chance.randbytes(100)
    _, index = indexed(content, tmp_path)
    seed = indexed(b"".join(chunks[100:140] + chunks[10:20]), tmp_path, "seed")
    kept = Kept(index.chunks)
    for chunk in range(200, 210):
        kept.add(chunk)
    planned: dict[int, bytes] = {}
    for run in runs(index, kept, Seeds([Seed(*seed)])):
        assert run.chunks <= LONGEST
        for number in range(run.chunks):
            assert run.first + number not in planned
            planned[run.first + number] = run.digest(number)
            if run.seed is not None:
                at = (run.seed[1] + number) * CHUNK
                assert digest(os.pread(run.seed[0].fd, CHUNK, at)) == run.digest(number)
    assert planned == {
        chunk: index.digests(chunk, 1)
        for chunk in range(index.chunks)
        if index.digests(chunk, 1) != zero(CHUNK) and chunk not in range(200, 210)
    }


def test_neighbours_are_coalesced_into_ranges_of_four_mebibytes(tmp_path: Path) -> None:
    _, index = indexed(os.urandom(10 * MIB), tmp_path)
    assert [run.chunks for run in runs(index, Kept(index.chunks), Seeds([]))] == [64, 64, 32]


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
    assert list(runs(index, Kept(0), Seeds([]))) == []
