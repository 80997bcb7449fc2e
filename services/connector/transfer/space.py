"""Space of a file on its file system: taken before it is written, given back where it is not needed.

Python has only `posix_fallocate`, which writes zeros where the file system cannot reserve; this is the system call.
"""

import ctypes
import errno
import os
from typing import Final

from connector.failures import refused

STEP: Final = "space"
_KEEP_SIZE, _PUNCH_HOLE = 1, 2
_CANNOT: Final = (errno.EOPNOTSUPP, errno.ENOSYS, errno.ENODEV)

_libc = ctypes.CDLL(None, use_errno=True)
_libc.fallocate.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)


def reserve(fd: int, offset: int, length: int) -> bool:
    """Take the space of a range; it stays a hole for whoever reads. False on a file system that cannot.

    Raises:
        Refused: ``no_space`` or ``quota_exceeded``.
        OSError: the file system failed.
    """
    try:
        return _fallocate(fd, 0, offset, length)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise
        code = "quota_exceeded" if error.errno == errno.EDQUOT else "no_space"
        raise refused(code, STEP, f"{length} bytes at {offset}: {error.strerror}", retry=True) from None


def release(fd: int, offset: int, length: int) -> bool:
    """Make a range a hole that takes no space. False on a file system that cannot. Raises OSError."""
    return _fallocate(fd, _PUNCH_HOLE | _KEEP_SIZE, offset, length)


def _fallocate(fd: int, mode: int, offset: int, length: int) -> bool:
    while length and _libc.fallocate(fd, mode, offset, length):
        code = ctypes.get_errno()
        if code in _CANNOT:
            return False
        if code != errno.EINTR:
            raise OSError(code, os.strerror(code))
    return True
