"""Chunks: their digests, and the buffers they are read into."""

import mmap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from itertools import pairwise
from typing import Final

from blake3 import blake3

DIGEST: Final = 32
"""Bytes of a BLAKE3 digest."""
BATCH: Final = 4 * 1024 * 1024
"""Bytes read, fetched or written at once; hashing gains from threads only at 1 MiB and more (data-plane.md 2)."""
ALIGN: Final = 4096
"""O_DIRECT wants offsets, lengths and buffers in multiples of the device's block."""
ROOM: Final = BATCH + ALIGN
"""Bytes of a buffer in which a batch from any offset can be `placed`."""
ZEROS: Final = bytes(1024 * 1024)


def digest(data: bytes | memoryview) -> bytes:
    return blake3(data).digest()


def digests(view: memoryview, cuts: Sequence[int]) -> list[bytes | None]:
    """The digests of the chunks of ``view``, which begins at ``cuts[0]``; None for a chunk that is all zero."""
    base = cuts[0]
    found: list[bytes | None] = []
    for begin, end in pairwise(cuts):
        one = blake3(view[begin - base : end - base]).digest()
        found.append(None if one == zero(end - begin) else one)
    return found


@lru_cache(maxsize=64)
def zero(size: int) -> bytes:
    """The digest of a chunk of ``size`` zero bytes: such a chunk is a hole and never travels."""
    return digest(bytes(size))


@contextmanager
def buffer(size: int = ROOM) -> Iterator[memoryview]:
    """Memory that begins at a page, for the length of a block."""
    memory = mmap.mmap(-1, size)
    view = memoryview(memory)
    try:
        yield view
    finally:
        view.release()
        # An exception on its way may still hold pieces of it through its frames: then it goes with them.
        with suppress(BufferError):
            memory.close()


def placed(view: memoryview, offset: int) -> memoryview:
    """Where in a `buffer` to receive what belongs at ``offset`` of a file.

    Its address is congruent to the offset modulo ALIGN, so that the whole blocks of it can be written past the page
    cache: O_DIRECT wants both on a block.
    """
    return view[offset % ALIGN :]
