"""What happens, as it happens: one reader of the event stream for all clients, each behind a queue of its own."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from gateway.filters import Filter
from gateway.progress import Latest, read
from gateway.sight import Sight
from gateway.subscriber import Subscriber, progress_message, said
from runtime.feed import Feed
from runtime.ordered import Stored

STREAM = "EVENTS"
REPLAYS = 8
"""Clients that catch up at the same time; more of them wait for their turn."""

log = structlog.get_logger()


class FullError(Exception):
    """As many clients listen as the door has room for, or the door closes."""


class Hub:
    """Hands each event and each report of progress to the clients that asked for it."""

    def __init__(self, feed: Feed, latest: Latest, most: int) -> None:
        self._feed = feed
        self._latest = latest
        self._most = most
        self._subscribers: set[Subscriber] = set()
        """All clients: attached ones and those that still catch up."""
        self._attached: set[Subscriber] = set()
        self._closed = False
        self._replays = asyncio.Semaphore(REPLAYS)
        self._reader = feed.ordered(STREAM, self._event, lost=self._lost)

    @asynccontextmanager
    async def run(self) -> AsyncIterator["Hub"]:
        """Listen while the block runs."""
        async with self._reader, self._feed.listen("progress.pod.*.*", self._progress):
            try:
                yield self
            finally:
                self.close()

    @property
    def live(self) -> bool:
        """Whether events come in."""
        return self._reader.live and self._feed.connected

    @property
    def clients(self) -> int:
        """How many listen."""
        return len(self._subscribers)

    @property
    def position(self) -> int:
        """Sequence of the last event handed out. Only meaningful once `ready`."""
        return self._reader.position or 0

    async def ready(self) -> None:
        """Wait until the stream's end was found once."""
        await self._reader.placed.wait()

    def open(self, wanted: Filter, sight: Sight) -> Subscriber:
        """A place for one client. Raises FullError."""
        if self._closed or len(self._subscribers) >= self._most:
            raise FullError
        subscriber = Subscriber(wanted, sight)
        self._subscribers.add(subscriber)
        return subscriber

    def leave(self, subscriber: Subscriber) -> None:
        """Give the place up."""
        self._subscribers.discard(subscriber)
        self._attached.discard(subscriber)

    def close(self) -> None:
        """End all streams; nobody comes in any more. Called before the server's graceful stop, which waits for them."""
        self._closed = True
        for subscriber in self._subscribers:
            subscriber.end("closing")

    def attach(self, subscriber: Subscriber, seen: int) -> None:
        """From now on the client hears what comes after ``seen``."""
        subscriber.seen = max(subscriber.seen, seen)
        self._attached.add(subscriber)

    async def replay(self, subscriber: Subscriber, after: int) -> None:
        """Hand over what was said after ``after``, then attach: nothing missed and nothing twice.

        A reader of its own runs until it has reached the position of the live one. Both run in one event loop, so
        between the comparison and the attachment nothing is handed out.
        """
        await self.ready()
        if after == self.position:
            self.attach(subscriber, after)
            return
        joined = asyncio.Event()

        def join(position: int) -> None:
            if position >= self.position and not joined.is_set():
                self.attach(subscriber, position)
                joined.set()

        async def handle(stored: Stored) -> None:
            if joined.is_set():
                return
            await subscriber.room()
            event = said(stored)
            if event is not None:
                subscriber.offer(event)
            join(stored.sequence)

        async def lost(last: int, first: int) -> None:
            subscriber.lost(last, first)

        async with self._replays, self._feed.ordered(STREAM, handle, after=after, lost=lost) as reader:
            await reader.placed.wait()
            join(reader.position or 0)
            await joined.wait()

    async def _event(self, stored: Stored) -> None:
        event = said(stored) if self._attached else None
        if event is not None:
            for subscriber in self._attached:
                subscriber.offer(event)

    async def _lost(self, last: int, first: int) -> None:
        for subscriber in self._attached:
            subscriber.lost(last, first)

    def _progress(self, subject: str, body: bytes) -> None:
        report = read(subject, body)
        if report is None:
            log.debug("not_progress", subject=subject)
            return
        self._latest.put(report, time.monotonic())
        wire = b""
        for subscriber in self._attached:
            if subscriber.wanted.follows(report):
                wire = wire or progress_message(report)
                subscriber.follow(report, wire)
