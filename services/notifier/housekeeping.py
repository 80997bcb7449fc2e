"""What keeps the store bounded, and what was asked for many deliveries at once: page by page, beside the handlers."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

import msgspec

from notifier.documents import HOOK, TALLY
from notifier.messages import Purge, Revive, Shed
from notifier.settings import NotifierSettings
from runtime.service import Service, kept, task
from runtime.store import from_epoch

PAGE = 256
"""Deliveries changed in one transaction."""
PAUSE = 0.5
"""Seconds between two looks while something changes."""
EVERY = 60.0
"""Seconds between two looks for what is old."""

CROWDED = (
    "SELECT id, json_extract(body, '$.pending') FROM documents WHERE kind = ? AND json_extract(body, '$.pending') > ?"
)
OLDEST = "SELECT id FROM deliveries WHERE hook = ? AND state = 'PENDING' ORDER BY id LIMIT ?"
ASKED = "SELECT id, body FROM documents WHERE kind = ? AND json_extract(body, '$.redeliver') IS NOT NULL"
DEAD = "SELECT id FROM deliveries WHERE hook = ? AND state = 'DEAD' AND +updated <= ? ORDER BY id LIMIT ?"
HELD = """
    SELECT w.hook, w.id FROM documents AS h CROSS JOIN waiting AS w ON w.hook = +h.id
    WHERE h.kind = ? AND json_extract(h.body, '$.suspended') = 1 AND json_extract(w.body, '$.since') < ? LIMIT ?"""
ENDED = "SELECT id FROM deliveries WHERE state = ? AND updated < ? LIMIT ?"


@asynccontextmanager
async def keeping_house(settings: NotifierSettings, service: Service) -> AsyncIterator[None]:
    """Keep the store bounded while the block runs."""
    changed = asyncio.Event()
    service.on_commit(changed.set)
    async with (
        task(kept(lambda: _as_it_comes(service, settings, changed), "crowd"), "crowd"),
        task(kept(lambda: _as_it_ages(service, settings), "old"), "old"),
    ):
        yield


async def _as_it_comes(service: Service, settings: NotifierSettings, changed: asyncio.Event) -> None:
    while True:
        changed.clear()
        await shed(service, settings.max_pending)
        await revive(service)
        await asyncio.sleep(PAUSE)
        await changed.wait()


async def _as_it_ages(service: Service, settings: NotifierSettings) -> None:
    while True:
        await purge(service, settings)
        await asyncio.sleep(EVERY)


async def shed(service: Service, most: int) -> None:
    """Give up the oldest deliveries of webhooks for which more than ``most`` wait."""
    for hook, pending in await service.reader.rows(CROWDED, (TALLY.name, most)):
        excess = pending - most
        while excess > 0 and (ids := await _ids(service, OLDEST, hook, min(PAGE, excess))):
            await service.processor.submit(
                Shed(hook=hook, deliveries=ids, reason=f"more than {most} deliveries waited for this webhook")
            )
            excess -= len(ids)


async def revive(service: Service) -> None:
    """Take up again what was DEAD when its redelivery was asked for."""
    for id, body in await service.reader.rows(ASKED, (HOOK.name,)):
        asked = HOOK.decode(body).redeliver
        while asked is not None:
            ids = await _ids(service, DEAD, id, _text(asked), PAGE)
            await service.processor.submit(Revive(hook=id, deliveries=ids, asked=asked))
            if not ids:
                break


async def purge(service: Service, settings: NotifierSettings) -> None:
    """Forget what ended long ago, and give up what a suspended webhook was not resumed for."""
    now = time.time()
    for state, keep in (("DELIVERED", settings.delivered_seconds), ("DEAD", settings.dead_seconds)):
        while ids := await _ids(service, ENDED, state, _text(from_epoch(now - keep)), PAGE):
            await service.processor.submit(Purge(deliveries=ids))
    before = _text(from_epoch(now - settings.hook_give_up))
    while rows := await service.reader.rows(HELD, (HOOK.name, before, PAGE)):
        for hook in dict.fromkeys(hook for hook, _ in rows):
            ids = tuple(id for owner, id in rows if owner == hook)
            await service.processor.submit(Shed(hook=hook, deliveries=ids, reason="the webhook is suspended"))


async def _ids(service: Service, sql: str, *params: str | int) -> tuple[str, ...]:
    return tuple(id for (id,) in await service.reader.rows(sql, params))


def _text(at: datetime) -> str:
    """A time as it stands in documents."""
    return msgspec.to_builtins(at)  # type: ignore[no-any-return]
