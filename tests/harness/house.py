"""All of Imprint but its door, in one process: hub services and real connectors on a real server.

Times are short, so that retries and silences happen within a test; the code is what runs in production.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from nats.aio.client import Client
from nats.js.errors import NotFoundError

from catalog.definition import definition as catalog_definition
from catalog.settings import CatalogSettings
from connector.agent import connector
from connector.settings import ConnectorSettings
from contracts.events import Speaker
from contracts.manifest import Manifest
from contracts.names import GATEWAY
from contracts.requests import GetPod
from contracts.topology import Durable, durables
from contracts.views import PodView
from gateway.settings import GatewaySettings
from harness.asking import ACTOR, Asking
from harness.record import Record, recording
from harness.site import Site
from harness.wait import until
from imprint.local.authority import CERTIFICATE, DOOR_CERTIFICATE, DOOR_KEY, Authority
from replicator.definition import definition as replicator_definition
from replicator.guard import guarding
from replicator.settings import ReplicatorSettings
from runtime.bearer import digest
from runtime.requests import Requests
from runtime.service import Service, service
from runtime.settings import Settings
from runtime.tickets import Signer, Ticket
from runtime.topology import hub_durables
from sharing.definition import definition as sharing_definition
from sharing.settings import SharingSettings

HUB = ("catalog", "replicator", "sharing")
TOKEN = "imprint_of-the-house"
"""The token of the house's admin, for those who come through a door."""


