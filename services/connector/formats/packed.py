"""Compressed disk files: which compression it is by the first bytes, and the content as a stream of bounded pieces.

A few bytes may stand for gigabytes, so nothing here makes more than `PIECE` at once, and whoever reads decides when it
is enough. What ends early, or goes on with something else behind its end, is refused: several streams one after the
other (as parallel compressors write them) are one content.
"""

import lzma
import os
import zlib
from collections.abc import Callable, Iterator
from typing import Final, Literal

import zstandard

Packing = Literal["gzip", "xz", "zstd"]

PIECE: Final = 1024 * 1024
"""Bytes that are made at once, at most."""
READ: Final = 256 * 1024
"""Bytes that are read at once."""
MEMORY: Final = 128 * 1024 * 1024
"""Bytes of the largest window that is kept while unpacking: what the three tools use at their highest common level."""

_MAGIC: Final[dict[Packing, bytes]] = {"gzip": b"\x1f\x8b", "xz": b"\xfd7zXZ\0", "zstd": b"\x28\xb5\x2f\xfd"}
_SKIPPABLE: Final = range(0x184D2A50, 0x184D2A60)
"""The magic numbers of zstd frames that have no content (RFC 8878, 3.1.2)."""
_RLE: Final = 1
_EARLY: Final = "it ends early"
_BEHIND: Final = "something else follows its end"


class PackedError(Exception):
    """The compressed stream is not whole, or more than one."""


def packing(fd: int) -> Packing | None:
    """How the file is compressed, by its first bytes; None when it is not, or in another way."""
    head = os.pread(fd, 6, 0)
    if len(head) >= 4 and int.from_bytes(head[:4], "little") in _SKIPPABLE:
        return "zstd"  # parallel compressors begin with such a frame
    return next((name for name, magic in _MAGIC.items() if head.startswith(magic)), None)


def content(fd: int, packing: Packing, read: Callable[[int], None]) -> Iterator[bytes]:
    """What the file holds, in pieces of `PIECE` bytes at most; ``read`` is told how many bytes of it were read, and may
    raise to end it: much may be read of which no piece comes.

    Raises:
        PackedError: it is broken, ends early, or something else follows.
        OSError: the file cannot be read.
    """
    source = _Input(fd, read)
    try:
        match packing:
            case "gzip":
                yield from _gzip(source)
            case "xz":
                yield from _xz(source)
            case "zstd":
                yield from _zstd(source)
    except (zlib.error, lzma.LZMAError, zstandard.ZstdError) as error:
        raise PackedError(str(error)[:200]) from error


class _Input:
    """The file from its beginning; what was read too far can be given back."""

    def __init__(self, fd: int, read: Callable[[int], None]) -> None:
        self._fd, self._read = fd, read
        self._at = 0
        self._ahead = b""

    def some(self) -> bytes:
        """The next bytes, none at the end."""
        data, self._ahead = self._ahead, b""
        if not data:
            data = os.pread(self._fd, READ, self._at)
            self._at += len(data)
            self._read(len(data))
        return data

    def give_back(self, data: bytes) -> None:
        self._ahead = data + self._ahead

    def upto(self, size: int) -> bytes:
        """The next ``size`` bytes, fewer at the end."""
        data = b""
        while len(data) < size and (more := self.some()):
            data += more
        self.give_back(data[size:])
        return data[:size]

    def exactly(self, size: int) -> bytes:
        """The next ``size`` bytes. Raises PackedError when there are fewer."""
        data = self.upto(size)
        if len(data) < size:
            raise PackedError(_EARLY)
        return data

    def another(self, magic: bytes) -> bool:
        """Whether a stream with this ``magic`` follows. Raises PackedError: something else does."""
        head = self.upto(len(magic))
        self.give_back(head)
        if head and head != magic:
            raise PackedError(_BEHIND)
        return bool(head)


def _gzip(source: _Input) -> Iterator[bytes]:
    while True:
        stream = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
        data = b""
        while not stream.eof:
            data = data or source.some()
            ended = not data
            piece = stream.decompress(data, PIECE)
            data = stream.unconsumed_tail
            if piece:
                yield piece
            elif ended and not stream.eof:
                raise PackedError(_EARLY)
        source.give_back(stream.unused_data)
        if not source.another(_MAGIC["gzip"]):
            return


def _xz(source: _Input) -> Iterator[bytes]:
    while True:
        stream = lzma.LZMADecompressor(format=lzma.FORMAT_XZ, memlimit=MEMORY)
        while not stream.eof:
            data = source.some() if stream.needs_input else b""
            if stream.needs_input and not data:
                raise PackedError(_EARLY)
            if piece := stream.decompress(data, PIECE):
                yield piece
        source.give_back(stream.unused_data)
        padding = 0
        while data := source.some():
            rest = data.lstrip(b"\0")
            padding += len(data) - len(rest)
            if rest:
                source.give_back(rest)
                break
        if padding % 4:
            raise PackedError(_BEHIND)
        if not source.another(_MAGIC["xz"]):
            return


def _zstd(source: _Input) -> Iterator[bytes]:
    """Block by block, each of which makes 128 KiB at most: the decompressor itself bounds what it reads, not makes."""
    # `max_window_size` in a frame's header is what it may ask for; it bounds the memory as `MEMORY` does for xz.
    engine = zstandard.ZstdDecompressor(max_window_size=MEMORY)
    while head := source.upto(4):
        magic = int.from_bytes(head, "little")
        if magic in _SKIPPABLE and len(head) == 4:
            _skip(source, int.from_bytes(source.exactly(4), "little"))
            continue
        if head != _MAGIC["zstd"]:
            raise PackedError(_BEHIND)
        descriptor = source.exactly(1)
        header = head + descriptor + source.exactly(_rest_of_header(descriptor[0]))
        stream = engine.decompressobj()
        yield from _piece(stream.decompress(header))
        last = False
        while not last:
            lead = source.exactly(3)
            said = int.from_bytes(lead, "little")
            last, kind, size = bool(said & 1), said >> 1 & 3, said >> 3
            if size > PIECE:
                raise PackedError("a block is too large")
            yield from _piece(stream.decompress(lead + source.exactly(1 if kind == _RLE else size)))
        if descriptor[0] & 4:
            yield from _piece(stream.decompress(source.exactly(4)))
        if not stream.eof:
            raise PackedError(_EARLY)


def _piece(data: bytes) -> Iterator[bytes]:
    if data:
        yield data


def _rest_of_header(descriptor: int) -> int:
    """Bytes of a frame's header behind its descriptor (RFC 8878, 3.1.1.1)."""
    content, single, dictionary = descriptor >> 6, descriptor >> 5 & 1, descriptor & 3
    sized = (single, 2, 4, 8)[content]
    return sized + (0 if single else 1) + (0, 1, 2, 4)[dictionary]


def _skip(source: _Input, size: int) -> None:
    while size:
        data = source.some()
        if not data:
            raise PackedError(_EARLY)
        source.give_back(data[size:])
        size -= min(size, len(data))
