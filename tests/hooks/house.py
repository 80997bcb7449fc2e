"""The notifier as it runs, on a real server, and what the tests say to it and ask of it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from nats.aio.client import Client

from contracts.events import hub
from contracts.manifest import Source
from contracts.requests import Actor, CreateHook, GetHook, ListDeliveries
from contracts.views import DeliveryView, HookView
from harness.toy import outsider, say, settings
from notifier.couriers import delivering
from notifier.definition import definition
from notifier.housekeeping import keeping_house
from notifier.settings import NotifierSettings
from runtime.ids import new_id
from runtime.requests import Requests
from runtime.service import Service, service

ACTOR = Actor(tenant="acme", name="ann", roles=("owner",))
VERSION, IMAGE = "2" * 32, "1" * 32


class House:
    """What speaks to a notifier. ``url`` is that of the NATS server."""

    def __init__(self, client: Client, requests: Requests, url: str, folder: Path) -> None:
        self.client = client
        self._requests = requests
        self._url = url
        self._folder = folder

    @asynccontextmanager
    async def notifier(self, *, posting: bool = True, **given: Any) -> AsyncIterator[Service]:
        """The notifier with settings for tests: quick to repeat, and allowed to post to this machine."""
        configured = NotifierSettings(
            data=str(self._folder / "notifier"),
            nats_url=self._url,
            **({"hook_networks": "127.0.0.0/8", "hook_backoff": "0.05", "hook_timeout": 5.0} | given),
        )
        async with service(definition(configured), configured) as running:
            if posting:
                async with delivering(configured, running), keeping_house(configured, running):
                    yield running
            else:
                yield running

    async def command(self, kind: Any, **fields: Any) -> Any:
        return await self._requests.ask(kind(id=new_id(), actor=ACTOR, **fields))

    async def hook(self, url: str, **fields: Any) -> HookView:
        made = await self.command(CreateHook, url=url, **fields)
        assert isinstance(made, HookView), made
        return made

    async def look(self, hook: HookView) -> HookView:
        found = await self._requests.ask(GetHook(actor=ACTOR, hook=hook.id))
        assert isinstance(found, HookView), found
        return found

    async def deliveries(self, hook: HookView, state: str | None = None) -> list[DeliveryView]:
        page = await self._requests.ask(ListDeliveries(actor=ACTOR, hook=hook.id, state=state))
        return list(page.items)

    async def version(self) -> None:
        await say(
            self.client,
            hub.VersionRequested(
                version=VERSION,
                image=IMAGE,
                number="1.0.0",
                tenant="acme",
                source=Source(pod="pod-1", name="golden"),
                revision=1,
            ),
        )

    async def started(self, pod: str = "pod-1", attempt: int = 1) -> str:
        """Say that a copy was started; the event's id."""
        return await say(
            self.client,
            hub.CopyStarted(
                copy=f"{VERSION}_{pod}_0", version=VERSION, image=IMAGE, pod=pod, attempt=attempt, revision=attempt
            ),
        )


@asynccontextmanager
async def house(url: str, folder: Path) -> AsyncIterator[House]:
    """Streams, and a version of the tenant acme in them."""
    async with outsider(url) as client, Requests.connect(settings(url, folder), "test") as requests:
        found = House(client, requests, url, folder)
        await found.version()
        yield found
