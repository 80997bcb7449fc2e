"""The chunk index: what it says about a disk, what it costs, and that it is believed only when it is the disk's."""

import os
import random
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from blake3 import blake3
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connector.transfer import index as indexes
from connector.transfer.grid import SPAN, Grid
from connector.transfer.index import ENTRY, HEADER, Index, IndexInvalidError
from connector.transfer.indexing import IndexWriter
from contracts.manifest import CHUNK, Blocks, Disk

VHD = Blocks(begin=2048, lead=512, block=2 * 1024 * 1024)


def described(grid: Grid, root: str) -> Disk:
    return Disk(
        role="os", lun=0, format="raw", size=grid.size, virtual_size=grid.size, root=root, sha256="0" * 64,
        grid=grid.blocks or "file",
    )  # fmt: skip


def some_digest(chunk: int) -> bytes:
    return blake3(str(chunk).encode()).digest()


def written(path: Path, grid: Grid, data: set[int]) -> tuple[Index, Disk]:
    """The index of a file of which the chunks ``data`` are not zero, with made-up digests."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
    writer, at = IndexWriter(fd, grid), 0
    for chunk in sorted(data):
        if chunk - at < 7:
            writer.add([None] * (chunk - at))
        else:
            writer.skip(chunk - at)
        writer.add([some_digest(chunk)])
        at = chunk + 1
    writer.skip(grid.chunks - at)
    disk = described(grid, writer.finish())
    return indexes.verified(fd, disk), disk


@st.composite
def layouts(draw: st.DrawFn) -> tuple[Grid, set[int]]:
    chunks = draw(st.sampled_from((0, 1, 2, SPAN - 1, SPAN, SPAN + 1, 5 * SPAN, 9000)))
    size = max(0, chunks * CHUNK - draw(st.sampled_from((0, 1, CHUNK - 1))))
    blocks = None
    if draw(st.booleans()):
        size, blocks = size + VHD.begin + VHD.lead + VHD.block, VHD
    grid = Grid(size, blocks)
    numbers = st.integers(0, max(0, grid.chunks - 1))
    runs = draw(st.lists(st.tuples(numbers, st.integers(1, 200) | st.just(1) | st.just(9000)), max_size=8))
    return grid, {chunk for first, length in runs for chunk in range(first, min(first + length, grid.chunks))}


@given(layout=layouts(), first=st.integers(0, 9100))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_an_index_says_of_each_chunk_whether_it_is_zero_and_else_its_digest(
    layout: tuple[Grid, set[int]], first: int, tmp_path: Path
) -> None:
    grid, data = layout
    index, _ = written(tmp_path / "index", grid, data)
    try:
        expected = [some_digest(chunk) if chunk in data else None for chunk in range(grid.chunks)]
        assert index.digests(0, grid.chunks) == expected
        part = min(first, grid.chunks)
        assert index.digests(part, min(part + 100, grid.chunks)) == expected[part : part + 100]
        for chunk in random.Random(first).sample(range(grid.chunks), min(20, grid.chunks)):
            assert index.digest(chunk) == expected[chunk]
        assert index.data_bytes() == sum(map(grid.length, data))
        spans = list(index.table.spans())
        assert [span.number for span in spans] == sorted({chunk // SPAN for chunk in data})
        for span in spans:
            assert index.span(span.number) == span
            of_span = expected[span.number * SPAN : (span.number + 1) * SPAN]
            assert span.bits == sum(1 << bit for bit, found in enumerate(of_span) if found is not None)
            assert span.hash == blake3(index.span_digests(span)).digest()
        for number in set(range(grid.spans)) - {span.number for span in spans}:
            assert index.span(number) is None
        assert os.fstat(index.fd).st_size == HEADER + len(spans) * ENTRY + len(data) * 32
        assert os.fstat(index.fd).st_size <= indexes.size_for(grid.spans, grid.chunks)
        for begin in (0, first):
            runs = list(index.runs(begin))
            assert all(0 < len(digests) <= indexes.SLICE * 32 for _, digests in runs)
            found = {
                run + number: digests[number * 32 :][:32]
                for run, digests in runs
                for number in range(len(digests) // 32)
            }
            assert found == {chunk: expected[chunk] for chunk in data if chunk >= begin}
    finally:
        os.close(index.fd)


def test_neighbours_form_one_run_across_spans_and_a_gap_ends_it(tmp_path: Path) -> None:
    index, _ = written(tmp_path / "index", Grid(400 * CHUNK), {*range(10, 200), *range(201, 300)})
    assert [(first, len(digests) // 32) for first, digests in index.runs()] == [(10, 190), (201, 99)]


def test_the_root_binds_size_and_grid(tmp_path: Path) -> None:
    size = VHD.begin + VHD.lead + VHD.block + 512
    roots = set()
    for number, grid in enumerate((Grid(size), Grid(size - 1), Grid(size, VHD), Grid(size + 1, VHD))):
        roots.add(written(tmp_path / str(number), grid, {0})[1].root)
    assert len(roots) == 4
    index, disk = written(tmp_path / "index", Grid(size, VHD), {0})
    with pytest.raises(IndexInvalidError):
        indexes.verified(index.fd, described(Grid(size), disk.root))


def test_a_hole_of_128_gib_costs_nothing(tmp_path: Path) -> None:
    grid = Grid(128 * 1024**3)
    index, _ = written(tmp_path / "index", grid, {0, 1, grid.chunks - 1})
    assert os.fstat(index.fd).st_size == HEADER + 2 * ENTRY + 3 * 32
    assert os.fstat(index.fd).st_blocks * 512 <= 8192


def test_an_unfinished_index_cannot_be_finished(tmp_path: Path) -> None:
    fd = os.open(tmp_path / "index", os.O_RDWR | os.O_CREAT)
    writer = IndexWriter(fd, Grid(3 * CHUNK))
    writer.skip(2)
    with pytest.raises(ValueError, match="2 digests for 3 chunks"):
        writer.finish()


def test_the_head_alone_says_where_the_digests_of_a_span_lie(tmp_path: Path) -> None:
    index, disk = written(tmp_path / "index", Grid(300 * CHUNK), set(range(100, 250)))
    content = (tmp_path / "index").read_bytes()
    size = indexes.head_size(content[:HEADER])
    table = indexes.parse_head(content[:size], disk)
    assert [span.number for span in table.spans()] == [1, 2, 3]
    for span in table.spans():
        assert content[span.offset : span.offset + span.length] == index.span_digests(span)
    assert indexes.size_of(content[:HEADER]) == len(content)


def flipped(content: bytes, at: int) -> bytes:
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


def test_an_index_is_believed_only_whole_and_unchanged(tmp_path: Path) -> None:
    _, disk = written(tmp_path / "index", Grid(200 * CHUNK + 1), {*range(50), 130, 200})
    good = (tmp_path / "index").read_bytes()
    bad = [b"", good[:10], good[:HEADER], good[:-1], good + b"x", *(flipped(good, at) for at in range(len(good)))]
    for content in bad:
        (tmp_path / "bad").write_bytes(content)
        fd = os.open(tmp_path / "bad", os.O_RDONLY)
        try:
            with pytest.raises(IndexInvalidError):
                indexes.verified(fd, disk)
        finally:
            os.close(fd)


def test_the_old_form_is_not_an_index(tmp_path: Path) -> None:
    digests = os.urandom(32)
    old = struct.pack(">8sIIQQ32s", b"imprintx", 1, CHUNK, CHUNK, 1, blake3(digests).digest()) + digests
    (tmp_path / "index").write_bytes(old)
    fd = os.open(tmp_path / "index", os.O_RDONLY)
    disk = described(Grid(CHUNK), blake3(digests).hexdigest())
    assert not indexes.fits(fd, disk)
    with pytest.raises(IndexInvalidError, match="version"):
        indexes.opened(fd, disk)


def signed(grid: Grid, entries: list[tuple[int, int]], digests: int | None = None, spans: int | None = None) -> bytes:
    """Header and table as somebody would make them who may choose the root too; (span, bitmap) each."""
    table = b"".join(struct.pack(">IQ32s", number, bits, bytes(32)) for number, bits in entries)
    found = sum(bits.bit_count() for _, bits in entries) if digests is None else digests
    many = len(entries) if spans is None else spans
    return struct.pack(">8sIIQQQQ", b"imprintx", 2, CHUNK, grid.size, grid.chunks, many, found) + table


def root_over(grid: Grid, head: bytes) -> str:
    return blake3(b"imprint index 2\0" + struct.pack(">QQQQ", grid.size, 0, 0, 0) + head[HEADER:]).hexdigest()


HUGE = 2**63


def lies() -> Iterator[tuple[str, bytes]]:
    grid = Grid(100 * CHUNK)
    yield "more spans than the file has", signed(grid, [(0, 1)], spans=HUGE)
    yield "more spans than digests", signed(grid, [(0, 1), (1, 1)], digests=1)
    yield "more digests than chunks", signed(grid, [(0, 1)], digests=HUGE)
    yield "more digests than its spans hold", signed(grid, [(0, 1)], digests=65)
    yield "fewer digests than bits", signed(grid, [(0, 7)], digests=2)
    yield "a span without data", signed(grid, [(0, 0)], digests=1)
    yield "a span twice", signed(grid, [(0, 1), (0, 1)])
    yield "spans out of order", signed(grid, [(1, 1), (0, 1)])
    yield "a span after the end", signed(grid, [(2, 1)])
    yield "a chunk after the end", signed(grid, [(1, 1 << 36)])


@pytest.mark.parametrize(("lie", "head"), list(lies()), ids=lambda value: value if isinstance(value, str) else "")
def test_a_table_that_cannot_be_is_refused_even_if_the_root_is_its_own(lie: str, head: bytes, tmp_path: Path) -> None:
    grid = Grid(100 * CHUNK)
    disk = described(grid, root_over(grid, head))
    with pytest.raises(IndexInvalidError):
        indexes.parse_head(head, disk)
    (tmp_path / "index").write_bytes(head + bytes(32))
    fd = os.open(tmp_path / "index", os.O_RDONLY)
    with pytest.raises(IndexInvalidError):
        indexes.verified(fd, disk)


def test_what_a_header_claims_is_bounded_by_the_disk_before_anything_is_taken_for_it() -> None:
    grid = Grid(100 * CHUNK)
    disk = described(grid, "0" * 64)
    assert indexes.check_header(signed(grid, [], spans=2, digests=100), disk) is None
    for spans, digests in ((3, 100), (2, 101), (HUGE, HUGE), (1, 65), (2, 1)):
        with pytest.raises(IndexInvalidError):
            indexes.check_header(signed(grid, [], spans=spans, digests=digests), disk)
    with pytest.raises(IndexInvalidError):
        indexes.check_header(signed(Grid(101 * CHUNK), []), disk)
    with pytest.raises(IndexInvalidError):
        indexes.check_header(signed(Grid(2**60), []), described(Grid(2**60), "0" * 64))


def test_an_index_that_is_cut_off_after_it_was_opened_is_noticed(tmp_path: Path) -> None:
    index, _ = written(tmp_path / "index", Grid(100 * CHUNK), set(range(100)))
    os.truncate(tmp_path / "index", HEADER + 2 * ENTRY + 32)
    assert index.digest(0) == some_digest(0)
    for read in (lambda: index.digest(1), lambda: list(index.runs()), lambda: index.digests(0, 2)):
        with pytest.raises(IndexInvalidError, match="ends early"):
            read()
