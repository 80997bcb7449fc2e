"""One client of the live stream: what waits for it, and what of that it may hear; and events as it gets them."""

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import NamedTuple

import msgspec
import structlog

from gateway.filters import PROGRESS, Facts, Filter, facts
from gateway.hearing import NOTHING, Asked, asked, asked_of, steers
from gateway.progress import Report
from gateway.sight import Sight, UnknownError
from runtime.ordered import Stored

QUEUE = 1024
"""Messages that may wait for one client."""
PAUSE = 1.0
"""Seconds after which it is asked again what a client may hear, while nobody says so."""
BOUND = "tenants"
"""The field of a pod's event that says for whom the pod is: what the others are called is the provider's business."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Said:
    """An event of the stream, and the same as a message of ``text/event-stream``; ``guarded`` is that for tenants."""

    sequence: int
    facts: Facts
    wire: bytes
    guarded: bytes


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
    wire = message(about.type, data, stored.sequence)
    guarded = wire
    if about.type.startswith("pod."):
        body = msgspec.json.decode(stored.body)
        if body.get(BOUND):
            guarded = message(about.type, data | {"body": body | {BOUND: []}}, stored.sequence)
    return Said(stored.sequence, about, wire, guarded)


def message(event: str, data: object, sequence: int | None = None) -> bytes:
    """One server-sent message. JSON has no line breaks, so the data is one line."""
    start = b"" if sequence is None else b"id: %d\n" % sequence
    return start + b"event: " + event.encode() + b"\ndata: " + msgspec.json.encode(data) + b"\n\n"


def progress_message(report: Report) -> bytes:
    """Progress as a message without an id: it is never stored, and never repeated."""
    return message(PROGRESS, {"pod": report.pod, **msgspec.to_builtins(report.progress)})


class _Waiting(NamedTuple):
    """What waits for a client: the place in the stream after it (None: it is no event), and what he must be allowed to
    know of to hear it."""

    place: int | None
    asked: Asked
    wire: bytes


class Subscriber:
    """One client: what waits for it, and what it asked for. Ends when it is too slow or the door closes.

    What it may hear of all that is decided where it takes it, so that nobody else waits for the decision.
    """

    def __init__(self, wanted: Filter, sight: Sight) -> None:
        self.wanted = wanted
        self.sight = sight
        self.seen = 0
        """Sequence of the last event that was offered or is known to the client."""
        self.ended = ""
        """Why the stream is over; empty while it is not."""
        self._waiting: deque[_Waiting] = deque()
        self._taken: list[_Waiting] = []
        """What is being decided about: it was waiting before all that waits."""
        self._decided = 0
        self._changed = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()

    @property
    def place(self) -> int:
        """Sequence up to which the client has all that it asked for and may hear."""
        return self._decided if self._taken or self._waiting else self.seen

    def offer(self, event: Said) -> None:
        """Queue an event unless the client has it, does not want it, or it is not for the likes of it."""
        if event.sequence <= self.seen:
            return
        self.seen = event.sequence
        actor = self.sight.actor
        if steers(event.facts, actor):
            self.sight.changed()
        if not self.wanted.admits(event.facts):
            return
        needed = asked(event.facts, actor)
        if needed is not None:
            wire = event.wire if "audit" in actor.rights else event.guarded
            self._queue(_Waiting(event.sequence, needed, wire))

    def follow(self, report: Report, wire: bytes) -> None:
        """Queue a report of progress."""
        self._queue(_Waiting(None, asked_of(report, self.sight.actor), wire))

    def lost(self, last: int, first: int) -> None:
        """Queue that the events between two are gone. ``first`` 0: the stream began anew."""
        self.seen = max(first - 1, 0)
        self._queue(_Waiting(self.seen, NOTHING, _gap(last, first)))

    def begin(self, place: int) -> None:
        """Queue where the stream is: a client that is cut off before the first event comes back to where it began."""
        self._queue(_Waiting(place, NOTHING, b"id: %d\n\n" % place))

    def _queue(self, one: _Waiting) -> None:
        """A client that lets the queue run full is dropped, and can resume where it was."""
        if self.ended:
            return
        if len(self._waiting) >= QUEUE:
            self.end("too slow")
            return
        self._waiting.append(one)
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
        """All that waits and that the client may hear, or nothing after ``patience`` seconds or when the stream has
        ended. What could not be decided by then waits for the next call."""
        try:
            async with asyncio.timeout(patience):
                while True:
                    await self._some()
                    if not self._taken:
                        return b""
                    try:
                        allowed = await self.sight.allows(one.asked for one in self._taken)
                    except UnknownError as error:
                        log.info("who_may_hear_is_not_known", error=str(error))
                        await asyncio.sleep(PAUSE)
                        continue
                    found = [one.wire for one, may in zip(self._taken, allowed, strict=True) if may]
                    self._decided = next((p for p, *_ in reversed(self._taken) if p is not None), self._decided)
                    self._taken = []
                    if found:
                        return b"".join(found)
        except TimeoutError:
            return b""

    async def _some(self) -> None:
        """Wait for something to decide about, or for the end."""
        if self._taken:
            return
        while not self._waiting and not self.ended:
            self._changed.clear()
            await self._changed.wait()
        self._taken = list(self._waiting)
        self._waiting.clear()
        self._room.set()


def _gap(last: int, first: int) -> bytes:
    """Tell a client that events are gone: ask the API for the state. ``first`` 0: the stream began anew."""
    return message("gap", {"after": last, "before": first})
