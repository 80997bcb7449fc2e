"""The one loop of a service: take what waits, load what it needs, let the handlers decide, commit, answer.

Events, commands and due reminders all come through here, so that one transaction serves whatever waits (up to 1,024
messages). A message's changes join the batch only if its handler returned; one that raises is set aside alone.
"""

import asyncio
import sqlite3
import time
import traceback
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeAlias

import msgspec
import structlog

from contracts.errors import Problem
from runtime.ids import new_id
from runtime.logs import handling
from runtime.store import DeadLetter, Loaded, Outcome, Position, Row, Seen, Sent, Store
from runtime.work import Batch, Kind, Local, Message, Reaction, Ref, Work

BATCH = 1024
STUCK = 10.0
"""Seconds without a commit after which waiting messages mean that something is wrong."""
LONGEST_PAUSE = 5.0
AGAIN = 3
"""How often a message whose documents changed under it is handed to its handler again at once."""

log = structlog.get_logger()

Answers: TypeAlias = list[tuple[Callable[[Any], None], Any]]
"""What to tell whom once the batch is committed."""


@dataclass(slots=True)
class Item:
    """A message on its way through the loop; exactly one of the callbacks is called, once."""

    message: Message[Any]
    done: Callable[[bytes | None], None]
    """After commit, also for a duplicate; with the reply (JSON) to a command."""
    failed: Callable[[BaseException], None]
    """Nothing of the message was kept; it may come again."""
    deduplicate: bool = True
    fingerprint: bytes | None = None
    reminder: tuple[str, float] | None = None
    dead: DeadLetter | None = None
    """Set when the message cannot be handled at all: it is only put on record."""
    position: Position | None = None
    """Where in its stream the message stands."""
    tries: int = 0


