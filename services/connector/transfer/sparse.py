"""Files with holes: where the data is."""

import errno
import os
from collections.abc import Iterator

from contracts.manifest import CHUNK


def extents(fd: int, size: int) -> Iterator[tuple[int, int, bool]]:
    """The file as consecutive ``(begin, end, has_data)``, cut at chunk boundaries, covering exactly ``size`` bytes.

    A chunk that holds any data counts as data. On a file system that cannot tell, all is data.
    """
    at = 0
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
        begin = max(at, data // CHUNK * CHUNK)
        if begin >= size:
            yield at, size, False
            return
        if begin > at:
            yield at, begin, False
        end = min(size, -(-os.lseek(fd, max(data, begin), os.SEEK_HOLE) // CHUNK) * CHUNK)
        yield begin, end, True
        at = end


def allocated(fd: int) -> int:
    """Bytes that the file takes on disk."""
    return os.fstat(fd).st_blocks * 512
