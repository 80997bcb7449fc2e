"""The live stream on the wire: ``text/event-stream`` with heartbeats, resumable, and bounded for slow clients."""

import asyncio
from typing import Any

import structlog
from litestar.response.base import ASGIResponse
from litestar.types import Receive, Scope, Send

from gateway.http import ABORT
from gateway.live import Hub, Subscriber

HEARTBEAT = 15.0
"""Seconds of silence after which a comment is sent, so that proxies and clients see that the stream lives."""
SEND = 20.0
"""Seconds for which a client may take nothing at all before its connection is cut."""
RETRY = 2000
"""Milliseconds after which a client should come back."""
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

    async def _begin(self) -> None:
        """Attach the client, after what it missed."""
        try:
            if self._after is not None:
                await self._hub.replay(self._subscriber, self._after)
                return
            await self._hub.ready()
            position = self._hub.position
            self._hub.attach(self._subscriber, position)
            # A client that is cut off before the first event comes back to where it began.
            self._subscriber.push(b"id: %d\n\n" % position)
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
            seen = self._subscriber.seen
            place = b"id: %d\n" % seen if seen else b""
            await self._send(send, found or b": heartbeat\n" + place + b"\n")
        rest = b"" if self._subscriber.ended == "too slow" else await self._subscriber.take(0)
        last = f": {self._subscriber.ended}; come back with Last-Event-ID\n\n"
        await self._send(send, rest + last.encode(), more=False)

    async def _send(self, send: Send, body: bytes, *, more: bool = True) -> None:
        async with asyncio.timeout(SEND):
            await send({"type": "http.response.body", "body": body, "more_body": more})
