"""When to ask the hub for another ticket for a copy: in time, once, and again after a while until one came."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from connector.domain.tasks import Copy

MARGIN: Final = 600.0
"""Seconds before a ticket's end at which another is asked for; earlier never, but later when it lives shortly."""
SHARE: Final = 0.2
"""That share of a ticket's life is enough for a short one."""
LONGEST: Final = 60.0
"""Seconds between two words about the same ticket, at the most; the first ones follow faster."""


@dataclass
class _Watch:
    expires: datetime
    ask_at: float
    asked: int = 0


class Renewals:
    """Watches the tickets of all copies that are to be made, also of those that wait or are paused."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._watches: dict[str, _Watch] = {}

    def due(self, copies: Iterable[Copy]) -> tuple[list[Copy], float | None]:
        """The copies for which to ask now, and the seconds until the next look; None when there is nothing to ask."""
        now = self._clock()
        known, self._watches = self._watches, {}
        due = []
        for copy in copies:
            if copy.ticket_expires is None:
                continue
            watch = self._watches[copy.copy] = _watch(known.get(copy.copy), copy.ticket_expires, now)
            if watch.ask_at <= now:
                due.append(copy)
                watch.ask_at = now + min(2.0**watch.asked, LONGEST)
                watch.asked = min(watch.asked + 1, 10)
        return due, min((watch.ask_at - now for watch in self._watches.values()), default=None)


def _watch(known: _Watch | None, expires: datetime, now: float) -> _Watch:
    """The watch over a ticket; it begins anew with another ticket."""
    if known is not None and known.expires == expires:
        return known
    end = expires.timestamp()
    return _Watch(expires, end - min(MARGIN, SHARE * max(0.0, end - now)))
