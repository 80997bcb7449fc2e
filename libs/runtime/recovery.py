"""A database that is an older copy of itself, as after a restore: found at start, by what the server has acknowledged.

A service acknowledges after its commit, so the server never has more acknowledged than the database has taken; where it
does, another, newer database took it. Then the service makes its own durables anew and hears everything that the
streams still have: what this copy knows it ignores (`seen`, kept longer than any stream), the rest it is told again.
Revisions are said above a floor from then on, because listeners have heard the ones that follow (`Work.floor`).
"""

import time
from collections.abc import Iterable

import structlog
from nats.aio.client import Client
from nats.js.api import ConsumerInfo
from nats.js.errors import NotFoundError

from contracts.topology import Durable
from runtime.consumer import made
from runtime.store import Position, Store
from runtime.topology import ensure_durable

log = structlog.get_logger()


async def recover(client: Client, store: Store, durables: Iterable[Durable]) -> bool:
    """Make those of a service's own durables anew that are ahead of its database; whether there were any.

    Before anything is heard or said. Raises TopologyError where the server does not let us make a durable.
    """
    js, positions, found = client.jetstream(), await store.positions(), False
    for durable in durables:
        try:
            info = await js.consumer_info(durable.stream, durable.name)
        except NotFoundError:
            continue  # it will be made when it is pulled from, and hears everything
        if not ahead(info, positions.get(durable.stream)):
            continue
        log.warning("database_is_older", stream=durable.stream, durable=durable.name)
        # First the floor and then the durable: whoever dies in between comes here again.
        await store.set_back(durable.stream, int(time.time() * 1000))
        await js.delete_consumer(durable.stream, durable.name)
        await ensure_durable(js, durable)
        found = True
    return found


def ahead(info: ConsumerInfo, position: Position | None) -> bool:
    """Whether the server has acknowledged more than a database took that stands at ``position``.

    Both counts have to be above it. That of the stream passes over messages for others as well, that of the deliveries
    counts a second delivery of what the first one settled.
    """
    floor = info.ack_floor
    if floor is None or not floor.consumer_seq:
        return False
    if position is None or position.made != made(info):
        return True
    return floor.stream_seq > position.sequence and floor.consumer_seq > position.delivery
