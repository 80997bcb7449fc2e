"""zstd for a door: ranges compressed in a few threads, in bounded memory, and declined when that does not pay."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Final

import zstandard

from connector.transfer.parts import Range

LEVEL: Final = 1
"""750 MB/s for each core; higher ones gain 2 to 6 % (data-plane.md 2, 3)."""
THREADS: Final = 2
QUEUED: Final = 4
"""Ranges in work or waiting for it; more are sent plain."""
MEMORY: Final = 24 * 1024 * 1024
"""Bytes of compressed ranges that are being sent or made, for all readers together."""
FIRST: Final = 128 * 1024
"""Bytes by which it is judged whether a range shrinks."""
SHRINKS: Final = 0.95
_PIECE: Final = 512 * 1024


class Press:
    """Compresses ranges of files. Used in one loop."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="press")
        self._queued = 0
        self._memory = 0

    @asynccontextmanager
    async def pressed(self, fd: int, ranges: Sequence[Range]) -> AsyncIterator[memoryview | None]:
        """The ranges as one zstd frame, kept for the block; None when they do not shrink or there is no room.

        Raises OSError when the file cannot be read or ends early.
        """
        reserved = sum(end - begin for begin, end in ranges)
        if self._queued >= QUEUED or self._memory + reserved > MEMORY:
            yield None
            return
        self._memory += reserved
        try:
            self._queued += 1
            work = asyncio.get_running_loop().run_in_executor(self._pool, _compressed, fd, ranges)
            try:
                found = await asyncio.shield(work)
            except asyncio.CancelledError:
                await asyncio.wait([work])  # the file is in use until then
                raise
            finally:
                self._queued -= 1
            kept = len(found) if found is not None else 0
            self._memory -= reserved - kept
            reserved = kept
            yield memoryview(found) if found is not None else None
        finally:
            self._memory -= reserved

    def close(self) -> None:
        self._pool.shutdown()


def _compressed(fd: int, ranges: Sequence[Range]) -> bytes | None:
    size = sum(end - begin for begin, end in ranges)
    packer = zstandard.ZstdCompressor(level=LEVEL).compressobj(size=size)
    packed: list[bytes] = []
    fed, judged = 0, False
    for begin, end in _pieces(ranges):
        packed.append(packer.compress(_read(fd, begin, end)))
        fed += end - begin
        if not judged and fed >= min(FIRST, size):
            judged = True
            packed.append(packer.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK))
            if sum(map(len, packed)) > SHRINKS * fed:
                return None
    packed.append(packer.flush())
    return b"".join(packed) if sum(map(len, packed)) < size else None


def _pieces(ranges: Sequence[Range]) -> Iterator[Range]:
    """The ranges in pieces to be read at once: the first ones small, to judge by."""
    fed = 0
    for begin, end in ranges:
        while begin < end:
            until = min(begin + (FIRST - fed if fed < FIRST else _PIECE), end)
            yield begin, until
            fed, begin = fed + until - begin, until


def _read(fd: int, begin: int, end: int) -> bytes:
    data = os.pread(fd, end - begin, begin)
    if len(data) != end - begin:
        raise OSError("the file ends early")
    return data
