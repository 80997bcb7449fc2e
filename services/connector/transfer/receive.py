"""Making a disk from its chunks: what is a hole stays one, what lies here is taken from here, the rest is fetched.

Every chunk is verified in memory before it is written, wherever it came from. The index that names it was verified down
from the root, so when each chunk that it names is here, the list of what is here has the root: that is the root
recomputed. Nothing about progress is written down: a staging file that an earlier try left is read again and what is
right in it is kept, so a crash at any moment costs at most what was under way.
"""

import errno
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import Final

from connector.failures import Cancel, refused
from connector.transfer.chunks import BATCH, DIGEST, buffer, digests
from connector.transfer.fetching import Fetching
from connector.transfer.grid import SPAN
from connector.transfer.index import Index
from connector.transfer.plan import Kept
from connector.transfer.readback import wrong_chunks
from connector.transfer.receiving import Receiving
from connector.transfer.scout import Scout
from connector.transfer.seeds import Seed
from connector.transfer.session import Session
from connector.transfer.sparse import extents
from connector.transfer.worker import Tally, Worker
from connector.transfer.writer import DiskWriter
from contracts.manifest import Disk

THREADS: Final = 3
"""Two to four overlap receiving with writing; more gain nothing (data-plane.md 5)."""
SCOUTS: Final = 2
"""A peer that does not answer holds up one of them."""
STEP: Final = "readback"


def receive(
    disk: Disk,
    index: Index,
    target: DiskWriter,
    session: Session,
    seeds: Sequence[Seed],
    tally: Tally,
    receiving: Receiving,
    stack: ExitStack,
    *,
    threads: int = THREADS,
    readback: bool = False,
) -> int:
    """Fill ``target`` with the chunks that ``index`` names, and make both durable; rotten chunks seen in ``seeds``.

    Its space was taken by `reserve`, before the first byte of any disk of the version. What has arrived is offered to
    peers through ``receiving`` until ``stack`` closes. With ``readback`` the file is read again at the end, from the
    disk where that is possible, and chunks that are not right come once more.

    Raises:
        Refused: no holder gave a chunk, or the disk does not keep what is written to it (``io_error``); what is
            verified stays in the file.
        Cancelled: the session was cancelled; as above.
        OSError: reading or writing failed.
    """
    kept = Kept()
    if target.kept:
        _keep(index, target, kept, tally, session.cancel)
    reception = receiving.add(disk.root, target.fd, index.fd, disk.size, index.grid.spans, index.grid.span_at, stack)
    reception.begin(span.number for span in index.table.spans() if span.bits & ~kept.of(span.number))
    data = index.data_bytes()
    tally.add(done=disk.size - data)
    count = max(1, min(threads, -(-data // BATCH)))

    def fill(seeds: Sequence[Seed]) -> Fetching:
        reception.begin(span.number for span in index.table.spans() if span.bits & ~kept.of(span.number))
        fetching = Fetching(disk, index, kept, seeds, session, count, reception.mark)
        workers = [Worker(fetching, target, tally).run for _ in range(count)]
        session.run([*workers, *(Scout(fetching).run for _ in range(SCOUTS))])
        target.sync()
        return fetching

    rotten = fill(seeds).rotten if data else 0
    if not data:
        target.sync()  # what an earlier try left in its holes was cleared
    if readback and (wrong := list(wrong_chunks(target.fd, index, session.cancel))):
        for chunk in wrong:
            kept.drop(chunk)
            tally.add(done=-index.grid.length(chunk))
        fill(())
        if wrong := list(wrong_chunks(target.fd, index, session.cancel)):
            raise refused("io_error", STEP, f"Disk {disk.lun}: {len(wrong)} chunks are not what was written, twice")
    os.fsync(index.fd)
    return rotten


def reserve(disk: Disk, index: Index, target: DiskWriter) -> None:
    """Take the space of a disk before its first byte: of all of it when the source had no holes, else of its data.

    Raises:
        Refused: ``no_space`` or ``quota_exceeded``; nothing is taken then, but for what an earlier try left.
        OSError: the file system failed.
    """
    if disk.preallocated:
        target.preallocate()
    else:
        target.reserve(_data(index))


def _data(index: Index) -> Iterator[tuple[int, int]]:
    """Where the disk has data, as ranges of bytes that do not touch."""
    begin = end = 0
    for first, found in index.runs():
        here, until = index.grid.begin(first), index.grid.begin(first + len(found) // DIGEST)
        if here != end:
            if end > begin:
                yield begin, end
            begin = here
        end = until
    if end > begin:
        yield begin, end


def _keep(index: Index, target: DiskWriter, kept: Kept, tally: Tally, cancel: Cancel) -> None:
    """Read what an earlier try left: right chunks are kept, a hole that is none is cleared, the rest comes again."""
    grid = index.grid
    with buffer() as view:
        for begin, end, has_data in extents(target.fd, grid):
            chunk, last = grid.chunk_at(begin), grid.chunk_at(end) if has_data else 0
            while chunk < last:
                cancel.check()
                until = min(chunk + SPAN, last)
                cuts = grid.cuts(chunk, until)
                reused = _compare(index, _read(target.fd, view, cuts), chunk, cuts, target, kept)
                tally.add(done=reused, reused=reused)
                chunk = until


def _read(fd: int, view: memoryview, cuts: list[int]) -> list[bytes | None]:
    """The digests of the chunks between ``cuts``; of what the disk cannot read any more one that no chunk has."""
    try:
        some = os.preadv(fd, [view[: cuts[-1] - cuts[0]]], cuts[0])
    except OSError as error:
        if error.errno != errno.EIO:
            raise
        return [b""] * (len(cuts) - 1)
    return digests(view[:some], cuts)


def _compare(
    index: Index, found: list[bytes | None], first: int, cuts: list[int], target: DiskWriter, kept: Kept
) -> int:
    wanted = index.digests(first, first + len(cuts) - 1)
    reused = 0
    for number, (expected, here) in enumerate(zip(wanted, found, strict=True)):
        size = cuts[number + 1] - cuts[number]
        if expected is None:
            if here is not None:
                target.clear(cuts[number], size)
        elif here == expected:
            kept.add(first + number)
            reused += size
    return reused
