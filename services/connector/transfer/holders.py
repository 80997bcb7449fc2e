"""Who has the bytes: holders in the hub's order of preference, and what became of each in this copy.

No clock and no lock of its own: every method is told the time, and whoever shares it between threads guards it.
"""

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from connector.failures import Cancel, Refused
from contracts.errors import Failure
from contracts.events.to_pods import Holder

STEP: Final = "fetch"
NOT_YET: Final = "not_yet"
"""What a peer says of a span that it has not received itself. It is no failure, and never the end of a copy."""
PATIENCE: Final = (0.1, 0.5, 2.0)
"""Seconds before a holder whose connection failed is asked again; then it is given up for this attempt."""
SLOW: Final = 4.0
"""A holder that needs so many times as long for a byte as another is left for that one."""
REST: Final = 15.0
"""Seconds for which a slow holder is left alone while there are others, doubled each time."""
_MEMORY: Final = 0.7
_RANK: Final = ("digest_mismatch", "index_invalid", "ticket_expired", "source_refused", "source_unreachable")


class HolderFailed(Exception):  # noqa: N818
    """A holder did not give what it was asked for. ``passing``: asking it again may help.

    ``absent``: it says that it does not have the disk (404).
    """

    def __init__(self, code: str, text: str, *, passing: bool = False, absent: bool = False) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.passing = passing
        self.absent = absent


class LiveGrant:
    """What opens the holders' doors to a copy under way, and who they are; replaced when the hub extends it."""

    def __init__(self, ticket: str, holders: Sequence[Holder]) -> None:
        self._changed = threading.Condition()
        self._now = (ticket, tuple(holders))

    @property
    def now(self) -> tuple[str, tuple[Holder, ...]]:
        """Ticket and holders that belong together; another object after each `replace`."""
        return self._now

    @property
    def ticket(self) -> str:
        return self._now[0]

    @property
    def holders(self) -> tuple[Holder, ...]:
        return self._now[1]

    def replace(self, ticket: str, holders: Sequence[Holder]) -> None:
        """From now on these count. May be called by any thread."""
        with self._changed:
            self._now = (ticket, tuple(holders))
            self._changed.notify_all()

    def wait(self, used: str, seconds: float, stop: Cancel) -> bool:
        """Wait for another ticket than ``used``; whether there is one in time. Raises Cancelled."""
        with stop.calling(self._wake), self._changed:
            self._changed.wait_for(lambda: self.ticket != used or stop.is_set(), seconds)
        stop.check()
        return self.ticket != used

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()


@dataclass(eq=False)
class Standing:
    """A holder, and how it has served this copy so far."""

    holder: Holder
    order: int
    under_way: int = 0
    """Requests that it has not answered yet."""
    since: float = 0.0
    until: float = 0.0
    """It is left alone until then."""
    slow: bool = False
    lefts: int = 0
    stumbles: int = 0
    failure: HolderFailed | None = None
    _bytes: float = field(default=0.0, repr=False)
    _seconds: float = field(default=0.0, repr=False)

    @property
    def pod(self) -> str:
        return self.holder.pod

    @property
    def pace(self) -> float | None:
        """Seconds for a byte, of late; None while nothing is known."""
        return self._seconds / self._bytes if self._bytes else None

    def still_receives(self) -> None:
        """It lost what the hub counts on and makes it anew: it is a peer, asked for no more than it says it has."""
        if self.holder.complete:
            self.holder = msgspec.structs.replace(self.holder, complete=False)

    def served(self, size: int, seconds: float) -> None:
        """It gave ``size`` good bytes in ``seconds``: earlier stumbles are forgotten."""
        self.stumbles = 0
        self._bytes = self._bytes * _MEMORY + size
        self._seconds = self._seconds * _MEMORY + seconds


class Holders:
    """The holders of a copy. ``me`` is this pod, which is no holder for itself."""

    def __init__(self, grant: LiveGrant, me: str, now: float) -> None:
        self._grant = grant
        self._me = me
        self._seen: tuple[str, tuple[Holder, ...]] | None = None
        self._standings: dict[str, Standing] = {}
        self.refresh(now)

    def refresh(self, now: float) -> None:
        """Take over whom the hub names by now. One that was merely out of reach, or that wants another ticket, is tried
        again then."""
        seen = self._grant.now
        if seen is self._seen:
            return
        self._seen = seen
        for order, holder in enumerate(seen[1]):
            if holder.pod == self._me:
                continue
            known = self._standings.get(holder.pod)
            if known is None or known.holder.address != holder.address:
                self._standings[holder.pod] = Standing(holder, order, since=now)
                continue
            known.holder, known.order = holder, order
            if known.failure is not None and known.failure.passing:
                known.failure, known.stumbles = None, 0

    def all(self, *, complete: bool) -> list[Standing]:
        """Those not given up, the nearest first."""
        found = [one for one in self._standings.values() if one.failure is None and one.holder.complete == complete]
        return sorted(found, key=lambda one: one.order)

    def usable(self, now: float, *, complete: bool, slow: bool = False) -> list[Standing]:
        """Those that may be asked now; with ``slow`` those too that were left for others."""
        return [one for one in self.all(complete=complete) if one.until <= now or (slow and one.slow)]

    @staticmethod
    def best(among: Iterable[Standing]) -> Standing:
        """Who will probably be done first with one more request; of equals the nearest."""
        found = list(among)
        usual = min((pace for one in found if (pace := one.pace) is not None), default=1.0)
        return min(found, key=lambda one: ((one.under_way + 1) * (one.pace or usual), one.order))

    def failed(self, standing: Standing, error: HolderFailed, now: float) -> None:
        """Note a failure: a passing one is slept over a few times, any other is the end of this holder's part."""
        if error.passing and standing.stumbles < len(PATIENCE):
            standing.until = now + PATIENCE[standing.stumbles]
            standing.slow = False
            standing.stumbles += 1
        elif standing.failure is None:
            standing.failure = error

    def expired(self, standing: Standing, error: HolderFailed, used: str) -> None:
        """Its door says that the ticket ``used`` has ended: it is not asked again before there is another one.

        Perhaps only its clock is wrong, so the others are asked first.
        """
        if self._seen is not None and used == self._seen[0]:
            standing.failure = error

    @property
    def awaited(self) -> str | None:
        """The ticket after which some wait for another one; None when that would bring back nobody."""
        failures = [one.failure for one in self._standings.values() if one.failure is not None]
        waits = any(failure.code == "ticket_expired" for failure in failures)
        return self._seen[0] if waits and self._seen is not None else None

    def left(self, standing: Standing, now: float) -> None:
        """It is slow, and another will be asked for a while."""
        standing.slow, standing.until = True, now + REST * 2**standing.lefts
        standing.lefts += 1

    def exhausted(self) -> Refused:
        """The refusal that names every holder and what became of it."""
        failures = {one.pod: one.failure for one in self._standings.values() if one.failure is not None}
        if not self._standings:
            return Refused(
                Failure(code="source_unreachable", step=STEP, text="No pod is named that holds the version", retry=True)
            )
        texts = {pod: error.text for pod, error in failures.items()}
        waiting = {pod: "it has not what is missing" for pod in self._standings if pod not in texts}
        codes = {error.code for error in failures.values()}
        return Refused(
            Failure(
                code=next((code for code in _RANK if code in codes), "source_unreachable"),
                step=STEP,
                text="; ".join(f"{pod}: {text}" for pod, text in (texts | waiting).items()),
                hint="Check that the named pods are up and reachable from here; the copy resumes where it stopped.",
                retry=True,
            )
        )
