"""Small real disks with seeded content, and disk files that are not what they should be."""

import random
import shutil
import subprocess
from pathlib import Path

from disk_images import mbr, qcow2, vdi

from contracts.manifest import CHUNK

QEMU_IMG = shutil.which("qemu-img")


def raw(chunks: int, seed: int = 1) -> bytes:
    """A partitioned raw disk with that many chunks of content."""
    return mbr()[:CHUNK] + random.Random(seed).randbytes((chunks - 1) * CHUNK)


def sparse_raw(chunks: int, seed: int = 1) -> bytes:
    """As `raw`, with as much again of zeros behind it."""
    return raw(chunks, seed) + bytes(chunks * CHUNK)


def qcow2_of(content: bytes, folder: Path) -> bytes:
    """A qcow2 image: of ``content`` by qemu-img where that is installed, otherwise a small one made by hand."""
    if QEMU_IMG is None:
        return qcow2()
    (folder / "content.raw").write_bytes(content)
    return _made(folder, "convert", "-f", "raw", "-O", "qcow2", "content.raw")


def with_backing_file(folder: Path) -> bytes:
    """A qcow2 image that lacks its better half."""
    if QEMU_IMG is None:
        return qcow2(backing="/etc/hostname")
    (folder / "base.raw").write_bytes(raw(4))
    return _made(folder, "create", "-f", "qcow2", "-b", "base.raw", "-F", "raw")


def with_data_file(folder: Path) -> bytes:
    """A qcow2 image that keeps its content in another file."""
    if QEMU_IMG is None:
        return qcow2(incompatible=4)
    return _made(folder, "create", "-f", "qcow2", "-o", "data_file=data.raw,data_file_raw=on", size="1M")


def truncated() -> bytes:
    """A qcow2 image whose second half was never written."""
    whole = qcow2(data_clusters=6)
    return whole[: len(whole) // 2]


def foreign() -> bytes:
    """A disk image of a kind that is not imported."""
    return vdi().ljust(CHUNK, b"\0")


def huge() -> bytes:
    """A small file that claims to be a disk of a pebibyte."""
    return qcow2(virtual_size=1 << 50, l1_size=1 << 21)


def _made(folder: Path, *arguments: str, size: str = "") -> bytes:
    assert QEMU_IMG is not None
    made = "made.qcow2"
    command = [QEMU_IMG, *arguments, made, *([size] if size else [])]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return (folder / made).read_bytes()
