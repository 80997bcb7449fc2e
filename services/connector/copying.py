"""Making a copy: the version's disks fetched into staging, verified, and made an item of the library."""

import os
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from connector import replicas
from connector.backends.base import Backend, Item, Placed, Staging, data_name, index_name
from connector.domain.tasks import Copy
from connector.failures import Cancel, Refused, refused
from connector.progress import Meter
from connector.room import RESERVE, check_space
from connector.transfer.fetch_index import fetch_index, same_disk
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
    again from the disk before it is finalised. ``capabilities`` are what the pod's hosts can do.
    """

    pod: str
    identity: Identity | None = None
    wire: Wire = field(default_factory=Wire)
    throttles: Throttles = field(default_factory=Throttles)
    receiving: Receiving = field(default_factory=Receiving)
    threads: int = THREADS
    readback: bool = False
    capabilities: tuple[str, ...] = ()


@dataclass(frozen=True)
class Made:
    """A copy in the library; ``network`` and ``reused`` in bytes, ``rotten`` in chunks of local copies.

    ``served`` is the network's part by the pod that served it.
    """

    placed: Placed
    network: int
    reused: int
    rotten: int = 0
    served: dict[str, int] = field(default_factory=dict)


def make(
    backend: Backend,
    task: Copy,
    meter: Meter,
    cancel: Cancel,
    arrived: Callable[[Meter], None],
    parts: Parts,
    grant: LiveGrant | None = None,
    avoid: Collection[str] = (),
) -> Made:
    """Make the copy, or find it made. ``arrived`` is called when all bytes are here and verified.

    ``grant`` may be replaced while this runs; without one the task's own ticket and holders count. An item that is
    there but corrupt is made anew beside it, from what is still right in it, and takes its place at the end. A further
    replica takes its bytes from the first. ``avoid`` are datastores that other copies of the version are to have.

    Raises:
        Refused: it cannot be made; what was verified stays in staging for the next attempt.
        Cancelled: ``cancel`` was set; as above.
        OSError: reading or writing failed; as above.
    """
    held = backend.held(task.version)
    if any(placed.item.manifest.digest != task.manifest.digest for placed in held):
        raise refused(
            "digest_mismatch",
            "library",
            "The library holds other content under this version",
            hint="Remove the item from the pod's library, then publish again.",
        )
    found = replicas.own(held, task)
    if found is not None and found.intact and (present := _present(backend, found, task, meter)) is not None:
        return present
    if task.shallow:
        raise refused("copy_missing", "library", hint="Publish it in full, so that its bytes are copied.")
    before = Item(
        version=task.version,
        image=task.image,
        tenant=task.tenant,
        manifest=task.manifest,
        source=found is not None and found.item.source,
        copies=found.item.copies if found is not None else (),
    )
    _able(task, parts.capabilities)
    item = replicas.named(before, task.copy)
    grant = grant or LiveGrant(task.ticket, task.holders)
    with ExitStack() as stack:
        staging = backend.stage(
            task.version, task.datastore, replica=task.replica, avoid=_taken_datastores(backend, held, task, avoid)
        )
        stack.callback(staging.close)
        session = stack.enter_context(
            Session(grant, cancel, me=parts.pod, throttles=parts.throttles, identity=parts.identity, wire=parts.wire)
        )
        disks = [(disk, _index(backend, item, disk, staging, session, meter, stack)) for disk in task.manifest.disks]
        for disk, _ in disks:
            _shared(backend, item, disk, staging)
        try:
            check_space(sum(max(0, _needed(disk, index) - _taken(disk, staging)) for disk, index in disks), staging)
        except Refused:
            if _roomier(backend, task, staging, held, sum(_needed(disk, index) for disk, index in disks)):
                backend.abandon(task.version, replica=task.replica)  # or the next attempt would be held to it
            raise
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
        arrived(meter)
        placed = backend.finalise(staging, item)
    crash_at("copy.renamed")
    replicas.supersede(backend, placed)
    return Made(placed, meter.network, meter.reused, rotten, meter.network_from)


def _able(task: Copy, capabilities: Collection[str]) -> None:
    """Raises Refused: the pod's hosts cannot do what the version asks for, whatever the hub took them for."""
    lacking = [name for name in task.capabilities if name not in capabilities]
    if task.gpu_types and not any(f"gpu.{name}" in capabilities for name in task.gpu_types):
        lacking.append(f"a GPU of {' or '.join(task.gpu_types)}")
    if lacking:
        raise refused("capability_missing", "stage", f"The pod's hosts do not have {', '.join(lacking)[:200]}")


def _present(backend: Backend, found: Placed, task: Copy, meter: Meter) -> Made | None:
    """The bytes are in the library: as the source, or from an attempt whose word got lost. None when they are found
    rotten at this moment, by a check that did not know of this copy."""
    item = replicas.named(found.item, task.copy)
    if item != found.item:
        found = backend.note(item, found.datastore)
        now = backend.find(task.version, found.datastore)
        if now is None or not now.intact:
            return None
    replicas.supersede(backend, found)
    meter.begin("copy", task.manifest.size)
    meter.add(done=task.manifest.size, reused=task.manifest.size)
    meter.end()
    return Made(found, 0, task.manifest.size)


def _taken_datastores(backend: Backend, held: Sequence[Placed], task: Copy, avoid: Collection[str]) -> set[str]:
    """The datastores on which the copy cannot be. Raises Refused: ``datastore_taken``, when one of them is asked for.

    Those to ``avoid`` are among them only while there are others.
    """
    taken = {placed.datastore for placed in held if replicas.other_replicas(placed.item, task.copy)}
    if task.datastore in taken:
        raise refused(
            "datastore_taken",
            "stage",
            f"Datastore {task.datastore} has another copy of the version",
            hint="Each copy of a version on a pod needs a datastore of its own.",
            retry=True,
        )
    free = {store.name for store in backend.datastores()} - taken
    return taken | set(avoid) if free - set(avoid) else taken


def _roomier(backend: Backend, task: Copy, staging: Staging, held: Sequence[Placed], needed: int) -> bool:
    """Whether the pod may choose another datastore, and has one with room for the whole copy."""
    taken = {placed.datastore for placed in held} | {staging.datastore}
    stores = backend.datastores() if task.datastore is None else ()
    return any(store.free >= needed + RESERVE for store in stores if store.name not in taken)


def _shared(backend: Backend, item: Item, disk: Disk, staging: Staging) -> None:
    """Share the blocks of a copy of the same disk on this pod, where the file system can; what is shared is read and
    verified like anything that an earlier attempt left."""
    name = data_name(disk.lun, disk.format)
    if _taken(disk, staging):
        return
    with _seeds(backend, item, disk) as seeds:
        same = next((seed for seed in seeds if same_disk(seed, disk)), None)
        if same is not None:
            backend.clone(same.fd, staging, name)


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
