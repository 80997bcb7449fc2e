"""Reading a finished disk file again, and holding it against its index: does the disk keep what it was given?

The page cache would only say what was written, so the file is read past it where the file system allows that.
"""

import errno
import os
from collections.abc import Iterator
from typing import Final

from connector.failures import Cancel
from connector.transfer.chunks import ALIGN, BATCH, buffer, digests
from connector.transfer.grid import SPAN
from connector.transfer.index import Index

_ROOM: Final = BATCH + 2 * ALIGN


def wrong_chunks(fd: int, index: Index, cancel: Cancel) -> Iterator[int]:
    """The chunks with data whose bytes in the file are not what ``index`` says. Holes are not read.

    Raises:
        Cancelled: ``cancel`` was set.
        OSError: reading failed.
    """
    direct = _open(fd)
    try:
        with buffer(_ROOM) as view:
            for span in index.table.spans():
                cancel.check()
                first = span.number * SPAN
                low, end = first + _lowest(span.bits), first + span.bits.bit_length()
                cuts = index.grid.cuts(low, end)
                begin = cuts[0] // ALIGN * ALIGN
                got = _read(direct, view[: -(-(cuts[-1] - begin) // ALIGN) * ALIGN], begin)
                found = digests(view[cuts[0] - begin : min(got, cuts[-1] - begin)], cuts)
                for chunk, (wanted, here) in enumerate(zip(index.digests(low, end), found, strict=True), low):
                    if wanted is not None and wanted != here:
                        yield chunk
    finally:
        os.close(direct)


def _open(fd: int) -> int:
    path = f"/proc/self/fd/{fd}"
    try:
        return os.open(path, os.O_RDONLY | os.O_DIRECT | os.O_CLOEXEC)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.EOPNOTSUPP):
            raise
    buffered = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    os.posix_fadvise(buffered, 0, 0, os.POSIX_FADV_DONTNEED)
    return buffered


def _read(fd: int, view: memoryview, offset: int) -> int:
    at = 0
    while at < len(view) and (got := os.preadv(fd, [view[at:]], offset + at)):
        at += got
        if at % ALIGN:  # the end of the file
            break
    return at


def _lowest(bits: int) -> int:
    return (bits & -bits).bit_length() - 1