class House(Asking):
    """The running house. ``running`` are the services by name: catalog, replicator, sharing, pod-1, …"""

    def __init__(
        self,
        url: str,
        folder: Path,
        client: Client,
        record: Record,
        requests: Requests,
        more: dict[str, dict[str, Any]],
    ) -> None:
        super().__init__(requests, record)
        self.url = url
        self.folder = folder
        self.client = client
        self.running: dict[str, Service] = {}
        self.sites: dict[str, Site] = {}
        self._stacks: dict[str, AsyncExitStack] = {}
        self.more = more
        """Settings of single services that differ from the usual ones; they count at the next start."""

    # --- starting and stopping --------------------------------------------------------------------------------------

    def site(self, pod: str) -> Site:
        """The pod's folder, made when it is first asked for."""
        if pod not in self.sites:
            self.sites[pod] = Site(self.folder / "pods" / pod)
        return self.sites[pod]

    async def start(self, *names: str) -> None:
        """Start services, at once; returns when all of them can be used."""
        await asyncio.gather(*(self._enter(name) for name in names))
        for name in names:
            await self.reachable(name)

    async def stop(self, *names: str) -> None:
        """Stop services in order, as SIGTERM does."""
        for name in names:
            del self.running[name]
            await self._stacks.pop(name).aclose()

    async def close(self) -> None:
        """Stop everything: connectors first."""
        for name in sorted(self._stacks, key=lambda name: name in HUB):
            await self.stop(name)

    async def _enter(self, name: str) -> None:
        async with AsyncExitStack() as stack:
            running = await stack.enter_async_context(self._service(name))
            if name == Speaker.REPLICATOR:
                await stack.enter_async_context(guarding(running))
            self._stacks[name] = stack.pop_all()
        self.running[name] = running

    def _service(self, name: str) -> AbstractAsyncContextManager[Service]:
        more = self.more.get(name, {})
        common: dict[str, Any] = {"data": str(self.folder / name), "nats_url": self.url}
        match name:
            case Speaker.CATALOG:
                catalog = CatalogSettings(
                    **(common | {"publish_margin": 1.0, "manifest_key": str(self._manifest_key)} | more)
                )
                return service(catalog_definition(catalog), catalog)
            case Speaker.REPLICATOR:
                quick = {"ticket_key": str(self._key), "retry_backoff": "0.05", "retry_attempts": 3}
                replicator = ReplicatorSettings(**(common | quick | {"enrolment": "open"} | more))
                return service(replicator_definition(replicator), replicator)
            case Speaker.SHARING:
                self._admin.write_text(digest(TOKEN))
                sharing = SharingSettings(**(common | {"bootstrap_token_file": str(self._admin)} | more))
                return service(sharing_definition(sharing), sharing)
        return connector(self.connector_settings(name))

    def connector_settings(self, pod: str) -> ConnectorSettings:
        """The settings of a pod's connector."""
        common: dict[str, Any] = {
            "data": str(self.folder / pod),
            "nats_url": self.url,
            "pod": pod,
            "root": str(self.site(pod).root),
            "ticket_key_file": f"{self._key}.pub",
            "manifest_key_file": f"{self._manifest_key}.pub",
            "report_interval": 2.0,
            **self.identity(pod),
        }
        return ConnectorSettings(**(common | self.more.get(pod, {})))

    def identity(self, bearer: str, authority: str = "authority") -> dict[str, str]:
        """The settings of who somebody is at the doors between pods, with what they name made by the authority."""
        folder = self.folder / f"{bearer} of {authority}"
        Authority.open(self.folder / authority).enrol(folder, bearer)
        return {
            "certificate_file": str(folder / DOOR_CERTIFICATE),
            "private_key_file": str(folder / DOOR_KEY),
            "authority_file": str(folder / CERTIFICATE),
        }

    def ticket(self, pod: str, version: str, manifest: Manifest) -> str:
        """A ticket as the replicator signs them, good for a minute."""
        roots = tuple(disk.root for disk in manifest.disks)
        expires = datetime.now(UTC) + timedelta(minutes=1)
        return Signer.open(self._key).sign(Ticket(pod=pod, version=version, roots=roots, expires=expires))

    def door_settings(self, folder: Path) -> GatewaySettings:
        """The settings of a gateway for this house; `TOKEN` opens it."""
        return GatewaySettings(
            data=str(folder),
            nats_url=self.url,
            port=0,
            plain_http=True,
            hub_services=",".join(HUB),
            **self.identity(GATEWAY),
        )

    @property
    def _admin(self) -> Path:
        return self.folder / "admin-token.sha256"

    @property
    def _key(self) -> Path:
        return self.folder / "ticket"

    @property
    def _manifest_key(self) -> Path:
        return self.folder / "manifest"

    async def reachable(self, name: str) -> None:
        """Return once a service asks for messages; for a pod, once the hub knows that it is there."""
        js = self.client.jetstream()
        pod = None if name in HUB else name
        if pod is not None:
            await until(lambda: self._is_connected(name))
        for durable in durables(Speaker(name) if pod is None else Speaker.CONNECTOR, pod):

            async def pulled(durable: Durable = durable) -> bool:
                try:
                    return bool((await js.consumer_info(durable.stream, durable.name)).num_waiting)
                except NotFoundError:  # the replicator makes a pod's durable after it enrolled
                    return False

            await until(pulled)

    async def _is_connected(self, pod: str) -> bool:
        found = await self.ask(GetPod(actor=ACTOR, pod=pod))
        return isinstance(found, PodView) and found.state == "CONNECTED"

    # --- looking ----------------------------------------------------------------------------------------------------

    async def quiet(self) -> None:
        """Return once nothing is under way: no message undelivered or unanswered, no task, no further word."""
        js = self.client.jetstream()

        async def still() -> bool:
            said = len(self.record.beatless)
            for durable in self._durables():
                try:
                    info = await js.consumer_info(durable.stream, durable.name)
                except NotFoundError:  # of a pod that was not let in
                    continue
                if info.num_pending or info.num_ack_pending:
                    return False
            for running in self.running.values():
                rows = await running.reader.rows("SELECT count(*) FROM documents WHERE kind = 'task'")
                if rows[0][0]:
                    return False
            await self.client.flush()
            return said == len(self.record.beatless)

        in_a_row = 0
        async with asyncio.timeout(30):
            while in_a_row < 3:
                in_a_row = in_a_row + 1 if await still() else 0
                await asyncio.sleep(0.01)

    def _durables(self) -> list[Durable]:
        pods = [name for name in self.running if name not in HUB]
        hub = [durable for durable in hub_durables() if durable.name in self.running]
        return hub + [durable for pod in pods for durable in durables(Speaker.CONNECTOR, pod)]

    async def documents(self, name: str, but: Sequence[str] = ()) -> dict[tuple[str, str], str]:
        """Everything that a service has stored as state, without the kinds ``but``, and of pods' queues without what is
        still to be looked for in their inventories: heartbeats change that all the time."""
        rows = await self.running[name].reader.rows("SELECT kind, id, body FROM documents")
        found = {(kind, id): body for kind, id, body in rows if kind not in but}
        for key in [key for key in found if key[0] == "queue"]:
            queue = {field: value for field, value in json.loads(found[key]).items() if field != "unseen"}
            if any(queue.values()):
                found[key] = json.dumps(queue)
            else:
                del found[key]
        return found


@asynccontextmanager
async def house(
    url: str, folder: Path, *, pods: int = 3, more: dict[str, dict[str, Any]] | None = None
) -> AsyncIterator[House]:
    """A house with pods pod-1, …; ``more`` are settings of single services."""
    settings = Settings(data=str(folder), nats_url=url)
    async with recording(url) as (client, record), Requests.connect(settings, name="asker") as requests:
        found = House(url, folder, client, record, requests, more or {})
        try:
            await found.start(*HUB)
            await found.start(*(f"pod-{number}" for number in range(1, pods + 1)))
            yield found
        finally:
            await found.close()
