"""The batch consumer: one continuous pull on one durable; whatever arrives goes to the processor at once.

It never waits for a full batch (that would be the latency when idle). Acknowledged after commit; a transient error is
handed back with a delay (P7), a message that keeps failing or cannot be read becomes a dead letter; what waits long is
kept alive with heartbeats (P8). A consumer that the server lost is noticed and made again (P2).
"""

import asyncio
import hashlib
import json
import re
import time
from collections.abc import Callable
from datetime import datetime

import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError
from nats.js.api import ConsumerInfo
from nats.js.errors import NotFoundError

from contracts import codec, topology
from contracts.events import Event
from contracts.topology import Durable
from runtime.ids import new_id
from runtime.processor import Item, Processor
from runtime.store import DeadLetter, Position, from_epoch
from runtime.topology import TopologyError, ensure_durable
from runtime.work import Message

PULL = 512
"""Messages asked for at once; twice as many are kept asked for."""
EXPIRES = 30.0
HEARTBEAT = 1.0
SILENCE = 2.5
"""Seconds without message or heartbeat after which the pull is issued again."""
BACKPRESSURE = 4 * PULL
TAKEN_BACK = 100_000
"""Sequences of a stream, the latest ones, among which unanswered messages are looked for when a consumer starts."""
MAX_DELIVERIES = 10
BACKOFF = (0.1, 0.5, 2.0, 5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0)
"""Delay of a message that failed, by delivery: the server's own backoff does not apply to naks (P7)."""

_ID = re.compile(r"[!-~]{1,128}")
"""Ids that are taken as they are: printable ASCII. A NUL, for one, is cut off by some of SQLite's functions."""

log = structlog.get_logger()


