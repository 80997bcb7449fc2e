"""The hub's side of the bus for tests of whole connectors: it asks pods, and hears what they say."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import nats
from nats.aio.client import Client
from nats.aio.msg import Msg
from pods import Hub

from contracts import codec, topology
from contracts.events import Event, Speaker, from_pods, to_pods
from contracts.events.to_pods import Holder
from contracts.manifest import Manifest, Source
from contracts.names import copy_id
from contracts.topology import durables
from runtime.ids import new_id
from runtime.topology import apply, ensure_durable

E = TypeVar("E", bound=Event)


class Bus:
    """Speaks as catalog and replicator; keeps every event of every pod until it is asked for."""

    def __init__(self, client: Client, hub: Hub) -> None:
        self.client = client
        self.hub = hub
        self.heard: list[tuple[str, Event]] = []
        self._news = asyncio.Condition()

    async def take(self, message: Msg) -> None:
        async with self._news:
            self.heard.append((message.subject.split(".")[2], codec.decode(message.data)))
            self._news.notify_all()

    async def say(self, event: Event) -> None:
        headers = codec.headers(
            type(event), id=new_id(), at=datetime.now(UTC), speaker="test", saga=new_id(), cause=new_id()
        )
        await self.client.jetstream().publish(topology.subject(event), codec.encode(event), headers=headers)

    async def expect(self, kind: type[E], pod: str, *, timeout: float = 30.0, **fields: object) -> E:
        """The next event of this kind and pod with these fields; it is taken out of what was heard."""

        def find() -> tuple[str, Event] | None:
            for entry in self.heard:
                who, event = entry
                if who == pod and isinstance(event, kind) and all(getattr(event, k) == v for k, v in fields.items()):
                    return entry
            return None

        async with self._news:
            await asyncio.wait_for(self._news.wait_for(lambda: find() is not None), timeout)
            found = find()
            assert found is not None
            self.heard.remove(found)
            assert isinstance(found[1], kind)
            return found[1]

    async def address(self, pod: str) -> Holder:
        announced = await self.expect(from_pods.PodAnnounced, pod)
        return Holder(pod=pod, address=announced.address)

    async def import_(self, pod: str, source: Source, *, version: str, mode: str = "clone", attempt: int = 1) -> None:
        await self.say(
            to_pods.SourceRequested(
                pod=pod,
                version=version,
                image="image",
                tenant="tenant",
                attempt=attempt,
                source=source,
                mode="clone" if mode == "clone" else "convert",
                file_type=None,
                datastore=None,
                deadline=datetime.now(UTC) + timedelta(hours=1),
            )
        )

    async def copy(self, pod: str, version: str, manifest: Manifest, *holders: Holder, attempt: int = 1) -> str:
        copy = copy_id(version, pod, 0)
        await self.say(
            to_pods.CopyRequested(
                pod=pod,
                copy=copy,
                version=version,
                image="image",
                tenant="tenant",
                attempt=attempt,
                manifest=self.hub.vouched(version, manifest),
                holders=holders,
                ticket=self.hub.ticket(manifest, pod=pod),
            )
        )
        return copy


@asynccontextmanager
async def bus(url: str, hub: Hub, *pods: str) -> AsyncIterator[Bus]:
    """A bus with all streams, and the durables of ``pods``."""
    client = await nats.connect(url)
    await apply(client)
    js = client.jetstream()
    for pod in pods:
        for durable in durables(Speaker.CONNECTOR, pod):
            await ensure_durable(js, durable)
    found = Bus(client, hub)
    await js.subscribe("from.pod.>", stream="FROM_PODS", ordered_consumer=True, cb=found.take)
    try:
        yield found
    finally:
        await client.close()
