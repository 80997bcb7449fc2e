"""Disk files of the demo: recognised, copied without filling their holes, changed by a few percent."""

import json
import os
from pathlib import Path

from imprint.story import tools

CHUNK = 64 * 1024
PIECE = 8 * 1024 * 1024
QEMU = {"raw": "raw", "qcow2": "qcow2", "vhd": "vpc"}
"""Our names of the formats -> those of qemu."""


def recognise(path: Path) -> str:
    """The format of a user's disk by its first and last bytes. Whether it is sound is for the import to say."""
    with path.open("rb") as file:
        if file.read(4) == b"QFI\xfb":
            return "qcow2"
        file.seek(max(0, path.stat().st_size - 512))
        return "vhd" if file.read(8) == b"conectix" else "raw"


def data(descriptor: int) -> list[tuple[int, int]]:
    """The ranges (start, end) of a file that hold data; the rest are holes."""
    end, at, found = os.fstat(descriptor).st_size, 0, []
    while at < end:
        try:
            start = os.lseek(descriptor, at, os.SEEK_DATA)
        except OSError:  # ENXIO: only a hole is left
            break
        at = os.lseek(descriptor, start, os.SEEK_HOLE)
        found.append((start, at))
    return found


def duplicate(source: Path, target: Path) -> None:
    """Copy a file, holes as holes."""
    with source.open("rb") as read, target.open("wb") as write:
        os.ftruncate(write.fileno(), os.fstat(read.fileno()).st_size)
        for start, end in data(read.fileno()):
            while start < end:
                piece = os.pread(read.fileno(), min(PIECE, end - start), start)
                if not piece:
                    return
                start += os.pwrite(write.fileno(), piece, start)


def to_qcow2(raw: Path, target: Path) -> None:
    """The same disk as qcow2. Raises ToolError."""
    qemu_img = tools.need("qemu-img", "qemu-utils")
    tools.run([qemu_img, "convert", "-f", "raw", "-O", "qcow2", str(raw), str(target)])


def change(disk: Path, format: str, share: float) -> int:
    """Change ``share`` of a disk's data, evenly spread, in place; returns how many bytes.

    Raises:
        ToolError: a container other than raw needs qemu-utils.
    """
    step = max(1, round(1 / share))
    if format == "raw":
        return _change_raw(disk, step)
    qemu_img, qemu_io = tools.need("qemu-img", "qemu-utils"), tools.need("qemu-io", "qemu-utils")
    extents = json.loads(tools.run([qemu_img, "map", "--output=json", "-f", QEMU[format], str(disk)]))
    chunks = [
        start
        for extent in extents
        if extent["data"] and not extent["zero"]
        for start in range(extent["start"], extent["start"] + extent["length"] - CHUNK + 1, CHUNK)
    ]
    chosen = chunks[step // 2 :: step] or chunks[:1]
    commands = [f"write -q -P {1 + at // CHUNK % 255} {at} {CHUNK}" for at in chosen]
    tools.run([qemu_io, "-f", QEMU[format], str(disk)], stdin="\n".join([*commands, "quit"]) + "\n")
    return len(chosen) * CHUNK


def _change_raw(disk: Path, step: int) -> int:
    changed = 0
    with disk.open("r+b") as file:
        descriptor = file.fileno()
        starts = [at for start, end in data(descriptor) for at in range(start, end - CHUNK + 1, CHUNK)]
        for at in starts[step // 2 :: step] or starts[:1]:
            piece = os.pread(descriptor, CHUNK, at)
            os.pwrite(descriptor, bytes(byte ^ 0x55 for byte in piece[:512]) + piece[512:], at)
            changed += CHUNK
    return changed


def held(path: Path) -> int:
    """Bytes that a file takes on its filesystem."""
    return path.stat().st_blocks * 512
