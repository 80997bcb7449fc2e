"""Where the door finds the bytes of a root: in the library, or among the disks that are still being received."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

SPAN_BYTES: Final = 4 * 1024 * 1024


@dataclass(frozen=True)
class Opened:
    """A disk that can be served. The file descriptors are the caller's to close."""

    data: int
    index: int
    size: int
    """Bytes of the disk; a file that is still being received may differ."""
    held: Callable[[], bytes] | None = None
    """A bitmap with one bit for each span, least significant bit first; None: everything is here."""
    span_of: Callable[[int], int] = lambda offset: offset // SPAN_BYTES
    """Byte offset -> number of its span."""

    def has(self, begin: int, end: int) -> bool:
        """Whether all bytes from ``begin`` up to ``end`` (not empty) are here."""
        if self.held is None:
            return True
        bits = int.from_bytes(self.held(), "little")
        first, last = self.span_of(begin), self.span_of(end - 1)
        wanted = (1 << (last - first + 1)) - 1
        return bits >> first & wanted == wanted

    def close(self) -> None:
        os.close(self.data)
        os.close(self.index)


class Shelf(Protocol):
    """Where the bytes of a root are."""

    def open(self, root: str) -> Opened | None:
        """The disk with this root, for the caller to close; None when there is none."""


class Files(Protocol):
    """A library that opens a disk as its two files."""

    def open(self, root: str) -> tuple[int, int] | None: ...


class LibraryShelf:
    """The disks of a library: all of them whole."""

    def __init__(self, library: Files) -> None:
        self._library = library

    def open(self, root: str) -> Opened | None:
        found = self._library.open(root)
        if found is None:
            return None
        data, index = found
        return Opened(data, index, os.fstat(data).st_size)


class Shelves:
    """Several shelves, looked at in their order."""

    def __init__(self, *shelves: Shelf) -> None:
        self._shelves = shelves

    def open(self, root: str) -> Opened | None:
        for shelf in self._shelves:
            if (found := shelf.open(root)) is not None:
                return found
        return None
