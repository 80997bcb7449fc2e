"""Preparing a source: from a locked VM or an incoming file to an item of the library, with its manifest.

Every disk passes the gate before the first byte is copied. A disk that is copied and durable is noted in the staging
folder with what its source looked like; after a crash it is taken over if the source still looks the same, and the disk
that was under way is copied again.
"""

import os
import stat
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import msgspec
import structlog

from connector import notes
from connector.backends import folders
from connector.backends.base import Backend, Item, SourceDisk, Staging, data_name, index_name
from connector.domain.capture import objection, objection_to_format, objection_to_size
from connector.domain.tasks import Import
from connector.failures import Cancel, Cancelled, Refused, failure_of, refused
from connector.formats import Recognised, inspect
from connector.progress import Meter
from connector.replicas import supersede
from connector.transfer.build import Built, build
from connector.transfer.grid import SPAN, Grid
from connector.transfer.index import size_for
from connector.transfer.sparse import extents, preallocated
from connector.transfer.writer import DiskWriter
from contracts.errors import Failure
from contracts.manifest import Disk, Manifest
from runtime.crash import crash_at

RESERVE: Final = 1024 * 1024
"""Bytes that stay free on a datastore for descriptors."""

log = structlog.get_logger()


@dataclass(frozen=True)
class Prepared:
    """A source that became an item."""

    manifest: Manifest
    datastore: str
    warnings: tuple[str, ...]


def prepare(
    backend: Backend,
    task: Import,
    max_virtual_size: int,
    meter: Meter,
    cancel: Cancel,
    inspected: Callable[[int], None] = lambda _: None,
) -> Prepared:
    """Make the version's item, or find it made. The source stays locked for a *convert* until it is released.

    ``inspected`` is told how many bytes of disk files there are, before the first of them is read to be kept.

    Raises:
        Refused: the source cannot become a version.
        Cancelled: ``cancel`` was set.
        OSError: reading or writing failed.
    """
    held = backend.held(task.version)
    found = next((placed for placed in held if placed.item.source), held[0] if held else None)
    if found is None or not found.intact or not found.item.source:
        backend.lock(task.source, task.version)
        traits = backend.traits(task.source)
        _hold_against(objection(traits, task.expects))
        if task.snapshot is not None:
            backend.check_snapshot(task.snapshot, task.version)
        with ExitStack() as stack:
            disks = backend.disks(task.source)
            for disk in disks:
                stack.callback(os.close, disk.fd)
            passed = [_admit(disk, task.file_type, max_virtual_size) for disk in disks]
            _hold_against(objection_to_format(passed[0].format, task.expects))
            size = sum(os.fstat(disk.fd).st_size for disk in disks)
            _hold_against(objection_to_size(size, task.room))
            staging = backend.stage(task.version, task.datastore)
            stack.callback(staging.close)
            _check_space(disks, passed, staging)
            inspected(size)
            meter.begin("import", size)
            made = tuple(
                _disk(backend, disk, recognised, staging, meter, cancel)
                for disk, recognised in zip(disks, passed, strict=True)
            )
            for disk, recognised in zip(disks, passed, strict=True):
                _admit_copy(disk, recognised, task.file_type, max_virtual_size, staging)
            _hold_to_origin(backend, task, disks, made)
            meter.end()
            crash_at("import.copied")
            unmade = _snapshot(backend, task, cancel)
            manifest = Manifest(disks=made, source=task.source, created=datetime.now(UTC), traits=traits.marks)
            for disk in disks:
                notes.remove(disk, staging)
            item = Item(
                version=task.version,
                image=task.image,
                tenant=task.tenant,
                manifest=manifest,
                source=True,
                copies=found.item.copies if found is not None else (),
                warnings=(*_warnings(disks, passed), *unmade),
            )
            found = backend.finalise(staging, item)
        crash_at("import.renamed")
        supersede(backend, found)
    if task.mode == "clone":
        backend.unlock(task.version)
    return Prepared(found.item.manifest, found.datastore, found.item.warnings)


def _hold_against(failure: Failure | None) -> None:
    if failure is not None:
        raise Refused(failure)


def _hold_to_origin(backend: Backend, task: Import, disks: Sequence[SourceDisk], made: Sequence[Disk]) -> None:
    """What is made of a version is what that was: bytes that changed at rest do not become another version's content.

    Raises Refused: ``digest_mismatch``; then the item is looked at as one that a reader found wrong.
    """
    for disk, copy in zip(disks, made, strict=True):
        if disk.sha256 not in ("", copy.sha256):
            for placed in backend.held(task.source.name):
                backend.doubt(placed.spot)
            raise refused(
                "digest_mismatch",
                "copy",
                f"{disk.name} is not any more what version {task.source.name} was",
                hint="Wait until the pod has repaired its copy, or name another pod that has one.",
                retry=True,
            )


