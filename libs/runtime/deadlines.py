"""Deadlines: rows, written in the same transaction as the state, handed to the same reactions when they are due."""

import asyncio
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import structlog

from runtime.ids import new_id
from runtime.processor import Item, Processor
from runtime.store import DeadLetter, Due, Row, Store
from runtime.work import Batch, Message

BATCH = 256
LONGEST_WAIT = 30.0
"""Seconds after which the table is asked again even if nothing seems due: the clock may have been set."""

BACKOFF = (1.0, 5.0, 15.0, 60.0, 300.0)
"""Seconds until a reminder that failed once, twice, … is tried again."""
MOST_FAILURES = 10

log = structlog.get_logger()


class Deadlines:
    """One task of a service. ``local`` is the union of the service's `Local` messages, None when it has none."""

    def __init__(self, store: Store, processor: Processor, local: Any) -> None:
        self._store = store
        self._processor = processor
        self._decode: Callable[[bytes], Any] | None = None
        if local is not None:
            self._decode = msgspec.json.Decoder(local).decode
        self._next: float | None = None
        self._failures: dict[str, int] = {}
        self._hopeless: dict[str, str] = {}
        self._wake = asyncio.Event()
        processor.on_commit(self._committed)

    def _committed(self, batch: Batch, _: Sequence[Row]) -> None:
        for reminder in batch.reminders.values():
            if reminder.due is not None and (self._next is None or reminder.due.timestamp() < self._next):
                self._next = reminder.due.timestamp()
                self._wake.set()

    async def run(self) -> None:
        """Hand out due reminders until cancelled."""
        while True:
            due = await self._store.due(time.time(), BATCH)
            if due:
                await asyncio.gather(*[self._serve(reminder) for reminder in due])
                continue
            self._wake.clear()
            self._next = None  # any reminder committed while the table is read wakes the loop
            self._next = await self._store.next_due()
            wait = LONGEST_WAIT if self._next is None else min(LONGEST_WAIT, max(0.0, self._next - time.time()))
            try:
                await asyncio.wait_for(self._wake.wait(), wait)
            except TimeoutError:
                continue

    async def _serve(self, reminder: Due) -> None:
        """Have one reminder handled; its row goes in the same transaction. A failing one is tried again later."""
        ended = asyncio.Event()
        errors: list[BaseException] = []

        def failed(error: BaseException) -> None:
            errors.append(error)
            ended.set()

        id, dead, body = new_id(), None, None
        try:
            if self._decode is None:
                raise TypeError("the service declares no local messages")
            if reason := self._hopeless.pop(reminder.name, ""):
                raise TypeError(reason)
            body = self._decode(reminder.body)
        except (msgspec.DecodeError, TypeError) as error:
            log.error("deadline_given_up", name=reminder.name, error=str(error))
            dead = DeadLetter(id, reminder.name, b"{}", reminder.body, "bad_body", str(error), 1, reminder.due)
        item = Item(
            Message(id, "self", datetime.now(UTC), reminder.saga, body),
            lambda _: ended.set(),
            failed,
            deduplicate=False,
            reminder=(reminder.name, reminder.due),
            dead=dead,
        )
        self._processor.offer(item)
        await ended.wait()
        if errors and not isinstance(errors[0], asyncio.CancelledError):
            await self._postpone(reminder, errors[0])
        else:
            self._failures.pop(reminder.name, None)

    async def _postpone(self, reminder: Due, error: BaseException) -> None:
        """Try a failing reminder again later each time, so that it holds up no other; at last put it on record."""
        failures = self._failures[reminder.name] = self._failures.get(reminder.name, 0) + 1
        await self._store.postpone(reminder, time.time() + BACKOFF[min(failures, len(BACKOFF)) - 1])
        if failures >= MOST_FAILURES:
            self._hopeless[reminder.name] = f"failed {failures} times: {error!r}"
