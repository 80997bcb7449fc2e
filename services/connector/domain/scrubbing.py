"""Which copy at rest is checked next, and how fast: evenly over the period, and out of the way of other work.

Every item is due one period after its last check. The rate is the lowest that meets every due time with a margin, the
items taken in the order of their due times; so a library that is checked in time is read evenly, one that fell behind
catches up, and a restart, a pause or a new item changes the rate but starves nobody.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

MARGIN: Final = 0.8
"""The part of the period that is planned with; the rest is for pauses."""
SOON: Final = 3600.0
"""Seconds within which what is overdue is to be done, if `FASTEST` allows it; of a short period it is the margin."""
FASTEST: Final = 64 * 1024 * 1024.0
"""Bytes a second that scrub never exceeds."""
SLOWEST: Final = 4 * 1024.0
"""Bytes a second that it does at least: what was read before its time is paid for within half an hour, so that an item
with next to nothing to read has its turn."""
BUSY: Final = 2.0
"""Seconds between two looks whether the pod is still busy with other work."""
IDLE: Final = 300.0
"""Seconds after which the library is looked at again when there is nothing to check."""


@dataclass(frozen=True)
class Standing:
    """An item as far as its checks are concerned. ``checked`` is when it was last found whole, in seconds since 1970;
    ``left`` is how many bytes are still to be read to check it again."""

    version: str
    checked: float
    left: int
    doubted: bool = False
    datastore: str = ""


@dataclass(frozen=True)
class Check:
    """Read on in this item at ``rate`` bytes a second.

    ``late``: also while other work runs. ``doubted``: from its beginning to its end, and before anything else.
    """

    version: str
    rate: float
    late: bool = False
    doubted: bool = False
    datastore: str | None = None
    """None: any that has the version."""


@dataclass(frozen=True)
class Rest:
    """Do nothing for so many seconds."""

    seconds: float


Step: TypeAlias = Check | Rest


def due(item: Standing, period: float) -> float:
    """When the item is to be checked again, with the margin."""
    return item.checked + period * MARGIN


def next_step(items: Sequence[Standing], now: float, period: float, *, busy: bool) -> Step:
    """What to do now. ``period`` in seconds, 0 for never; ``busy``: copies or imports run.

    What is in doubt comes first, and comes always; other checks wait while the pod is busy, unless a whole period is
    over since the last one.
    """
    doubted = [item for item in items if item.doubted]
    if doubted:
        first = min(doubted, key=_order)
        return Check(first.version, FASTEST, doubted=True, datastore=first.datastore)
    if not items or period <= 0:
        return Rest(IDLE)
    first = min(items, key=_order)
    late = first.checked + period < now
    if busy and not late:
        return Rest(BUSY)
    return Check(first.version, pace(items, now, period), late=late, datastore=first.datastore)


def pace(items: Sequence[Standing], now: float, period: float) -> float:
    """Bytes a second at which every item is checked before it is due."""
    rate, left, soon = 0.0, 0, min(SOON, period * (1 - MARGIN))
    for item in sorted(items, key=lambda item: item.checked):
        left += item.left
        rate = max(rate, left / max(due(item, period) - now, soon))
    return max(SLOWEST, min(rate, FASTEST))


def _order(item: Standing) -> tuple[float, str, str]:
    return item.checked, item.version, item.datastore
