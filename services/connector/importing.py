"""Preparing a source: from a locked VM or an incoming file to an item of the library, with its manifest.

Every disk passes the gate before the first byte is copied. A disk that is copied and durable is noted in the staging
folder with what its source looked like; after a crash it is taken over if the source still looks the same, and the disk
that was under way is copied again.
"""

import os
import stat
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import msgspec

from connector.backends import folders
from connector.backends.base import Backend, Item, SourceDisk, Staging, data_name, index_name
from connector.domain.tasks import Import
from connector.failures import Cancel, Refused, refused
from connector.formats import Recognised, inspect
from connector.progress import Meter
from connector.transfer.build import Built, build
from connector.transfer.index import index_size
from connector.transfer.sparse import allocated
from connector.transfer.writer import DiskWriter
from contracts.manifest import Disk, Manifest
from runtime.crash import crash_at

RESERVE: Final = 1024 * 1024
"""Bytes that stay free on a datastore for descriptors."""


@dataclass(frozen=True)
class Prepared:
    """A source that became an item."""

    manifest: Manifest
    datastore: str
    warnings: tuple[str, ...]


class _Copied(msgspec.Struct, frozen=True):
    """That a disk was copied: from which state of the source, and what came out."""

    source: tuple[int, int, int, int]
    root: str
    sha256: str


def prepare(backend: Backend, task: Import, max_virtual_size: int, meter: Meter, cancel: Cancel) -> Prepared:
    """Make the version's item, or find it made. The source stays locked for a *convert* until it is released.

    Raises:
        Refused: the source cannot become a version.
        Cancelled: ``cancel`` was set.
        OSError: reading or writing failed.
    """
    found = backend.find(task.version)
    if found is None or not found.intact or not found.item.source:
        backend.lock(task.source, task.version)
        with ExitStack() as stack:
            disks = backend.disks(task.source)
            for disk in disks:
                stack.callback(os.close, disk.fd)
            passed = [_admit(disk, task.file_type, max_virtual_size) for disk in disks]
            staging = backend.stage(task.version, task.datastore)
            stack.callback(staging.close)
            _check_space(disks, staging)
            meter.begin("import", sum(os.fstat(disk.fd).st_size for disk in disks))
            made = tuple(
                _disk(backend, disk, recognised, staging, meter, cancel)
                for disk, recognised in zip(disks, passed, strict=True)
            )
            for disk, recognised in zip(disks, passed, strict=True):
                _admit_copy(disk, recognised, task.file_type, max_virtual_size, staging)
            meter.end()
            crash_at("import.copied")
            manifest = Manifest(disks=made, source=task.source, created=datetime.now(UTC))
            for disk in disks:
                folders.remove_file(_note_name(disk), staging.folder)
            item = Item(
                version=task.version,
                image=task.image,
                tenant=task.tenant,
                manifest=manifest,
                source=True,
                copies=found.item.copies if found is not None else (),
                warnings=_warnings(made),
            )
            found = backend.finalise(staging, item)
        crash_at("import.renamed")
    if task.mode == "clone":
        backend.unlock(task.version)
    return Prepared(found.item.manifest, found.datastore, found.item.warnings)


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


def _check_space(disks: Sequence[SourceDisk], staging: Staging) -> None:
    needed = 0
    for disk in disks:
        if _copied(disk, staging) is None:
            size = os.fstat(disk.fd).st_size
            needed += min(size, allocated(disk.fd)) + index_size(size)
            needed -= _taken(f"disk-{disk.lun}.", staging)
    check_space(needed, staging)


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
    size = os.fstat(disk.fd).st_size
    name = data_name(disk.lun, recognised.format)
    copied = _copied(disk, staging)
    if copied is None or not _lies_there(name, size, staging):
        before = _look(disk)
        built = _copy(backend, disk, size, name, staging, meter, cancel)
        if _look(disk) != before:
            text = f"{disk.name} was written to while it was read"
            raise refused(
                "file_changed", "copy", text, hint="Stop whatever writes to it, then import again.", retry=True
            )
        copied = _Copied(before, built.root, built.sha256)
        folders.write(_note_name(disk), staging.folder, msgspec.json.encode(copied))
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
    )


def _copy(
    backend: Backend,
    disk: SourceDisk,
    size: int,
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
                return build(clone, size, index, None, lambda some: meter.add(done=some), cancel)
            finally:
                os.close(clone)
        with DiskWriter(staging.folder, name, size, fresh=True) as target:
            built = build(disk.fd, size, index, target, lambda some: meter.add(done=some), cancel)
            target.sync()
            return built
    finally:
        os.close(index)


def _look(disk: SourceDisk) -> tuple[int, int, int, int]:
    """What tells one state of a source file from another."""
    status = os.fstat(disk.fd)
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _copied(disk: SourceDisk, staging: Staging) -> _Copied | None:
    """The note of an earlier try about this very state of the source."""
    try:
        note = msgspec.json.decode(folders.read(_note_name(disk), staging.folder), type=_Copied)
    except (Refused, msgspec.DecodeError):
        return None
    return note if note.source == _look(disk) else None


def _lies_there(name: str, size: int, staging: Staging) -> bool:
    try:
        status = os.stat(name, dir_fd=staging.folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return stat.S_ISREG(status.st_mode) and status.st_size == size


def _note_name(disk: SourceDisk) -> str:
    return f"copied-{disk.lun}.json"


def _warnings(disks: Sequence[Disk]) -> tuple[str, ...]:
    return tuple(
        f"Disk {disk.lun} ({disk.format}) is {disk.virtual_size} bytes, not a whole number of 512-byte sectors"
        for disk in disks
        if disk.virtual_size % 512
    )