def _snapshot(backend: Backend, task: Import, cancel: Cancel) -> tuple[str, ...]:
    """Make the snapshot that was asked for. The version is worth more than it: where it cannot be made, a warning says
    so."""
    if task.snapshot is None:
        return ()
    try:
        backend.snapshot(task.source, task.snapshot, task.version, cancel.check)
    except Cancelled:
        raise
    except (Refused, OSError) as error:
        failure = failure_of(error, "snapshot")
        log.warning("snapshot_failed", snapshot=task.snapshot, code=failure.code, text=failure.text)
        backend.drop_snapshot(task.version)
        return (f"snapshot_failed: snapshot {task.snapshot} could not be made: {failure.text}",)
    crash_at("import.snapshot")
    return ()


def _admit(disk: SourceDisk, file_type: str | None, max_virtual_size: int) -> Recognised:
    """Ask the gate, and say which disk it was that did not pass."""
    try:
        found = inspect(disk.fd, disk.declared or file_type, max_virtual_size)
        if file_type is not None and found.format != file_type:
            raise refused(
                "format_mismatch",
                "inspect",
                f"It is to be {file_type} and its content is {found.format}",
                hint=f"Import it as {found.format}, or convert it to {file_type} first.",
            )
    except Refused as error:
        text = f"{disk.name}: {error.failure.text}"
        raise Refused(msgspec.structs.replace(error.failure, text=text)) from None
    return found


def _admit_copy(
    disk: SourceDisk, recognised: Recognised, file_type: str | None, max_virtual_size: int, staging: Staging
) -> None:
    """Ask the gate about the copy too: what is kept must be what passed, whatever became of the source meanwhile."""
    fd = folders.open_file(data_name(disk.lun, recognised.format), staging.folder)
    try:
        copy = SourceDisk(fd=fd, name=disk.name, role=disk.role, lun=disk.lun, declared=disk.declared)
        if _admit(copy, file_type, max_virtual_size) != recognised:
            raise refused("file_changed", "inspect", f"{disk.name}: it is not any more what it was", retry=True)
    finally:
        os.close(fd)


def _check_space(disks: Sequence[SourceDisk], passed: Sequence[Recognised], staging: Staging) -> None:
    needed = 0
    for disk, recognised in zip(disks, passed, strict=True):
        if notes.read(disk, staging) is None:
            needed += _needed(disk, _grid(disk, recognised)) - _taken(f"disk-{disk.lun}.", staging)
    check_space(needed, staging)


def _needed(disk: SourceDisk, grid: Grid) -> int:
    """Bytes that the copy of a disk and its index will take."""
    data = chunks = spans = 0
    for begin, end, has_data in extents(disk.fd, grid):
        if has_data:
            first, last = grid.chunk_at(begin), grid.chunk_at(end - 1)
            data += end - begin
            chunks += last + 1 - first
            spans += last // SPAN + 1 - first // SPAN
    return (grid.size if preallocated(disk.fd) else data) + size_for(spans, chunks)


def _grid(disk: SourceDisk, recognised: Recognised) -> Grid:
    """Raises Refused: ``file_changed`` when the file became shorter than what was recognised."""
    size, blocks = os.fstat(disk.fd).st_size, recognised.grid
    if blocks == "file":
        return Grid(size)
    if blocks.begin + blocks.lead + blocks.block > size:
        raise refused("file_changed", "inspect", f"{disk.name}: it is not any more what it was", retry=True)
    return Grid(size, blocks)


def check_space(needed: int, staging: Staging) -> None:
    """Raises Refused (``no_space``) when ``needed`` more bytes do not fit."""
    free = staging.free()
    if needed + RESERVE > free:
        raise refused(
            "no_space",
            "space",
            f"{needed} bytes are needed on datastore {staging.datastore} and {free} are free",
            retry=True,
        )


def _taken(prefix: str, staging: Staging) -> int:
    """Bytes that an earlier try already takes for a disk: they are written over, not added."""
    return sum(
        os.stat(name, dir_fd=staging.folder, follow_symlinks=False).st_blocks * 512
        for name in folders.names(staging.folder)
        if name.startswith(prefix)
    )


def _disk(
    backend: Backend,
    disk: SourceDisk,
    recognised: Recognised,
    staging: Staging,
    meter: Meter,
    cancel: Cancel,
) -> Disk:
    grid = _grid(disk, recognised)
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
        if backend.clone(disk.fd, staging, name):
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


def _lies_there(name: str, size: int, staging: Staging) -> bool:
    try:
        status = os.stat(name, dir_fd=staging.folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return stat.S_ISREG(status.st_mode) and status.st_size == size


def _warnings(disks: Sequence[SourceDisk], passed: Sequence[Recognised]) -> tuple[str, ...]:
    said = []
    for disk, recognised in zip(disks, passed, strict=True):
        if recognised.virtual_size % 512:
            text = f"It is {recognised.virtual_size} bytes, not a whole number of 512-byte sectors"
            said.append(f"{disk.name} ({recognised.format}): {text}")
        said += (f"{disk.name}: {warning}" for warning in recognised.warnings)
    return tuple(said)
