"""The grid: every byte is in exactly one chunk, whatever the container."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.failures import Refused
from connector.transfer.grid import MAX_SIZE, SPAN, Grid, grid_of
from contracts.manifest import CHUNK, Blocks, Disk

MIB = 1024 * 1024


def disk(size: int, grid: Blocks | None = None, root: str = "0" * 64) -> Disk:
    return Disk(
        role="os", lun=0, format="vhd" if grid else "raw", size=size, virtual_size=size, root=root,
        sha256="0" * 64, grid=grid or "file",
    )  # fmt: skip


@st.composite
def grids(draw: st.DrawFn) -> Grid:
    if draw(st.booleans()):
        return Grid(draw(st.integers(0, 5 * CHUNK) | st.integers(0, 2**40)))
    blocks = Blocks(
        begin=draw(st.integers(512, 3 * CHUNK)),
        lead=draw(st.integers(512, CHUNK) | st.just(512) | st.just(CHUNK)),
        block=draw(st.sampled_from((CHUNK, 2 * CHUNK, 2 * MIB))),
    )
    least = blocks.begin + blocks.lead + blocks.block
    return Grid(draw(st.integers(least, least + 20 * MIB) | st.integers(least, 2**40)), blocks)


@given(grid=grids(), place=st.floats(0, 1), further=st.integers(0, 40))
@settings(max_examples=300, deadline=None)
def test_neighbouring_chunks_are_neighbouring_bytes_without_gap_or_overlap(
    grid: Grid, place: float, further: int
) -> None:
    assert grid.begin(0) == 0
    assert grid.begin(grid.chunks) == grid.size
    assert grid.spans == -(-grid.chunks // SPAN)
    first = int(place * max(0, grid.chunks - 1))
    for chunk in range(first, min(first + further, grid.chunks)):
        begin, length = grid.begin(chunk), grid.length(chunk)
        assert 0 < length <= CHUNK
        assert begin + length == grid.begin(chunk + 1)
        for offset in {begin, begin + length // 2, begin + length - 1}:
            assert grid.chunk_at(offset) == chunk
            assert grid.span_at(offset) == chunk // SPAN
    end = min(first + further, grid.chunks)
    assert grid.cuts(first, end) == [grid.begin(chunk) for chunk in range(first, end + 1)]


@given(grid=grids(), place=st.floats(0, 1, exclude_max=True))
@settings(max_examples=300, deadline=None)
def test_the_chunk_at_an_offset_has_the_byte_there(grid: Grid, place: float) -> None:
    assert grid.chunk_at(grid.size) == grid.chunks
    if grid.size:
        offset = int(place * grid.size)
        chunk = grid.chunk_at(offset)
        assert grid.begin(chunk) <= offset < grid.begin(chunk) + grid.length(chunk)


def test_payloads_of_a_vhd_are_cut_where_a_raw_file_is() -> None:
    blocks = Blocks(begin=2048, lead=512, block=2 * MIB)
    grid = Grid(2048 + 3 * (512 + 2 * MIB) + 512, blocks)
    cuts = grid.cuts(0, grid.chunks)
    for number in range(3):
        payload = 2048 + number * (512 + 2 * MIB) + 512
        assert payload - 512 in cuts
        assert {payload + at * CHUNK for at in range(33)} <= set(cuts)
    assert grid.chunks == 1 + 3 * 33 + 1
    assert grid.length(grid.chunks - 1) == 512


def test_a_manifest_with_a_grid_that_cannot_be_is_refused() -> None:
    blocks = Blocks(begin=2048, lead=512, block=2 * MIB)
    fits = 2048 + 512 + 2 * MIB
    assert grid_of(disk(fits, blocks)) == Grid(fits, blocks)
    assert grid_of(disk(0)) == Grid(0)
    for wrong in (disk(fits - 1, blocks), disk(MAX_SIZE + 1)):
        with pytest.raises(Refused, match="manifest_invalid"):
            grid_of(wrong)
