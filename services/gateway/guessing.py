"""Wrong tokens by address: who shows too many is told to wait, and costs the house little meanwhile.

A secret of 256 bits is not found by trying. What is kept small here is the work that trying makes, and the log.
"""

import asyncio
import ipaddress
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from math import ceil

BURST = 20
"""Wrong tokens that an address may show at once: scripts go on for a while with a token that has ended."""
EVERY = 3.0
"""Seconds after which one of them is forgiven."""
LONGEST = 60.0
"""Seconds that anybody is told to wait at most."""
ADDRESSES = 10_000
"""Addresses that are remembered; the ones that were quiet for longest are forgotten first."""
TURNS = 4
"""Tokens of addresses that must wait which are looked up at a time."""
WAITING = 64
"""Of those that may wait for their turn; the rest is refused unseen."""


class Guessing:
    """How many wrong tokens came from where. Times are seconds of a clock that never goes back."""

    def __init__(self, most: int = ADDRESSES) -> None:
        self._most = most
        self._seen: OrderedDict[str, tuple[float, float]] = OrderedDict()
        """Address -> how full its measure was, and when."""
        self._turns = asyncio.Semaphore(TURNS)
        self._waiting = 0

    def __len__(self) -> int:
        return len(self._seen)

    def wrong(self, address: str, now: float) -> None:
        """A wrong token came from ``address``."""
        name = network(address)
        level = min(self._level(name, now) + 1, BURST + LONGEST / EVERY)
        self._seen[name] = (level, now)
        self._seen.move_to_end(name)
        if len(self._seen) > self._most:
            self._seen.popitem(last=False)

    def wait(self, address: str, now: float) -> int:
        """Whole seconds for which ``address`` should show no token that nobody knows; 0: none."""
        over = self._level(network(address), now) - BURST
        return ceil(over * EVERY) if over > 0 else 0

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[bool]:
        """A turn at looking a token up for somebody who must wait: right ones are served still. False: too many wait
        for one already."""
        if self._waiting >= WAITING:
            yield False
            return
        self._waiting += 1
        try:
            async with self._turns:
                yield True
        finally:
            self._waiting -= 1

    def _level(self, name: str, now: float) -> float:
        level, then = self._seen.get(name, (0.0, now))
        return max(0.0, level - (now - then) / EVERY)


def network(address: str) -> str:
    """What counts as one place: an IPv4 address, or the 64 bits of IPv6 that one customer has."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:64]
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((found, 64), strict=False))
    return str(found)
