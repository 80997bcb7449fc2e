"""Local seeds: chunks that other versions' copies on this pod already have.

As a Python dict two million chunks of one large disk would take hundreds of MiB. This table takes 8 bytes a slot: a tag
from the digest and the chunk's number, open addressing by the digest's first bytes; the digest itself is compared in
the seed's index file. A seed is only a guess: each chunk read from it is verified like one from the network.
"""

import os
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from connector.transfer.chunks import DIGEST, zero
from connector.transfer.index import Index
from contracts.manifest import CHUNK

MAX_CHUNKS: Final = 2 * 1024 * 1024
"""Chunks of all seeds together: 128 GiB of disks, at most 32 MiB of memory."""
_LOW: Final = 0xFFFF_FFFF


@dataclass(frozen=True)
class Seed:
    """A disk file with its index; both are open and belong to whoever opened them."""

    fd: int
    index: Index


class Seeds:
    """Where to find a chunk by its digest. Built once, then only read, by any thread."""

    def __init__(self, seeds: Sequence[Seed]) -> None:
        self._seeds: list[tuple[int, Seed]] = []
        chunks = 0
        for seed in seeds:
            if chunks + seed.index.chunks <= MAX_CHUNKS:
                self._seeds.append((chunks, seed))
                chunks += seed.index.chunks
        slots = 1 << (2 * chunks - 1).bit_length() if chunks else 0
        self._mask = slots - 1
        self._table = array("Q", bytes(8 * slots))
        for begin, seed in self._seeds:
            self._take(begin, seed.index)

    def find(self, digest: bytes) -> tuple[Seed, int] | None:
        """A seed and the number of its chunk with this digest."""
        if not self._table:
            return None
        slot = int.from_bytes(digest[:8], "little") & self._mask
        tag = int.from_bytes(digest[8:12], "little")
        while entry := self._table[slot]:
            if entry >> 32 == tag:
                seed, chunk = self._place((entry & _LOW) - 1)
                return (seed, chunk) if seed.index.digests(chunk, 1) == digest else None
            slot = (slot + 1) & self._mask
        return None

    def _take(self, begin: int, index: Index) -> None:
        """Enter every chunk once; of equal ones the first stays, so that long repetitions cost nothing."""
        table, mask, hole = self._table, self._mask, zero(CHUNK)
        whole = index.size // CHUNK  # a short last chunk serves nobody else
        for first, data in index.slices():
            if data == hole * (len(data) // DIGEST):
                continue
            for number in range(first, min(whole, first + len(data) // DIGEST)):
                at = (number - first) * DIGEST
                found = data[at : at + DIGEST]
                if found == hole:
                    continue
                slot = int.from_bytes(found[:8], "little") & mask
                tag = int.from_bytes(found[8:12], "little")
                while (entry := table[slot]) and entry >> 32 != tag:
                    slot = (slot + 1) & mask
                if not entry:
                    table[slot] = tag << 32 | begin + number + 1

    def _place(self, number: int) -> tuple[Seed, int]:
        for begin, seed in reversed(self._seeds):
            if number >= begin:
                return seed, number - begin
        raise LookupError(f"no seed has chunk {number}")

    def read(self, place: tuple[Seed, int], view: memoryview) -> int:
        """Read consecutive chunks of a seed into ``view``; the bytes read, fewer when the seed is cut off."""
        seed, chunk = place
        return os.preadv(seed.fd, [view], chunk * CHUNK)
