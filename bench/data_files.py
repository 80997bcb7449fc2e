"""Real files for the bench's disks: whole folders of this machine, chosen by their paths' hashes: always the same."""

import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

from blake3 import blake3

ROOTS = (Path("/usr"), Path(sys.base_prefix), Path(sys.prefix), Path("/opt"))
LARGEST = 8 * 1024 * 1024
"""Bytes of the largest file that is taken: no single one is to make up the image."""
ALIKE = 16 * 1024
"""From this size on, a file of a size that was seen is taken for the same file once more, and left out."""

MOST = 1024 * 1024
"""Bytes after which a folder's further files count as another folder."""

Folder = list[tuple[Path, int]]
"""Files that lie together, as those of a package do, and their sizes."""


def found() -> list[Folder]:
    """Folders with their regular files, in an order that has nothing to do with where they lie."""
    seen: set[tuple[int, int] | int] = set()
    found: list[Folder] = []
    for root in ROOTS:
        for folder, folders, names in os.walk(root):
            folders.sort()
            found.append([])
            for name in sorted(names):
                path = Path(folder, name)
                status = path.lstat()
                if not stat.S_ISREG(status.st_mode) or not 0 < status.st_size <= LARGEST:
                    continue
                look = status.st_size if status.st_size >= ALIKE else (status.st_dev, status.st_ino)
                if look in seen or not os.access(path, os.R_OK):
                    continue
                seen.add(look)
                if sum(size for _, size in found[-1]) >= MOST:
                    found.append([])
                found[-1].append((path, status.st_size))
    return sorted(filter(None, found), key=lambda files: blake3(str(files[0][0]).encode()).digest())


def enough(size: int) -> Iterator[tuple[Folder, int]]:
    """Folders and what to add to each byte of their files, until they make up ``size`` bytes.

    A machine with too few files gives them again with their bytes shifted: of the same sizes and as compressible, and
    with nothing in common with the first ones.
    """
    folders, taken = found(), 0
    for shift in range(256):
        for files in folders:
            if taken >= size:
                return
            yield files, shift
            taken += sum(length for _, length in files)
    raise RuntimeError("this machine has too few files for the bench")


def copy(files: Folder, shift: int, target: Path) -> int:
    """Write the files, their bytes shifted, as ``00000``, ``00001``, … into the new folder ``target``; their bytes."""
    target.mkdir(parents=True)
    table, size = bytes((byte + shift) % 256 for byte in range(256)), 0
    for number, (source, _) in enumerate(files):
        data = source.read_bytes()
        (target / f"{number:05}").write_bytes(data.translate(table) if shift else data)
        size += len(data)
    return size
