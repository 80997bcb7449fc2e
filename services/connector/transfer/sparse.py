"""Files with holes: where the data is."""

import errno
import os
from collections.abc import Iterator

from connector.transfer.grid import Grid


def extents(fd: int, grid: Grid) -> Iterator[tuple[int, int, bool]]:
    """The file as consecutive ``(begin, end, has_data)``, cut where chunks are cut, covering exactly ``grid.size``.

    A chunk that holds any data counts as data. On a file system that cannot tell, all is data.
    """
    at, size = 0, grid.size
    while at < size:
        try:
            data = os.lseek(fd, at, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:  # only a hole is left
                yield at, size, False
                return
            if error.errno != errno.EINVAL:
                raise
            yield at, size, True
            return
        begin = max(at, grid.begin(grid.chunk_at(data)))
        if begin >= size:
            yield at, size, False
            return
        if begin > at:
            yield at, begin, False
        hole = os.lseek(fd, max(data, begin), os.SEEK_HOLE)
        end = size if hole >= size else grid.begin(grid.chunk_at(hole - 1) + 1)
        yield begin, end, True
        at = end


def allocated(fd: int) -> int:
    """Bytes that the file takes on disk."""
    return os.fstat(fd).st_blocks * 512


def preallocated(fd: int) -> bool:
    """Whether the file takes all of its size on disk: it has no holes."""
    status = os.fstat(fd)
    return status.st_blocks * 512 >= status.st_size
