"""The chunk index: a header and one BLAKE3 digest for each chunk, addressed by its root.

The root is BLAKE3 over the list of digests. It stands in the manifest, so an index from anywhere is believed exactly
when its list hashes to the root that was asked for. An index of 128 GiB has 64 MiB: it is read in slices, never whole.
"""

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from blake3 import blake3

from connector.transfer.chunks import DIGEST, count, length, zero
from contracts.manifest import CHUNK

_HEADER: Final = struct.Struct(">8sIIQQ32s")
MAGIC: Final = b"imprintx"
VERSION: Final = 1
HEADER: Final = _HEADER.size
"""Bytes before the first digest."""
SLICE: Final = 4096
"""Digests read at once: 128 KiB, for 256 MiB of the disk."""


class IndexInvalidError(Exception):
    """The file is not the index of this root."""


def index_size(size: int) -> int:
    """Bytes of the index of a file of ``size`` bytes."""
    return HEADER + count(size) * DIGEST


@dataclass(frozen=True)
class Index:
    """An open index file; ``fd`` belongs to whoever opened it."""

    fd: int
    size: int
    """Bytes of the file it describes."""

    @property
    def chunks(self) -> int:
        return count(self.size)

    def slices(self, first: int = 0) -> Iterator[tuple[int, bytes]]:
        """``(number of the first chunk, their digests one after the other)`` from chunk ``first`` on.

        Raises:
            IndexInvalidError: the file ends early.
        """
        for at in range(first, self.chunks, SLICE):
            wanted = min(SLICE, self.chunks - at) * DIGEST
            data = os.pread(self.fd, wanted, HEADER + at * DIGEST)
            if len(data) != wanted:
                raise IndexInvalidError("the index ends early")
            yield at, data

    def digests(self, first: int, number: int) -> bytes:
        """The digests of ``number`` chunks from ``first`` on."""
        return os.pread(self.fd, number * DIGEST, HEADER + first * DIGEST)

    def data_bytes(self) -> int:
        """Bytes of all chunks that are not holes."""
        holes = sum(data.count(zero(CHUNK)) for _, data in self.slices()) * CHUNK
        last = self.chunks - 1
        rest = length(self.size, last) if self.chunks else 0
        if rest != CHUNK and self.chunks and self.digests(last, 1) == zero(rest):
            holes += rest
        return self.size - holes


def opened(fd: int, size: int) -> Index:
    """The index in ``fd`` of a file of ``size`` bytes. Raises IndexInvalidError when its header says otherwise."""
    header = os.pread(fd, HEADER, 0)
    if len(header) != HEADER:
        raise IndexInvalidError("the index has no header")
    magic, version, chunk, found, chunks, _ = _HEADER.unpack(header)
    if magic != MAGIC or version != VERSION or chunk != CHUNK:
        raise IndexInvalidError("it is not an index of this version and chunk size")
    if found != size or chunks != count(size) or os.fstat(fd).st_size != index_size(size):
        raise IndexInvalidError("the index describes a file of another size")
    return Index(fd, size)


def verified(fd: int, size: int, root: str) -> Index:
    """As `opened`, and the root over the list of digests is recomputed and compared."""
    index = opened(fd, size)
    hasher = blake3()
    for _, data in index.slices():
        hasher.update(data)
    if hasher.hexdigest() != root:
        raise IndexInvalidError("its digests do not have the version's root")
    return index


class IndexWriter:
    """Writes an index from the first chunk to the last; the file is valid only after `finish`."""

    def __init__(self, fd: int, size: int) -> None:
        self._fd = fd
        self._size = size
        self._pending: list[bytes] = []
        self._hasher = blake3()
        self._at = HEADER
        self._chunks = 0

    def add(self, digests: bytes) -> None:
        """The digests of the next chunks, one after the other."""
        self._pending.append(digests)
        self._chunks += len(digests) // DIGEST
        if sum(map(len, self._pending)) >= SLICE * DIGEST:
            self._flush()

    def add_holes(self, chunks: int) -> None:
        """The next ``chunks`` whole chunks are holes."""
        while chunks:
            some = min(chunks, SLICE)
            self.add(zero(CHUNK) * some)
            chunks -= some

    def finish(self) -> str:
        """Write the header, make the file durable; the root in hex. Raises ValueError when chunks are missing."""
        self._flush()
        if self._chunks != count(self._size):
            raise ValueError(f"{self._chunks} digests for {count(self._size)} chunks")
        root = self._hasher.digest()
        _write(self._fd, _HEADER.pack(MAGIC, VERSION, CHUNK, self._size, self._chunks, root), 0)
        os.fsync(self._fd)
        return root.hex()

    def _flush(self) -> None:
        data = b"".join(self._pending)
        self._pending.clear()
        self._hasher.update(data)
        _write(self._fd, data, self._at)
        self._at += len(data)


def _write(fd: int, data: bytes, offset: int) -> None:
    view = memoryview(data)
    while view:
        written = os.pwrite(fd, view, offset)
        view, offset = view[written:], offset + written
