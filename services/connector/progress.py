"""Live progress of a piece of work: counted by its threads, said at most five times a second."""

import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from typing import Final

from contracts.manifest import Manifest
from contracts.views import Progress

EVERY: Final = 0.2
"""Seconds between two words."""
WAITING: Final = "waiting"
"""The step of work that rests outside the hours in which the pod may copy."""
WINDOW: Final = 25
"""Words over which the rate is taken: five seconds."""


class Meter:
    """Counts bytes. `add` may be called by any thread; ``say`` is called in the thread that added."""

    def __init__(
        self, id: str, version: str, say: Callable[[Progress], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._id = id
        self._version = version
        self._say = say
        self._clock = clock
        self._lock = threading.Lock()
        self._step = ""
        self._held = False
        self._total = self._done = self.network = self.reused = 0
        self._from: Counter[str] = Counter()
        self._said = -EVERY
        self._marks: deque[tuple[float, int]] = deque(maxlen=WINDOW)

    def begin(self, step: str, total: int) -> None:
        """A step of ``total`` bytes begins."""
        with self._lock:
            self._step, self._total, self._done = step, total, 0
            self._marks.clear()
            self._said = self._clock() - EVERY
        self.add()

    @property
    def network_from(self) -> dict[str, int]:
        """The bytes from the network, by the pod that served them."""
        with self._lock:
            return dict(self._from)

    def add(self, *, done: int = 0, network: int = 0, reused: int = 0, pod: str = "") -> None:
        """``done`` more bytes of the step are dealt with, so many of them from the network (from ``pod``) or found on
        this pod."""
        with self._lock:
            if network:
                self._from[pod] += network
            self._done += done
            self.network += network
            self.reused += reused
            now = self._clock()
            if now - self._said < EVERY:
                return
            said = self._snapshot(now)
        self._say(said)

    def hold(self) -> None:
        """The step waits from now on; said again, it keeps those who watch informed."""
        self._rest(held=True)

    def resume(self) -> None:
        """The step goes on, if it waited."""
        if self._held:
            self._rest(held=False)

    def _rest(self, *, held: bool) -> None:
        with self._lock:
            self._held = held
            self._marks.clear()
            said = self._snapshot(self._clock())
        self._say(said)

    def end(self) -> None:
        """Say where the step stands, whenever the last word was."""
        with self._lock:
            said = self._snapshot(self._clock())
        self._say(said)

    def _snapshot(self, now: float) -> Progress:
        self._said = now
        self._marks.append((now, self._done))
        since, before = self._marks[0]
        rate = (self._done - before) / (now - since) if now > since else None
        return Progress(
            id=self._id,
            version=self._version,
            step=WAITING if self._held else self._step,
            bytes_done=self._done,
            bytes_total=self._total,
            bytes_network=self.network,
            bytes_reused=self.reused,
            rate=rate,
            eta=(self._total - self._done) / rate if rate else None,
        )


def waiting(id: str, version: str, manifest: Manifest) -> Progress:
    """The word about a copy that is to begin in the pod's next open hour."""
    return Progress(id=id, version=version, step=WAITING, bytes_done=0, bytes_total=manifest.size)
