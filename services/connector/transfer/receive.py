"""Making a disk from its chunks: what is a hole stays one, what lies here is taken from here, the rest is fetched.

Every chunk is verified in memory before it is written, wherever it came from. Nothing about progress is written down: a
staging file that an earlier try left is read again and what is right in it is kept, so a crash at any moment costs at
most what was under way.
"""

import os
from collections.abc import Sequence
from typing import Final

from connector.failures import Cancel
from connector.transfer import index as indexes
from connector.transfer.chunks import BATCH, DIGEST, buffer, digest, length, zero
from connector.transfer.holders import HolderFailed
from connector.transfer.index import Index, IndexInvalidError
from connector.transfer.plan import Kept, Plan
from connector.transfer.seeds import Seed, Seeds
from connector.transfer.session import Session
from connector.transfer.sparse import extents
from connector.transfer.worker import Tally, Worker
from connector.transfer.writer import DiskWriter
from contracts.manifest import CHUNK, Disk

THREADS: Final = 3
"""Two to four overlap receiving with writing; more gain nothing (data-plane.md 5)."""


def fetch_index(disk: Disk, target: int, session: Session, tally: Tally) -> Index:
    """The index of ``disk`` in the file ``target``, verified against its root; fetched unless it lies there already.

    Raises:
        Refused: no holder gave it.
        Cancelled: the session was cancelled.
    """
    try:
        return indexes.verified(target, disk.size, disk.root)
    except IndexInvalidError:
        os.ftruncate(target, 0)
    session.run([lambda: _ask_for_index(disk, target, session, tally)])
    return indexes.opened(target, disk.size)


def _ask_for_index(disk: Disk, target: int, session: Session, tally: Tally) -> None:
    connection, holders = session.connection(), session.holders
    try:
        while True:
            holder = holders.current()
            try:
                tally.add(network=connection.index(holder, disk, target))
                indexes.verified(target, disk.size, disk.root)
            except IndexInvalidError as error:
                holders.failed(holder, HolderFailed("index_invalid", str(error)))
            except HolderFailed as error:
                session.stop.pause(holders.failed(holder, error))
            else:
                holders.served(holder)
                return
            os.ftruncate(target, 0)
    finally:
        session.give_back(connection)


def receive(
    disk: Disk,
    index: Index,
    target: DiskWriter,
    session: Session,
    seeds: Sequence[Seed],
    tally: Tally,
    threads: int = THREADS,
) -> None:
    """Fill ``target`` with the chunks that ``index`` names, and make both durable.

    Raises:
        Refused: no holder gave a chunk; what is verified stays in the file.
        Cancelled: the session was cancelled; as above.
        OSError: reading or writing failed.
    """
    kept = Kept(index.chunks)
    if target.kept:
        _keep(index, target, kept, tally, session.cancel)
    plan = Plan(index, kept, Seeds(seeds))
    data = index.data_bytes()
    tally.add(done=disk.size - data)
    count = max(1, min(threads, -(-data // BATCH)))
    session.run([Worker(disk, plan, target, session, tally).run for _ in range(count)])
    target.sync()
    os.fsync(index.fd)


def _keep(index: Index, target: DiskWriter, kept: Kept, tally: Tally, cancel: Cancel) -> None:
    """Read what an earlier try left: right chunks are kept, a hole that is none is cleared, the rest comes again."""
    with buffer() as view:
        for begin, end, has_data in extents(target.fd, index.size):
            for at in range(begin, end if has_data else begin, BATCH):
                cancel.check()
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
