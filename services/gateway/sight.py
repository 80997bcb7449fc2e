"""What one listener may know of, as the catalog says: asked for what comes up, and believed for two seconds."""

import time
from collections.abc import Awaitable, Callable, Iterable

from contracts.errors import Problem
from contracts.requests import Actor, See, Seen
from gateway.hearing import Asked

KEPT = 2.0
"""Seconds for which an answer is believed."""
SOON = 0.25
"""As long while something changed just now: who decides may not have heard of it yet."""
SETTLED = 3.0
"""Seconds after which everybody has heard of a change."""
MOST = 256
"""Things of one kind that one question may be about."""

IMAGE, VERSION, POD = 0, 1, 2
Thing = tuple[int, str]
"""One of the three kinds, and an id (of a pod its name)."""


class UnknownError(Exception):
    """Nobody says at the moment what the listener may know of."""


class Sight:
    """What ``actor`` may know of. ``ask`` puts a question to the catalog; ``clock`` is in seconds, and never goes back.

    What was looked at lately is asked about together with what comes up, so that somebody who follows a hundred copies
    costs one question every two seconds. One task at a time may look; `turn` and `changed` may come meanwhile.
    """

    def __init__(
        self,
        actor: Actor,
        ask: Callable[[See], Awaitable[Seen | Problem]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.actor = actor
        self._ask = ask
        self._clock = clock
        self._known: dict[Thing, bool] = {}
        self._used: dict[Thing, None] = {}
        """What was looked at since the last question about everything, the latest last."""
        self._until = 0.0
        self._stale = False
        self._changed = -SETTLED

    def turn(self, actor: Actor) -> None:
        """The listener has other roles from now on, or belongs elsewhere."""
        if actor != self.actor:
            self.actor = actor
            self._stale = True

    def changed(self) -> None:
        """Something was said that may change what the listener may know of."""
        self._changed = self._clock()
        self._stale = True

    async def allows(self, asked: Iterable[Asked]) -> list[bool]:
        """For each whether the listener may know of it: of the image or the version, and of the pod.

        Raises:
            UnknownError: the catalog does not answer.
        """
        wanted = list(asked)
        things = {thing for one in wanted for thing in _things(one)}
        if things:
            await self._learn(things)
        return [self._allows(one) for one in wanted]

    def _allows(self, asked: Asked) -> bool:
        about = [thing for thing in _things(asked) if thing[0] != POD]
        seen = not about or any(self._known[thing] for thing in about)
        return seen and (not asked.pod or self._known[POD, asked.pod])

    async def _learn(self, things: set[Thing]) -> None:
        now = self._clock()
        wanted = things
        if self._stale or now >= self._until:
            self._stale = False
            self._until = now + (SOON if now - self._changed < SETTLED else KEPT)
            self._known.clear()
            wanted = things | set(list(self._used)[-MOST:])
            self._used.clear()
        for thing in things:
            self._used.pop(thing, None)
            self._used[thing] = None
        missing = [thing for thing in wanted if thing not in self._known]
        by_kind = [[id for kind, id in missing if kind == one] for one in (IMAGE, VERSION, POD)]
        for start in range(0, max(map(len, by_kind)), MOST):
            await self._put([tuple(ids[start : start + MOST]) for ids in by_kind])

    async def _put(self, ids: list[tuple[str, ...]]) -> None:
        images, versions, pods = ids
        found = await self._ask(See(actor=self.actor, images=images, versions=versions, pods=pods))
        if isinstance(found, Problem):
            raise UnknownError(found.code)
        for kind, given, seen in zip(
            (IMAGE, VERSION, POD), ids, (found.images, found.versions, found.pods), strict=True
        ):
            allowed = set(seen)
            self._known.update({(kind, id): id in allowed for id in given})


def _things(asked: Asked) -> Iterable[Thing]:
    for kind, id in ((IMAGE, asked.image), (VERSION, asked.version), (POD, asked.pod)):
        if id:
            yield kind, id
