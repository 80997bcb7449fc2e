"""A small service on real streams, for tests of the runtime: it notes images and offers each to a tenant once."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import nats
from nats.aio.client import Client

from contracts import codec, topology
from contracts.events import Event, Speaker, hub
from contracts.requests import Done, DropGrant
from runtime.ids import new_id
from runtime.service import Definition
from runtime.settings import Settings
from runtime.topology import apply
from runtime.work import Get, Kind, Local, Message, Reaction, Ref, Work


class Noted(msgspec.Struct, frozen=True, kw_only=True):
    """How often an image was registered."""

    name: str
    times: int = 0


class Ring(Local, frozen=True, kw_only=True, tag="ring"):
    """A reminder."""

    image: str


NOTED: Kind[Noted] = Kind("noted", Noted)


@dataclass
class Toy:
    """The service's reactions and what they saw; ``fail`` makes the handler raise for a name, as often as it says."""

    seen: list[str] = field(default_factory=list)
    rung: list[str] = field(default_factory=list)
    fail: dict[str, int] = field(default_factory=dict)
    ring_after: float | None = None

    def definition(self) -> Definition:
        return Definition(
            name=Speaker.SHARING,
            reactions={
                hub.ImageRegistered: Reaction(self._keys, self._registered),
                DropGrant: Reaction(self._keys, self._asked),
                Ring: Reaction(self._keys, self._ring),
            },
            local=Ring,
        )

    def _keys(self, message: Message[Any], _: Get) -> Iterable[Ref]:
        yield NOTED(message.body.image)

    def _registered(self, message: Message[hub.ImageRegistered], work: Work) -> None:
        image = message.body.image
        self.seen.append(image)
        noted = work.get(NOTED, image) or Noted(name=message.body.name)
        work.put(NOTED, image, msgspec.structs.replace(noted, times=noted.times + 1))
        work.emit(hub.ShareOffered(image=image, member="all", owner=message.body.tenant, revision=noted.times + 1))
        if self.ring_after is not None:
            due = datetime.now(UTC) + timedelta(seconds=self.ring_after)
            work.remind(f"ring:{image}", due, Ring(image=image))
        if self.fail.get(message.body.name, 0) > 0:
            self.fail[message.body.name] -= 1
            raise RuntimeError("asked to fail")

    def _asked(self, message: Message[DropGrant], work: Work) -> msgspec.Struct:
        image = message.body.image
        noted = work.get(NOTED, image) or Noted(name="by request")
        work.put(NOTED, image, msgspec.structs.replace(noted, times=noted.times + 1))
        work.emit(hub.ShareOffered(image=image, member=message.body.principal, owner="o", revision=noted.times + 1))
        return Done()

    def _ring(self, message: Message[Ring], work: Work) -> None:
        self.rung.append(message.body.image)


def registered(name: str = "img", image: str | None = None, tenant: str = "t") -> hub.ImageRegistered:
    return hub.ImageRegistered(
        image=image or new_id(), gallery="default", name=name, tenant=tenant, os_type="linux", revision=1
    )


def settings(url: str, folder: Path, **more: Any) -> Settings:
    return Settings(data=str(folder), nats_url=url, **more)


@asynccontextmanager
async def outsider(url: str) -> AsyncIterator[Client]:
    """A plain client beside the service, with the topology applied."""
    client = await nats.connect(url)
    await apply(client)
    yield client
    await client.close()


async def say(client: Client, event: Event, *, id: str | None = None, saga: str = "") -> str:
    """Publish an event as its speaker would; its id."""
    id = id or new_id()
    headers = codec.headers(
        type(event), id=id, at=datetime.now(UTC), speaker="test", saga=saga or "0" * 32, cause="test"
    )
    await client.jetstream().publish(topology.subject(event), codec.encode(event), headers=headers)
    return id


async def heard(client: Client, subject: str, count: int, timeout: float = 10.0) -> list[Any]:
    """The first ``count`` messages of the EVENTS stream on ``subject``."""
    subscription = await client.jetstream().subscribe(subject, stream="EVENTS", ordered_consumer=True)
    found = [await subscription.next_msg(timeout=timeout) for _ in range(count)]
    await subscription.unsubscribe()
    return found
