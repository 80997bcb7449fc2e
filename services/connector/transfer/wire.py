"""How bytes travel: as they are, or as zstd where the link and not the CPU is the limit. Measured for each holder.

The measure is payload over the time that a range took, whatever bounded it: the link, the operator's limit, either CPU
or the other side's disk. So nothing needs to be known of the link, and a link that changes is followed.
"""

import threading
from dataclasses import dataclass, replace
from typing import Final, Literal

Setting = Literal["auto", "zstd", "plain"]

SMALLEST: Final = 256 * 1024
"""Bytes of payload from which a range says something about a rate; below it, latency is measured."""
MARGIN: Final = 1.25
"""How many times faster zstd must be: it costs both ends CPU that somebody else may need."""
PROBE: Final = 12
"""Ranges after which the way that is not preferred is tried again, doubled each time that it does not win."""
LONGEST: Final = 192
"""Ranges between two tries at most: 768 MiB."""
_WEIGHT: Final = 0.5
"""Of the newest measurement in a rate: a change is believed after a few ranges."""


@dataclass(frozen=True)
class Rates:
    """What is known of one holder: payload bytes a second each way, None before the first."""

    plain: float | None = None
    zstd: float | None = None
    left: int = 0
    """Ranges until the way that is not preferred is tried."""
    gap: int = PROBE

    @property
    def prefers_zstd(self) -> bool:
        return self.plain is not None and self.zstd is not None and self.zstd > self.plain * MARGIN

    def asks(self) -> bool:
        """Whether to ask for zstd for the next range. A plain one is measured first."""
        return self.plain is not None and self.prefers_zstd != (self.left <= 0)

    def measured(self, *, zstd: bool, rate: float) -> "Rates":
        """What is known after a range that came as zstd or plain at ``rate``."""
        known = self.zstd if zstd else self.plain
        mixed = rate if known is None else known + _WEIGHT * (rate - known)
        after = replace(self, zstd=mixed) if zstd else replace(self, plain=mixed)
        if after.prefers_zstd != self.prefers_zstd:
            return replace(after, left=PROBE, gap=PROBE)
        return after.waited() if zstd != self.prefers_zstd else replace(after, left=self.left - 1)

    def waited(self) -> "Rates":
        """The other way was tried in vain: the next try comes later. Several threads may have tried at once."""
        if self.left > 0:
            return self
        return replace(self, left=self.gap, gap=min(self.gap * 2, LONGEST))


class Wire:
    """The choice for each holder, shared by the threads of all copies."""

    def __init__(self, setting: Setting = "auto") -> None:
        self._setting = setting
        self._rates: dict[str, Rates] = {}
        self._whole: set[str] = set()
        self._lock = threading.Lock()

    def asks(self, pod: str) -> bool:
        """Whether to ask ``pod`` for zstd."""
        if self._setting != "auto":
            return self._setting == "zstd"
        with self._lock:
            return self._rates.get(pod, Rates()).asks()

    def parts(self, pod: str) -> bool:
        """Whether ``pod`` may be asked for several ranges at once."""
        return pod not in self._whole

    def whole(self, pod: str) -> None:
        """``pod`` was asked for several ranges at once and does not know how."""
        self._whole.add(pod)

    def measured(self, pod: str, *, asked: bool, zstd: bool, payload: int, seconds: float) -> None:
        """A range of ``payload`` bytes came whole: whether zstd was asked for, and whether it was."""
        if self._setting != "auto" or payload < SMALLEST:
            return
        with self._lock:
            rates = self._rates.get(pod, Rates())
            if asked and not zstd:
                rates = rates.waited()  # the bytes do not shrink, or the holder has no CPU to spare
            self._rates[pod] = rates.measured(zstd=zstd, rate=payload / max(seconds, 1e-6))
