"""The relay: says what was committed, in order and pipelined, until the stream has acknowledged it.

Under load rows go as atomic batches: with ``sync_interval: always`` the server syncs once for a batch and not for each
message, which is most of what a message costs there (control-plane.md 1).

Rows come in memory after each commit; the outbox table is read at start and after a loss of the connection only.
Publishing goes over one reply inbox with the client's public calls; `publish_async` of the library never resolves its
futures after a server crash (P10), and one awaited publish at a time costs several times the CPU.
"""

import asyncio
import json
import time
from collections import deque
from collections.abc import Sequence

import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from contracts import codec, topology
from runtime.ids import new_id
from runtime.store import DeadLetter, Row, Sent, Store, Tip, from_epoch
from runtime.work import Batch

SINGLY = 32
"""Below so many waiting rows of a stream they go one by one; from there as one atomic batch."""
LARGEST = 512
"""Rows of the largest batch (the server takes 1000)."""
WINDOW = 1024
"""Rows under way at which no more are sent."""
IN_MEMORY = 16 * 1024
"""Rows that wait in memory; what exceeds them, as when the server is away for long, waits in the table alone."""
SILENCE = 2.0
"""Seconds without an acknowledgement after which everything under way is said again."""
TOO_LARGE = 10054
"""JetStream's code for a message over the stream's limit: no repetition helps."""

log = structlog.get_logger()


