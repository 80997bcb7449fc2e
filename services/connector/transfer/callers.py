"""Who is connected to a door, and who must leave when it is full: one's many connections never shut out another.

There is a bound on all connections and one on those of each peer (a pod by its certificate, without one by its
address). A newcomer over a bound takes the place of whoever uses his least: one that never made a good request, one
that is idle, one that takes its bytes too slowly while others wait. When all are used well, the newcomer leaves.
"""

import asyncio
import socket
import struct
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

import structlog

CONNECTIONS: Final = 512
PER_PEER: Final = 64
GRACE: Final = 20.0
"""Seconds of waiting for a reader before its rate says something."""
SLOWEST: Final = 64 * 1024
"""Bytes a second; a slower reader makes place when others wait."""
IDLE_ENOUGH: Final = 1.0
"""Seconds after an answer from which a kept-alive connection counts as idle."""
_AT_ONCE: Final = struct.pack("ii", 1, 0)

log = structlog.get_logger()


@dataclass
class Taking:
    """How an answer is taken: bytes, and the seconds that were waited for them to go."""

    bytes: int = 0
    seconds: float = 0.0
    waiting: float | None = None
    """When the wait began that is under way."""

    def begin(self, now: float) -> None:
        self.waiting = now

    def end(self, size: int, now: float) -> None:
        if self.waiting is not None:
            self.seconds += now - self.waiting
        self.waiting = None
        self.bytes += size
        if self.seconds > 2 * GRACE:  # what was long ago says less
            self.bytes, self.seconds = self.bytes // 2, self.seconds / 2

    def rate(self, now: float) -> float | None:
        """Bytes a second; None when it is too early to say."""
        seconds = self.seconds + (now - self.waiting if self.waiting is not None else 0.0)
        return self.bytes / seconds if seconds >= GRACE else None


@dataclass(eq=False)
class Caller:
    """One connection."""

    address: str
    since: float
    """When it came, or when its last answer ended."""
    transport: asyncio.BaseTransport
    bearer: str | None = None
    """Whose certificate it showed."""
    admitted: bool = False
    """It made a request that a ticket opened the door to."""
    busy: int = 0
    """Requests under way: 0 or 1."""
    taking: Taking = field(default_factory=Taking)
    sending: asyncio.Timeout | None = None
    """The bound of the piece that is being sent to it."""

    def cut(self) -> None:
        """End the connection at once, without waiting for what is still to be sent."""
        if self.sending is not None:
            # Whoever sends ends it: a `sendfile` under way would not notice, and wait for ever.
            self.sending.reschedule(asyncio.get_running_loop().time())
        else:
            abort(self.transport)

    @property
    def peer(self) -> str:
        return self.bearer or self.address


def leaver(callers: Iterable[Caller], now: float) -> Caller | None:
    """Who makes place for a newcomer; None when everybody uses theirs well.

    Of those that never made a good request it is the eldest from the address that has most of them, so that a flood
    from one place drowns itself and not the others.
    """
    callers = list(callers)
    strangers = [caller for caller in callers if not caller.admitted]
    if strangers:
        crowd = Counter(caller.address for caller in strangers)
        return max(strangers, key=lambda caller: (crowd[caller.address], -caller.since))
    idle = [caller for caller in callers if not caller.busy and now - caller.since >= IDLE_ENOUGH]
    if idle:
        return min(idle, key=lambda caller: caller.since)
    rated = [(rate, caller) for caller in callers if (rate := caller.taking.rate(now)) is not None]
    slow = [(rate, caller) for rate, caller in rated if rate < SLOWEST]
    return min(slow, key=lambda pair: pair[0])[1] if slow else None


class Callers:
    """The connections of one door. Called in its loop only."""

    def __init__(self) -> None:
        self._all: set[Caller] = set()

    def __len__(self) -> int:
        return len(self._all)

    @property
    def busy(self) -> int:
        """How many are being served."""
        return sum(caller.busy for caller in self._all)

    def came(self, caller: Caller, *, anonymous: bool, now: float) -> bool:
        """A connection was accepted; ``anonymous``: no certificate will say whose it is. False: it must leave."""
        rivals = self._peers(caller.peer) if anonymous else []
        if not (self._place(self._all, CONNECTIONS, now) and self._place(rivals, PER_PEER, now)):
            log.warning("too_many_connections", peer=caller.peer, all=len(self._all))
            return False
        self._all.add(caller)
        return True

    def named(self, caller: Caller, bearer: str | None, now: float) -> bool:
        """A connection has shown its certificate. False: it must leave."""
        if bearer is not None and not self._place(self._peers(bearer), PER_PEER, now):
            log.warning("too_many_connections", peer=bearer, all=len(self._all))
            return False
        caller.bearer = bearer
        return True

    def left(self, caller: Caller) -> None:
        self._all.discard(caller)

    def cut(self) -> None:
        """End all connections."""
        for caller in self._all:
            caller.cut()

    def _peers(self, peer: str) -> list[Caller]:
        return [caller for caller in self._all if caller.peer == peer]

    def _place(self, rivals: Iterable[Caller], bound: int, now: float) -> bool:
        """Whether there is place for one more among ``rivals``; made where somebody uses it badly."""
        rivals = list(rivals)
        if len(rivals) < bound:
            return True
        unlucky = leaver(rivals, now)
        if unlucky is None:
            return False
        log.info("connection_cut", peer=unlucky.peer, admitted=unlucky.admitted, busy=bool(unlucky.busy))
        self._all.discard(unlucky)
        unlucky.cut()
        return True


def abort(transport: asyncio.BaseTransport) -> None:
    """Cut a connection at once, and drop what the kernel would still send on it."""
    assert isinstance(transport, asyncio.WriteTransport)  # noqa: S101 - for the type checker
    found = transport.get_extra_info("socket")
    if found is not None:
        with suppress(OSError):  # it is closed already
            found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
    transport.abort()
