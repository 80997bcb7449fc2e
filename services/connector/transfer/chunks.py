"""Chunks: their size, their digests, and the buffers they are read into."""

import mmap
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from typing import Final

from blake3 import blake3

from contracts.manifest import CHUNK

DIGEST: Final = 32
"""Bytes of a BLAKE3 digest."""
BATCH: Final = 4 * 1024 * 1024
"""Bytes read, fetched or written at once; hashing gains from threads only at 1 MiB and more (data-plane.md 2)."""
ALIGN: Final = 4096
"""O_DIRECT wants offsets, lengths and buffers in multiples of the device's block."""
ZEROS: Final = bytes(1024 * 1024)


def count(size: int) -> int:
    """How many chunks a file of ``size`` bytes has."""
    return -(-size // CHUNK)


def length(size: int, chunk: int) -> int:
    """Bytes of chunk number ``chunk`` in a file of ``size`` bytes: the last one may be short."""
    return min(CHUNK, size - chunk * CHUNK)


def digest(data: bytes | memoryview) -> bytes:
    return blake3(data).digest()


@lru_cache(maxsize=16)
def zero(size: int) -> bytes:
    """The digest of a chunk of ``size`` zero bytes: such a chunk is a hole and never travels."""
    return digest(bytes(size))


@contextmanager
def buffer(size: int = BATCH) -> Iterator[memoryview]:
    """Memory that begins at a page, as O_DIRECT wants it, for the length of a block."""
    memory = mmap.mmap(-1, size)
    view = memoryview(memory)
    try:
        yield view
    finally:
        view.release()
        # An exception on its way may still hold pieces of it through its frames: then it goes with them.
        with suppress(BufferError):
            memory.close()
