"""Preparing a source: from a locked VM or an incoming file to an item of the library, with its manifest.

The import plug-ins run first, then every disk passes the gate before the first byte is copied. What is durable of all
that is noted in the staging folder: after a crash it is taken over, and what was under way is done again.
"""

import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from connector import notes
from connector.backends import folders
from connector.backends.base import Backend, Item, SourceDisk, Staging
from connector.domain.capture import objection, objection_to_format, objection_to_size
from connector.domain.tasks import Import
from connector.failures import Cancel, Cancelled, Refused, failure_of, refused
from connector.formats import Recognised
from connector.inspecting import admit, admit_copy, warnings
from connector.progress import Meter
from connector.replicas import supersede
from connector.room import check_space
from connector.taking import grid_of, needed, take
from connector.unpacking import KINDS, forget, unpacked
from contracts.errors import Failure
from contracts.manifest import Disk, Manifest
from runtime.crash import crash_at

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
    stepped: Callable[[int], None] = lambda _: None,
) -> Prepared:
    """Make the version's item, or find it made. The source stays locked for a *convert* until it is released.

    ``stepped`` is told the position of each import plug-in that ran to its end here. ``inspected`` is told how many
    bytes of disk files there are, before the first of them is read to be kept.

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
            disks = _plugged(backend, task, disks, max_virtual_size, meter, cancel, stepped, stack)
            passed = [admit(disk, task.file_type, max_virtual_size) for disk in disks]
            _hold_against(objection_to_format(passed[0].format, task.expects))
            size = sum(os.fstat(disk.fd).st_size for disk in disks)
            _hold_against(objection_to_size(size, task.room))
            staging = backend.stage(task.version, task.datastore)
            stack.callback(staging.close)
            _check_space(disks, passed, staging)
            inspected(size)
            meter.begin("import", size)
            made = tuple(
                take(backend, disk, recognised, staging, meter, cancel)
                for disk, recognised in zip(disks, passed, strict=True)
            )
            for disk, recognised in zip(disks, passed, strict=True):
                admit_copy(disk, recognised, task.file_type, max_virtual_size, staging)
            _hold_to_origin(backend, task, disks, made)
            meter.end()
            crash_at("import.copied")
            unmade = _snapshot(backend, task, cancel)
            manifest = Manifest(disks=made, source=task.source, created=datetime.now(UTC), traits=traits.marks)
            for disk in disks:
                notes.remove(disk, staging)
                forget(disk, staging)
            item = Item(
                version=task.version,
                image=task.image,
                tenant=task.tenant,
                manifest=manifest,
                source=True,
                copies=found.item.copies if found is not None else (),
                warnings=(*warnings(disks, passed), *unmade),
            )
            found = backend.finalise(staging, item)
        crash_at("import.renamed")
        supersede(backend, found)
    if task.mode == "clone":
        backend.unlock(task.version)
    return Prepared(found.item.manifest, found.datastore, found.item.warnings)


def _plugged(
    backend: Backend,
    task: Import,
    disks: list[SourceDisk],
    max_virtual_size: int,
    meter: Meter,
    cancel: Cancel,
    stepped: Callable[[int], None],
    stack: ExitStack,
) -> list[SourceDisk]:
    """The disks as they are after the import plug-ins that a pod runs; those of the hub are its own to run."""
    for position, name in enumerate(task.plugins, 1):
        if name == "image_decompression":
            if task.source.kind in KINDS:
                with closing(backend.stage(task.version, task.datastore)) as staging:
                    disks = [unpacked(disk, staging, max_virtual_size, task.room, meter, cancel) for disk in disks]
                for disk in disks:
                    if disk.staged:
                        stack.callback(os.close, disk.fd)
            crash_at("import.unpacked")
            stepped(position)
    return disks


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


def _check_space(disks: Sequence[SourceDisk], passed: Sequence[Recognised], staging: Staging) -> None:
    more = 0
    for disk, recognised in zip(disks, passed, strict=True):
        if notes.read(disk, staging) is None:
            there = 0 if disk.staged else _taken(f"disk-{disk.lun}.", staging)
            more += needed(disk, grid_of(disk, recognised)) - there
    check_space(more, staging)


def _taken(prefix: str, staging: Staging) -> int:
    """Bytes that an earlier try already takes for a disk: they are written over, not added."""
    return sum(
        os.stat(name, dir_fd=staging.folder, follow_symlinks=False).st_blocks * 512
        for name in folders.names(staging.folder)
        if name.startswith(prefix)
    )
