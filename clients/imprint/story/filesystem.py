"""A real filesystem image made of this machine's own files, and a real update of a few percent of it."""

import os
import re
import shutil
import sys
from pathlib import Path

from imprint.story import tools

ROOTS = ("/usr/share", "/usr/lib", sys.prefix, "/usr/bin", "/usr/local")
"""Where the files come from, in this order."""
PLAIN = re.compile(r"[A-Za-z0-9@+_.-]+")
"""File names that need no quoting in any of the programs involved."""
BLOCK = 4096
SLACK = 96 * 1024 * 1024
"""Free bytes in the filesystem, for its own tables and for the update."""
LARGE = 128 * 1024
"""Bytes of the smallest file that an update replaces: many small ones would touch far more chunks than bytes."""
_OTHER = bytes(255 - value for value in range(256))


def gather(target: Path, limit: int) -> int:
    """Copy regular files of this machine into ``target`` until they have ``limit`` bytes; returns how many bytes."""
    taken = 0
    for root in ROOTS:
        share = (limit - taken) if root == ROOTS[-1] else int((limit - taken) * 0.6)
        taken += _gather(Path(root), target, share)
        if taken >= limit * 0.95:
            break
    return taken


def _gather(root: Path, target: Path, limit: int) -> int:
    taken = 0
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if PLAIN.fullmatch(name) and name != "__pycache__")
        inside = target / Path(folder).relative_to("/")
        for name in sorted(filter(PLAIN.fullmatch, files)):
            source = Path(folder, name)
            if source.is_symlink() or not source.is_file() or not os.access(source, os.R_OK):
                continue
            size = source.stat().st_size
            if taken + size > limit:
                continue
            inside.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, inside / name)
            taken += size
        if taken >= limit * 0.98:
            break
    return taken


def make(tree: Path, image: Path, *, slack: int = SLACK) -> None:
    """Write an ext4 filesystem with the content of ``tree`` into the sparse raw file ``image``; needs no root.

    Raises:
        ToolError: mke2fs is missing or failed.
    """
    mke2fs = tools.need("mke2fs", "e2fsprogs")
    files = [path for path in tree.rglob("*") if path.is_file()]
    size = sum(path.stat().st_size // BLOCK * BLOCK + BLOCK for path in files) * 21 // 20 + slack
    options = ["-q", "-F", "-t", "ext4", "-b", str(BLOCK), "-m", "0", "-N", str(2 * len(files) + 2048)]
    tools.run([mke2fs, *options, "-L", "imprint", "-d", str(tree), str(image), f"{size // 1024}k"])


def update(tree: Path, image: Path, share: float) -> int:
    """Replace ``share`` of the content by other bytes, file by file, in the tree and in the filesystem.

    Returns the bytes of the files that changed.

    Raises:
        ToolError: debugfs is missing or failed, or the filesystem is not sound afterwards.
    """
    debugfs = tools.need("debugfs", "e2fsprogs")
    files = sorted(path for path in tree.rglob("*") if path.is_file())
    wanted = int(sum(path.stat().st_size for path in files) * share)
    large = [path for path in files if path.stat().st_size >= LARGE]
    changed, commands = 0, []
    for path in large[:: max(1, len(large) // 64)]:
        size = path.stat().st_size
        if changed + size > wanted * 1.2:
            continue
        path.write_bytes(path.read_bytes().translate(_OTHER))
        inside = path.relative_to(tree)
        commands += [f"cd /{inside.parent}", f"rm {inside.name}", f"write {path} {inside.name}"]
        changed += size
        if changed >= wanted:
            break
    tools.run([debugfs, "-w", "-f", "-", str(image)], stdin="\n".join(commands) + "\n")
    tools.run([tools.need("e2fsck", "e2fsprogs"), "-f", "-n", str(image)])
    return changed
