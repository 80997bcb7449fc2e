"""Sharing blocks between files, where the file system can; copying them with their holes, where nothing else does."""

import errno
import fcntl
import os
from typing import Final

_FICLONE: Final = 0x40049409
_CANNOT: Final = (errno.EOPNOTSUPP, errno.ENOTTY, errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EPERM, errno.ETXTBSY)
NO_LINKS: Final = (errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK, errno.ENOSYS, errno.EXDEV)
"""What a file system answers that knows no hard links, or not so many."""
_NEW: Final = os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
_STEP: Final = 1024 * 1024


def share(source: int, at: int, name: str) -> bool:
    """Make the file ``name`` in the open folder ``at`` share the blocks of ``source``, durably; False where the file
    system cannot: then the file is there and empty. Raises OSError."""
    fd = os.open(name, _NEW, 0o600, dir_fd=at)
    try:
        fcntl.ioctl(fd, _FICLONE, source)
        os.fsync(fd)
    except OSError as error:
        if error.errno in _CANNOT:
            return False
        raise
    finally:
        os.close(fd)
    return True


def copied(source: int, at: int, name: str) -> None:
    """As `share`; where the file system cannot, the bytes are copied, holes stay holes. Raises OSError."""
    if share(source, at, name):
        return
    fd = os.open(name, _NEW, 0o600, dir_fd=at)
    try:
        size = os.fstat(source).st_size
        os.ftruncate(fd, size)
        place = 0
        while place < size:
            try:
                begin = os.lseek(source, place, os.SEEK_DATA)
            except OSError as error:
                if error.errno != errno.ENXIO:
                    raise
                break  # what is left is a hole
            place = begin
            end = os.lseek(source, begin, os.SEEK_HOLE)
            while place < end:
                data = os.pread(source, min(_STEP, end - place), place)
                if not data:
                    raise OSError(errno.EIO, "the file became shorter")
                place += os.pwrite(fd, data, place)
        os.fsync(fd)
    finally:
        os.close(fd)
