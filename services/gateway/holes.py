"""Where a disk has data: from the head of its chunk index, so that zeros need not be asked for.

The index (`connector.transfer.index`, format 2) begins with a header and a table that has an entry for each span of
4 MiB that is not all zero. What a holder says here is believed as its bytes are: whoever wants to be certain holds the
whole against the SHA-256 of the manifest.
"""

import struct
from array import array
from bisect import bisect_left
from collections.abc import Awaitable, Callable
from typing import Final

from contracts.manifest import CHUNK, Disk
from gateway.outbound import DoorError

SPAN: Final = 64 * CHUNK
"""Bytes of a span of a disk that is cut at multiples of CHUNK."""
_HEADER: Final = struct.Struct(">8sIIQQQQ")
_ENTRY: Final = struct.Struct(">IQ32s")
_SLICE: Final = 65_536
"""Entries read at once: under 3 MiB, for 256 GiB of data."""

Read = Callable[[int, int], Awaitable[bytes]]
"""Bytes of the index from a begin to an end. Raises DoorError."""


class Spans:
    """The numbers of the spans with data, four bytes each."""

    def __init__(self, numbers: "array[int]") -> None:
        self._numbers = numbers

    def __contains__(self, number: int) -> bool:
        place = bisect_left(self._numbers, number)
        return place < len(self._numbers) and self._numbers[place] == number


async def spans_with_data(disk: Disk, read: Read) -> Spans | None:
    """The spans of ``disk`` that hold data; None where its grid is another one. Raises DoorError."""
    if disk.grid != "file":
        return None
    magic, version, chunk, size, _, spans, _ = _HEADER.unpack(await read(0, _HEADER.size))
    if (magic, version, chunk, size) != (b"imprintx", 2, CHUNK, disk.size) or spans > -(-disk.size // SPAN):
        raise DoorError("its index is not one of this disk")
    numbers: array[int] = array("I")
    for first in range(0, spans, _SLICE):
        begin = _HEADER.size + first * _ENTRY.size
        entries = await read(begin, begin + min(_SLICE, spans - first) * _ENTRY.size)
        numbers.extend(number for number, _, _ in _ENTRY.iter_unpack(entries))
    return Spans(numbers)
