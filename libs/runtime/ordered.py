"""Reading a stream in order, from a place on, for ever: without a durable, an ack or a gap.

The client library's own ordered consumer replays the whole stream when it loses its consumer before the first message,
and gives up when making a new one fails once. This one keeps its place itself and tries until it is closed.

What it needs on the API: ``STREAM.INFO.<stream>``, ``CONSUMER.CREATE.<stream>.<name>`` and ``CONSUMER.DELETE`` of the
same, and ``$JS.FC.<stream>.>``. The name stands in the subject, where permissions can hold it: on the API's subject
without one, whoever may make a consumer may also change anybody's.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import msgspec
import nats.errors
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from runtime.ids import new_id

log = structlog.get_logger()

NANOSECONDS = 1_000_000_000
PATIENCE = 2.5
"""Heartbeats that may be missed before the consumer counts as gone."""
ANSWER = 2.0
"""Seconds in which the server must answer; a request that a crash swallowed is asked again after them."""
LONGEST_PAUSE = 5.0
"""Seconds between two tries to make a consumer, at most."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A message as the stream keeps it; ``sequence`` is its place there."""

    sequence: int
    subject: str
    headers: Mapping[str, str]
    body: bytes


class _State(msgspec.Struct):
    first_seq: int
    last_seq: int


class _Error(msgspec.Struct):
    description: str = ""


class _StreamInfo(msgspec.Struct):
    created: str = ""
    state: _State = msgspec.field(default_factory=lambda: _State(0, 0))
    error: _Error | None = None


class _ConsumerInfo(msgspec.Struct):
    error: _Error | None = None


class RefusedError(Exception):
    """The server answered with an error: no such stream, or no right to it."""


async def nothing_lost(after: int, before: int) -> None:
    """What to do about a gap when the reader does not care."""


