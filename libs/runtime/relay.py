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
from runtime.store import DeadLetter, Row, Store, from_epoch
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
        self._acknowledged: set[int] = set()
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

    def sent_through(self) -> int | None:
        """The mark for the next transaction, None when it did not move."""
        if self._mark == self._told:
            return None
        self._told = self._mark
        return self._mark

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
        if self._newest > self._taken:
            self._idle.clear()

    async def run(self) -> None:
        """Send until cancelled."""
        while True:
            if not self._queue and self._taken < self._newest:
                rows = await self._store.unsent(self._taken, IN_MEMORY)
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
            self._under_way[row.n] = row
            self._order.append(row.n)
            by_stream.setdefault(topology.STREAM_OF[codec.TYPES[row.kind]], []).append(row)
        for rows in by_stream.values():
            if len(rows) >= SINGLY:
                await self._send_batch(rows)
            else:
                for row in rows:
                    await self._send(row)

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
        if self._mark != self._told and not self._under_way:
            self._told = self._mark
            await self._store.note_sent(self._mark)
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
        if error := json.loads(message.data).get("error"):
            self._refused = f"{rows[0].subject}: {error.get('description')} ({error.get('err_code')})"
            if len(rows) > 1:
                for row in rows:
                    await self._send(row)
                return
            if error.get("err_code") != TOO_LARGE:
                return
            await self._give_up(rows[0])
        self._since = time.monotonic()
        for row in rows:
            if self._under_way.pop(row.n, None) is not None:
                self._acknowledged.add(row.n)
        while self._order and self._order[0] in self._acknowledged:
            self._mark = self._order.popleft()
            self._acknowledged.remove(self._mark)
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
        await self._store.note_sent(self._mark, [dead])

    async def flush(self, timeout: float) -> None:
        """Wait up to ``timeout`` seconds until all is acknowledged, and note the mark."""
        try:
            await asyncio.wait_for(self._idle.wait(), timeout)
        except TimeoutError:
            log.warning("relay_not_flushed", rows=len(self._under_way) + len(self._queue))
        if self._mark > self._told:
            self._told = self._mark
            await self._store.note_sent(self._mark)
