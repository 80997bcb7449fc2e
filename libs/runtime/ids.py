"""Ids: UUIDv7 (RFC 9562) as 32 hex digits: ordered for the index, unguessable for others."""

import os
import struct
import time


class Ids:
    """Makes ids that never go back within a process, whatever the clock does.

    48 bits of milliseconds, 12 bits of a counter within the millisecond, 62 random bits: who saw one id cannot guess
    the next (a guessed event id would let one client suppress another's event).
    """

    def __init__(self) -> None:
        self._stamp = 0
        self._random: list[int] = []

    def __call__(self) -> str:
        stamp = time.time_ns() * 4096 // 1_000_000
        self._stamp = stamp = max(stamp, self._stamp + 1)
        if not self._random:
            self._random = list(struct.unpack("256Q", os.urandom(2048)))
        random = self._random.pop() & 0x3FFF_FFFF_FFFF_FFFF
        value = ((stamp >> 12) << 80) | (0x7 << 76) | ((stamp & 0xFFF) << 64) | (0b10 << 62) | random
        return f"{value:032x}"


new_id = Ids()
"""The process's ids."""
