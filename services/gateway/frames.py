"""Zstandard frames (RFC 8878) that need no compressor: bytes as they are, and zeros."""

from collections.abc import Iterator

_MAGIC = b"\x28\xb5\x2f\xfd"
_SINGLE = 0b1010_0000
"""Frame header: single segment, so no window; the content's size in four bytes."""
_BLOCK = 128 * 1024
_REPEATED = 1 << 1
"""Block header: one byte, so many times."""


def stored(data: bytes) -> bytes:
    """One frame that holds ``data`` (less than 4 GiB) uncompressed."""
    return b"".join(_parts(memoryview(data)))


def zeros(size: int) -> bytes:
    """One frame that holds ``size`` (less than 4 GiB) zero bytes, in four bytes for each 128 KiB."""
    found = bytearray(_MAGIC + bytes([_SINGLE]) + size.to_bytes(4, "little"))
    left = size
    while True:
        some = min(left, _BLOCK)
        left -= some
        found += (some << 3 | _REPEATED | (not left)).to_bytes(3, "little") + b"\0"
        if not left:
            return bytes(found)


def _parts(data: memoryview) -> Iterator[bytes | memoryview]:
    yield _MAGIC + bytes([_SINGLE]) + len(data).to_bytes(4, "little")
    at = 0
    while True:
        block = data[at : at + _BLOCK]
        at += len(block)
        last = at >= len(data)
        yield (len(block) << 3 | last).to_bytes(3, "little")
        yield block
        if last:
            return
