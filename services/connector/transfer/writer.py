"""Writing a new disk file: past the page cache where the file system allows it, holes left as holes.

O_DIRECT takes a third of the system time of buffered writes and is steady (data-plane.md 5). It wants whole blocks:
what lies before the first and after the last whole block of a run goes through the page cache, as does all of it on
file systems that refuse. So the two runs that meet inside a block both reach it through the cache, and neither is lost.
"""

import errno
import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from types import TracebackType
from typing import Final

from connector.failures import Refused, refused
from connector.transfer import space
from connector.transfer.chunks import ALIGN, ZEROS
from connector.transfer.grid import Grid
from connector.transfer.sparse import extents

STEP: Final = "write"


class DiskWriter:
    """A file of ``size`` bytes in a folder; `write` may be called by several threads for different places.

    A file left by an earlier try is kept as it is when it has the right size (`kept` says so); otherwise it is made
    anew, all hole.
    """

    def __init__(self, folder: int, name: str, size: int, *, fresh: bool = False) -> None:
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
        self.size = size
        self.fd = os.open(name, flags, 0o600, dir_fd=folder)
        self._direct = -1
        self._reserved = self._whole = False
        try:
            status = os.fstat(self.fd)
            if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
                raise refused("io_error", STEP, "Something else lies where the copy is to be written")
            self.kept = not fresh and status.st_size == size and status.st_blocks > 0
            if not self.kept:
                os.ftruncate(self.fd, 0)
                os.ftruncate(self.fd, size)
            self._direct = self._open_direct(folder, name)
        except BaseException:
            self.close()
            raise

    @staticmethod
    def _open_direct(folder: int, name: str) -> int:
        try:
            return os.open(name, os.O_WRONLY | os.O_DIRECT | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
        except OSError as error:
            if error.errno in (errno.EINVAL, errno.EOPNOTSUPP):
                return -1
            raise

    def reserve(self, ranges: Iterable[tuple[int, int]]) -> None:
        """Take the space of these ranges ``(begin, end)``, before the first byte is written.

        What was reserved reads as zeros and counts as a hole (``SEEK_DATA``) until it is written, so that an
        interrupted copy still sees what is missing. A file system that cannot reserve is written without. When there is
        too little, all that is not written yet is given back.

        Raises:
            Refused: ``no_space`` or ``quota_exceeded``.
            OSError: the file system failed.
        """
        try:
            for begin, end in ranges:
                self._reserved = space.reserve(self.fd, begin, end - begin)
                if not self._reserved:
                    return
        except Refused:
            for begin, end, has_data in extents(self.fd, Grid(self.size)):
                if not has_data:
                    space.release(self.fd, begin, end - begin)
            raise

    def preallocate(self) -> None:
        """As `reserve`, for the whole file: it takes its size whatever is zero in it."""
        self.reserve([(0, self.size)])
        self._whole = True

    def leave(self, offset: int, length: int) -> None:
        """A range of a new file stays zero: what was reserved for it is given back, unless the file is preallocated."""
        if self._reserved and not self._whole:
            space.release(self.fd, offset, length)

    def write(self, data: memoryview, offset: int) -> None:
        """Write all of ``data``; its whole blocks go past the page cache when it was `chunks.placed` for ``offset``."""
        head = -offset % ALIGN
        whole = (len(data) - head) // ALIGN * ALIGN
        if self._direct >= 0 and whole > 0:
            try:
                _write(self._direct, data[head : head + whole], offset + head)
            except OSError as error:
                if error.errno != errno.EINVAL:
                    raise
            else:
                _write(self.fd, data[:head], offset)
                data, offset = data[head + whole :], offset + head + whole
        _write(self.fd, data, offset)

    def clear(self, offset: int, length: int) -> None:
        """Make a range zero that may hold something else."""
        end = offset + length
        while offset < end:
            some = min(end - offset, len(ZEROS))
            _write(self.fd, memoryview(ZEROS)[:some], offset)
            offset += some

    def sync(self) -> None:
        """Make it durable; the folder is the caller's to sync.

        Raises:
            OSError: it could not be, and the file is empty now: the page cache may go on showing what the disk never
                got (fsync(2)), so nothing of it may be taken for kept by the next try.
        """
        try:
            os.fsync(self.fd)
        except OSError:
            with suppress(OSError):  # the file system may be read-only by now: the next try fails for that
                os.ftruncate(self.fd, 0)
            raise

    def close(self) -> None:
        for fd in (self._direct, self.fd):
            if fd >= 0:
                os.close(fd)
        self._direct = self.fd = -1

    def __enter__(self) -> "DiskWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _write(fd: int, view: memoryview, offset: int) -> None:
    while view:
        written = os.pwrite(fd, view, offset)
        view, offset = view[written:], offset + written
