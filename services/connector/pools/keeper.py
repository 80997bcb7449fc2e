"""Keeping pools as they are wanted: each is looked at when a word about it comes, and again and again.

The documents say what is wanted; this keeper has it done in threads, a few pools at a time, and hands what it came to
back as a message whose reaction tells the hub. What the hub was told already is not handed back again. A process that
dies anywhere in between finds the documents and the seats as they were.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Final, ParamSpec, TypeVar

import msgspec
import structlog

from connector import messages
from connector.domain.pools import Pool, Told
from connector.domain.seat_views import apart_from_use
from connector.failures import Cancel, Cancelled
from connector.pools.base import Pools
from connector.pools.making import bring, look
from connector.tasks import Submit

AGAIN: Final = 5.0
"""Seconds after which a pool is looked at again that could not be."""
USE: Final = 300.0
"""Seconds between two words about nothing but when seats were last used."""
SETTLE: Final = 600.0
"""Seconds between two looks at what seats are based on."""

P = ParamSpec("P")
T = TypeVar("T")

log = structlog.get_logger()


@dataclass
class _Kept:
    """What the keeper remembers of a pool: the word it last worked on, what it handed back, and when it looks again
    (monotonic)."""

    pool: Pool
    due: float = 0.0
    told: tuple[datetime, Told] | None = None
    told_at: float = 0.0
    looked: bool = False
    cancel: Cancel = field(default_factory=Cancel)
    work: asyncio.Task[None] | None = None


class Keeper:
    """Keeps the pools of one pod. `wake` after each commit; `run` is one task. ``interval`` is the seconds between two
    looks at a pool, ``most`` how many are worked on at a time."""

    def __init__(
        self,
        pools: Pools,
        pod: str,
        wanted: Callable[[], Awaitable[dict[str, Pool]]],
        submit: Submit,
        *,
        interval: float,
        most: int,
    ) -> None:
        self._pools = pools
        self._pod = pod
        self._wanted = wanted
        self._submit = submit
        self._interval = interval
        self._kept: dict[str, _Kept] = {}
        self._turns = asyncio.Semaphore(most)
        self._wake = asyncio.Event()
        self._settle_at = 0.0
        self._settling: asyncio.Task[None] | None = None
        self._threads = ThreadPoolExecutor(most + 1, thread_name_prefix="pool")

    def wake(self) -> None:
        """Look whether another word came."""
        self._wake.set()

    async def run(self) -> None:
        """Until cancelled: what is under way is stopped, and found as it lies on the disk by the next start."""
        self.wake()
        try:
            while True:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), self._rest())
                self._wake.clear()
                try:
                    wanted = await self._wanted()
                except Exception as error:
                    log.exception("pools_unreadable", error=repr(error))
                    await asyncio.sleep(AGAIN)
                    self.wake()
                    continue
                self._compare(wanted)
                if time.monotonic() >= self._settle_at and self._settling is None:
                    self._settle_at = time.monotonic() + SETTLE
                    self._settling = asyncio.create_task(self._settle(), name="pool bases")
        finally:
            await self._stop()

    def _rest(self) -> float | None:
        """Seconds until something is due; None while nothing is."""
        due = [kept.due for kept in self._kept.values() if kept.work is None]
        if self._kept and self._settling is None:
            due.append(self._settle_at)
        return max(0.0, min(due) - time.monotonic()) if due else None

    def _compare(self, wanted: dict[str, Pool]) -> None:
        now = time.monotonic()
        for id, pool in wanted.items():
            kept = self._kept.setdefault(id, _Kept(pool))
            if not _same_word(kept.pool, pool):
                kept.cancel.set()
                kept.due = 0.0
            kept.pool = pool
            if kept.work is None and kept.due <= now:
                kept.cancel = Cancel()
                kept.work = asyncio.create_task(self._tend(id, kept), name=f"pool {id}")
        for id in self._kept.keys() - wanted.keys():
            if self._kept[id].work is None:
                del self._kept[id]
            else:
                self._kept[id].cancel.set()

    async def _tend(self, id: str, kept: _Kept) -> None:
        pool, cancel = kept.pool, kept.cancel
        kept.due = time.monotonic() + self._interval
        try:
            async with self._turns:
                with structlog.contextvars.bound_contextvars(assignment=id, saga=pool.saga):
                    found = await self._thread(look, self._pools, id, pool, self._pod, first=not kept.looked)
                    kept.looked = True
                    if found.work:
                        await self._tell(id, kept, pool, found.told)
                        told = await self._thread(bring, self._pools, id, pool, self._pod, cancel)
                        self._settle_at = 0.0
                    else:
                        told = found.told
                    await self._tell(id, kept, pool, told)
        except Cancelled:
            kept.looked = False  # what was staged is of no use any more
        except Exception as error:
            log.exception("pool_not_kept", assignment=id, again_in=AGAIN, error=repr(error))
            kept.due = time.monotonic() + AGAIN
            kept.told, kept.looked = None, False
        finally:
            kept.work = None
            self.wake()

    async def _tell(self, id: str, kept: _Kept, pool: Pool, told: Told) -> None:
        """Hand over what differs from what was handed over last; what is only about the last use not each time."""
        now = time.monotonic()
        if kept.told is not None:
            asked, last = kept.told
            alike = last == told or (_apart_from_use(last) == _apart_from_use(told) and now - kept.told_at < USE)
            if asked == pool.at and alike:
                return
        await self._submit(messages.PoolSeen(assignment=id, asked=pool.at, told=told), saga=pool.saga)
        kept.told, kept.told_at = (pool.at, told), now

    async def _settle(self) -> None:
        try:
            await self._thread(self._pools.settle)
        except Exception as error:
            log.exception("bases_not_settled", error=repr(error))  # they only take room until the next time
        finally:
            self._settling = None

    async def _stop(self) -> None:
        works = [work for work in (self._settling, *(kept.work for kept in self._kept.values())) if work is not None]
        for kept in self._kept.values():
            kept.cancel.set()
        if works:
            await asyncio.wait(works)
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _thread(self, work: Callable[P, T], *given: P.args, **named: P.kwargs) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, partial(work, *given, **named))


def _same_word(one: Pool, other: Pool) -> bool:
    return (one.attempt, one.at, one.wanted, one.force) == (other.attempt, other.at, other.wanted, other.force)


def _apart_from_use(told: Told) -> Told:
    return msgspec.structs.replace(told, seats=apart_from_use(told.seats))
