"""zstd for a door: ranges compressed in a few threads, in bounded memory, and declined when that does not pay."""

import asyncio
import os
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Final

import zstandard

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
    async def pressed(self, fd: int, begin: int, end: int) -> AsyncIterator[memoryview | None]:
        """The range as one zstd frame, kept for the block; None when it does not shrink or there is no room.

        Raises OSError when the file cannot be read or ends early.
        """
        reserved = end - begin
        if self._queued >= QUEUED or self._memory + reserved > MEMORY:
            yield None
            return
        self._memory += reserved
        try:
            self._queued += 1
            work = asyncio.get_running_loop().run_in_executor(self._pool, _compressed, fd, begin, end)
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


def _compressed(fd: int, begin: int, end: int) -> bytes | None:
    packer = zstandard.ZstdCompressor(level=LEVEL).compressobj(size=end - begin)
    at = min(begin + FIRST, end)
    parts = [packer.compress(_read(fd, begin, at)), packer.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)]
    if sum(map(len, parts)) > SHRINKS * (at - begin):
        return None
    while at < end:
        until = min(at + _PIECE, end)
        parts.append(packer.compress(_read(fd, at, until)))
        at = until
    parts.append(packer.flush())
    return b"".join(parts) if sum(map(len, parts)) < end - begin else None


def _read(fd: int, begin: int, end: int) -> bytes:
    data = os.pread(fd, end - begin, begin)
    if len(data) != end - begin:
        raise OSError("the file ends early")
    return data
