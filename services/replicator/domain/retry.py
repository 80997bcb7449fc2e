"""When a failed attempt is made again: few times, further and further apart, not all at the same moment."""

from datetime import datetime, timedelta
from zlib import crc32

import msgspec

JITTER = 0.2
"""The largest share by which a delay is lengthened."""


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """``max_attempts`` counts the first one; ``backoff`` are seconds before the second, third, … (the last stays)."""

    max_attempts: int = 6
    backoff: tuple[float, ...] = (1.0, 5.0, 30.0, 120.0, 600.0)


def next_attempt(policy: Policy, copy: str, tries: int, at: datetime) -> datetime | None:
    """When the attempt after ``tries`` failed ones begins; None when there were enough.

    The jitter comes from the copy's id: the copies of a publish that failed together do not come back together, and
    a repeated decision is the same decision.
    """
    if tries >= policy.max_attempts:
        return None
    delay = policy.backoff[min(tries, len(policy.backoff)) - 1]
    share = crc32(f"{copy}/{tries}".encode()) % 1000 / 1000
    return at + timedelta(seconds=delay * (1 + JITTER * share))
