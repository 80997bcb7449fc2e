"""Whether somebody may go on reading what he was let begin: a large disk outlives tokens, offers and roles."""

import time
from collections.abc import Awaitable, Callable

from contracts.errors import Problem
from contracts.requests import Actor, See, Seen
from gateway.guessing import LONGEST
from gateway.identity import AWAY

LOOK = 1.5
"""Seconds between two looks."""
DOUBT = frozenset({*AWAY, "too_many_attempts"})
"""Codes that say nothing about a bearer; it is asked again, for so long as anybody is told to wait."""


class Leave:
    """The leave to read ``version``. ``again`` looks again who asks (`gateway.edge.AGAIN`), ``see`` asks the catalog
    what he may know of; ``clock`` is in seconds, and never goes back."""

    def __init__(
        self,
        version: str,
        again: Callable[[], Awaitable[Actor | Problem]],
        see: Callable[[See], Awaitable[Seen | Problem]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._version = version
        self._again = again
        self._see = see
        self._clock = clock
        self._sure = self._looked = clock()

    async def holds(self) -> bool:
        """Whether it does, as far as anybody says so; asked for as often as one likes."""
        now = self._clock()
        if now - self._looked < LOOK:
            return True
        self._looked = now
        allowed = await self._allowed()
        if allowed is None:
            return now - self._sure < LONGEST
        self._sure = now
        return allowed

    async def _allowed(self) -> bool | None:
        actor = await self._again()
        if isinstance(actor, Problem):
            return None if actor.code in DOUBT else False
        seen = await self._see(See(actor=actor, versions=(self._version,)))
        return None if isinstance(seen, Problem) else self._version in seen.versions
