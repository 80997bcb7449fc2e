"""The grid: where a disk file is cut into chunks, so that the same content is cut alike in every container.

A raw file and a qcow2 are cut at multiples of 64 KiB. A dynamic VHD has a sector bitmap before each block, which shifts
everything behind it; its grid begins anew at each payload, so that its chunks are those of the raw disk
(data-plane.md 3).
"""

from dataclasses import dataclass
from typing import Final

from connector.failures import refused
from contracts.manifest import CHUNK, Blocks, Disk

SPAN: Final = 64
"""Chunks in a span, at most 4 MiB: the unit of the index's second layer and of what a holder says it has."""
MAX_SIZE: Final = 2**46
"""Bytes of the largest file that is cut; it bounds the memory that a claimed size can cost."""


@dataclass(frozen=True, slots=True)
class Grid:
    """The chunks of a file of ``size`` bytes, numbered from 0 in the order of their bytes, without gaps.

    With ``blocks`` there are three parts: the head up to ``blocks.begin``; units of one lead (a chunk) and one block;
    and the rest after the last whole unit. Head, blocks and rest are cut at CHUNK from their own beginning.
    """

    size: int
    blocks: Blocks | None = None

    @property
    def chunks(self) -> int:
        blocks = self.blocks
        if blocks is None:
            return -(-self.size // CHUNK)
        _, first, units, each = self._parts(blocks)
        rest = self.size - blocks.begin - units * (blocks.lead + blocks.block)
        return first + units * each - (-rest // CHUNK)

    @property
    def spans(self) -> int:
        return -(-self.chunks // SPAN)

    def begin(self, chunk: int) -> int:
        """The offset of a chunk; that of number ``chunks`` is the size."""
        blocks = self.blocks
        if blocks is None:
            return min(chunk * CHUNK, self.size)
        unit, first, units, each = self._parts(blocks)
        if chunk < first:
            return chunk * CHUNK
        number, within = divmod(chunk - first, each)
        if number < units:
            begin = blocks.begin + number * unit
            return begin + blocks.lead + (within - 1) * CHUNK if within else begin
        return min(blocks.begin + units * unit + (chunk - first - units * each) * CHUNK, self.size)

    def length(self, chunk: int) -> int:
        """Bytes of a chunk: CHUNK, or less before a lead, in a lead and at the end."""
        if self.blocks is None:
            return min(CHUNK, self.size - chunk * CHUNK)
        return self.begin(chunk + 1) - self.begin(chunk)

    def chunk_at(self, offset: int) -> int:
        """The chunk that has the byte at ``offset``; ``chunks`` for the size itself."""
        blocks = self.blocks
        if offset >= self.size:
            return self.chunks
        if blocks is None:
            return offset // CHUNK
        unit, first, units, each = self._parts(blocks)
        if offset < blocks.begin:
            return offset // CHUNK
        number, within = divmod(offset - blocks.begin, unit)
        if number < units:
            chunk = first + number * each
            return chunk + 1 + (within - blocks.lead) // CHUNK if within >= blocks.lead else chunk
        return first + units * each + (offset - blocks.begin - units * unit) // CHUNK

    def span_at(self, offset: int) -> int:
        """The span that has the byte at ``offset``."""
        return self.chunk_at(offset) // SPAN

    def cuts(self, first: int, end: int) -> list[int]:
        """The offsets at which the chunks ``first`` to ``end`` begin, and the one at which the last of them ends."""
        if self.blocks is None:
            return [*range(first * CHUNK, end * CHUNK, CHUNK), min(end * CHUNK, self.size)]
        return [self.begin(chunk) for chunk in range(first, end + 1)]

    def _parts(self, blocks: Blocks) -> tuple[int, int, int, int]:
        """Bytes of a unit, chunks of the head, whole units, chunks of a unit."""
        unit = blocks.lead + blocks.block
        return unit, -(-blocks.begin // CHUNK), (self.size - blocks.begin) // unit, 1 + blocks.block // CHUNK


def grid_of(disk: Disk) -> Grid:
    """The grid that a manifest names. Raises Refused: ``manifest_invalid`` when it cannot be that of such a file."""
    blocks = None if disk.grid == "file" else disk.grid
    if disk.size > MAX_SIZE:
        raise refused("manifest_invalid", "grid", f"Disk {disk.lun} is said to have {disk.size} bytes")
    if blocks is not None and blocks.begin + blocks.lead + blocks.block > disk.size:
        raise refused("manifest_invalid", "grid", f"The grid of disk {disk.lun} does not fit {disk.size} bytes")
    return Grid(disk.size, blocks)
