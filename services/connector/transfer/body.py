"""The body of an answer, as it travelled or unpacked: never more than was announced, or than there is room for."""

import time
from collections.abc import Callable
from typing import Final, Protocol

import zstandard

from connector.failures import Cancel
from connector.transfer.answer import Answer, Pace
from connector.transfer.holders import HolderFailed

WINDOW: Final = 8 * 1024 * 1024
"""Bytes of the largest zstd window that is decoded: a frame may not claim more memory than a range has."""


class Throttle(Protocol):
    """A limit on bytes a second."""

    def take(self, size: int, stop: Cancel) -> None:
        """Wait until ``size`` more bytes may be received. Raises Cancelled."""


class Body:
    """The bytes of an answer as they travelled, and never more than were announced."""

    def __init__(
        self, answer: Answer, read: Callable[[memoryview], int], throttle: Throttle | None, stop: Cancel
    ) -> None:
        self._early = answer.early
        self._read = read
        self._throttle = throttle
        self._stop = stop
        self._pace = Pace()
        self.left = answer.length
        self.received = 0

    def into(self, view: memoryview) -> int:
        """Some bytes, at most as many as there is room for; 0 at the end. Raises HolderFailed, Cancelled."""
        view = view[: self.left]
        if not view:
            return 0
        if self._early:
            got = min(len(view), len(self._early))
            view[:got] = self._early[:got]
            self._early = self._early[got:]
        else:
            begun = time.monotonic()
            got = self._read(view)
            if self._pace.too_slow(got, time.monotonic() - begun):
                raise HolderFailed("source_unreachable", "it sends too slowly", passing=True)
        self.left -= got
        self.received += got
        if self._throttle is not None:
            self._throttle.take(got, self._stop)
        return got

    def read(self, size: int) -> bytes:
        """As a file, for the decoder."""
        piece = memoryview(bytearray(min(size, self.left)))
        return bytes(piece[: self.into(piece)])


class Unpacked:
    """The plain bytes of a zstd body: at no time more than there is room for, whatever it unpacks to."""

    def __init__(self, body: Body) -> None:
        decoder = zstandard.ZstdDecompressor(max_window_size=WINDOW)
        self._reader = decoder.stream_reader(body, read_size=64 * 1024)  # type: ignore[arg-type]

    def into(self, view: memoryview) -> int:
        return self._reader.readinto(view)
