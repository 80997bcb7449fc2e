"""Opening things by name without being led astray: relative to an open folder, never through a symbolic link."""

import ctypes
import errno
import os
import re
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Final

import msgspec

from connector.failures import refused
from contracts.names import NAME

STEP: Final = "read"
LARGEST: Final = 1024 * 1024
"""Bytes of the largest descriptor that is read."""
_NAME: Final = re.compile(NAME)
_NOFOLLOW: Final = os.O_NOFOLLOW | os.O_CLOEXEC
SAFELY: Final = _NOFOLLOW | os.O_NONBLOCK
"""How a file is opened of which it is not known what it is: no link is followed, and no FIFO waited for."""
UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What decoding a descriptor raises that is none: of the wrong shape or bytes, or nested too deeply."""


def is_name(name: str) -> bool:
    """Whether ``name`` is one that can be used from outside: no dot first, no separator, 80 characters at most."""
    return len(name) <= 80 and _NAME.fullmatch(name) is not None


def open_folder(name: str, at: int | None = None) -> int:
    """An open folder. Raises OSError, also for a symbolic link."""
    return os.open(name, os.O_RDONLY | os.O_DIRECTORY | _NOFOLLOW, dir_fd=at)


@contextmanager
def folder(name: str, at: int | None = None) -> Iterator[int]:
    """`open_folder` for the length of a block."""
    fd = open_folder(name, at)
    try:
        yield fd
    finally:
        os.close(fd)


def ensure_folder(name: str, at: int | None = None) -> int:
    """An open folder, made when it is not there."""
    with suppress(FileExistsError):
        os.mkdir(name, 0o700, dir_fd=at)
    return open_folder(name, at)


def names(at: int) -> list[str]:
    """Everything in an open folder, sorted.

    The folder is opened anew for it: listings through one file descriptor share a position, and two threads would each
    get a part.
    """
    fd = open_folder(".", at)
    try:
        return sorted(os.listdir(fd))
    finally:
        os.close(fd)


def folders(at: int) -> list[str]:
    """The usable names of the folders in an open folder, sorted; links to folders are none."""
    return [name for name in names(at) if is_name(name) and _kind(name, at) == stat.S_IFDIR]


def has_folder(name: str, at: int) -> bool:
    """Whether an open folder lists a folder of this (usable) name."""
    return is_name(name) and name in names(at) and _kind(name, at) == stat.S_IFDIR


def has_file(name: str, at: int) -> bool:
    """Whether an open folder lists something of this (usable) name that is no folder."""
    return is_name(name) and name in names(at) and _kind(name, at) not in (None, stat.S_IFDIR)


def _kind(name: str, at: int) -> int | None:
    try:
        return stat.S_IFMT(os.stat(name, dir_fd=at, follow_symlinks=False).st_mode)
    except FileNotFoundError:
        return None


def written(name: str, at: int) -> float:
    """When something in an open folder was last written to, in seconds since the epoch; 0 when it is not there."""
    try:
        return os.stat(name, dir_fd=at, follow_symlinks=False).st_mtime
    except FileNotFoundError:
        return 0.0


def open_file(name: str, at: int) -> int:
    """A regular file, open for reading.

    Raises:
        Refused: ``file_not_found``; ``file_unreadable`` for a link, a device, a FIFO, or without permission.
    """
    try:
        # Without O_NONBLOCK a FIFO would hold the thread until somebody writes to it.
        fd = os.open(name, os.O_RDONLY | os.O_NONBLOCK | _NOFOLLOW, dir_fd=at)
    except OSError as error:
        if error.errno == errno.ENOENT:
            raise refused("file_not_found", STEP, f"There is no file {name}") from None
        if error.errno == errno.ELOOP:
            raise refused("file_unreadable", STEP, f"{name} is a symbolic link") from None
        if error.errno in (errno.EACCES, errno.EPERM, errno.ENXIO, errno.ENODEV, errno.EISDIR):
            raise refused("file_unreadable", STEP, f"{name}: {error.strerror}") from None
        raise
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise refused("file_unreadable", STEP, f"{name} is not a regular file")
    return fd


def read(name: str, at: int) -> bytes:
    """A small file whole. Raises Refused as `open_file`, and ``file_unreadable`` when it is large."""
    with os.fdopen(open_file(name, at), "rb") as file:
        data = file.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise refused("file_unreadable", STEP, f"{name} is larger than {LARGEST} bytes")
    return data


def write(name: str, at: int, data: bytes) -> None:
    """Replace a small file: durable, and never seen half written."""
    temporary = f".{name}.new"
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | _NOFOLLOW, 0o600, dir_fd=at)
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.rename(temporary, name, src_dir_fd=at, dst_dir_fd=at)
    except BaseException:
        remove_file(temporary, at)
        raise
    os.fsync(at)


def remove_tree(name: str, at: int) -> None:
    """Remove a folder with all in it; links in it are removed, not followed. None there is fine, and so is something
    else of this name: it is removed too.

    Whoever has the folder open may still write a note into it: a file that goes by itself, or comes, meanwhile stops
    nothing.
    """
    if _kind(name, at) not in (None, stat.S_IFDIR):
        remove_file(name, at)
        return
    for left in reversed(range(REMOVALS)):
        try:
            shutil.rmtree(name, dir_fd=at, onerror=_unless_gone)
        except OSError as error:
            if error.errno != errno.ENOTEMPTY or not left:
                raise
        else:
            return


def _unless_gone(_: object, __: str, raised: tuple[type[BaseException], BaseException, TracebackType]) -> None:
    if not isinstance(raised[1], FileNotFoundError):
        raise raised[1]


def remove_file(name: str, at: int) -> None:
    """Remove a file; none there is fine."""
    with suppress(FileNotFoundError):
        os.unlink(name, dir_fd=at)


REMOVALS: Final = 10
"""How often a folder is emptied into which somebody writes meanwhile."""

_EXCHANGE: Final = 2
"""RENAME_EXCHANGE of renameat2(2)."""
_libc = ctypes.CDLL(None, use_errno=True)


def swap(name: str, at: int, other: str, other_at: int) -> bool:
    """Exchange two things in two open folders in one step, where the file system can; False where it cannot."""
    renameat2 = getattr(_libc, "renameat2", None)
    if renameat2 is None:
        return False
    if renameat2(at, os.fsencode(name), other_at, os.fsencode(other), _EXCHANGE) == 0:
        return True
    code = ctypes.get_errno()
    if code in (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP):
        return False
    raise OSError(code, os.strerror(code), name)
