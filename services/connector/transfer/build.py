"""Reading a source once: its copy, its chunk index and its SHA-256 come out of the same pass.

SHA-256 is the slowest part by far, so it has a thread of its own, as has writing; this one reads and makes the chunk
digests. Each batch is dealt with by all three before its buffer is used again. Holes are hashed from memory and stay
holes; in the index they cost nothing.
"""

import hashlib
import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

from connector.failures import Cancel, refused
from connector.transfer.chunks import ZEROS, buffer, digests, placed
from connector.transfer.grid import SPAN, Grid
from connector.transfer.indexing import IndexWriter
from connector.transfer.sparse import extents
from connector.transfer.writer import DiskWriter

STEP: Final = "read"
RING: Final = 4
"""Buffers: one is read into while SHA-256 and the disk still work on the others."""
HOLE_STEP: Final = 64 * SPAN
"""Chunks of a hole that are hashed between two looks at the cancel flag."""


@dataclass(frozen=True)
class Built:
    """What a pass found; digests in hex."""

    root: str
    sha256: str


def build(
    source: int,
    grid: Grid,
    index: int,
    target: DiskWriter | None,
    advance: Callable[[int], None],
    cancel: Cancel,
) -> Built:
    """Index the file behind ``source``, cut by ``grid``, and write its chunks to ``target`` when there is one.

    ``advance`` is told the bytes dealt with. Neither file descriptor is closed; the index is durable on return.

    Raises:
        Refused: ``file_changed`` when the source was written to meanwhile.
        Cancelled: ``cancel`` was set.
        OSError: reading or writing failed.
    """
    before = os.fstat(source)
    if before.st_size != grid.size:
        raise _changed()
    with ExitStack() as stack:
        pass_ = stack.enter_context(_Pass(source, IndexWriter(index, grid), target))
        for first, end, has_data in _batches(source, grid):
            cancel.check()
            cuts = grid.cuts(first, end) if has_data else [grid.begin(first), grid.begin(end)]
            if has_data:
                pass_.data(cuts)
            else:
                pass_.hole(cuts[-1] - cuts[0], end - first)
            advance(cuts[-1] - cuts[0])
        built = pass_.finish()
    after = os.fstat(source)
    if (after.st_size, after.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
        raise _changed()
    return built


def _batches(source: int, grid: Grid) -> Iterator[tuple[int, int, bool]]:
    """The file as ``(first chunk, end, has_data)``: data span by span, holes in longer steps."""
    for begin, end, has_data in extents(source, grid):
        chunk, last = grid.chunk_at(begin), grid.chunk_at(end)
        step = SPAN if has_data else HOLE_STEP
        while chunk < last:
            until = min(chunk - chunk % step + step, last)
            yield chunk, until, has_data
            chunk = until


class _Pass(ExitStack):
    """The threads and buffers of one pass; leaving it waits for what they still do."""

    def __init__(self, source: int, index: IndexWriter, target: DiskWriter | None) -> None:
        super().__init__()
        self._source = source
        self._index = index
        self._target = target
        self._sha = hashlib.sha256()
        self._views = [self.enter_context(buffer()) for _ in range(RING)]
        self._busy: list[list[Future[Any]]] = [[] for _ in range(RING)]
        self._turn = 0
        self._hashing, self._writing = (ThreadPoolExecutor(1, thread_name_prefix=name) for name in ("sha256", "write"))
        for pool in (self._hashing, self._writing):
            self.callback(pool.shutdown, wait=True, cancel_futures=True)

    def data(self, cuts: list[int]) -> None:
        """The chunks between ``cuts``, no more than a span of them."""
        busy, room = self._next()
        view = placed(room, cuts[0])[: cuts[-1] - cuts[0]]
        read = 0
        while read < len(view):
            got = os.preadv(self._source, [view[read:]], cuts[0] + read)
            if got == 0:
                raise _changed()
            read += got
        busy.append(self._hashing.submit(self._sha.update, view))
        found = digests(view, cuts)
        if self._target is not None:
            busy.append(self._writing.submit(_write, self._target, view, cuts, found))
        self._index.add(found)

    def hole(self, size: int, chunks: int) -> None:
        busy, _ = self._next()
        busy.append(self._hashing.submit(self._zeros, size))
        self._index.skip(chunks)

    def finish(self) -> Built:
        for _ in range(RING):
            self._next()
        return Built(self._index.finish(), self._sha.hexdigest())

    def _next(self) -> tuple[list[Future[Any]], memoryview]:
        """The buffer that was used longest ago, when all is done with it, and where to note what is done next."""
        turn = self._turn = (self._turn + 1) % RING
        for future in self._busy[turn]:
            future.result()
        self._busy[turn].clear()
        return self._busy[turn], self._views[turn]

    def _zeros(self, size: int) -> None:
        view = memoryview(ZEROS)
        for at in range(0, size, len(ZEROS)):
            self._sha.update(view[: min(len(ZEROS), size - at)])


def _write(target: DiskWriter, view: memoryview, cuts: list[int], found: list[bytes | None]) -> None:
    """Write the runs of chunks that are not zero, and leave the others."""
    for zero, run in groupby(range(len(found)), lambda number: found[number] is None):
        numbers = list(run)
        begin, end = cuts[numbers[0]], cuts[numbers[-1] + 1]
        if zero:
            target.leave(begin, end - begin)
        else:
            target.write(view[begin - cuts[0] : end - cuts[0]], begin)


def _changed() -> Exception:
    return refused("file_changed", STEP, retry=True)
