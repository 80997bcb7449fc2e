"""Taking one disk of a source into the staging folder, hashed and indexed.

A disk that is copied and durable is noted there with what its source looked like; after a crash it is taken over if the
source still looks the same. One that was unpacked there already gets its name and is not copied again.
"""

import os
import stat

from connector import notes
from connector.backends import folders
from connector.backends.base import Backend, SourceDisk, Staging, data_name, index_name
from connector.failures import Cancel, refused
from connector.formats import Recognised
from connector.progress import Meter
from connector.transfer.build import Built, build
from connector.transfer.grid import SPAN, Grid
from connector.transfer.index import size_for
from connector.transfer.sparse import extents, preallocated
from connector.transfer.writer import DiskWriter
from contracts.manifest import Disk


def needed(disk: SourceDisk, grid: Grid) -> int:
    """Bytes that the copy of a disk and its index will take on the datastore."""
    data = chunks = spans = 0
    for begin, end, has_data in extents(disk.fd, grid):
        if has_data:
            first, last = grid.chunk_at(begin), grid.chunk_at(end - 1)
            data += end - begin
            chunks += last + 1 - first
            spans += last // SPAN + 1 - first // SPAN
    if disk.staged:
        data = 0
    elif preallocated(disk.fd):
        data = grid.size
    return data + size_for(spans, chunks)


def grid_of(disk: SourceDisk, recognised: Recognised) -> Grid:
    """How the disk is cut. Raises Refused: ``file_changed`` when it became shorter than what was recognised."""
    size, blocks = os.fstat(disk.fd).st_size, recognised.grid
    if blocks == "file":
        return Grid(size)
    if blocks.begin + blocks.lead + blocks.block > size:
        raise refused("file_changed", "inspect", f"{disk.name}: it is not any more what it was", retry=True)
    return Grid(size, blocks)


def take(
    backend: Backend,
    disk: SourceDisk,
    recognised: Recognised,
    staging: Staging,
    meter: Meter,
    cancel: Cancel,
) -> Disk:
    """Take the disk, or find it taken.

    Raises:
        Refused: ``file_changed``, or there is no space.
        Cancelled: ``cancel`` was set.
        OSError: reading or writing failed.
    """
    grid = grid_of(disk, recognised)
    size = grid.size
    name = data_name(disk.lun, recognised.format)
    copied = notes.read(disk, staging)
    if copied is None or not _lies_there(name, size, staging):
        before = notes.look(disk)
        built = _copy(backend, disk, grid, name, staging, meter, cancel)
        if notes.look(disk) != before:
            text = f"{disk.name} was written to while it was read"
            raise refused(
                "file_changed", "copy", text, hint="Stop whatever writes to it, then import again.", retry=True
            )
        copied = notes.Copied(before, built.root, built.sha256)
        notes.write(disk, staging, copied)
    else:
        meter.add(done=size)
    return Disk(
        role=disk.role,
        lun=disk.lun,
        format=recognised.format,
        size=size,
        virtual_size=recognised.virtual_size,
        root=copied.root,
        sha256=copied.sha256,
        grid=recognised.grid,
        preallocated=preallocated(disk.fd),
    )


def _copy(
    backend: Backend,
    disk: SourceDisk,
    grid: Grid,
    name: str,
    staging: Staging,
    meter: Meter,
    cancel: Cancel,
) -> Built:
    flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    index = os.open(index_name(disk.lun), flags, 0o600, dir_fd=staging.folder)
    try:
        if _linked(disk, name, staging) or backend.clone(disk.fd, staging, name):
            clone = folders.open_file(name, staging.folder)
            try:
                return build(clone, grid, index, None, lambda some: meter.add(done=some), cancel)
            finally:
                os.close(clone)
        with DiskWriter(staging.folder, name, grid.size, fresh=True) as target:
            if preallocated(disk.fd):
                target.preallocate()
            else:
                target.reserve((begin, end) for begin, end, has_data in extents(disk.fd, grid) if has_data)
            built = build(disk.fd, grid, index, target, lambda some: meter.add(done=some), cancel)
            target.sync()
            return built
    finally:
        os.close(index)


def _linked(disk: SourceDisk, name: str, staging: Staging) -> bool:
    """Give a disk that lies in the staging folder already the name that it has in an item."""
    if not disk.staged:
        return False
    folders.remove_file(name, staging.folder)
    os.link(disk.staged, name, src_dir_fd=staging.folder, dst_dir_fd=staging.folder, follow_symlinks=False)
    return True


def _lies_there(name: str, size: int, staging: Staging) -> bool:
    try:
        status = os.stat(name, dir_fd=staging.folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return stat.S_ISREG(status.st_mode) and status.st_size == size
