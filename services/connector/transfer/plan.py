"""What is to be done for each chunk of a copy, as runs of neighbours, worked out span by span while the copy runs."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from connector.transfer.chunks import BATCH, DIGEST
from connector.transfer.grid import SPAN
from connector.transfer.index import Index
from connector.transfer.seeds import Place, Seeds
from contracts.manifest import CHUNK

LONGEST: Final = BATCH // CHUNK
"""Chunks in a run: ranges of 4 MiB; below 1 MiB requests cost more than bytes (data-plane.md 2)."""


class Kept:
    """Which chunks lie in the staging file already, verified. Only spans that have some cost memory."""

    def __init__(self) -> None:
        self._spans: dict[int, int] = {}

    def add(self, chunk: int) -> None:
        span, bit = divmod(chunk, SPAN)
        self._spans[span] = self._spans.get(span, 0) | 1 << bit

    def add_run(self, first: int, chunks: int) -> None:
        """As `add`, for neighbours."""
        while chunks:
            span, bit = divmod(first, SPAN)
            some = min(chunks, SPAN - bit)
            self._spans[span] = self._spans.get(span, 0) | ((1 << some) - 1) << bit
            first, chunks = first + some, chunks - some

    def drop(self, chunk: int) -> None:
        """It is not there after all."""
        span, bit = divmod(chunk, SPAN)
        self._spans[span] = self._spans.get(span, 0) & ~(1 << bit)

    def of(self, span: int) -> int:
        """A bit for each chunk of the span that is kept, the least significant for its first."""
        return self._spans.get(span, 0)

    def __contains__(self, chunk: int) -> bool:
        return bool(self.of(chunk // SPAN) >> chunk % SPAN & 1)


@dataclass(frozen=True)
class Run:
    """Neighbouring chunks to be had from one place: a seed, or a holder when ``seed`` is None."""

    first: int
    digests: bytes
    seed: Place | None = None

    @property
    def chunks(self) -> int:
        return len(self.digests) // DIGEST

    def digest(self, number: int) -> bytes:
        return self.digests[number * DIGEST : (number + 1) * DIGEST]


def runs(index: Index, kept: Kept, seeds: Seeds) -> Iterator[Run]:
    """Everything that is neither zero nor kept, in order. A run to be fetched lies within one span.

    Raises:
        IndexInvalidError: the index file ends early.
    """
    for first, digests in index.runs():
        for begin, end in _left(first, len(digests) // DIGEST, kept):
            chunk = fetched = begin  # from ``fetched`` on no seed had anything
            while chunk < end:
                if chunk > fetched and chunk % SPAN == 0:
                    yield Run(fetched, digests[(fetched - first) * DIGEST : (chunk - first) * DIGEST])
                    fetched = chunk
                most = min(end - chunk, LONGEST)
                at = (chunk - first) * DIGEST
                found = seeds.along(digests[at : at + most * DIGEST], most)
                if found is None:
                    chunk += 1
                    continue
                if chunk > fetched:
                    yield Run(fetched, digests[(fetched - first) * DIGEST : at])
                place, alike = found
                yield Run(chunk, digests[at : at + alike * DIGEST], place)
                chunk = fetched = chunk + alike
            if chunk > fetched:
                yield Run(fetched, digests[(fetched - first) * DIGEST : (chunk - first) * DIGEST])


def _left(first: int, chunks: int, kept: Kept) -> Iterator[tuple[int, int]]:
    """Of ``chunks`` chunks from ``first`` on the ranges that are not kept."""
    begin = first
    for chunk in range(first, first + chunks):
        if chunk in kept:
            if begin < chunk:
                yield begin, chunk
            begin = chunk + 1
    if begin < first + chunks:
        yield begin, first + chunks
