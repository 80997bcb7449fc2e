"""Zstandard frames made without a compressor, read by a real one."""

import random

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.frames import stored, zeros

SIZES = [0, 1, 255, 256, 65_791, 65_792, 131_071, 131_072, 131_073, 4 * 1024 * 1024]


def unpacked(frames: bytes) -> bytes:
    with zstandard.ZstdDecompressor().stream_reader(frames, read_across_frames=True) as reader:
        return reader.read()


@pytest.mark.parametrize("size", SIZES)
def test_stored_bytes_come_back(size: int) -> None:
    data = random.Random(size).randbytes(size)
    assert unpacked(stored(data)) == data
    assert len(stored(data)) <= size + 9 + 3 * (size // 131_072 + 1)


@pytest.mark.parametrize("size", SIZES)
def test_zeros_come_back_and_take_next_to_nothing(size: int) -> None:
    assert unpacked(zeros(size)) == bytes(size)
    assert len(zeros(size)) <= 9 + 4 * (size // 131_072 + 1)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.one_of(st.binary(max_size=300), st.integers(0, 300_000)), max_size=6))
def test_frames_one_after_the_other_are_one_stream(parts: list[bytes | int]) -> None:
    frames = b"".join(zeros(part) if isinstance(part, int) else stored(part) for part in parts)
    whole = b"".join(bytes(part) if isinstance(part, int) else part for part in parts)
    assert unpacked(frames) == whole
