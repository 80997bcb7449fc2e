"""The disks that this pod is still receiving, for its door: what of them has arrived may be served already.

A span is marked as held only after its chunks were verified and written, so a peer never gets more than that.
"""

import os
import threading
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from types import TracebackType

from connector.transfer.shelf import Opened


class Reception:
    """One disk on its way, with file descriptors of its own; in the registry until `close`."""

    def __init__(self, data: int, index: int, size: int, spans: int, span_of: Callable[[int], int]) -> None:
        self._stack = ExitStack()
        self._data = os.dup(data)
        self._stack.callback(os.close, self._data)
        try:
            self._index = os.dup(index)
        except BaseException:
            self._stack.close()
            raise
        self._stack.callback(os.close, self._index)
        self._size = size
        self._span_of = span_of
        self._held = bytearray(-(-spans // 8))
        self._lock = threading.Lock()
        self._closed = False

    def begin(self, lacking: Iterable[int]) -> None:
        """Everything is here but these spans: the others are all zero, or were kept from an earlier try."""
        held = bytearray(b"\xff" * len(self._held))
        for span in lacking:
            held[span // 8] &= ~(1 << span % 8)
        with self._lock:
            self._held = held

    def mark(self, span: int) -> None:
        """All chunks of ``span`` are written and right."""
        with self._lock:
            self._held[span // 8] |= 1 << span % 8

    def held(self) -> bytes:
        """One bit for each span, the least significant first."""
        with self._lock:
            return bytes(self._held)

    def open(self) -> Opened | None:
        """For the door, with file descriptors for it to close; None when the disk is not received any more."""
        with self._lock:
            if self._closed:
                return None
            data = os.dup(self._data)
            try:
                index = os.dup(self._index)
            except BaseException:
                os.close(data)
                raise
        return Opened(data=data, index=index, size=self._size, held=self.held, span_of=self._span_of)

    def close(self) -> None:
        with self._lock:
            self._closed = True
            self._stack.close()

    def __enter__(self) -> "Reception":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Receiving:
    """The disks under way, by root. One for all copies of a pod; safe for any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._disks: dict[str, list[Reception]] = {}

    def add(
        self, root: str, data: int, index: int, size: int, spans: int, span_of: Callable[[int], int], stack: ExitStack
    ) -> Reception:
        """Offer a disk to peers until ``stack`` closes. The file descriptors are the caller's still."""
        reception = stack.enter_context(Reception(data, index, size, spans, span_of))
        with self._lock:
            self._disks.setdefault(root, []).append(reception)
        stack.callback(self._remove, root, reception)
        return reception

    def open(self, root: str) -> Opened | None:
        """What there is of the disk with this root, for the door to serve; None when it is not being received."""
        with self._lock:
            receptions = list(self._disks.get(root, ()))
        for reception in receptions:
            if (opened := reception.open()) is not None:
                return opened
        return None

    def _remove(self, root: str, reception: Reception) -> None:
        with self._lock:
            self._disks[root].remove(reception)
            if not self._disks[root]:
                del self._disks[root]
