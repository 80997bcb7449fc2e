"""Local seeds: chunks that other versions' copies on this pod already have.

As a Python dict two million chunks of one large disk would take hundreds of MiB. This table takes 8 bytes a slot: a tag
from the digest and the chunk's number, open addressing by the digest's first bytes; the digest itself is compared in
the seed's index file. A seed is only a guess: each chunk read from it is verified like one from the network. Digests of
chunks of different lengths differ, so a seed may have any grid.
"""

import os
import struct
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from connector.transfer.chunks import DIGEST
from connector.transfer.index import Index, IndexInvalidError

MAX_CHUNKS: Final = 2 * 1024 * 1024
"""Chunks with data of all seeds together: 128 GiB of them, at most 32 MiB of memory."""
_LOW: Final = 0xFFFF_FFFF
_KEY: Final = struct.Struct("<QI20x")
"""What of a digest is the slot and what is the tag."""


@dataclass(frozen=True)
class Seed:
    """A disk file with its index; both are open and belong to whoever opened them."""

    fd: int
    index: Index
    rotten: Callable[[], None] = lambda: None
    """To be called when a chunk of it turns out wrong."""


Place = tuple[Seed, int]
"""A seed, and the number of one of its chunks."""


class Seeds:
    """Where to find a chunk by its digest. Built once, then only read, by any thread."""

    def __init__(self, seeds: Sequence[Seed]) -> None:
        self._seeds: list[tuple[int, Seed]] = []
        numbers = chunks = 0
        for seed in seeds:
            if chunks + seed.index.table.digests <= MAX_CHUNKS and numbers + seed.index.chunks < _LOW:
                self._seeds.append((numbers, seed))
                numbers += seed.index.chunks
                chunks += seed.index.table.digests
        slots = 1 << (2 * chunks - 1).bit_length() if chunks else 0
        self._mask = slots - 1
        self._table = array("Q", bytes(8)) * slots
        for begin, seed in self._seeds:
            try:
                self._take(begin, seed.index)
            except (IndexInvalidError, OSError):  # cut off, or the disk cannot read it any more
                seed.rotten()

    def find(self, digest: bytes) -> Place | None:
        """A seed and the number of its chunk with this digest."""
        found = self.along(digest, 1)
        return found[0] if found is not None else None

    def along(self, digests: bytes, most: int) -> tuple[Place, int] | None:
        """A seed and the number of its chunk with the first of ``digests``, and for how many of them (``most`` at the
        most) its next chunks go on alike."""
        place = self._guess(digests[:DIGEST])
        if place is None:
            return None
        seed, chunk = place
        try:
            there = seed.index.following(chunk, min(most, len(digests) // DIGEST))
        except (IndexInvalidError, OSError):
            return None  # as far as it could be read when it was entered, its index cannot be any more
        if there == digests[: len(there)]:
            alike = len(there) // DIGEST
        else:
            steps = range(0, len(there), DIGEST)
            alike = next(at for at in steps if there[at : at + DIGEST] != digests[at : at + DIGEST]) // DIGEST
        return (place, alike) if alike else None

    def _guess(self, digest: bytes) -> Place | None:
        """Where the chunk with this digest is, if it is anywhere."""
        if not self._table:
            return None
        slot, tag = _KEY.unpack(digest)
        slot &= self._mask
        while entry := self._table[slot]:
            if entry >> 32 == tag:
                return self._place((entry & _LOW) - 1)
            slot = (slot + 1) & self._mask
        return None

    def _take(self, begin: int, index: Index) -> None:
        """Enter every chunk once; of equal ones the first stays, so that long repetitions cost nothing."""
        table, mask = self._table, self._mask
        for first, data in index.runs():
            for number, (slot, tag) in enumerate(_KEY.iter_unpack(data), begin + first + 1):
                slot &= mask
                while (entry := table[slot]) and entry >> 32 != tag:
                    slot = (slot + 1) & mask
                if not entry:
                    table[slot] = tag << 32 | number

    def _place(self, number: int) -> Place:
        for begin, seed in reversed(self._seeds):
            if number >= begin:
                return seed, number - begin
        raise LookupError(f"no seed has chunk {number}")

    def read(self, place: Place, view: memoryview) -> int:
        """Read consecutive chunks of a seed into ``view``; the bytes read, fewer when the seed is cut off."""
        seed, chunk = place
        return os.preadv(seed.fd, [view], seed.index.grid.begin(chunk))
