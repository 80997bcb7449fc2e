"""What waited for a service when it started: until that was heard, no deadline of it passes.

A process that was away, or stands on an older copy of its database, would else hold deadlines against what it has still
to hear: an import that came in time would be given up, and its bytes dropped.
"""

import asyncio
import time
from collections.abc import Iterable

import structlog
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js.api import ConsumerInfo
from nats.js.errors import NotFoundError

from contracts.topology import Durable

LOOK = 0.2
"""Seconds between two looks."""
PATIENCE = 30.0
"""Seconds after which it is not waited any longer for messages of which none comes to its end."""

log = structlog.get_logger()


async def heard(client: Client, durables: Iterable[Durable]) -> None:
    """Return once everything was acknowledged that was waiting in ``durables`` at the first look, or cannot be."""
    for durable in durables:
        await _heard(client, durable)


async def _heard(client: Client, durable: Durable) -> None:
    target: int | None = None
    reached, since = -1, time.monotonic()
    while time.monotonic() - since < PATIENCE:
        info = await _look(client, durable)
        if info is not None:
            if not info.num_pending and not info.num_ack_pending:
                return
            if target is None:
                delivered = 0 if info.delivered is None else info.delivered.consumer_seq
                target = delivered + (info.num_pending or 0)
            settled = 0 if info.ack_floor is None else info.ack_floor.consumer_seq
            if settled >= target:
                return
            if settled != reached:
                reached, since = settled, time.monotonic()
        await asyncio.sleep(LOOK)
    log.warning("backlog_not_heard", stream=durable.stream, durable=durable.name)


async def _look(client: Client, durable: Durable) -> ConsumerInfo | None:
    """The state of a durable; None while it, or the server, is not there."""
    try:
        info: ConsumerInfo = await client.jetstream().consumer_info(durable.stream, durable.name)
    except (NotFoundError, NatsError, TimeoutError):
        return None
    return info
