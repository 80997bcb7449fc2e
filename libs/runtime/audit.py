"""The audit: whether the streams still have what was said, and where they lost it, that it is said again.

A server that lost its data folder, or the end of a stream, takes new messages under old sequences, and nobody is told.
What was said is kept in the outbox a day longer than any stream keeps it. Here it is looked, at start and every 30 s,
whether the last of it is still where the server put it (by its id); where not, how far back that is so, in a few looks
by bisection, and the relay goes back to there. The ids make repetitions harmless to whoever has heard them.

A connector may not look into the stream of all pods. It is told by the acknowledgements: one with a sequence that is
not above an earlier one (`Relay.doubts`).
"""

import asyncio
import base64
import json
import time

import structlog
from nats.aio.client import Client
from nats.errors import Error as NatsError

from contracts.topology import STREAM_BY_NAME
from runtime.relay import Relay
from runtime.store import Store, Tip

EVERY = 30.0
MARGIN = 3600.0
"""Seconds before its end from which a message counts as expired."""
NO_MESSAGE = 10037
"""JetStream's code for a sequence at which there is nothing."""

log = structlog.get_logger()


class Audit:
    """One task of a service. ``looks``: whether it may read single messages of the streams that it speaks on."""

    def __init__(self, client: Client, store: Store, relay: Relay, *, looks: bool) -> None:
        self._client = client
        self._store = store
        self._relay = relay
        self._looks = looks

    async def run(self) -> None:
        """Look until cancelled; at once where an acknowledgement gives reason to."""
        while True:
            self._relay.doubtful.clear()
            for stream in sorted({*await self._store.tips(), *self._relay.doubts}):
                await self.look(stream)
            try:
                await asyncio.wait_for(self._relay.doubtful.wait(), EVERY)
            except TimeoutError:
                continue

    async def look(self, stream: str) -> None:
        """Find out what ``stream`` lost, and have it said again."""
        now = time.time()
        since = now - STREAM_BY_NAME[stream].max_age + MARGIN
        tip, marks = (await self._store.tips()).get(stream), await self._store.marks(stream, since)
        doubt = self._relay.doubts.get(stream)
        if not self._looks:
            if doubt is None:
                await self._remember(tip, marks, since)
                return
            there: int | None = sum(mark.sequence < doubt for mark in marks)
        else:
            latest = [*marks[-1:], *([tip] if tip is not None and tip.at > since else [])]
            whole = False if doubt is not None else await self._all_there(latest)
            if whole:
                await self._remember(tip, marks, since)
            if whole is not False:
                return
            there = await self._bisect(marks)
        if there is None:
            return  # the server or the stream is not there: next time
        after = marks[there - 1].n if there else 0
        after = max(after, await self._store.last_before(since))
        log.warning("stream_lost_messages", stream=stream, said_again_after=after)
        await self._relay.go_back(stream, after)

    async def _remember(self, tip: Tip | None, marks: list[Tip], since: float) -> None:
        if tip is not None and (not marks or tip.n > marks[-1].n):
            await self._store.mark(tip, since)

    async def _all_there(self, tips: list[Tip]) -> bool | None:
        """Whether the stream has all of ``tips``; None when that cannot be told now."""
        found = [await self._has(tip) for tip in tips]
        return False if False in found else None if None in found else True

    async def _bisect(self, marks: list[Tip]) -> int | None:
        """How many of ``marks`` the stream has: it loses its end, or all. None when that cannot be told now."""
        low, high = 0, len(marks)
        while low < high:
            middle = (low + high) // 2
            has = await self._has(marks[middle])
            if has is None:
                return None
            low, high = (middle + 1, high) if has else (low, middle)
        return low

    async def _has(self, tip: Tip) -> bool | None:
        """Whether the stream has the event where it was put; None when the server or the stream is not there."""
        subject = f"$JS.API.STREAM.MSG.GET.{tip.stream}"
        try:
            answer = await self._client.request(subject, json.dumps({"seq": tip.sequence}).encode(), timeout=5)
        except (NatsError, TimeoutError):
            return None
        found = json.loads(answer.data)
        if error := found.get("error"):
            return False if error.get("err_code") == NO_MESSAGE else None
        return _id(found["message"]) == tip.id


def _id(message: dict[str, str]) -> str:
    """The event's id in the headers of a stored message (``hdrs``: base64 of ``NATS/1.0`` and header lines)."""
    for line in base64.b64decode(message.get("hdrs", "")).decode(errors="replace").split("\r\n"):
        name, _, value = line.partition(":")
        if name.lower() == "nats-msg-id":
            return value.strip()
    return ""
