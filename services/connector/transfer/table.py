"""The head of a chunk index: its header, and the table of the spans that hold data.

The root is BLAKE3 over size, grid and table, and stands in the manifest. So a head from anywhere is believed exactly
when it has the root.
"""

import struct
from array import array
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from blake3 import blake3

from connector.failures import Refused
from connector.transfer.bits import trailing
from connector.transfer.chunks import DIGEST
from connector.transfer.grid import SPAN, Grid, grid_of
from contracts.manifest import CHUNK, Disk

_HEADER: Final = struct.Struct(">8sIIQQQQ")
_ENTRY: Final = struct.Struct(">IQ32s")
_SHAPE: Final = struct.Struct(">QQQQ")
MAGIC: Final = b"imprintx"
VERSION: Final = 2
CONTEXT: Final = b"imprint index 2\0"
HEADER: Final = _HEADER.size
ENTRY: Final = _ENTRY.size
SLICE: Final = 4096
"""Entries packed at once."""


class IndexInvalidError(Exception):
    """The bytes are not the index of this disk."""


@dataclass(frozen=True, slots=True)
class Span:
    """A span with data. Its digests lie at ``offset`` of the index file, one after the other."""

    number: int
    bits: int
    """A bit for each chunk of the span that holds data, the least significant for its first."""
    hash: bytes
    """BLAKE3 over its digests."""
    first: int
    """How many digests come before its own."""
    offset: int

    @property
    def chunks(self) -> int:
        return self.bits.bit_count()

    @property
    def length(self) -> int:
        """Bytes of its digests."""
        return self.chunks * DIGEST


class Table:
    """The entries of an index by span: 48 bytes of memory for each span with data."""

    def __init__(self) -> None:
        self._numbers = array("I")
        self._bits = array("Q")
        self._firsts = array("I")
        self._hashes = bytearray()
        self.digests = 0

    def __len__(self) -> int:
        return len(self._numbers)

    def add(self, number: int, bits: int, hash: bytes) -> None:
        self._numbers.append(number)
        self._bits.append(bits)
        self._firsts.append(self.digests)
        self._hashes += hash
        self.digests += bits.bit_count()

    def at(self, place: int) -> Span:
        """The entry at ``place``, which is not the span's number."""
        first = self._firsts[place]
        return Span(
            number=self._numbers[place],
            bits=self._bits[place],
            hash=bytes(self._hashes[place * DIGEST : (place + 1) * DIGEST]),
            first=first,
            offset=HEADER + len(self) * ENTRY + first * DIGEST,
        )

    def find(self, number: int) -> Span | None:
        """The entry of span ``number``; None when it is all zero."""
        place = bisect_left(self._numbers, number)
        return self.at(place) if place < len(self) and self._numbers[place] == number else None

    def where(self, chunk: int) -> int | None:
        """How many digests come before that of ``chunk``; None when it is a zero chunk."""
        number, bit = divmod(chunk, SPAN)
        place = bisect_left(self._numbers, number)
        if place == len(self) or self._numbers[place] != number:
            return None
        bits = self._bits[place]
        if not bits >> bit & 1:
            return None
        return self._firsts[place] + (bits & (1 << bit) - 1).bit_count()

    def neighbours(self, chunk: int, most: int) -> int:
        """How many chunks from ``chunk`` on hold data without a zero chunk between, ``most`` at the most."""
        end = chunk
        while end - chunk < most:
            span = self.find(end // SPAN)
            ones = trailing(~(span.bits >> end % SPAN)) if span is not None else 0
            end += ones
            if not ones or end % SPAN:
                break
        return min(end - chunk, most)

    def spans(self, first: int = 0) -> Iterator[Span]:
        """The spans with data in order, from span number ``first`` on."""
        for place in range(bisect_left(self._numbers, first), len(self)):
            yield self.at(place)

    def packed(self) -> Iterator[bytes]:
        """The table as the file has it, in slices."""
        for begin in range(0, len(self), SLICE):
            spans = map(self.at, range(begin, min(begin + SLICE, len(self))))
            yield b"".join(_ENTRY.pack(span.number, span.bits, span.hash) for span in spans)


def head_size(header: bytes) -> int:
    """Bytes of header and table together. Raises IndexInvalidError when ``header`` is not one of this version."""
    return HEADER + _fields(header)[2] * ENTRY


def size_of(header: bytes) -> int:
    """Bytes of the whole index file. Raises IndexInvalidError when ``header`` is not one of this version."""
    _, _, spans, digests = _fields(header)
    return size_for(spans, digests)


def size_for(spans: int, digests: int) -> int:
    """Bytes of an index of so many chunks with data in so many spans."""
    return HEADER + spans * ENTRY + digests * DIGEST


def check_header(header: bytes, disk: Disk) -> None:
    """Whether ``header`` can begin the index of ``disk``; to be asked before anything of the claimed size is taken.

    Raises:
        IndexInvalidError: it cannot.
    """
    size, chunks, spans, digests = _fields(header)
    try:
        grid = grid_of(disk)
    except Refused as error:
        raise IndexInvalidError(error.failure.text) from None
    if size != disk.size or chunks != grid.chunks:
        raise IndexInvalidError("the index describes a file of another size")
    if not spans <= min(grid.spans, digests) or not digests <= min(chunks, spans * SPAN):
        raise IndexInvalidError("the index claims more than the file can have")


def parse_head(data: bytes, disk: Disk) -> Table:
    """Header and table, verified against the root of ``disk``. Raises IndexInvalidError."""
    check_header(data[:HEADER], disk)
    if len(data) != head_size(data[:HEADER]):
        raise IndexInvalidError("the table has another length")
    grid, entries = grid_of(disk), memoryview(data)[HEADER:]
    hasher = root_hasher(grid)
    hasher.update(entries)
    if hasher.hexdigest() != disk.root:
        raise IndexInvalidError("its table does not have the version's root")
    table, last = Table(), -1
    for number, bits, hash in _ENTRY.iter_unpack(entries):
        if not last < number < grid.spans or not 0 < bits < 1 << min(SPAN, grid.chunks - number * SPAN):
            raise IndexInvalidError("an entry of its table cannot be right")
        table.add(number, bits, hash)
        last = number
    if table.digests != _fields(data[:HEADER])[3]:
        raise IndexInvalidError("its table names another number of digests")
    return table


def pack_header(grid: Grid, table: Table) -> bytes:
    return _HEADER.pack(MAGIC, VERSION, CHUNK, grid.size, grid.chunks, len(table), table.digests)


def _fields(header: bytes) -> tuple[int, int, int, int]:
    """Size, chunks, spans with data and digests, as the header claims."""
    if len(header) != HEADER:
        raise IndexInvalidError("the index has no header")
    magic, version, chunk, size, chunks, spans, digests = _HEADER.unpack(header)
    if magic != MAGIC or version != VERSION or chunk != CHUNK:
        raise IndexInvalidError("it is not an index of this version and chunk size")
    return size, chunks, spans, digests


def root_hasher(grid: Grid) -> blake3:
    """The hasher of a root, fed with all that comes before the table."""
    blocks = grid.blocks
    shape = (blocks.begin, blocks.lead, blocks.block) if blocks is not None else (0, 0, 0)
    hasher = blake3(CONTEXT)
    hasher.update(_SHAPE.pack(grid.size, *shape))
    return hasher
