"""Reading a source once: its copy, its chunk index and its SHA-256 come out of the same pass.

SHA-256 is the slowest part by far, so it runs in a thread of its own over batches of 4 MiB while this one reads, makes
the chunk digests and writes. Holes are hashed from memory and stay holes.
"""

import hashlib
import os
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Final

from connector.failures import Cancel, refused
from connector.transfer.chunks import BATCH, ZEROS, buffer, count, digest, zero
from connector.transfer.index import IndexWriter
from connector.transfer.sparse import extents
from connector.transfer.writer import DiskWriter
from contracts.manifest import CHUNK

STEP: Final = "read"
RING: Final = 3
"""Buffers: one is read into while SHA-256 still works on the others."""
HOLE_STEP: Final = 64 * CHUNK * 64
"""Bytes of a hole that are hashed between two looks at the cancel flag."""


@dataclass(frozen=True)
class Built:
    """What a pass found; digests in hex."""

    root: str
    sha256: str


def build(
    source: int,
    size: int,
    index: int,
    target: DiskWriter | None,
    advance: Callable[[int], None],
    cancel: Cancel,
) -> Built:
    """Index the file behind ``source``, and write its chunks to ``target`` when there is one.

    ``advance`` is told the bytes dealt with. Neither file descriptor is closed; the index is durable on return.

    Raises:
        Refused: ``file_changed`` when the source was written to meanwhile.
        Cancelled: ``cancel`` was set.
        OSError: reading or writing failed.
    """
    before = os.fstat(source)
    if before.st_size != size:
        raise _changed()
    pass_ = _Pass(source, size, IndexWriter(index, size), target)
    try:
        for begin, end, has_data in extents(source, size):
            at = begin
            while at < end:
                cancel.check()
                some = min(end - at, BATCH if has_data else HOLE_STEP)
                if has_data:
                    pass_.data(at, some)
                else:
                    pass_.hole(some)
                at += some
                advance(some)
        built = pass_.finish()
    finally:
        pass_.close()
    after = os.fstat(source)
    if (after.st_size, after.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
        raise _changed()
    return built


class _Pass:
    def __init__(self, source: int, size: int, index: IndexWriter, target: DiskWriter | None) -> None:
        self._source = source
        self._size = size
        self._index = index
        self._target = target
        self._sha = hashlib.sha256()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="sha256")
        self._memory = ExitStack()
        room = min(BATCH, max(CHUNK, count(size) * CHUNK))
        self._buffers = [self._memory.enter_context(buffer(room)) for _ in range(RING)]
        self._busy: deque[Future[Any]] = deque()
        self._turn = 0

    def data(self, at: int, some: int) -> None:
        self._wait(RING - 1)
        view = self._buffers[self._turn % RING][:some]
        self._turn += 1
        read = 0
        while read < some:
            got = os.preadv(self._source, [view[read:]], at + read)
            if got == 0:
                raise _changed()
            read += got
        self._busy.append(self._pool.submit(self._sha.update, view))
        digests = [digest(view[offset : offset + CHUNK]) for offset in range(0, some, CHUNK)]
        self._index.add(b"".join(digests))
        if self._target is not None:
            self._write(self._target, view, digests, at)

    def hole(self, some: int) -> None:
        self._wait(RING - 1)
        self._busy.append(self._pool.submit(self._zeros, some))
        self._index.add_holes(some // CHUNK)
        if rest := some % CHUNK:
            self._index.add(zero(rest))

    def finish(self) -> Built:
        self._wait(0)
        return Built(self._index.finish(), self._sha.hexdigest())

    def close(self) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._busy.clear()
        self._memory.close()

    def _wait(self, most: int) -> None:
        while len(self._busy) > most:
            self._busy.popleft().result()

    def _zeros(self, some: int) -> None:
        view = memoryview(ZEROS)
        for at in range(0, some, len(ZEROS)):
            self._sha.update(view[: min(len(ZEROS), some - at)])

    @staticmethod
    def _write(target: DiskWriter, view: memoryview, digests: list[bytes], at: int) -> None:
        """Write the runs of chunks that are not all zero."""
        begin = 0
        for number, found in enumerate([*digests, None]):
            offset = number * CHUNK
            if found is None or found == zero(min(CHUNK, len(view) - offset)):
                if begin < min(offset, len(view)):
                    target.write(view[begin:offset], at + begin)
                begin = offset + CHUNK


def _changed() -> Exception:
    return refused(
        "file_changed",
        STEP,
        retry=True,
    )
