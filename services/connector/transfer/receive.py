"""Making a disk from its chunks: what is a hole stays one, what lies here is taken from here, the rest is fetched.

Every chunk is verified in memory before it is written, wherever it came from. Nothing about progress is written down: a
staging file that an earlier try left is read again and what is right in it is kept, so a crash at any moment costs at
most what was under way.
"""

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import Final

from connector.failures import Cancelled
from connector.transfer import index as indexes
from connector.transfer.chunks import BATCH, DIGEST, buffer, digest, length, zero
from connector.transfer.client import Connection
from connector.transfer.holders import HolderFailed, Holders
from connector.transfer.index import Index, IndexInvalidError
from connector.transfer.plan import Kept, Plan
from connector.transfer.seeds import Seed, Seeds
from connector.transfer.sparse import extents
from connector.transfer.worker import Tally, Worker, pause
from connector.transfer.writer import DiskWriter
from contracts.manifest import CHUNK, Disk

THREADS: Final = 3
"""Two to four overlap receiving with writing; more gain nothing (data-plane.md 5)."""


def fetch_index(disk: Disk, target: int, holders: Holders, ticket: str, tally: Tally, cancel: threading.Event) -> Index:
    """The index of ``disk`` in the file ``target``, verified against its root; fetched unless it lies there already.

    Raises:
        Refused: no holder gave it.
        Cancelled: ``cancel`` was set.
    """
    try:
        return indexes.verified(target, disk.size, disk.root)
    except IndexInvalidError:
        os.ftruncate(target, 0)
    stop = threading.Event()
    connection = Connection(ticket, stop)
    _watched([lambda: _ask_for_index(disk, target, holders, connection, tally, stop)], [connection], stop, cancel)
    return indexes.opened(target, disk.size)


def _ask_for_index(
    disk: Disk, target: int, holders: Holders, connection: Connection, tally: Tally, stop: threading.Event
) -> None:
    try:
        while True:
            holder = holders.current()
            try:
                tally.add(network=connection.index(holder, disk, target))
                indexes.verified(target, disk.size, disk.root)
            except IndexInvalidError as error:
                holders.failed(holder, HolderFailed("index_invalid", str(error)))
            except HolderFailed as error:
                pause(holders.failed(holder, error), stop)
            else:
                holders.served(holder)
                os.fsync(target)
                return
            os.ftruncate(target, 0)
    finally:
        connection.close()


def receive(
    disk: Disk,
    index: Index,
    target: DiskWriter,
    holders: Holders,
    ticket: str,
    seeds: Sequence[Seed],
    tally: Tally,
    cancel: threading.Event,
    threads: int = THREADS,
) -> None:
    """Fill ``target`` with the chunks that ``index`` names and make it durable.

    Raises:
        Refused: no holder gave a chunk; what is verified stays in the file.
        Cancelled: ``cancel`` was set; as above.
        OSError: reading or writing failed.
    """
    kept = Kept(index.chunks)
    if target.kept:
        _keep(index, target, kept, tally, cancel)
    plan = Plan(index, kept, Seeds(seeds))
    data = index.data_bytes()
    tally.add(done=disk.size - data)
    stop = threading.Event()
    count = max(1, min(threads, -(-data // BATCH)))
    workers = [Worker(disk, plan, target, holders, Connection(ticket, stop), tally, stop) for _ in range(count)]
    _watched([worker.run for worker in workers], [worker.connection for worker in workers], stop, cancel)
    target.sync()


def _watched(
    jobs: Sequence[Callable[[], None]],
    connections: Sequence[Connection],
    stop: threading.Event,
    cancel: threading.Event,
) -> None:
    """Run ``jobs`` in threads; when one fails or ``cancel`` is set all stop at once, also those waiting for bytes."""
    with ThreadPoolExecutor(len(jobs), thread_name_prefix="fetch") as pool:
        futures = [pool.submit(job) for job in jobs]
        pending = set(futures)
        while pending:
            done, pending = wait(pending, timeout=0.25, return_when=FIRST_EXCEPTION)
            if cancel.is_set() or any(future.exception() for future in done):
                stop.set()
                for connection in connections:
                    connection.interrupt()
    if cancel.is_set():
        raise Cancelled
    errors = [error for future in futures if (error := future.exception()) is not None]
    for error in sorted(errors, key=lambda error: isinstance(error, Cancelled)):
        raise error  # the first that is a cause, not a consequence


def _keep(index: Index, target: DiskWriter, kept: Kept, tally: Tally, cancel: threading.Event) -> None:
    """Read what an earlier try left: right chunks are kept, a hole that is none is cleared, the rest comes again."""
    with buffer() as view:
        for begin, end, has_data in extents(target.fd, index.size):
            for at in range(begin, end if has_data else begin, BATCH):
                if cancel.is_set():
                    raise Cancelled
                some = os.preadv(target.fd, [view[: min(BATCH, end - at)]], at)
                reused = _compare(index, view[:some], at, target, kept)
                tally.add(done=reused, reused=reused)


def _compare(index: Index, view: memoryview, at: int, target: DiskWriter, kept: Kept) -> int:
    first, number = at // CHUNK, -(-len(view) // CHUNK)
    wanted = index.digests(first, number)
    reused = 0
    for chunk in range(first, first + number):
        size = length(index.size, chunk)
        offset = (chunk - first) * CHUNK
        expected = wanted[(chunk - first) * DIGEST :][:DIGEST]
        found = digest(view[offset : offset + size])
        if expected == zero(size):
            if found != expected:
                target.clear(chunk * CHUNK, size)
        elif found == expected:
            kept.add(chunk)
            reused += size
    return reused
