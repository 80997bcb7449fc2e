"""The live stream on the wire: ``text/event-stream`` with heartbeats, resumable, and bounded for slow clients.

A stream outlives many tokens: whose it is is looked up again and again, and it ends with the token.
"""

import asyncio
import time
from typing import Any

import structlog
from litestar.response.base import ASGIResponse
from litestar.types import Receive, Scope, Send

from contracts.errors import Problem
from gateway.edge import AGAIN
from gateway.http import ABORT
from gateway.identity import AWAY
from gateway.live import Hub
from gateway.subscriber import Subscriber

HEARTBEAT = 15.0
"""Seconds of silence after which a comment is sent, so that proxies and clients see that the stream lives."""
SEND = 20.0
"""Seconds for which a client may take nothing at all before its connection is cut."""
RETRY = 2000
"""Milliseconds after which a client should come back."""
LOOK = 1.5
"""Seconds between two looks at who listens: his token may have ended, his roles may be others. A bearer is known for
two, so that a revoked token is noticed before five."""
UNKNOWN = 30.0
"""Seconds for which a stream goes on while nobody can say whose it is."""
ENDED = "the token is not in force any more"
SILENT = frozenset({"too slow", ENDED})
"""Ends after which what waits is not said any more."""
HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]

log = structlog.get_logger()


class EventStream(ASGIResponse):
    """A response that goes on until the client leaves, is too slow, or the door closes."""

    def __init__(self, hub: Hub, subscriber: Subscriber, after: int | None, heartbeat: float = HEARTBEAT) -> None:
        super().__init__(media_type="text/event-stream")
        self._hub = hub
        self._subscriber = subscriber
        self._after = after
        self._heartbeat = heartbeat

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the stream."""
        tasks = [
            asyncio.create_task(self._watch(receive), name="sse-watch"),
            asyncio.create_task(self._begin(), name="sse-begin"),
            asyncio.create_task(self._look(scope), name="sse-look"),
        ]
        try:
            await self._write(send)
        except TimeoutError:
            log.info("stream_cut", reason="the client takes nothing")
            abort: Any = scope.get(ABORT)
            if abort is not None:
                abort()
        finally:
            self._hub.leave(self._subscriber)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _watch(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._subscriber.end("the client left")

    async def _look(self, scope: Scope) -> None:
        """End the stream of somebody who is not let in any more, and let others have the roles that they have now. A
        service that is away says nothing about anybody, for a while."""
        again: Any = scope[AGAIN]  # type: ignore[literal-required]
        sure, refused = time.monotonic(), 0
        while not self._subscriber.ended:
            await asyncio.sleep(LOOK)
            found = await again()
            if not isinstance(found, Problem):
                sure, refused = time.monotonic(), 0
                self._subscriber.sight.turn(found)
            elif found.code in AWAY:
                if time.monotonic() - sure > UNKNOWN:
                    self._subscriber.end("nobody can say who listens")
            else:
                # Where many guess from one address, a right token too may be refused unseen: once is no proof.
                refused += 1
                if found.code != "too_many_attempts" or refused > 1:
                    self._subscriber.end(ENDED)

    async def _begin(self) -> None:
        """Attach the client, after what it missed."""
        try:
            if self._after is not None:
                await self._hub.replay(self._subscriber, self._after)
                return
            await self._hub.ready()
            position = self._hub.position
            self._hub.attach(self._subscriber, position)
            self._subscriber.begin(position)
        except Exception:
            self._subscriber.end("an error")
            log.exception("stream_failed")
            raise

    async def _write(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
        await self._send(send, b": connected\nretry: %d\n\n" % RETRY)
        while not self._subscriber.ended:
            found = await self._subscriber.take(self._heartbeat)
            # The place goes with the heartbeat: a client whose filter lets little through does not fall far behind.
            seen = self._subscriber.place
            place = b"id: %d\n" % seen if seen else b""
            await self._send(send, found or b": heartbeat\n" + place + b"\n")
        rest = b"" if self._subscriber.ended in SILENT else await self._subscriber.take(0)
        last = f": {self._subscriber.ended}; come back with Last-Event-ID\n\n"
        await self._send(send, rest + last.encode(), more=False)

    async def _send(self, send: Send, body: bytes, *, more: bool = True) -> None:
        async with asyncio.timeout(SEND):
            await send({"type": "http.response.body", "body": body, "more_body": more})
