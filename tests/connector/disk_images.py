"""Disk images made by hand: the smallest files that are what they claim, and some that are not."""

import struct

CLUSTER = 65536


def qcow2(
    *,
    virtual_size: int = 10 * CLUSTER,
    version: int = 3,
    backing: str = "",
    incompatible: int = 0,
    crypt: int = 0,
    data_clusters: int = 2,
    l1_offset: int | None = None,
    l1_size: int = 1,
    refcount_offset: int | None = None,
    cluster_bits: int = 16,
    body: bytes = b"\xa5",
) -> bytes:
    """A qcow2 with header, refcount table and block, L1, one L2 and ``data_clusters`` allocated clusters."""
    cluster = 1 << cluster_bits
    table, block, l1, l2, data = (n * cluster for n in range(1, 6))
    header = struct.pack(
        ">4sIQIIQIIQQIIQ",
        b"QFI\xfb",
        version,
        512 if backing else 0,
        len(backing),
        cluster_bits,
        virtual_size,
        crypt,
        l1_size,
        l1 if l1_offset is None else l1_offset,
        table if refcount_offset is None else refcount_offset,
        1,
        0,
        0,
    )
    header += struct.pack(">QQQII", incompatible, 0, 0, 4, 104)
    parts = {0: header.ljust(512, b"\0") + backing.encode()}
    parts[table] = struct.pack(">Q", block)
    parts[block] = struct.pack(">H", 1) * (5 + data_clusters)
    parts[l1] = struct.pack(">Q", l2 | 1 << 63)
    parts[l2] = b"".join(struct.pack(">Q", (data + n * cluster) | 1 << 63) for n in range(data_clusters))
    image = bytearray(data + data_clusters * cluster)
    for offset, content in parts.items():
        image[offset : offset + len(content)] = content
    for n in range(data_clusters):
        image[data + n * cluster : data + (n + 1) * cluster] = body * (cluster // len(body))
    return bytes(image)


def _footer(size: int, kind: int, data_offset: int) -> bytes:
    footer = bytearray(512)
    struct.pack_into(
        ">8sIIQI4sI4sQQ", footer, 0, b"conectix", 2, 0x10000, data_offset, 0, b"impr", 0x10000, b"Wi2k", size, size
    )
    struct.pack_into(">I", footer, 60, kind)
    struct.pack_into(">I", footer, 64, ~sum(footer) & 0xFFFF_FFFF)
    return bytes(footer)


def fixed_vhd(content: bytes = b"\x11" * 4096, *, claimed: int | None = None, kind: int = 2) -> bytes:
    """A fixed VHD: the content, then the footer."""
    return content + _footer(len(content) if claimed is None else claimed, kind, 0xFFFF_FFFF_FFFF_FFFF)


def dynamic_vhd(*, size: int = 4 * 1024 * 1024, blocks: int = 1, kind: int = 3) -> bytes:
    """A dynamic VHD with 2 MiB blocks, the first ``blocks`` of them there."""
    block = 2 * 1024 * 1024
    entries = -(-size // block)
    footer = _footer(size, kind, 512)
    header = bytearray(1024)
    struct.pack_into(">8sQQIII", header, 0, b"cxsparse", 0xFFFF_FFFF_FFFF_FFFF, 1536, 0x10000, entries, block)
    first = 2048
    table = b"".join(
        struct.pack(">I", (first + n * (512 + block)) // 512 if n < blocks else 0xFFFF_FFFF) for n in range(entries)
    )
    data = b"".join(b"\xff" * 512 + bytes([n + 1]) * block for n in range(blocks))
    return footer + bytes(header) + table.ljust(512, b"\xff") + data + footer


def mbr(content: bytes = b"") -> bytes:
    """A raw disk with one partition in its master boot record."""
    sector = bytearray(512)
    struct.pack_into("<B3BB3BII", sector, 446, 0x80, 0, 2, 0, 0x83, 0, 0, 0, 2048, 4096)
    sector[510:] = b"\x55\xaa"
    return bytes(sector) + content.ljust(1024 * 1024, b"\0")


def vdi() -> bytes:
    header = bytearray(1024)
    header[:40] = b"<<< Oracle VM VirtualBox Disk Image >>>\n"
    struct.pack_into("<I", header, 0x40, 0xBEDA107F)
    return bytes(header)


def iso() -> bytes:
    return bytes(32768) + b"\x01CD001\x01".ljust(2048, b"\0")
