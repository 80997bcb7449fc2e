"""Fetching a disk's chunk index: its table whole, and of the digests only what no local index has.

The table is verified against the root, each span's digests against their hash in the table, wherever they came from.
"""

import errno
import os
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final

from blake3 import blake3

from connector.transfer import index as indexes
from connector.transfer.chunks import BATCH
from connector.transfer.client import Connection
from connector.transfer.grid import SPAN
from connector.transfer.holders import HolderFailed
from connector.transfer.index import HEADER, Index, IndexInvalidError, Span, Table
from connector.transfer.seeds import MAX_CHUNKS, Seed
from connector.transfer.session import Session
from connector.transfer.worker import Tally
from contracts.events.to_pods import Holder
from contracts.manifest import Disk

PIECE: Final = BATCH // 4
"""Bytes of the index asked for at once."""


def fetch_index(disk: Disk, target: int, session: Session, seeds: Sequence[Seed], tally: Tally) -> Index:
    """The index of ``disk`` in the file ``target``, verified; fetched unless it lies there already, or a seed is the
    same disk.

    Raises:
        Refused: no holder gave it.
        Cancelled: the session was cancelled.
        OSError: reading or writing failed.
    """
    try:
        return indexes.verified(target, disk)
    except IndexInvalidError:
        os.ftruncate(target, 0)
    for seed in seeds:
        if (same := _taken(disk, target, seed)) is not None:
            return same
    made: list[Index] = []
    session.run([lambda: made.append(_Fetch(disk, target, session, tally).run(seeds))])
    return made[0]


def same_disk(seed: Seed, disk: Disk) -> bool:
    """Whether the seed's index is that of ``disk``; its digests are not looked at."""
    try:
        indexes.opened(seed.index.fd, disk)
    except (IndexInvalidError, OSError):
        return False
    return True


def _taken(disk: Disk, target: int, seed: Seed) -> Index | None:
    """The index of a seed that is the same disk, in the file ``target``; None when it is another disk's, or rotten."""
    if not same_disk(seed, disk):
        return None
    try:
        size = os.fstat(seed.index.fd).st_size
        for at in range(0, size, PIECE):
            _write(target, os.pread(seed.index.fd, min(PIECE, size - at), at), at)
        return indexes.verified(target, disk)
    except (IndexInvalidError, OSError) as error:
        os.ftruncate(target, 0)
        if isinstance(error, OSError) and error.errno != errno.EIO:
            raise
        return None


class _Fetch:
    def __init__(self, disk: Disk, target: int, session: Session, tally: Tally) -> None:
        self._disk = disk
        self._target = target
        self._session = session
        self._tally = tally
        self._table: Table | None = None
        self._left: list[Span] = []

    def run(self, seeds: Sequence[Seed]) -> Index:
        """Asks one holder after the other for what is left, until all is there."""
        while True:
            self._session.wait_open()
            standing, used = self._session.choose(), self._session.grant.ticket
            try:
                with self._session.lent(standing) as connection:
                    if self._table is None:
                        self._take_head(connection, standing.holder, seeds)
                    self._take_digests(connection, standing.holder)
                return indexes.verified(self._target, self._disk)
            except IndexInvalidError as error:
                self._session.failed(standing, HolderFailed("index_invalid", str(error)), used)
            except HolderFailed as error:
                self._session.failed(standing, error, used)

    def _take_head(self, connection: Connection, holder: Holder, seeds: Sequence[Seed]) -> None:
        header = self._ask(connection, holder, 0, HEADER)
        indexes.check_header(header, self._disk)
        size = indexes.head_size(header)
        pieces = [header]
        for at in range(HEADER, size, PIECE):
            pieces.append(self._ask(connection, holder, at, min(PIECE, size - at)))
        head = b"".join(pieces)
        table = indexes.parse_head(head, self._disk)
        os.ftruncate(self._target, indexes.size_of(header))
        _write(self._target, head, 0)
        known = _Known(seeds)
        for span in table.spans():
            digests = known.find(span)
            if digests is None:
                self._left.append(span)
            else:
                _write(self._target, digests, span.offset)
        self._table = table

    def _take_digests(self, connection: Connection, holder: Holder) -> None:
        while self._left:
            some = list(_neighbours(self._left))
            data = self._ask(connection, holder, some[0].offset, sum(span.length for span in some))
            at = 0
            for span in some:
                if blake3(data[at : at + span.length]).digest() != span.hash:
                    raise IndexInvalidError(f"the digests of span {span.number} are not those of the version")
                at += span.length
            _write(self._target, data, some[0].offset)
            del self._left[: len(some)]

    def _ask(self, connection: Connection, holder: Holder, offset: int, size: int) -> bytes:
        """A part of the index. Raises HolderFailed, Cancelled."""
        room = bytearray(size)
        got, error = connection.index(holder, self._disk, offset, memoryview(room))
        self._tally.add(network=connection.received, pod=holder.pod)
        self._session.throttles.link(holder.pod).take(got, self._session.stop)
        if error is not None:
            raise error
        return bytes(room)


class _Known:
    """The digests that local indexes have, found by the hash of a span. Of a lying one only the hash is believed."""

    def __init__(self, seeds: Sequence[Seed]) -> None:
        spans = ((seed.index, span) for seed in seeds for span in seed.index.table.spans())
        self._places = {span.hash: (index, span) for index, span in islice(spans, MAX_CHUNKS // SPAN)}

    def find(self, wanted: Span) -> bytes | None:
        found = self._places.get(wanted.hash)
        if found is None:
            return None
        index, span = found
        try:
            digests = index.span_digests(span)
        except (IndexInvalidError, OSError):
            return None  # cut off since it was opened, or not readable any more: then it is fetched
        return digests if len(digests) == wanted.length and blake3(digests).digest() == wanted.hash else None


def _neighbours(spans: Sequence[Span]) -> Iterator[Span]:
    """The first of ``spans``, and those whose digests follow it in the file, as many as are asked for at once."""
    end = spans[0].offset
    for span in spans:
        if span.offset != end or end + span.length - spans[0].offset > PIECE:
            return
        yield span
        end += span.length


def _write(fd: int, data: bytes, offset: int) -> None:
    view = memoryview(data)
    while view:
        written = os.pwrite(fd, view, offset)
        view, offset = view[written:], offset + written