class Relay:
    """One task of a service, fed by the processor's commits."""

    def __init__(self, client: Client, store: Store, speaker: str) -> None:
        self._client = client
        self._store = store
        self._speaker = speaker
        self._queue: deque[Row] = deque()
        self._under_way: dict[int, Row] = {}
        self._acknowledged: dict[int, Tip | None] = {}
        self._batches: dict[str, list[Row]] = {}
        self._last_batch = 0
        self._order: deque[int] = deque()
        self._mark = 0
        """Every row up to here is acknowledged."""
        self._told = 0
        self._taken = 0
        """The last row that was queued."""
        self._newest = 0
        """The last row that was committed."""
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._since = time.monotonic()
        self._refused = ""
        self._inbox = ""
        self._tips: dict[str, Tip] = {}
        self._fresh: dict[str, Tip] = {}
        """Tips of which the store does not know yet."""
        self._said: dict[str, int] = {}
        """After going back for another stream: up to which row a stream has everything already."""
        self.doubts: dict[str, int] = {}
        """Streams that took a message under a sequence that is not above an earlier one, with that sequence."""
        self.doubtful = asyncio.Event()

    def committed(self, _: Batch, rows: Sequence[Row]) -> None:
        """Take over the rows of a commit."""
        if not rows:
            return
        if self._idle.is_set():
            self._since = time.monotonic()
            self._idle.clear()
        # Rows are numbered without gaps: those that do not follow on, or are too many, are read from the table later.
        if self._taken == rows[0].n - 1 and len(self._queue) < IN_MEMORY:
            self._queue.extend(rows)
            self._taken = rows[-1].n
        self._newest = rows[-1].n
        self._wake.set()

    def sent(self) -> Sent | None:
        """The mark for the next transaction, None when it did not move since the last one that was `kept`."""
        return None if self._mark == self._told else Sent(self._mark, tuple(self._fresh.values()))

    def kept(self, sent: Sent) -> None:
        """The transaction with ``sent`` was committed."""
        self._told = min(sent.through, self._mark)  # the relay may have gone back meanwhile
        for tip in sent.tips:
            if self._fresh.get(tip.stream) == tip:
                del self._fresh[tip.stream]

    async def go_back(self, stream: str, after: int) -> None:
        """Say everything of ``stream`` again that is numbered above ``after``, in its order and before what is new.
        What other streams have is not said again."""
        for other in topology.STREAM_BY_NAME:
            self._said[other] = max(self._said.get(other, 0), self._mark)
        self._said[stream] = after
        self._mark = self._told = self._taken = min(self._mark, after)
        for rows in (self._queue, self._under_way, self._order, self._acknowledged, self._batches):
            rows.clear()
        self._fresh.pop(stream, None)
        self._tips.pop(stream, None)
        self.doubts.pop(stream, None)
        await self._store.unsay(stream, after, self._mark)
        if self._newest > self._taken:
            self._idle.clear()
            self._since = time.monotonic()
        self._wake.set()

    @property
    def stuck_for(self) -> float:
        """Seconds for which rows wait and nothing was acknowledged."""
        return 0.0 if self._idle.is_set() else time.monotonic() - self._since

    @property
    def reason(self) -> str:
        """Why the last row was refused, empty when none was."""
        return self._refused

    async def start(self) -> None:
        """Listen for acknowledgements and take up what an earlier run left."""
        self._inbox = self._client.new_inbox()
        await self._client.subscribe(f"{self._inbox}.*", cb=self._acknowledge, pending_msgs_limit=-1)
        self._mark = self._told = self._taken = await self._store.sent_through()
        self._newest = self._store.last_n
        self._tips = await self._store.tips()
        if self._newest > self._taken:
            self._idle.clear()

    async def run(self) -> None:
        """Send until cancelled."""
        while True:
            if not self._queue and self._taken < self._newest:
                taken = self._taken
                rows = await self._store.unsent(taken, IN_MEMORY)
                if taken != self._taken:
                    continue  # we went back meanwhile
                self._queue.extend(rows)
                self._taken = rows[-1].n if rows else self._newest
            while self._sendable:
                await self._send_some()
            self._wake.clear()
            if self._sendable:
                continue
            try:
                await asyncio.wait_for(self._wake.wait(), SILENCE / 4)
            except TimeoutError:
                await self._repeat_if_silent()

    @property
    def _sendable(self) -> bool:
        """Few rows go at once; while many are under way, the next ones wait until they are worth a batch."""
        if not self._queue or not self._client.is_connected:
            return False
        under_way = len(self._under_way)
        return under_way < SINGLY or (len(self._queue) >= SINGLY and under_way < WINDOW)

    async def _send_some(self) -> None:
        by_stream: dict[str, list[Row]] = {}
        for _ in range(min(len(self._queue), LARGEST)):
            row = self._queue.popleft()
            self._order.append(row.n)
            stream = topology.STREAM_OF[codec.TYPES[row.kind]]
            if row.n <= self._said.get(stream, 0):
                self._acknowledged[row.n] = None
                continue
            self._under_way[row.n] = row
            by_stream.setdefault(stream, []).append(row)
        for rows in by_stream.values():
            if len(rows) >= SINGLY:
                await self._send_batch(rows)
            else:
                for row in rows:
                    await self._send(row)
        self._advance()

    async def _send_batch(self, rows: list[Row]) -> None:
        """Say ``rows`` of one stream as one atomic batch: one sync for all (ADR-50 of the server's project)."""
        self._last_batch += 1
        token = f"b{self._last_batch}"
        self._batches[token] = rows
        id = new_id()
        for sequence, row in enumerate(rows[:-1], 1):
            await self._publish(row, "", {"Nats-Batch-Id": id, "Nats-Batch-Sequence": str(sequence)})
        commit = {"Nats-Batch-Id": id, "Nats-Batch-Sequence": str(len(rows)), "Nats-Batch-Commit": "1"}
        await self._publish(rows[-1], f"{self._inbox}.{token}", commit)

    async def _send(self, row: Row) -> None:
        await self._publish(row, f"{self._inbox}.{row.n}", {})

    async def _publish(self, row: Row, reply: str, batch: dict[str, str]) -> None:
        headers = codec.headers(
            codec.TYPES[row.kind],
            id=row.id,
            at=from_epoch(row.at),
            speaker=self._speaker,
            saga=row.saga,
            cause=row.cause,
        )
        try:
            await self._client.publish(row.subject, row.body, reply=reply, headers={**headers, **batch})
        except NatsError as error:
            # Still under way: it is said again once the connection is back.
            log.warning("relay_publish_failed", error=repr(error), event=row.id)

    async def _repeat_if_silent(self) -> None:
        """After a silence say again what is under way; the ids make repetitions harmless (P9)."""
        if not self._under_way:
            await self._note()
        if not self._under_way or self.stuck_for < SILENCE or not self._client.is_connected:
            return
        log.warning("relay_repeats", rows=len(self._under_way), refused=self._refused)
        self._batches.clear()  # singly from here: a batch with one row that is stored already is refused whole
        for row in list(self._under_way.values()):
            await self._send(row)

    async def _acknowledge(self, message: Msg) -> None:
        token = message.subject.rpartition(".")[2]
        rows = self._batches.pop(token, None) if token.startswith("b") else self._single(int(token))
        if not rows:
            return
        if message.headers and message.headers.get("Status") == "503":
            self._refused = f"no stream takes {rows[0].subject}"
            return
        answer = json.loads(message.data)
        if error := answer.get("error"):
            self._refused = f"{rows[0].subject}: {error.get('description')} ({error.get('err_code')})"
            if len(rows) > 1:
                for row in rows:
                    await self._send(row)
                return
            if error.get("err_code") != TOO_LARGE:
                return
            await self._give_up(rows[0])
        self._since = time.monotonic()
        if "seq" in answer:
            self._stored(rows, answer["stream"], answer["seq"] - len(rows) + 1, new=not answer.get("duplicate"))
        for row in rows:
            if self._under_way.pop(row.n, None) is not None:
                self._acknowledged.setdefault(row.n, None)
        self._advance()

    def _stored(self, rows: Sequence[Row], stream: str, first: int, *, new: bool) -> None:
        """Note where ``rows`` lie in the stream. New ones must lie above the last: sequences only grow."""
        for sequence, row in enumerate(rows, first):
            if row.n in self._under_way:
                self._acknowledged[row.n] = Tip(stream, row.n, sequence, row.id, row.at)
        tip = self._tips.get(stream)
        if new and tip is not None and first <= tip.sequence and stream not in self.doubts:
            self.doubts[stream] = first
            self.doubtful.set()

    def _advance(self) -> None:
        """Move the mark over what is acknowledged without a gap."""
        while self._order and self._order[0] in self._acknowledged:
            self._mark = self._order.popleft()
            tip = self._acknowledged.pop(self._mark)
            # A stream in doubt keeps its old tip, so that the loss is found also by whoever comes after a crash.
            if tip is not None and tip.stream not in self.doubts:
                self._tips[tip.stream] = self._fresh[tip.stream] = tip
        if self._queue or self._taken < self._newest:
            self._wake.set()
        elif not self._under_way:
            self._refused = ""
            self._idle.set()

    def _single(self, n: int) -> list[Row]:
        row = self._under_way.get(n)
        return [] if row is None else [row]

    async def _give_up(self, row: Row) -> None:
        """Put on record what no stream will ever take."""
        log.error("event_unsendable", id=row.id, kind=row.kind, error=self._refused)
        dead = DeadLetter(row.id, row.subject, b"{}", row.body, "unsendable", self._refused, 1, row.at)
        sent = self.sent() or Sent(self._mark)
        await self._store.note_sent(sent.through, [dead], sent.tips)
        self.kept(sent)

    async def flush(self, timeout: float) -> None:
        """Wait up to ``timeout`` seconds until all is acknowledged, and note the mark."""
        try:
            await asyncio.wait_for(self._idle.wait(), timeout)
        except TimeoutError:
            log.warning("relay_not_flushed", rows=len(self._under_way) + len(self._queue))
        await self._note()

    async def _note(self) -> None:
        if (sent := self.sent()) is not None:
            await self._store.note_sent(sent.through, tips=sent.tips)
            self.kept(sent)
