"""What is to be done for each chunk of a copy, as runs of neighbours, worked out slice by slice while the copy runs."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from connector.transfer.chunks import BATCH, DIGEST, zero
from connector.transfer.index import Index
from connector.transfer.seeds import Seed, Seeds
from contracts.manifest import CHUNK

LONGEST: Final = BATCH // CHUNK
"""Chunks in a run: ranges of 4 MiB; below 1 MiB requests cost more than bytes (data-plane.md 2)."""


class Kept:
    """One bit for each chunk: which of them lie in the staging file already, verified."""

    def __init__(self, chunks: int) -> None:
        self._bits = bytearray(chunks // 8 + 1)
        self.any = False

    def add(self, chunk: int) -> None:
        self._bits[chunk // 8] |= 1 << chunk % 8
        self.any = True

    def __contains__(self, chunk: int) -> bool:
        return bool(self._bits[chunk // 8] >> chunk % 8 & 1)


@dataclass(frozen=True)
class Run:
    """Neighbouring chunks to be had from one place: a seed, or a holder when ``seed`` is None."""

    first: int
    digests: bytes
    seed: tuple[Seed, int] | None = None

    @property
    def chunks(self) -> int:
        return len(self.digests) // DIGEST

    def digest(self, number: int) -> bytes:
        return self.digests[number * DIGEST : (number + 1) * DIGEST]


def runs(index: Index, kept: Kept, seeds: Seeds) -> Iterator[Run]:
    """Everything that is neither a hole nor kept, in order."""
    hole = zero(CHUNK)
    tail = zero(index.size % CHUNK)
    last = index.chunks - 1
    for first, data in index.slices():
        if data == hole * (len(data) // DIGEST):
            continue
        begin, place = -1, None
        for number in range(len(data) // DIGEST + 1):
            chunk, found = first + number, data[number * DIGEST : (number + 1) * DIGEST]
            wanted = bool(found) and not (
                found == hole or (chunk == last and found == tail) or (kept.any and chunk in kept)
            )
            here = seeds.find(found) if wanted else None
            if begin >= 0 and not (wanted and number - begin < LONGEST and _continues(place, here, number - begin)):
                yield Run(first + begin, data[begin * DIGEST : number * DIGEST], place)
                begin = -1
            if wanted and begin < 0:
                begin, place = number, here


def _continues(place: tuple[Seed, int] | None, here: tuple[Seed, int] | None, chunks: int) -> bool:
    """Whether ``here`` is the same kind of place, ``chunks`` further on."""
    if place is None or here is None:
        return place is here
    return place[0] is here[0] and here[1] == place[1] + chunks


class Plan:
    """Runs handed out to several threads, one after the other; nothing is planned ahead of them."""

    def __init__(self, index: Index, kept: Kept, seeds: Seeds) -> None:
        self._runs = runs(index, kept, seeds)
        self._lock = threading.Lock()

    def next(self) -> Run | None:
        """The next run, None when all are handed out."""
        with self._lock:
            return next(self._runs, None)
