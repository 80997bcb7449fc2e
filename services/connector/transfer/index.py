"""The chunk index: which chunks of a disk hold data, and their BLAKE3 digests, addressed by its root.

Three parts: a header; a table with an entry for each span that is not all zero (its number, a bitmap of its chunks with
data, BLAKE3 over their digests); the digests. The table is held against the root, and each span's digests against their
hash in the table: a pod that knows the table fetches only the digests of spans that it has nowhere else. Zeros cost
nothing.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from blake3 import blake3

from connector.transfer.bits import ones, set_bits
from connector.transfer.chunks import DIGEST
from connector.transfer.grid import SPAN, Grid, grid_of
from connector.transfer.table import (
    ENTRY,
    HEADER,
    IndexInvalidError,
    Span,
    Table,
    check_header,
    head_size,
    parse_head,
    size_for,
    size_of,
)
from contracts.manifest import Disk

__all__ = [
    "ENTRY",
    "HEADER",
    "SLICE",
    "Index",
    "IndexInvalidError",
    "Span",
    "Table",
    "check_header",
    "fits",
    "head_size",
    "opened",
    "parse_head",
    "size_for",
    "size_of",
    "verified",
]

SLICE: Final = 4096
"""Digests read at once: 128 KiB, for 256 MiB of data."""


@dataclass(frozen=True)
class Index:
    """An open index file; ``fd`` belongs to whoever opened it. Methods may be called by any thread.

    Everything that reads digests raises IndexInvalidError when the file ends early.
    """

    fd: int
    grid: Grid
    table: Table

    @property
    def size(self) -> int:
        """Bytes of the file it describes."""
        return self.grid.size

    @property
    def chunks(self) -> int:
        return self.grid.chunks

    def data_bytes(self) -> int:
        """Bytes of all chunks that are not zero."""
        begin = self.grid.begin
        return sum(
            begin(span.number * SPAN + to) - begin(span.number * SPAN + from_)
            for span in self.table.spans()
            for from_, to in ones(span.bits)
        )

    def span(self, number: int) -> Span | None:
        """Span ``number``; None when it is all zero."""
        return self.table.find(number)

    def digest(self, chunk: int) -> bytes | None:
        """The digest of a chunk; None when it is zero."""
        where = self.table.where(chunk)
        return None if where is None else self._read(where, 1)

    def digests(self, first: int, end: int) -> list[bytes | None]:
        """The digests of the chunks from ``first`` up to ``end``; None for a zero chunk."""
        found: list[bytes | None] = [None] * (end - first)
        for span in self.table.spans(first // SPAN):
            begin = span.number * SPAN
            if begin >= end:
                break
            data = self.span_digests(span)
            for number, chunk in enumerate(set_bits(span.bits, begin)):
                if first <= chunk < end:
                    found[chunk - first] = data[number * DIGEST : (number + 1) * DIGEST]
        return found

    def following(self, chunk: int, most: int) -> bytes:
        """The digests of ``chunk`` and of those after it up to the first zero chunk, ``most`` at the most."""
        where = self.table.where(chunk)
        return b"" if where is None else self._read(where, self.table.neighbours(chunk, most))

    def span_digests(self, span: Span) -> bytes:
        """The digests of the chunks of ``span`` that hold data."""
        return self._read(span.first, span.chunks)

    def runs(self, first: int = 0) -> Iterator[tuple[int, bytes]]:
        """``(first chunk, digests)`` of neighbouring chunks with data, from ``first`` on, never longer than a slice."""
        begin = end = where = 0
        for span in self.table.spans(first // SPAN):
            at = span.first
            for from_, to in ones(span.bits):
                here, until = span.number * SPAN + from_, span.number * SPAN + to
                skipped = min(max(first - here, 0), to - from_)
                if here + skipped < until:
                    if here + skipped != end or until - begin > SLICE:
                        if end > begin:
                            yield begin, self._read(where, end - begin)
                        begin, where = here + skipped, at + skipped
                    end = until
                at += to - from_
        if end > begin:
            yield begin, self._read(where, end - begin)

    def _read(self, where: int, number: int) -> bytes:
        data = os.pread(self.fd, number * DIGEST, HEADER + len(self.table) * ENTRY + where * DIGEST)
        if len(data) != number * DIGEST:
            raise IndexInvalidError("the index ends early")
        return data


def opened(fd: int, disk: Disk) -> Index:
    """The index of ``disk`` in ``fd``, its table verified against the root. Raises IndexInvalidError."""
    header = os.pread(fd, HEADER, 0)
    check_header(header, disk)
    if os.fstat(fd).st_size != size_of(header):
        raise IndexInvalidError("the index file has another length")
    return Index(fd, grid_of(disk), parse_head(os.pread(fd, head_size(header), 0), disk))


def verified(fd: int, disk: Disk) -> Index:
    """As `opened`, and every span's digests are held against the table."""
    index = opened(fd, disk)
    for span in index.table.spans():
        if blake3(index.span_digests(span)).digest() != span.hash:
            raise IndexInvalidError(f"the digests of span {span.number} are not those of the version")
    return index


def fits(fd: int, disk: Disk) -> bool:
    """Whether header and length of the file are those of an index of ``disk``; its content is not looked at."""
    header = os.pread(fd, HEADER, 0)
    try:
        check_header(header, disk)
    except IndexInvalidError:
        return False
    return os.fstat(fd).st_size == size_of(header)
