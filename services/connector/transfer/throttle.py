"""The operator's limits on what a pod moves: bytes a second for the pod and for each link, and the hours for it.

All of them may be changed while copies run; a thread that waits looks again within `LOOK` seconds.
"""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from connector.failures import Cancel
from contracts.limits import Limits, Window

BURST: Final = 0.25
"""Seconds' worth of the rate that may be taken at once after a silence."""
LOOK: Final = 0.25
"""Seconds after which a waiting thread looks at the limits again."""


class Throttle:
    """A token bucket over bytes, for any number of threads; those that ask first are served first.

    ``within`` is a wider limit that the same bytes count against, as a link's do against the pod's.
    """

    def __init__(
        self,
        rate: int | None = None,
        within: "Throttle | None" = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._within = within
        self._clock = clock
        self._lock = threading.Lock()
        self._rate = rate
        self._taken = 0.0
        self._earned = 0.0
        self._at = clock()

    @property
    def rate(self) -> int | None:
        """Bytes a second; None is free. A new rate holds at once, for those who wait too."""
        return self._rate

    @rate.setter
    def rate(self, rate: int | None) -> None:
        with self._lock:
            self._earn()
            self._rate = rate

    @property
    def lowest(self) -> int | None:
        """The rate that bounds what passes here: the smaller of this one and of what it is within."""
        outer = self._within.lowest if self._within is not None else None
        return min((rate for rate in (self._rate, outer) if rate is not None), default=None)

    def take(self, size: int, stop: Cancel) -> None:
        """Take ``size`` bytes, then wait until they were due. Raises Cancelled when ``stop`` is set meanwhile."""
        mark = self._mark(size)
        if self._within is not None:
            self._within.take(size, stop)
        while self._rate is not None and (left := self._left(mark)) > 0:
            stop.pause(min(left, LOOK))

    def delay(self, size: int) -> float:
        """Take ``size`` bytes; the seconds after which they are due at the present rates."""
        own = self._left(self._mark(size))
        return max(own, self._within.delay(size)) if self._within is not None else own

    def _mark(self, size: int) -> float:
        if self._rate is None:  # what passes freely is not counted
            return 0.0
        with self._lock:
            self._earn()
            self._taken += size
            return self._taken

    def _left(self, mark: float) -> float:
        """Seconds until the first ``mark`` bytes ever taken were earned."""
        with self._lock:
            self._earn()
            if self._rate is None or mark < self._earned + 1:  # less than a byte is not waited for
                return 0.0
            return (mark - self._earned) / self._rate

    def _earn(self) -> None:
        now = self._clock()
        if self._rate is None:
            self._earned = self._taken
        else:
            self._earned = min(self._earned + (now - self._at) * self._rate, self._taken + self._rate * BURST)
        self._at = now


class Throttles:
    """The limits of the pod that are in force; one for all its copies and its door."""

    def __init__(
        self,
        limits: Limits | None = None,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._clock = clock
        self._now = now
        self._lock = threading.Lock()
        self.receive = Throttle(clock=clock)
        self.send = Throttle(clock=clock)
        self._links: dict[str, Throttle] = {}
        self._limits = Limits()
        self._zone = ZoneInfo("UTC")
        if limits is not None:
            self.apply(limits)

    def apply(self, limits: Limits) -> None:
        """Put ``limits`` in force. Raises ValueError, and changes nothing, when the time zone is unknown."""
        try:
            zone = ZoneInfo(limits.timezone)
        except (KeyError, ValueError, OSError) as error:
            raise ValueError(f"no time zone {limits.timezone!r} is known here") from error
        with self._lock:
            self._limits, self._zone = limits, zone
            self.receive.rate = limits.receive
            self.send.rate = limits.send
            for pod, link in self._links.items():
                link.rate = limits.links.get(pod)

    def link(self, pod: str) -> Throttle:
        """What bounds the bytes received from ``pod``: its link's own limit, within the pod's `receive`."""
        with self._lock:
            if pod not in self._links:
                self._links[pod] = Throttle(self._limits.links.get(pod), self.receive, self._clock)
            return self._links[pod]

    def open_now(self, at: datetime) -> bool:
        """Whether copies may move bytes at the moment ``at`` (with its time zone)."""
        with self._lock:
            windows, zone = self._limits.windows, self._zone
        return not windows or any(_covers(window, at.astimezone(zone)) for window in windows)

    def wait_open(self, stop: Cancel) -> None:
        """Return in the next open hour, at once when it is one. Raises Cancelled when ``stop`` is set meanwhile."""
        while not self.is_open():
            stop.pause(LOOK)

    def is_open(self) -> bool:
        """Whether copies may move bytes now."""
        return self.open_now(self._now())


def _covers(window: Window, local: datetime) -> bool:
    """Whether the wall clock ``local`` is in ``window``; one that reaches into the next day began the day before."""
    clock, today = local.strftime("%H:%M"), local.weekday()
    before = (local.date() - timedelta(days=1)).weekday()

    def on(day: int) -> bool:
        return not window.days or day in window.days

    if window.begin < window.end:
        return on(today) and window.begin <= clock < window.end
    return (on(today) and clock >= window.begin) or (on(before) and clock < window.end)
