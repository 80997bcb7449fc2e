"""Making a copy: the version's disks fetched into staging, verified, and made an item of the library."""

import os
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

import msgspec

from connector.backends.base import Backend, Item, Placed, Staging, data_name, index_name
from connector.domain.tasks import Copy
from connector.failures import Cancel, refused
from connector.importing import check_space
from connector.progress import Meter
from connector.transfer.index import Index
from connector.transfer.receive import THREADS, fetch_index, receive
from connector.transfer.session import Session
from connector.transfer.writer import DiskWriter
from contracts.manifest import Disk
from runtime.crash import crash_at


@dataclass(frozen=True)
class Made:
    """A copy in the library; ``network`` and ``reused`` in bytes."""

    placed: Placed
    network: int
    reused: int


def make(
    backend: Backend,
    task: Copy,
    meter: Meter,
    cancel: Cancel,
    arrived: Callable[[int, int], None],
    threads: int = THREADS,
) -> Made:
    """Make the copy, or find it made. ``arrived(network, reused)`` is called when all bytes are here and verified.

    Raises:
        Refused: it cannot be made; what was verified stays in staging for the next attempt.
        Cancelled: ``cancel`` was set; as above.
        OSError: reading or writing failed; as above.
    """
    found = backend.find(task.version)
    if found is not None:
        if found.item.manifest.digest != task.manifest.digest:
            raise refused(
                "digest_mismatch",
                "library",
                "The library holds other content under this version",
                hint="Remove the item from the pod's library, then publish again.",
            )
        if found.intact:
            return _present(backend, found, task, meter)
    with ExitStack() as stack:
        staging = backend.stage(task.version, task.datastore)
        stack.callback(staging.close)
        session = stack.enter_context(Session(task.holders, task.ticket, cancel))
        disks = [(disk, _index(disk, staging, session, meter, stack)) for disk in task.manifest.disks]
        check_space(sum(index.data_bytes() - _taken(disk, staging) for disk, index in disks), staging)
        meter.begin("copy", task.manifest.size)
        item = Item(
            version=task.version,
            image=task.image,
            tenant=task.tenant,
            manifest=task.manifest,
            source=found is not None and found.item.source,
            copies=tuple(sorted({*(found.item.copies if found is not None else ()), task.copy})),
        )
        for disk, index in disks:
            _disk(backend, item, disk, index, staging, session, meter, threads)
        meter.end()
        crash_at("copy.fetched")
        arrived(meter.network, meter.reused)
        placed = backend.finalise(staging, item)
    crash_at("copy.renamed")
    return Made(placed, meter.network, meter.reused)


def _present(backend: Backend, found: Placed, task: Copy, meter: Meter) -> Made:
    """The bytes are in the library: as the source, or from an attempt whose word got lost."""
    if task.copy not in found.item.copies:
        copies = tuple(sorted({*found.item.copies, task.copy}))
        found = backend.note(msgspec.structs.replace(found.item, copies=copies))
    meter.begin("copy", task.manifest.size)
    meter.add(done=task.manifest.size, reused=task.manifest.size)
    meter.end()
    return Made(found, 0, task.manifest.size)


def _index(disk: Disk, staging: Staging, session: Session, meter: Meter, stack: ExitStack) -> Index:
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    fd = os.open(index_name(disk.lun), flags, 0o600, dir_fd=staging.folder)
    stack.callback(os.close, fd)
    return fetch_index(disk, fd, session, meter)


def _taken(disk: Disk, staging: Staging) -> int:
    """Bytes that an earlier attempt already wrote."""
    try:
        status = os.stat(data_name(disk.lun, disk.format), dir_fd=staging.folder, follow_symlinks=False)
    except FileNotFoundError:
        return 0
    return status.st_blocks * 512


def _disk(
    backend: Backend,
    item: Item,
    disk: Disk,
    index: Index,
    staging: Staging,
    session: Session,
    meter: Meter,
    threads: int,
) -> None:
    seeds = backend.seeds(item, disk)
    try:
        with DiskWriter(staging.folder, data_name(disk.lun, disk.format), disk.size) as target:
            receive(disk, index, target, session, seeds, meter, threads)
    finally:
        for seed in seeds:
            os.close(seed.fd)
            os.close(seed.index.fd)
