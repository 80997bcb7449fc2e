"""An empty qcow2 that shows another disk until it is written to: the small overlay that a seat of a pool gets.

Offsets and limits are those of the published qcow2 specification (docs/interop/qcow2 of QEMU), version 3 with clusters
of 64 KiB. Nothing but tables is written, so it takes the same small time and room whatever the disk's size.
"""

import os
import struct
from typing import Final

from connector.failures import refused

STEP: Final = "overlay"
BITS: Final = 16
CLUSTER: Final = 1 << BITS
SECTOR: Final = 512
MAX_L1: Final = 32 * 1024 * 1024
MAX_NAME: Final = 1023
"""Bytes of the longest name of a backing file."""
_FOOTER: Final = 512
_FIXED: Final = 2
_BY_SIZE: Final = (b"win ", b"qem2", b"d2v ", b"tap\0", b"CTXS")
"""Creators of VHDs whose size QEMU takes from the footer; that of any other it works out from the disk's geometry."""
_LARGEST_GEOMETRY: Final = 65535 * 16 * 255
"""Sectors of the largest geometry that a footer can name: the size of such a disk is always taken from the footer."""
_HEADER: Final = 104
_FORMAT_NAME: Final = 0xE279_2ACA
"""The header extension that names the backing file's format: without it a reader would have to guess, and what a guest
writes could lead the guess astray."""


def driver(fd: int, format: str, size: int, *, grows: bool = False) -> str | None:
    """As what QEMU is to read a disk file beneath an overlay, so that it sees all of its ``size`` bytes.

    None where QEMU would see less: in a dynamic VHD that another program made for a geometry that it does not fill. The
    data of a fixed VHD begins with its file, so it is read as raw, unless the overlay ``grows`` over its footer.
    """
    if format != "vhd":
        return format if format in ("raw", "qcow2") else None
    footer = os.pread(fd, _FOOTER, os.fstat(fd).st_size - _FOOTER)
    if struct.unpack_from(">I", footer, 60)[0] == _FIXED and not grows:
        return "raw"
    cylinders, heads, sectors = struct.unpack_from(">HBB", footer, 56)
    geometry = cylinders * heads * sectors
    seen = footer[28:32] in _BY_SIZE or geometry in (_LARGEST_GEOMETRY, size // SECTOR)
    return "vpc" if seen else None


def write(fd: int, size: int, backing: str, known: str) -> None:
    """Make the empty file ``fd`` an overlay of ``size`` bytes, as a guest sees it, over the file ``backing``, which is
    read as `driver` says (``known``); durable on return.

    ``backing`` is a path relative to the folder of the overlay. Where it is shorter than ``size`` zeros follow.

    Raises:
        Refused: ``seat_failed``, for a size or a name that the format cannot have.
        OSError: it cannot be written.
    """
    size = -(-size // SECTOR) * SECTOR
    entries = -(-size // (CLUSTER // 8 * CLUSTER))
    name = os.fsencode(backing)
    if not size or entries * 8 > MAX_L1:
        raise refused("seat_failed", STEP, f"A disk of {size} bytes cannot be made")
    if len(name) > MAX_NAME:
        raise refused("seat_failed", STEP, "The path of the disk beneath is too long")
    text = known.encode()
    extensions = struct.pack(">II", _FORMAT_NAME, len(text)) + text.ljust(-(-len(text) // 8) * 8, b"\0")
    extensions += struct.pack(">II", 0, 0)
    table, block, l1 = CLUSTER, 2 * CLUSTER, 3 * CLUSTER
    clusters = 3 + -(-entries * 8 // CLUSTER)
    header = struct.pack(
        ">4sIQIIQIIQQIIQ",
        b"QFI\xfb",
        3,
        _HEADER + len(extensions),
        len(name),
        BITS,
        size,
        0,  # not encrypted
        entries,
        l1,
        table,
        1,
        0,  # no snapshots
        0,
    )
    header += struct.pack(">QQQII", 0, 0, 0, 4, _HEADER)
    os.ftruncate(fd, clusters * CLUSTER)
    os.pwrite(fd, header + extensions + name, 0)
    os.pwrite(fd, struct.pack(">Q", block), table)
    os.pwrite(fd, struct.pack(">H", 1) * clusters, block)
    os.fsync(fd)