class Processor:
    """Runs a service's reactions over its store. ``offer`` from anywhere in the event loop; ``run`` is one task."""

    def __init__(self, store: Store, reactions: Mapping[type, Reaction]) -> None:
        self._store = store
        self._reactions = reactions
        self._waiting: deque[Item] = deque()
        self._wake = asyncio.Event()
        self._stopping = False
        self._trouble = ""
        self._failures = 0
        self._moved = time.monotonic()
        self._positions: dict[str, Position] = {}
        self._listeners: list[Callable[[Batch, Sequence[Row]], None]] = []
        self.sent: Callable[[], Sent | None] = lambda: None
        """What the relay knows to be said, when that is more than was `kept`."""
        self.kept: Callable[[Sent], None] = lambda _: None
        """That a transaction with it was committed."""

    @property
    def waiting(self) -> int:
        """Messages not yet taken up: consumers stop pulling when there are many."""
        return len(self._waiting)

    def on_commit(self, listener: Callable[[Batch, Sequence[Row]], None]) -> None:
        """Call ``listener`` with each committed batch and its outbox rows, before anything is acknowledged."""
        self._listeners.append(listener)

    def offer(self, item: Item) -> None:
        """Queue a message."""
        if not self._waiting:
            self._moved = max(self._moved, time.monotonic())
        self._waiting.append(item)
        self._wake.set()

    async def submit(self, body: Local, *, saga: str = "", id: str | None = None) -> None:
        """Hand a message to the service's own reactions and wait for the commit; ``id`` makes it happen once."""
        await self.ask(Message(id or new_id(), "self", datetime.now(UTC), saga, body), deduplicate=id is not None)

    async def ask(
        self, message: Message[Any], *, deduplicate: bool = True, fingerprint: bytes | None = None
    ) -> bytes | None:
        """Have ``message`` handled; the reply (JSON) of a command. Raises what its handler raised."""
        answer: asyncio.Future[bytes | None] = asyncio.get_running_loop().create_future()

        def done(reply: bytes | None) -> None:
            if not answer.done():
                answer.set_result(reply)

        def failed(error: BaseException) -> None:
            if not answer.done():
                answer.set_exception(error)

        self.offer(Item(message, done, failed, deduplicate=deduplicate, fingerprint=fingerprint))
        return await answer

    async def run(self) -> None:
        """Process until `stop`; the batch under way is finished, what waits is handed back as failed."""
        while not self._stopping:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting and not self._stopping:
                count = min(len(self._waiting), BATCH)
                await self._process([self._waiting.popleft() for _ in range(count)])
            self._moved = time.monotonic()
        while self._waiting:
            self._waiting.popleft().failed(asyncio.CancelledError("the service stops"))

    def stop(self) -> None:
        """Let `run` come to its end."""
        self._stopping = True
        self._wake.set()

    @property
    def reason(self) -> str:
        """Why messages are not being handled, empty while they are."""
        if self._trouble:
            return self._trouble
        idle = time.monotonic() - self._moved
        if self._waiting and idle > STUCK:
            return f"no batch was committed for {idle:.0f} s while {len(self._waiting)} messages wait"
        return ""

    async def _process(self, items: list[Item]) -> None:
        """One batch. What fails for all of it is waited out, or narrowed down to the message that is at fault."""
        try:
            await self._transact(items)
        except Exception as error:
            if _may_pass(error):
                # Not the messages' fault: they stay here, kept alive by their consumer, and cost no delivery.
                self._trouble = f"the store fails: {error}"
                log.error("store_failed", messages=len(items), error=str(error))
                self._waiting.extendleft(reversed(items))
                await asyncio.sleep(min(LONGEST_PAUSE, 0.1 * 2**self._failures))
                self._failures = min(self._failures + 1, 10)
            elif len(items) > 1:
                log.warning("batch_split", messages=len(items), error=repr(error))
                middle = len(items) // 2
                await self._process(items[:middle])
                await self._process(items[middle:])
            else:
                log.error("message_failed", message=items[0].message.id, error=repr(error), exc_info=error)
                items[0].failed(error)
        else:
            self._failures, self._trouble, self._moved = 0, "", time.monotonic()

    async def _transact(self, items: list[Item]) -> None:
        now = time.time()
        batch, outcome = Batch(new_id, self._store.floor), Outcome(sent=self.sent())
        answers: Answers = []
        again: list[Item] = []
        loaded = self._load(batch, items)
        fresh = self._fresh(items, loaded, answers)
        for item in fresh:
            message, reply, kept = item.message, None, item.deduplicate
            if item.dead is not None:
                outcome.dead.append(item.dead)
            else:
                work = Work(batch, message)
                handling.set(message)
                try:
                    reply, final = self._handle(item, work)
                    kept = kept and final
                except Exception as error:  # noqa: BLE001 - set aside alone, whatever it was
                    self._set_aside(item, error, again, answers)
                    continue
                batch.accept(work)
            if item.reminder is not None:
                outcome.served.append(item.reminder)
            if kept:
                outcome.seen.append(Seen(message.id, message.speaker, now, item.fingerprint, reply))
            answers.append((item.done, reply))
        handling.set(None)
        self._advance(items, outcome)
        rows = await self._store.commit(batch, outcome)
        if outcome.sent is not None:
            self.kept(outcome.sent)
        for listener in self._listeners:
            listener(batch, rows)
        for answer, word in answers:
            answer(word)
        for item in again:
            self.offer(item)

    def _advance(self, items: list[Item], outcome: Outcome) -> None:
        """Move on in the streams to where the batch ends. One that failed or is handed out again is not behind us, but
        its delivery is: it comes in another one."""
        for item in items:
            if (found := item.position) is not None:
                known = outcome.positions.get(found.stream) or self._positions.get(found.stream)
                outcome.positions[found.stream] = found.reached(known)
        self._positions |= outcome.positions

    def _fresh(self, items: list[Item], loaded: Loaded, answers: Answers) -> list[Item]:
        """The messages to handle; duplicates are answered from what is on record, stale reminders dropped."""
        fresh: list[Item] = []
        taken: set[tuple[str, str]] = set()
        for item in items:
            if item.reminder is not None:
                if item.reminder not in loaded.due:
                    answers.append((item.done, None))
                    continue
            elif item.deduplicate:
                key = (item.message.id, item.message.speaker)
                if key in loaded.seen:
                    answers.append((item.done, _repeat(item, loaded.seen[key])))
                    continue
                if key in taken:
                    self.offer(item)  # a twin in the same batch: it meets the record of the first in the next one
                    continue
                taken.add(key)
            fresh.append(item)
        return fresh

    def _load(self, batch: Batch, items: list[Item]) -> Loaded:
        """Load the documents that the reactions name, following references until no new ones come up."""
        follows = False

        def get(kind: Kind[Any], id: str) -> Any:
            nonlocal follows
            follows = True
            return batch.get(kind, id)

        def name(items: list[Item]) -> tuple[dict[Ref, None], list[Item]]:
            """What the reactions to ``items`` lack, and those that may name more once they have it."""
            nonlocal follows
            wanted: dict[Ref, None] = {}
            following = []
            for item in items:
                reaction = self._reactions.get(type(item.message.body))
                if reaction is None:
                    continue
                follows = lacks = False
                for ref in reaction.keys(item.message, get):
                    if not batch.holds(ref):
                        wanted[ref] = None
                        lacks = True
                if follows and lacks:
                    following.append(item)
            return wanted, following

        wanted, following = name(items)
        ids = [(item.message.id, item.message.speaker) for item in items if item.deduplicate]
        reminders = [item.reminder for item in items if item.reminder is not None]
        loaded = self._store.load(batch, wanted, ids, reminders)
        while following:
            wanted, following = name(following)
            if wanted:
                self._store.load(batch, wanted)
        return loaded

    def _handle(self, item: Item, work: Work) -> tuple[bytes | None, bool]:
        """The reply, and whether it is also that to a repetition."""
        reaction = self._reactions[type(item.message.body)]
        reply = reaction.handle(item.message, work)
        if isinstance(reply, Problem) and (work.changed or work.emitted):
            raise AssertionError(f"the refusal {reply.code} left changes behind")
        final = not (isinstance(reply, Problem) and reaction.refuses_anew)
        return (None if reply is None else msgspec.json.encode(reply)), final

    def _set_aside(self, item: Item, error: Exception, again: list[Item], answers: Answers) -> None:
        item.tries += 1
        if isinstance(error, LookupError) and item.tries < AGAIN:
            # An earlier message of the batch made it refer to a document that was not loaded: the next batch has it.
            again.append(item)
            return
        log.error(
            "handler_failed",
            message=item.message.id,
            saga=item.message.saga,
            type=type(item.message.body).__name__,
            error=repr(error),
            traceback=traceback.format_exc(),
        )
        answers.append((item.failed, error))


_PASSING = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
    }
)


def _may_pass(error: Exception) -> bool:
    """Whether an error is the machine's (a lock, a full disk) and not a message's."""
    if isinstance(error, sqlite3.Error):
        return (getattr(error, "sqlite_errorcode", 0) or 0) & 0xFF in _PASSING
    return isinstance(error, OSError)


def _repeat(item: Item, seen: Seen) -> bytes | None:
    """The first reply to a repeated command; a refusal when the id was used for something else."""
    if seen.fingerprint is not None and item.fingerprint is not None and seen.fingerprint != item.fingerprint:
        return msgspec.json.encode(
            Problem(
                code="idempotency_key_reused",
                detail="This Idempotency-Key was already used for a request with other content.",
                hint="Use a new key for a new request; repeat the same request to get its first answer.",
            )
        )
    return seen.reply
