"""Bitmaps in whole numbers: the least significant bit is number 0."""

from collections.abc import Iterator


def ones(bits: int) -> Iterator[tuple[int, int]]:
    """The runs of ones in ``bits``, from the least significant on, as ``(begin, end)``."""
    at = 0
    while bits:
        zeros = trailing(bits)
        many = trailing(~(bits >> zeros))
        bits >>= zeros + many
        yield at + zeros, at + zeros + many
        at += zeros + many


def trailing(bits: int) -> int:
    """How many zeros come before the least significant one."""
    return (bits & -bits).bit_length() - 1


def set_bits(bits: int, base: int) -> Iterator[int]:
    """``base`` plus the number of each bit that is set, in order."""
    for begin, end in ones(bits):
        yield from range(base + begin, base + end)
