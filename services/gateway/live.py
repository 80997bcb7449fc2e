"""What happens, as it happens: one reader of the event stream for all clients, each behind a queue of its own."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import msgspec
import structlog

from gateway.filters import PROGRESS, Facts, Filter, facts
from gateway.progress import Latest, Report, read
from runtime.feed import Feed
from runtime.ordered import Stored

STREAM = "EVENTS"
QUEUE = 1024
"""Messages that may wait for one client."""
REPLAYS = 8
"""Clients that catch up at the same time; more of them wait for their turn."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Said:
    """An event of the stream, and the same as a message of ``text/event-stream``."""

    sequence: int
    facts: Facts
    wire: bytes


def said(stored: Stored) -> Said | None:
    """The event that the stream keeps; None when it is none (a bad body is its readers' business, not the door's)."""
    headers = stored.headers
    job = headers.get("correlation_id", "")
    about = facts(job, stored.body)
    if about is None:
        log.warning("not_an_event", subject=stored.subject, sequence=stored.sequence)
        return None
    data = {
        "id": headers.get("Nats-Msg-Id", ""),
        "type": about.type,
        "time": headers.get("ce-time", ""),
        "job": job,
        "body": msgspec.Raw(msgspec.json.format(stored.body, indent=-1)),
    }
    return Said(stored.sequence, about, message(about.type, data, stored.sequence))


def message(event: str, data: object, sequence: int | None = None) -> bytes:
    """One server-sent message. JSON has no line breaks, so the data is one line."""
    start = b"" if sequence is None else b"id: %d\n" % sequence
    return start + b"event: " + event.encode() + b"\ndata: " + msgspec.json.encode(data) + b"\n\n"


def progress_message(report: Report) -> bytes:
    """Progress as a message without an id: it is never stored, and never repeated."""
    return message(PROGRESS, {"pod": report.pod, **msgspec.to_builtins(report.progress)})


class Subscriber:
    """One client: what waits for it, and what it asked for. Ends when it is too slow or the door closes."""

    def __init__(self, wanted: Filter) -> None:
        self.wanted = wanted
        self.seen = 0
        """Sequence of the last event that was offered or is known to the client."""
        self.ended = ""
        """Why the stream is over; empty while it is not."""
        self._waiting: deque[bytes] = deque()
        self._changed = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()

    def offer(self, event: Said) -> None:
        """Queue an event unless the client has it or does not want it."""
        if event.sequence > self.seen:
            self.seen = event.sequence
            if self.wanted.admits(event.facts):
                self.push(event.wire)

    def push(self, wire: bytes) -> None:
        """Queue a message; a client that lets the queue run full is dropped, and can resume where it was."""
        if self.ended:
            return
        if len(self._waiting) >= QUEUE:
            self.end("too slow")
            return
        self._waiting.append(wire)
        if len(self._waiting) >= QUEUE // 2:
            self._room.clear()
        self._changed.set()

    async def room(self) -> None:
        """Wait until half of the queue is free: for those who can wait (a replay can, the live stream cannot)."""
        await self._room.wait()

    def end(self, reason: str) -> None:
        """Say that nothing more comes."""
        self.ended = self.ended or reason
        self._room.set()
        self._changed.set()

    async def take(self, patience: float) -> bytes:
        """All that waits, or nothing after ``patience`` seconds or when the stream has ended."""
        if not self._waiting and not self.ended:
            try:
                async with asyncio.timeout(patience):
                    await self._changed.wait()
            except TimeoutError:
                return b""
        found = b"".join(self._waiting)
        self._waiting.clear()
        self._changed.clear()
        self._room.set()
        return found


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

    def open(self, wanted: Filter) -> Subscriber:
        """A place for one client. Raises FullError."""
        if self._closed or len(self._subscribers) >= self._most:
            raise FullError
        subscriber = Subscriber(wanted)
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
            subscriber.seen = max(first - 1, 0)
            subscriber.push(_gap(last, first))

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
            subscriber.seen = max(first - 1, 0)
            subscriber.push(_gap(last, first))

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
                subscriber.push(wire)


def _gap(last: int, first: int) -> bytes:
    """Tell a client that events are gone: ask the API for the state. ``first`` 0: the stream began anew."""
    return message("gap", {"after": last, "before": first})
