"""Reading an item at rest and holding every byte against its index, past the page cache.

The page cache is not asked, for it would hide what became of the disk, and not filled, for the pages that others use
are worth more there. A sector that cannot be read counts as wrong.
"""

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Final

from connector.backends import folders
from connector.backends.base import Item, Rot, data_name, index_name
from connector.failures import Refused
from connector.transfer.chunks import ALIGN, BATCH, buffer, digests
from connector.transfer.grid import SPAN
from connector.transfer.index import Index, IndexInvalidError, opened, verified
from contracts.manifest import CHUNK, Disk

NAMED: Final = 1000
"""Wrong chunks that are written down by number; beyond it they are counted."""
_UNREADABLE: Final = (errno.EIO, errno.EBADMSG, errno.EUCLEAN, errno.EREMOTEIO)


@dataclass
class _Found:
    lun: int
    index: bool = False
    wrong: int = 0
    chunks: list[int] = field(default_factory=list)

    def add(self, chunk: int) -> None:
        self.wrong += 1
        if len(self.chunks) < NAMED:
            self.chunks.append(chunk)


class Examination:
    """One check of an item. `steps` reads on from ``place`` and ``span``, which say after each step how far it came."""

    def __init__(self, item: Item, folder: int, place: int = 0, span: int = 0, rot: tuple[Rot, ...] = ()) -> None:
        self._item = item
        self._folder = folder
        self.place = place
        self.span = span
        self._found = {known.lun: _Found(known.lun, known.index, known.wrong, list(known.chunks)) for known in rot}

    @property
    def rot(self) -> tuple[Rot, ...]:
        """What was found wrong so far."""
        return tuple(
            Rot(lun=found.lun, index=found.index, wrong=found.wrong, chunks=tuple(found.chunks))
            for _, found in sorted(self._found.items())
        )

    def steps(self) -> Iterator[int]:
        """Read on to the end: the bytes read, a batch at a time.

        Raises:
            OSError: the files cannot be read for a reason that is not theirs.
        """
        disks = self._item.manifest.disks
        while self.place < len(disks):
            yield from self._disk(disks[self.place])
            self.place, self.span = self.place + 1, 0

    def _disk(self, disk: Disk) -> Iterator[int]:
        with ExitStack() as stack:
            index = self._index(disk, stack)
            if index is None:
                return
            # Counted with the first batch: a turn that ended here would end here each time.
            read = 0 if self.span else _size(index.fd)
            data = self._open(data_name(disk.lun, disk.format), stack)
            if data is None or _size(data) != disk.size:
                # Cut off or gone: what is left of it is not worth reading to the end.
                self._of(disk).add(0)
                return
            direct = _past_the_cache(data)
            view = stack.enter_context(buffer(BATCH + 2 * ALIGN))
            for span in self._spans(index, data):
                first, end = span * SPAN, min((span + 1) * SPAN, index.chunks)
                read += self._span(disk, index, data, view, first, end, direct=direct)
                self.span = span + 1
                yield read
                read = 0

    def _index(self, disk: Disk, stack: ExitStack) -> Index | None:
        fd = self._open(index_name(disk.lun), stack)
        try:
            if fd is not None:
                if self.span:
                    return opened(fd, disk)
                os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
                return verified(fd, disk)
        except IndexInvalidError:
            pass
        except OSError as error:
            if error.errno not in _UNREADABLE:
                raise
        self._of(disk).index = True
        return None

    def _open(self, name: str, stack: ExitStack) -> int | None:
        try:
            fd = folders.open_file(name, self._folder)
        except Refused:
            return None
        stack.callback(os.close, fd)
        return fd

    def _spans(self, index: Index, data: int) -> Iterator[int]:
        """The spans from ``self.span`` on that have data, in the file or by the index: nothing rots in a hole."""
        span = self.span
        while span < index.grid.spans:
            ours = next((found.number for found in index.table.spans(span)), index.grid.spans)
            begin = index.grid.begin(span * SPAN)
            try:
                there = index.grid.chunk_at(os.lseek(data, begin, os.SEEK_DATA)) // SPAN
            except OSError as error:
                if error.errno not in (errno.ENXIO, errno.EINVAL):
                    raise
                there = index.grid.spans if error.errno == errno.ENXIO else span
            span = min(ours, there)
            if span < index.grid.spans:
                yield span
                span += 1

    def _span(
        self, disk: Disk, index: Index, data: int, view: memoryview, first: int, end: int, *, direct: bool
    ) -> int:
        cuts = index.grid.cuts(first, end)
        wanted = index.digests(first, end)
        piece = _read(data, view, cuts[0], cuts[-1], direct=direct)
        if piece is not None:
            for chunk, found, right in zip(range(first, end), digests(piece, cuts), wanted, strict=True):
                if found != right:
                    self._of(disk).add(chunk)
            return cuts[-1] - cuts[0]
        for chunk, right in zip(range(first, end), wanted, strict=True):
            cut = cuts[chunk - first : chunk - first + 2]
            piece = _read(data, view, cut[0], cut[1], direct=direct)
            if piece is None or digests(piece, cut) != [right]:
                self._of(disk).add(chunk)
        return cuts[-1] - cuts[0]

    def _of(self, disk: Disk) -> _Found:
        return self._found.setdefault(disk.lun, _Found(disk.lun))


def to_read(item: Item, folder: int, place: int, span: int) -> int:
    """Bytes that a check still has to read, about: what the files take on disk, less what lies before ``span``."""
    left = 0
    for number, disk in enumerate(item.manifest.disks[place:]):
        for name in (index_name(disk.lun), data_name(disk.lun, disk.format)):
            try:
                status = os.stat(name, dir_fd=folder, follow_symlinks=False)
            except FileNotFoundError:
                continue
            taken = min(status.st_blocks * 512, status.st_size)
            done = span * SPAN * CHUNK / disk.size if number == 0 and disk.size else 0.0
            left += int(taken * max(0.0, 1.0 - done))
    return left


def _size(fd: int) -> int:
    return os.fstat(fd).st_size


def _past_the_cache(fd: int) -> bool:
    """Read this file from the disk itself from now on, where the file system knows O_DIRECT; whether it does."""
    try:
        fcntl.fcntl(fd, fcntl.F_SETFL, fcntl.fcntl(fd, fcntl.F_GETFL) | os.O_DIRECT)
    except OSError:
        return False
    return True


def _read(fd: int, view: memoryview, begin: int, end: int, *, direct: bool) -> memoryview | None:
    """The bytes from ``begin`` to ``end``; None when they cannot be read. Raises OSError for other reasons."""
    at, until = begin // ALIGN * ALIGN, -(-end // ALIGN) * ALIGN
    if not direct:
        os.posix_fadvise(fd, at, until - at, os.POSIX_FADV_DONTNEED)
    got = 0
    try:
        while at + got < end:
            some = os.preadv(fd, [view[got : until - at]], at + got)
            if not some or (direct and some % ALIGN and at + got + some < end):
                break
            got += some
    except OSError as error:
        if error.errno not in _UNREADABLE:
            raise
        return None
    finally:
        if not direct:
            os.posix_fadvise(fd, at, until - at, os.POSIX_FADV_DONTNEED)
    return view[begin - at : end - at] if at + got >= end else None
