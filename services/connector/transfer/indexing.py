"""Writing a chunk index while its disk is read."""

import os
from typing import Final

from blake3 import blake3

from connector.transfer.chunks import DIGEST
from connector.transfer.grid import SPAN, Grid
from connector.transfer.table import ENTRY, HEADER, Table, pack_header, root_hasher

SLICE: Final = 4096
"""Digests written at once."""


class IndexWriter:
    """Writes an index from the first chunk to the last; the file is valid only after `finish`.

    How long the table will be is known at the end only: digests go to where they would lie after the longest one, and
    move up when it is shorter.
    """

    def __init__(self, fd: int, grid: Grid) -> None:
        self._fd = fd
        self._grid = grid
        self._table = Table()
        self._chunk = 0
        self._bits = 0
        self._span: list[bytes] = []
        self._pending: list[bytes] = []
        self._begin = self._at = HEADER + grid.spans * ENTRY

    def add(self, digests: list[bytes | None]) -> None:
        """The next chunks; None is a zero chunk."""
        for found in digests:
            if found is not None:
                self._bits |= 1 << self._chunk % SPAN
                self._span.append(found)
            self._chunk += 1
            if not self._chunk % SPAN:
                self._close_span()

    def skip(self, chunks: int) -> None:
        """The next ``chunks`` are zero chunks."""
        if self._chunk % SPAN + chunks >= SPAN:
            self._close_span()
        self._chunk += chunks

    def finish(self) -> str:
        """Write header and table, make the file durable; the root in hex. Raises ValueError when chunks are missing."""
        if self._chunk != self._grid.chunks:
            raise ValueError(f"{self._chunk} digests for {self._grid.chunks} chunks")
        self._close_span()
        self._flush()
        table, grid = self._table, self._grid
        begin = HEADER + len(table) * ENTRY
        self._move(begin)
        hasher, at = root_hasher(grid), HEADER
        _write(self._fd, pack_header(grid, table), 0)
        for piece in table.packed():
            hasher.update(piece)
            _write(self._fd, piece, at)
            at += len(piece)
        os.ftruncate(self._fd, begin + table.digests * DIGEST)
        os.fsync(self._fd)
        return hasher.hexdigest()

    def _close_span(self) -> None:
        if self._bits:
            data = b"".join(self._span)
            self._table.add((self._chunk - 1) // SPAN, self._bits, blake3(data).digest())
            self._pending.append(data)
            self._bits = 0
            self._span.clear()
            if len(self._pending) * SPAN >= SLICE:
                self._flush()

    def _flush(self) -> None:
        data = b"".join(self._pending)
        self._pending.clear()
        _write(self._fd, data, self._at)
        self._at += len(data)

    def _move(self, target: int) -> None:
        at = self._begin
        while at < self._at and target != self._begin:
            data = os.pread(self._fd, min(SLICE * DIGEST, self._at - at), at)
            _write(self._fd, data, target)
            at, target = at + len(data), target + len(data)


def _write(fd: int, data: bytes, offset: int) -> None:
    view = memoryview(data)
    while view:
        written = os.pwrite(fd, view, offset)
        view, offset = view[written:], offset + written