class Consumer:
    """Feeds one durable into a processor. ``recreate``: whether this service may make the durable when it is gone."""

    def __init__(self, client: Client, durable: Durable, processor: Processor, *, recreate: bool) -> None:
        self._client = client
        self._durable = durable
        self._processor = processor
        self._recreate = recreate
        self._pending: dict[str, float] = {}
        self._answers: list[tuple[str, bytes]] = []
        self._wake = asyncio.Event()
        self._stopped = False
        self._asked = 0
        self._asked_at = self._heard = time.monotonic()
        self._missing = ""
        self._inbox = ""
        self._made = ""
        self._subscription: Subscription | None = None
        self._next = f"$JS.API.CONSUMER.MSG.NEXT.{durable.stream}.{durable.name}"

    @property
    def reason(self) -> str:
        """Why messages do not flow, empty when they do."""
        label = f"{self._durable.stream}/{self._durable.name}"
        if self._missing:
            return f"{label}: {self._missing}"
        if time.monotonic() - self._heard > 3 * SILENCE:
            return f"{label}: no word from the server for {time.monotonic() - self._heard:.0f} s"
        return ""

    async def start(self) -> None:
        """Begin to pull."""
        await self._subscribe()

    async def _subscribe(self) -> None:
        """Pull on a new inbox, so that answers to earlier requests cannot be mistaken for new ones."""
        if self._subscription is not None:
            await self._subscription.unsubscribe()
        self._inbox = self._client.new_inbox()
        self._subscription = await self._client.subscribe(self._inbox, cb=self._receive, pending_msgs_limit=-1)
        self._asked = 0
        self._asked_at = time.monotonic()
        await self._take_back()
        await self._pull()

    async def _take_back(self) -> None:
        """Hand back what the server counts as delivered and nobody has: it comes at once, not after ``ack_wait``.

        A service is one process (its lease), so what is unanswered and not here was with a process that was killed, or
        was lost on its way when the server was. A word about a message that is not outstanding changes nothing.
        """
        try:
            found = await self._client.jetstream().consumer_info(self._durable.stream, self._durable.name)
        except (NatsError, TimeoutError):
            return  # the durable is not there, or the server is not: the guard sees to both
        self._made = made(found)
        if not found.num_ack_pending or found.ack_floor is None or found.delivered is None:
            return
        here = {_sequence(reply) for reply in self._pending}
        last = found.delivered
        label = f"{self._durable.stream}.{self._durable.name}"
        for sequence in range(max(found.ack_floor.stream_seq, last.stream_seq - TAKEN_BACK) + 1, last.stream_seq + 1):
            if sequence not in here:
                await self._client.publish(f"$JS.ACK.{label}.1.{sequence}.{last.consumer_seq}.0.0", b"-NAK")

    async def _pull(self) -> None:
        while not self._stopped and self._asked <= PULL and self._processor.waiting < BACKPRESSURE:
            self._asked += PULL
            request = {"batch": PULL, "expires": int(EXPIRES * 1e9), "idle_heartbeat": int(HEARTBEAT * 1e9)}
            await self._client.publish(self._next, json.dumps(request).encode(), reply=self._inbox)

    async def _receive(self, message: Msg) -> None:
        self._heard = time.monotonic()
        status = message.headers.get("Status") if message.headers and not message.reply.startswith("$JS.ACK") else None
        if status is not None:
            await self._status(status, message)
            return
        self._missing = ""
        self._asked -= 1
        self._take(message)
        if self._asked <= PULL:
            await self._pull()

    async def _status(self, status: str, message: Msg) -> None:
        headers = message.headers or {}
        if status == "100":
            self._missing = ""
            return
        if status == "408":  # a request expired: what it still had open is no longer asked for
            self._asked = max(0, self._asked - int(headers.get("Nats-Pending-Messages", PULL)))
            await self._pull()
            return
        # The consumer is gone, the server stops, or nobody answers: the guard asks again after the silence.
        self._missing = f"{status} {headers.get('Description', 'no responders')}"
        self._asked = 0
        self._asked_at = self._heard = 0.0

    def _take(self, message: Msg) -> None:
        reply = message.reply
        deliveries, sequence, delivery, at = _metadata(reply)
        self._pending[reply] = time.monotonic()

        def done(_: bytes | None) -> None:
            self._answer(reply, b"+ACK")

        def failed(error: BaseException) -> None:
            if isinstance(error, asyncio.CancelledError):
                self._answer(reply, b"-NAK")
                return
            delay = BACKOFF[min(deliveries, len(BACKOFF)) - 1]
            self._answer(reply, b'-NAK {"delay": %d}' % int(delay * 1e9))

        item = self._item(message, deliveries, at, done, failed)
        if self._made:
            item.position = Position(self._durable.stream, self._made, sequence, delivery)
        self._processor.offer(item)

    def _item(
        self,
        message: Msg,
        deliveries: int,
        at: datetime,
        done: Callable[[bytes | None], None],
        failed: Callable[[BaseException], None],
    ) -> Item:
        headers = message.headers or {}
        speaker = topology.speaker(self._durable.stream, message.subject)
        id = headers.get("Nats-Msg-Id") or headers.get("ce-id") or ""
        if id and not _ID.fullmatch(id):
            id = hashlib.sha256(id.encode(errors="surrogateescape")).hexdigest()[:32]
        elif not id:
            # Another system that gives no id: what the stream stored once is one message, however often it comes. The
            # same words said again are new ones (a nightly build), and the sequence alone would be reused after a loss.
            stored = f"{message.subject}\0{at.timestamp()}\0".encode()
            id = hashlib.sha256(stored + message.data).hexdigest()[:32]
        saga = headers.get("correlation_id", "")[:64]
        kind = reason = ""
        body = None
        if deliveries > MAX_DELIVERIES:
            kind, reason = "handler", f"failed {deliveries - 1} times"
        else:
            try:
                body = codec.decode(message.data)
            except codec.UnknownTypeError as error:
                kind, reason = "unknown_type", str(error)
            except codec.BadBodyError as error:
                kind, reason = "bad_body", str(error)
            else:
                if not _fits(type(body), message.subject):
                    kind, reason = "bad_body", f"{type(body).type_name()} came on {message.subject}"
        dead = None
        if kind:
            log.error("dead_letter", kind=kind, reason=reason, subject=message.subject, id=id)
            raw_headers = json.dumps(headers).encode()
            dead = DeadLetter(
                new_id(), message.subject, raw_headers, message.data, kind, reason, deliveries, at.timestamp()
            )
        return Item(Message(id, speaker, at, saga, body), done, failed, dead=dead)

    def _answer(self, reply: str, word: bytes) -> None:
        if self._pending.pop(reply, None) is not None:
            self._answers.append((reply, word))
            self._wake.set()

    async def answer(self) -> None:
        """Send acknowledgements as they come up, until cancelled. Fire and forget: `seen` is the truth (P11)."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            await self._send_answers()

    async def _send_answers(self) -> None:
        answers, self._answers = self._answers, []
        for reply, word in answers:
            try:
                await self._client.publish(reply, word)
            except NatsError as error:
                log.warning("ack_lost", error=repr(error))  # it comes again and meets its `seen` row

    async def guard(self) -> None:
        """Keep messages flowing, until cancelled: heartbeats for what waits, a new pull after a silence."""
        beat = time.monotonic()
        while True:
            await asyncio.sleep(0.5)
            now = time.monotonic()
            if now - beat > self._durable.ack_wait / 6:
                beat = now
                old = [reply for reply, since in self._pending.items() if now - since > self._durable.ack_wait / 6]
                for reply in old:
                    await self._client.publish(reply, b"+WPI")
            if self._client.is_connected and now - max(self._heard, self._asked_at) > SILENCE:
                await self._revive()
            elif self._asked <= PULL:
                await self._pull()

    async def _revive(self) -> None:
        """Pull again on a new inbox; make the durable again when it is gone and ours to make."""
        try:
            await self._client.jetstream().consumer_info(self._durable.stream, self._durable.name)
        except NotFoundError as error:
            self._missing = f"the durable is not there: {error.description}"
            log.warning("durable_missing", stream=self._durable.stream, durable=self._durable.name)
            if not self._recreate:
                return
            try:
                await ensure_durable(self._client.jetstream(), self._durable)
            except TopologyError as failure:
                log.warning("durable_not_made", error=str(failure))
                return
        except (NatsError, TimeoutError) as error:
            self._missing = f"JetStream does not answer: {error!r}"
            return
        await self._subscribe()

    async def stop(self) -> None:
        """Take no more messages; what was taken is answered once the processor has stopped."""
        self._stopped = True
        if self._subscription is not None and not self._client.is_closed:
            await self._subscription.unsubscribe()

    async def hand_back(self) -> None:
        """Send what is left to answer: acknowledgements of the last batch, and the rest for redelivery at once."""
        for reply in list(self._pending):
            self._answer(reply, b"-NAK")
        await self._send_answers()


def made(info: ConsumerInfo) -> str:
    """When a durable was made: what tells it from an earlier one of the same name."""
    return info.created.isoformat()


def _metadata(reply: str) -> tuple[int, int, int, datetime]:
    """How often a message was delivered, its sequence in the stream, the number of this delivery among all of the
    durable, and when the server stored it, from its acknowledgement subject.

    ``$JS.ACK.[<domain>.<account>.]<stream>.<durable>.<deliveries>.<stream seq>.<consumer seq>.<ns>.<pending>``. The
    server's clock and not the speaker's: a pod whose clock is wrong must not move deadlines or tickets.
    """
    tokens = reply.split(".")
    first = 4 if len(tokens) == 9 else 6
    stored = from_epoch(int(tokens[first + 3]) / 1e9)
    return int(tokens[first]), int(tokens[first + 1]), int(tokens[first + 2]), stored


def _sequence(reply: str) -> int:
    """The message's sequence in its stream, from its acknowledgement subject."""
    tokens = reply.split(".")
    return int(tokens[5 if len(tokens) == 9 else 7])


def _fits(kind: type[Event], subject: str) -> bool:
    """Whether an event of ``kind`` may come on ``subject``: the subject is what the permissions guard."""
    return f".{kind.words()}" in subject.removesuffix(subject.rpartition(".")[2]) or subject.endswith(kind.words())
