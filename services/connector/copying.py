"""Making a copy: the version's disks fetched into staging, verified, and made an item of the library."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import msgspec

from connector.backends.base import Backend, Item, Placed, Staging, data_name, index_name
from connector.domain.tasks import Copy
from connector.failures import Cancel, refused
from connector.importing import check_space
from connector.progress import Meter
from connector.transfer.fetch_index import fetch_index
from connector.transfer.holders import LiveGrant as LiveGrant
from connector.transfer.identity import Identity
from connector.transfer.index import Index
from connector.transfer.receive import THREADS, receive, reserve
from connector.transfer.receiving import Receiving
from connector.transfer.seeds import Seed
from connector.transfer.session import Session
from connector.transfer.throttle import Throttles
from connector.transfer.wire import Wire
from connector.transfer.writer import DiskWriter
from contracts.manifest import Disk
from runtime.crash import crash_at


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What all copies of a connector share.

    ``pod`` is its own name. Without an ``identity`` holders are asked over plain HTTP. ``readback`` has each disk read
    again from the disk before it is finalised.
    """

    pod: str
    identity: Identity | None = None
    wire: Wire = field(default_factory=Wire)
    throttles: Throttles = field(default_factory=Throttles)
    receiving: Receiving = field(default_factory=Receiving)
    threads: int = THREADS
    readback: bool = False


@dataclass(frozen=True)
class Made:
    """A copy in the library; ``network`` and ``reused`` in bytes, ``rotten`` in chunks of local copies."""

    placed: Placed
    network: int
    reused: int
    rotten: int = 0


def make(
    backend: Backend,
    task: Copy,
    meter: Meter,
    cancel: Cancel,
    arrived: Callable[[int, int], None],
    parts: Parts,
    grant: LiveGrant | None = None,
) -> Made:
    """Make the copy, or find it made. ``arrived(network, reused)`` is called when all bytes are here and verified.

    ``grant`` may be replaced while this runs; without one the task's own ticket and holders count. An item that is
    there but corrupt is made anew beside it, from what is still right in it, and takes its place at the end.

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
        if found.intact and (present := _present(backend, found, task, meter)) is not None:
            return present
    item = Item(
        version=task.version,
        image=task.image,
        tenant=task.tenant,
        manifest=task.manifest,
        source=found is not None and found.item.source,
        copies=tuple(sorted({*(found.item.copies if found is not None else ()), task.copy})),
    )
    grant = grant or LiveGrant(task.ticket, task.holders)
    with ExitStack() as stack:
        staging = backend.stage(task.version, task.datastore)
        stack.callback(staging.close)
        session = stack.enter_context(
            Session(grant, cancel, me=parts.pod, throttles=parts.throttles, identity=parts.identity, wire=parts.wire)
        )
        disks = [(disk, _index(backend, item, disk, staging, session, meter, stack)) for disk in task.manifest.disks]
        check_space(sum(max(0, _needed(disk, index) - _taken(disk, staging)) for disk, index in disks), staging)
        meter.begin("copy", task.manifest.size)
        targets = [stack.enter_context(_target(disk, index, staging)) for disk, index in disks]
        rotten = 0
        for (disk, index), target in zip(disks, targets, strict=True):
            with _seeds(backend, item, disk) as seeds:
                rotten += receive(
                    disk,
                    index,
                    target,
                    session,
                    seeds,
                    meter,
                    parts.receiving,
                    stack,
                    threads=parts.threads,
                    readback=parts.readback,
                )
        meter.end()
        crash_at("copy.fetched")
        arrived(meter.network, meter.reused)
        placed = backend.finalise(staging, item)
    crash_at("copy.renamed")
    return Made(placed, meter.network, meter.reused, rotten)


def _present(backend: Backend, found: Placed, task: Copy, meter: Meter) -> Made | None:
    """The bytes are in the library: as the source, or from an attempt whose word got lost. None when they are found
    rotten at this moment, by a check that did not know of this copy."""
    if task.copy not in found.item.copies:
        copies = tuple(sorted({*found.item.copies, task.copy}))
        found = backend.note(msgspec.structs.replace(found.item, copies=copies))
        now = backend.find(task.version)
        if now is None or not now.intact:
            return None
    meter.begin("copy", task.manifest.size)
    meter.add(done=task.manifest.size, reused=task.manifest.size)
    meter.end()
    return Made(found, 0, task.manifest.size)


def _index(
    backend: Backend, item: Item, disk: Disk, staging: Staging, session: Session, meter: Meter, stack: ExitStack
) -> Index:
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    fd = os.open(index_name(disk.lun), flags, 0o600, dir_fd=staging.folder)
    stack.callback(os.close, fd)
    with _seeds(backend, item, disk) as seeds:
        return fetch_index(disk, fd, session, seeds, meter)


@contextmanager
def _seeds(backend: Backend, item: Item, disk: Disk) -> Iterator[list[Seed]]:
    seeds = backend.seeds(item, disk)
    try:
        yield seeds
    finally:
        for seed in seeds:
            os.close(seed.fd)
            os.close(seed.index.fd)


def _target(disk: Disk, index: Index, staging: Staging) -> DiskWriter:
    """The disk's file in staging, with the space that it will need."""
    target = DiskWriter(staging.folder, data_name(disk.lun, disk.format), disk.size)
    try:
        reserve(disk, index, target)
    except BaseException:
        target.close()
        raise
    return target


def _needed(disk: Disk, index: Index) -> int:
    return disk.size if disk.preallocated else index.data_bytes()


def _taken(disk: Disk, staging: Staging) -> int:
    """Bytes that an earlier attempt already wrote or reserved."""
    try:
        status = os.stat(data_name(disk.lun, disk.format), dir_fd=staging.folder, follow_symlinks=False)
    except FileNotFoundError:
        return 0
    return status.st_blocks * 512
