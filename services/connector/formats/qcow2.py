"""qcow2 beyond the inspector: is everything that the header points at inside the file, and is nothing outside needed.

Field offsets and limits are those of the published qcow2 specification (docs/interop/qcow2 of QEMU).
"""

import os
import struct
from dataclasses import dataclass
from typing import Final

from connector.failures import refused
from contracts.manifest import CHUNK

STEP: Final = "inspect"
OFFSET: Final = 0x00FF_FFFF_FFFF_FE00
"""Bits 9 to 55 of an L1, L2 or refcount table entry: the cluster's offset in the file."""
COMPRESSED: Final = 1 << 62
MAX_L1: Final = 32 * 1024 * 1024
MAX_REFCOUNT_TABLE: Final = 8 * 1024 * 1024
SLICE: Final = 8192
"""L1 entries looked at together."""


@dataclass(frozen=True)
class Header:
    version: int
    backing_offset: int
    cluster_bits: int
    size: int
    crypt: int
    l1_size: int
    l1_offset: int
    refcount_offset: int
    refcount_clusters: int
    snapshots: int
    snapshots_offset: int
    incompatible: int

    @property
    def cluster(self) -> int:
        return 1 << self.cluster_bits


def header(head: bytes) -> Header:
    """The header at the beginning of a file. Raises Refused: ``file_truncated``, ``format_unsafe``."""
    if len(head) < 104 and (len(head) < 72 or head[4:8] != b"\0\0\0\2"):
        raise refused("file_truncated", STEP, f"The qcow2 header needs 104 bytes and the file has {len(head)}")
    fields = struct.unpack(">IQIIQIIQQIIQ", head[4:72])
    version, backing, _, cluster_bits, size, crypt, l1_size, l1, refcounts, refcount_clusters, snapshots, at = fields
    if version not in (2, 3):
        raise refused("format_unsafe", STEP, f"qcow2 version {version} is not one that is supported")
    incompatible = struct.unpack(">Q", head[72:80])[0] if version == 3 else 0
    return Header(
        version, backing, cluster_bits, size, crypt, l1_size, l1, refcounts, refcount_clusters, snapshots, at,
        incompatible,
    )  # fmt: skip


def check(found: Header, fd: int, length: int) -> tuple[str, ...]:
    """Refuse a file that is not complete in itself. Reads the L1 table and the L2 tables, no data.

    The warnings name what makes a later version share little with this one (data-plane.md 3).

    Raises:
        Refused: ``backing_file``, ``external_data_file``, ``format_unsafe``, ``file_truncated``.
    """
    if found.backing_offset:
        raise refused("backing_file", STEP)
    if found.incompatible & 0b100:
        raise refused(
            "external_data_file",
            STEP,
        )
    if found.incompatible & 0b10:
        raise refused(
            "format_unsafe", STEP, "The qcow2 is marked corrupt", hint="Repair it with `qemu-img check -r all`."
        )
    if found.incompatible & ~0b1001:
        raise refused("format_unsafe", STEP, f"The qcow2 has unknown features ({found.incompatible:#x})")
    if found.crypt:
        raise refused("format_unsafe", STEP, "The qcow2 is encrypted", hint="Import a decrypted image.")
    if not 9 <= found.cluster_bits <= 21:
        raise refused("format_unsafe", STEP, f"A qcow2 cluster of 2^{found.cluster_bits} bytes is not allowed")
    if found.l1_size * 8 > MAX_L1 or found.refcount_clusters * found.cluster > MAX_REFCOUNT_TABLE:
        raise refused("format_unsafe", STEP, "The qcow2 tables are larger than the format allows")
    covered = found.l1_size * (found.cluster // 8) * found.cluster
    if covered < found.size:
        raise refused("format_unsafe", STEP, "The qcow2 L1 table is too short for the virtual size")
    _inside("refcount table", found.refcount_offset, found.refcount_clusters * found.cluster, length)
    _inside("L1 table", found.l1_offset, found.l1_size * 8, length)
    if found.snapshots:
        _inside("snapshot table", found.snapshots_offset, 1, length)
    warnings = []
    if _tables(found, fd, length):
        warnings.append(
            "The qcow2 is compressed, so a later version will share little with it and its copies will move nearly all "
            "of it; rewrite it with `qemu-img convert -O qcow2` (without -c): what travels is compressed anyway"
        )
    if found.cluster != CHUNK:
        warnings.append(
            f"The qcow2 has clusters of {found.cluster // 1024 or 0.5} KiB, so a later version will share little with "
            "it once it is rewritten; clusters of 64 KiB (`-o cluster_size=64k`) are cut as the chunks are"
        )
    return tuple(warnings)


def _tables(found: Header, fd: int, length: int) -> bool:
    """Every L2 table is inside the file, and every data cluster begins inside it (the last one may be short).

    Each table is read once however many L1 entries name it, so the work is bounded by the file's own length. True when
    a cluster is compressed.
    """
    compressed = False
    read = bytearray(length // found.cluster // 8 + 1)
    packed_bits = 62 - (found.cluster_bits - 8)
    for first in range(0, found.l1_size, SLICE):
        for entry in _entries(fd, found.l1_offset + first * 8, min(SLICE, found.l1_size - first)):
            offset = entry & OFFSET
            if not offset:
                continue
            _inside("L2 table", offset, found.cluster, length)
            number, rest = divmod(offset, found.cluster)
            if rest:
                raise refused("format_unsafe", STEP, f"A qcow2 L2 table at {offset} is not on a cluster")
            if not read[number // 8] >> number % 8 & 1:
                read[number // 8] |= 1 << number % 8
                compressed |= _clusters(_entries(fd, offset, found.cluster // 8), packed_bits, length)
    return compressed


def _clusters(entries: tuple[int, ...], packed_bits: int, length: int) -> bool:
    """Hold the clusters of an L2 table against the file's length; True when one is compressed."""
    last = max((entry & OFFSET for entry in entries if not entry & COMPRESSED), default=0)
    mask = (1 << packed_bits) - 1
    packed = max((entry & mask for entry in entries if entry & COMPRESSED), default=None)
    if max(last, packed or 0) >= length:
        raise refused(
            "file_truncated",
            STEP,
            f"A cluster of the qcow2 is at {max(last, packed or 0)} and the file ends at {length}",
        )
    return packed is not None


def _entries(fd: int, offset: int, count: int) -> tuple[int, ...]:
    data = os.pread(fd, count * 8, offset)
    if len(data) != count * 8:
        raise refused("file_truncated", STEP, f"A qcow2 table at {offset} ends after the file")
    return struct.unpack(f">{count}Q", data)


def _inside(what: str, offset: int, size: int, length: int) -> None:
    if offset + size > length or (size and not offset):
        raise refused(
            "file_truncated",
            STEP,
            f"The qcow2 {what} is at {offset} ({size} bytes) and the file ends at {length}",
        )
