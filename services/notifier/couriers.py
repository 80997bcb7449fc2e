"""Posts what waits, driven by the store: what is PENDING and due is read, posted, and how it went is committed.

Each webhook has a courier of its own, so that a slow receiver holds up nobody else. Of deliveries about the same copy
or version only the oldest is under way, so a receiver gets each one's events in the order in which they were said;
about different ones they come side by side. A process that dies between a POST and its commit posts again (at least
once), under the same ``webhook-id``.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime

import structlog

from notifier import signing
from notifier.documents import DELIVERY, HOOK, SECRET
from notifier.domain.delivery import Attempt, Delivery
from notifier.domain.hook import Secret
from notifier.messages import Attempted
from notifier.posting import Poster, PostError
from notifier.settings import NotifierSettings
from runtime.service import Service, kept, task

SIDE_BY_SIDE = 16
"""Posts under way to one webhook."""
SHORTEST_WAIT = 0.01
"""Seconds: a look at the store is not repeated sooner without news."""
LONGEST_WAIT = 30.0
"""Seconds after which the store is asked again even if nothing seems due: the clock may have been set."""

# Webhooks for which something waits, and when the next of it becomes due. A suspended one gets nothing. The plus signs
# take the columns' affinity away, with which SQLite would not use the indexes.
ACTIVE = """
    SELECT h.id, (SELECT min(next) FROM waiting WHERE hook = +h.id) AS due FROM documents AS h
    WHERE h.kind = 'hook' AND json_extract(h.body, '$.suspended') = 0 AND due IS NOT NULL"""
HEADS = """
    SELECT id, body FROM waiting AS w WHERE hook = ? AND next <= ? AND NOT EXISTS (
        SELECT 1 FROM waiting AS older WHERE older.hook = w.hook AND older.subject = w.subject AND older.id < w.id
    ) ORDER BY next LIMIT ?"""
NEXT = """
    SELECT min(next) FROM waiting AS w WHERE hook = ? AND NOT EXISTS (
        SELECT 1 FROM waiting AS older WHERE older.hook = w.hook AND older.subject = w.subject AND older.id < w.id
    )"""

log = structlog.get_logger()


@asynccontextmanager
async def delivering(settings: NotifierSettings, service: Service) -> AsyncIterator[None]:
    """Post what waits while the block runs."""
    couriers = Couriers(service, settings)
    try:
        async with task(kept(couriers.run, "couriers"), "couriers"):
            yield
    finally:
        couriers.close()


@dataclass
class Receiver:
    """What is known of a webhook's receiver while this process runs. Times by the loop's clock."""

    bell: asyncio.Event = field(default_factory=asyncio.Event)
    """Something became due, or a post ended."""
    under_way: set[str] = field(default_factory=set)
    failures: int = 0
    """How often in a row it was away."""
    rests_until: float = 0.0


class Couriers:
    """One task for each webhook that has something due."""

    def __init__(self, service: Service, settings: NotifierSettings) -> None:
        self._service = service
        self._schedule = settings.schedule
        self._poster = Poster(settings.networks, settings.hook_timeout, settings.hook_authority_file)
        self._wake = asyncio.Event()
        self._receivers: dict[str, Receiver] = {}
        service.on_commit(self._wake.set)

    async def run(self) -> None:
        """Start couriers as deliveries become due, until cancelled."""
        busy: dict[str, asyncio.Task[None]] = {}
        try:
            while True:
                self._wake.clear()
                busy = {hook: courier for hook, courier in busy.items() if not courier.done()}
                wait = LONGEST_WAIT
                active = await self._service.reader.rows(ACTIVE)
                for hook, due in active:
                    left = due - time.time()
                    receiver = self._receivers.setdefault(hook, Receiver())
                    if left > 0:
                        wait = min(wait, left)
                    elif hook in busy:
                        receiver.bell.set()
                    else:
                        busy[hook] = asyncio.create_task(self._courier(hook, receiver), name=f"courier {hook}")
                self._receivers = {hook: self._receivers[hook] for hook in {hook for hook, _ in active} | busy.keys()}
                try:
                    await asyncio.wait_for(self._wake.wait(), wait)
                except TimeoutError:
                    continue
        finally:
            for courier in busy.values():
                courier.cancel()
            await asyncio.gather(*busy.values(), return_exceptions=True)

    def close(self) -> None:
        """Let go of what look-ups hold."""
        self._poster.close()

    async def _courier(self, id: str, receiver: Receiver) -> None:
        """Post to one webhook until nothing is due, or until it is suspended or gone."""
        reader, loop = self._service.reader, asyncio.get_running_loop()
        try:
            async with asyncio.TaskGroup() as posts:
                while True:
                    receiver.bell.clear()
                    hook, secret = await reader.get(HOOK, id), await reader.get(SECRET, id)
                    if hook is None or secret is None or hook.suspended:
                        return
                    rest = receiver.rests_until - loop.time()
                    heads = [] if rest > 0 else await self._heads(id, receiver)
                    for one, body in heads:
                        receiver.under_way.add(one)
                        posts.create_task(self._post(one, DELIVERY.decode(body), hook.url, secret, receiver))
                    if not receiver.under_way and rest <= 0:
                        # What is due may have to wait for an older one about the same copy, whose time is later.
                        ((due,),) = await reader.rows(NEXT, (id,))
                        if due is None:
                            return
                        rest = max(due - time.time(), SHORTEST_WAIT)
                    with suppress(TimeoutError):
                        await asyncio.wait_for(receiver.bell.wait(), min(rest, LONGEST_WAIT) if rest > 0 else None)
        except ExceptionGroup as errors:
            log.exception("courier_failed", hook=id, error=repr(errors))
            await asyncio.sleep(1.0)
        finally:
            receiver.under_way.clear()
            self._wake.set()  # what became due while this one ended is for the next one

    async def _heads(self, hook: str, receiver: Receiver) -> list[tuple[str, bytes]]:
        """What is next in turn: a receiver that was away is tried with one delivery first."""
        most = 1 if receiver.failures else SIDE_BY_SIDE
        taken = set(receiver.under_way)  # as of now: one that ends while the store is read would seem to wait still
        rows = await self._service.reader.rows(HEADS, (hook, time.time(), SIDE_BY_SIDE))
        fresh = [(id, body) for id, body in rows if id not in taken]
        return fresh[: max(0, most - len(receiver.under_way))]

    async def _post(self, id: str, delivery: Delivery, url: str, secret: Secret, receiver: Receiver) -> None:
        """Post one delivery and note how it went."""
        content, now = signing.body(delivery), datetime.now(UTC)
        status, error = None, ""
        try:
            status = await self._poster.post(url, content, signing.headers(delivery, content, secret.value, now))
            error = "" if 200 <= status < 300 else f"the receiver answered {status}"
        except PostError as failure:
            error = str(failure)
        self._note(receiver, away=Attempt(at=now, status=status).away)
        await self._service.processor.submit(Attempted(delivery=id, status=status, error=error, chance=random.random()))
        receiver.under_way.discard(id)
        receiver.bell.set()

    def _note(self, receiver: Receiver, *, away: bool) -> None:
        """While a receiver is away, rest longer each time: all its deliveries would fail alike."""
        now = asyncio.get_running_loop().time()
        if not away:
            receiver.failures, receiver.rests_until = 0, 0.0
        elif now >= receiver.rests_until:
            receiver.failures += 1
            receiver.rests_until = now + min(self._schedule.wait(receiver.failures, random.random()), LONGEST_WAIT)
