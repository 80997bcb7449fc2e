"""VHD, fixed and dynamic: footer, header and block table, as Microsoft's VHD specification 1.0 lays them out."""

import os
import struct
import sys
from array import array
from collections.abc import Iterator
from math import gcd
from typing import Final, Literal

import msgspec

from connector.failures import refused
from contracts.manifest import CHUNK, Blocks

STEP: Final = "inspect"
FOOTER: Final = 512
SECTOR: Final = 512
FIXED, DYNAMIC, DIFFERENCING = 2, 3, 4
UNUSED: Final = 0xFFFF_FFFF
MAX_TABLE: Final = 64 * 1024 * 1024
SLICE: Final = 256 * 1024
"""Bytes of the block table looked at together."""
TRIES: Final = 1000
"""Missing blocks in a row that are thought of at the most."""
SCATTERED: Final = (
    "The blocks of the VHD do not lie at even distances, so it will share little with other images and with its own "
    "later versions; rewrite it with `qemu-img convert -f vpc -O vpc -o subformat=dynamic,force_size=on`"
)


class Layout(msgspec.Struct, frozen=True):
    """A VHD that is complete in itself: its virtual size in bytes, and how it is to be cut into chunks."""

    virtual_size: int
    grid: Literal["file"] | Blocks = "file"
    warnings: tuple[str, ...] = ()


def check(head: bytes, tail: bytes, fd: int, length: int) -> Layout:
    """What a VHD is that is complete in itself.

    Raises:
        Refused: ``file_truncated``, ``format_unsafe``, ``backing_file``.
    """
    if not tail.startswith(b"conectix"):
        raise refused("file_truncated", STEP, "The VHD has no footer at its end")
    if not _sum_is_right(tail):
        raise refused("format_unsafe", STEP, "The checksum of the VHD footer is wrong")
    data_offset, size = struct.unpack(">Q", tail[16:24])[0], struct.unpack(">Q", tail[48:56])[0]
    match struct.unpack(">I", tail[60:64])[0]:
        case 2:
            if size > length - FOOTER:
                raise refused("file_truncated", STEP, f"The fixed VHD says {size} bytes and holds {length - FOOTER}")
            return Layout(size)
        case 3:
            if not head.startswith(b"conectix"):
                raise refused("format_unsafe", STEP, "The dynamic VHD does not begin with the copy of its footer")
            return _blocks(fd, data_offset, size, length)
        case 4:
            raise refused("backing_file", STEP, "The VHD is a differencing disk of another VHD", hint="Merge it first.")
        case other:
            raise refused("format_unsafe", STEP, f"VHD disk type {other} is not one that is supported")


def _blocks(fd: int, offset: int, size: int, length: int) -> Layout:
    """The dynamic header and every allocated block are inside the file; where the blocks lie makes the grid."""
    header = os.pread(fd, 1024, offset) if offset < length else b""
    if len(header) != 1024 or not header.startswith(b"cxsparse"):
        raise refused("file_truncated", STEP, "The dynamic header of the VHD is not in the file")
    table, entries, block = struct.unpack(">Q", header[16:24])[0], *struct.unpack(">II", header[28:36])
    if block == 0 or block & (block - 1) or block < FOOTER or entries * 4 > MAX_TABLE or entries * block < size:
        raise refused("format_unsafe", STEP, "The block table of the VHD does not fit its size")
    if table >= length or length - table < entries * 4:
        raise refused("file_truncated", STEP, "The block table of the VHD ends after the file")
    bitmap = -(-block // SECTOR // 8 // SECTOR) * SECTOR
    first, last, step, anchor = UNUSED, 0, 0, None
    for sectors in _allocated(fd, table, entries):
        anchor = sectors[0] if anchor is None else anchor
        first, last = min(first, min(sectors)), max(last, max(sectors))
        step = gcd(step, *(sector - anchor for sector in sectors))
    if last and last * SECTOR + bitmap > length - FOOTER:
        text = f"A block of the VHD is at {last * SECTOR} and the file ends at {length}"
        raise refused("file_truncated", STEP, text)
    if not last:
        return Layout(size)
    grid = _grid(first * SECTOR + bitmap, step * SECTOR, bitmap, block, length)
    return Layout(size, grid, () if grid != "file" else (SCATTERED,))


def _allocated(fd: int, table: int, entries: int) -> Iterator["array[int]"]:
    """The sectors at which blocks lie, in the order of the table, some at a time and never none."""
    for at in range(0, entries * 4, SLICE):
        sectors = array("I", os.pread(fd, min(SLICE, entries * 4 - at), table + at))
        if sys.byteorder == "little":
            sectors.byteswap()
        if found := array("I", (sector for sector in sectors if sector != UNUSED)):
            yield found


def _grid(payload: int, step: int, bitmap: int, block: int, length: int) -> Literal["file"] | Blocks:
    """The grid of blocks whose first payload is at ``payload`` and whose distances are multiples of ``step`` bytes.

    Blocks that were never written may be missing in the file, so the distance from one to the next can be a part of
    ``step``: the largest in which block and bitmap fit, with a lead no longer than a chunk.
    """
    unit = bitmap + block
    if step:
        parts = range(-(-step // (block + CHUNK)), step // unit + 1)[:TRIES]
        unit = next((step // part for part in parts if step % (part * SECTOR) == 0), 0)
    lead = unit - block
    begin = payload - lead
    if not bitmap <= lead <= CHUNK or begin < FOOTER or begin + unit > length or block % CHUNK:
        return "file"
    return Blocks(begin=begin, lead=lead, block=block)


def _sum_is_right(footer: bytes) -> bool:
    """The ones' complement of the sum of all bytes but the checksum's own."""
    total = sum(footer) - sum(footer[64:68])
    return int.from_bytes(footer[64:68], "big") == ~total & 0xFFFF_FFFF
