"""VHD, fixed and dynamic: footer, header and block table, as Microsoft's VHD specification 1.0 lays them out."""

import os
import struct
from typing import Final

from connector.failures import refused

STEP: Final = "inspect"
FOOTER: Final = 512
FIXED, DYNAMIC, DIFFERENCING = 2, 3, 4
UNUSED: Final = 0xFFFF_FFFF
MAX_TABLE: Final = 64 * 1024 * 1024


def check(head: bytes, tail: bytes, fd: int, length: int) -> int:
    """The virtual size of a VHD that is complete in itself.

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
        case 3:
            if not head.startswith(b"conectix"):
                raise refused("format_unsafe", STEP, "The dynamic VHD does not begin with the copy of its footer")
            _blocks(fd, data_offset, size, length)
        case 4:
            raise refused("backing_file", STEP, "The VHD is a differencing disk of another VHD", hint="Merge it first.")
        case other:
            raise refused("format_unsafe", STEP, f"VHD disk type {other} is not one that is supported")
    return int(size)


def _blocks(fd: int, offset: int, size: int, length: int) -> None:
    """The dynamic header and every allocated block are inside the file."""
    header = os.pread(fd, 1024, offset) if offset < length else b""
    if len(header) != 1024 or not header.startswith(b"cxsparse"):
        raise refused("file_truncated", STEP, "The dynamic header of the VHD is not in the file")
    table, entries, block = struct.unpack(">Q", header[16:24])[0], *struct.unpack(">II", header[28:36])
    if block == 0 or block & (block - 1) or block < FOOTER or entries * 4 > MAX_TABLE or entries * block < size:
        raise refused("format_unsafe", STEP, "The block table of the VHD does not fit its size")
    data = os.pread(fd, entries * 4, table) if table < length else b""
    if len(data) != entries * 4:
        raise refused("file_truncated", STEP, "The block table of the VHD ends after the file")
    bitmap = -(-block // 512 // 8 // 512) * 512
    last = max((sector for sector in struct.unpack(f">{entries}I", data) if sector != UNUSED), default=0)
    if last and last * 512 + bitmap > length - FOOTER:
        raise refused("file_truncated", STEP, f"A block of the VHD is at {last * 512} and the file ends at {length}")


def _sum_is_right(footer: bytes) -> bool:
    """The ones' complement of the sum of all bytes but the checksum's own."""
    total = sum(footer) - sum(footer[64:68])
    return int.from_bytes(footer[64:68], "big") == ~total & 0xFFFF_FFFF