class Ordered:
    """One reader of one stream: hands every message after ``after`` to ``handle``, in order and each once.

    With ``after`` None it begins with the next message to come. ``handle`` is awaited before the next message is
    taken, which slows the server down (flow control) rather than fill the memory. ``lost(after, before)`` is awaited
    when the messages between two sequences cannot be had any more; ``before`` 0 says that the stream was made anew.
    It must not raise, and neither must ``handle``. Its consumers take a name of ``names`` while it is open, where only
    these are allowed; otherwise each has a name of its own.
    """

    def __init__(
        self,
        client: Client,
        stream: str,
        handle: Callable[[Stored], Awaitable[None]],
        *,
        after: int | None = None,
        lost: Callable[[int, int], Awaitable[None]] = nothing_lost,
        heartbeat: float = 1.0,
        names: deque[str] | None = None,
    ) -> None:
        self._client = client
        self._names = names
        self._name = ""
        self._stream = stream
        self._handle = handle
        self._lost = lost
        self._heartbeat = heartbeat
        self.position = after
        """Sequence of the last message handed over, or of the last one that was there before; None until known."""
        self.live = False
        """Whether a consumer is there and heard of."""
        self.placed = asyncio.Event()
        """Set when `position` is known for the first time."""
        self._created = ""
        self._subscription: Subscription | None = None
        self._expected = 1
        self._heard = 0.0
        self._busy = False
        self._turn = asyncio.Lock()
        self._broken = asyncio.Event()
        self._guard: asyncio.Task[None] | None = None
        self._closing = False
        """Asked besides cancelling: Python 3.11's ``wait_for``, in the client, loses a cancellation that comes together
        with the answer."""

    async def __aenter__(self) -> "Ordered":
        """Begin to read. Raises IndexError when all of ``names`` are taken."""
        if self._names is not None:
            self._name = self._names.popleft()
        self._guard = asyncio.create_task(self._keep(), name=f"ordered-{self._stream}")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing = True
        if self._guard is not None:
            self._guard.cancel()
            await asyncio.gather(self._guard, return_exceptions=True)
        await self._unsubscribe()
        if self._names is not None:
            self._names.append(self._name)

    async def _keep(self) -> None:
        pause = self._heartbeat / 4
        said = ""
        while not self._closing:
            try:
                await self._open()
            except (nats.errors.Error, RefusedError, msgspec.DecodeError, TimeoutError, OSError) as error:
                reason = str(error) or repr(error)
                if reason != said:
                    log.warning("stream_not_read", stream=self._stream, error=reason)
                said = reason
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE)
                continue
            pause, said = self._heartbeat / 4, ""
            await self._until_broken()
            self.live = False

    async def _until_broken(self) -> None:
        """Return when the consumer must be made again: a gap, silence, or a new connection."""
        loop = asyncio.get_running_loop()
        reconnects = self._client.stats["reconnects"]
        while not self._closing and self._client.stats["reconnects"] == reconnects:
            try:
                async with asyncio.timeout(self._heartbeat / 2):
                    await self._broken.wait()
                return
            except TimeoutError:
                if not self._busy and loop.time() - self._heard > PATIENCE * self._heartbeat:
                    return

    async def _drop(self) -> None:
        """Stop listening; not while a message is being handled, for that would lose it."""
        async with self._turn:
            await self._unsubscribe()

    async def _unsubscribe(self) -> None:
        subscription, self._subscription = self._subscription, None
        if subscription is not None and not self._client.is_closed:
            try:
                await subscription.unsubscribe()
            except nats.errors.Error as error:
                log.debug("unsubscribe_failed", stream=self._stream, error=str(error))

    async def _open(self) -> None:
        await self._drop()
        after = await self._place()
        inbox = self._client.new_inbox()
        self._expected = 1
        self._broken.clear()
        self._heard = asyncio.get_running_loop().time()

        async def heard(message: Msg) -> None:
            async with self._turn:
                if subscription is self._subscription:
                    await self._take(message)

        subscription = await self._client.subscribe(inbox, cb=heard)
        self._subscription = subscription
        if self._name:  # its last consumer, ours or a dead process's, may still be there under the name
            await self._ask(f"CONSUMER.DELETE.{self._stream}.{self._name}", {}, _ConsumerInfo)
        name = self._name or new_id()
        config = {
            "name": name,
            "deliver_subject": inbox,
            "deliver_policy": "by_start_sequence",
            "opt_start_seq": after + 1,
            "ack_policy": "none",
            "max_deliver": 1,
            "replay_policy": "instant",
            "mem_storage": True,
            "num_replicas": 1,
            "flow_control": True,
            "idle_heartbeat": int(self._heartbeat * NANOSECONDS),
            "inactive_threshold": int(10 * self._heartbeat * NANOSECONDS),
        }
        request = {"stream_name": self._stream, "config": config}
        reply = await self._ask(f"CONSUMER.CREATE.{self._stream}.{name}", request, _ConsumerInfo)
        if reply.error is not None:
            raise RefusedError(reply.error.description)
        self.live = True

    async def _place(self) -> int:
        """The sequence to go on after, held against what the stream has now."""
        info = await self._ask(f"STREAM.INFO.{self._stream}", {}, _StreamInfo)
        if info.error is not None:
            raise RefusedError(info.error.description)
        first, last = info.state.first_seq, info.state.last_seq
        position = last if self.position is None else self.position
        if (self._created and self._created != info.created) or last < position:
            await self._lost(position, 0)
            position = max(first - 1, 0)
        elif first > position + 1:
            await self._lost(position, first)
            position = first - 1
        self._created = info.created
        self.position = position
        self.placed.set()
        return position

    async def _ask(self, subject: str, body: dict[str, Any], kind: type[Any]) -> Any:
        reply = await self._client.request(f"$JS.API.{subject}", msgspec.json.encode(body), timeout=ANSWER)
        return msgspec.json.decode(reply.data, type=kind)

    async def _take(self, message: Msg) -> None:
        self._heard = asyncio.get_running_loop().time()
        headers = message.headers or {}
        if headers.get("Status") == "100":
            await self._control(message, headers)
            return
        tokens = message.reply.split(".")
        at = 5 if len(tokens) == 9 else 7  # $JS.ACK, then domain and account in the longer form
        sequence, delivered = int(tokens[at]), int(tokens[at + 1])
        if delivered != self._expected:
            self._broken.set()
            return
        self._expected += 1
        self._busy = True
        try:
            await self._handle(Stored(sequence, message.subject, headers, message.data))
        finally:
            self._busy = False
            self._heard = asyncio.get_running_loop().time()
        self.position = sequence

    async def _control(self, message: Msg, headers: Mapping[str, str]) -> None:
        """A heartbeat, or the question whether we are through with what was sent (answered in order, so we are)."""
        stalled = message.reply or headers.get("Nats-Consumer-Stalled", "")
        if stalled:
            await self._client.publish(stalled)
        last = headers.get("Nats-Last-Consumer")
        if last is not None and int(last) != self._expected - 1:
            self._broken.set()
