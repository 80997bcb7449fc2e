"""Being there: the connector says that it started, and then what its pod holds, at a steady beat.

The beat is jittered, so that many pods that started together do not report together.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from importlib.metadata import version
from typing import Final

import structlog

from connector import messages
from connector.backends.base import Backend
from connector.domain.inventory import Inventory, inventory
from connector.failures import Refused
from connector.settings import ConnectorSettings
from connector.tasks import Submit
from contracts.events.from_pods import Datastore, LibraryItem

SETTLE: Final = 0.5
"""Seconds from a change to the look at the pod: what changes together is told together, and never delays the work."""

log = structlog.get_logger()


class Presence:
    """Tells the hub about the pod; `nudge` when something changed; `run` is one task."""

    def __init__(
        self,
        backend: Backend,
        settings: ConnectorSettings,
        address: str,
        boot: str,
        submit: Submit,
        dead_letters: Callable[[], Awaitable[int]],
    ) -> None:
        self._backend = backend
        self._settings = settings
        self._address = address
        self._boot = boot
        self._submit = submit
        self._dead_letters = dead_letters
        self._nudged = asyncio.Event()

    def nudge(self) -> None:
        """Look at the pod soon, not only at the next beat."""
        self._nudged.set()

    async def run(self) -> None:
        """Until cancelled."""
        await self._submit(
            messages.Started(
                boot=self._boot,
                address=self._address,
                hypervisor=self._backend.hypervisor,
                family=self._backend.family,
                connector_version=version("imprint"),
                formats=self._backend.formats,
                labels=self._settings.label_map,
                datastores=tuple(await asyncio.to_thread(self._backend.datastores)),
                interval=self._settings.report_interval,
            )
        )
        while True:
            self._nudged.clear()
            try:
                await self._report()
            except Exception as error:
                # The next beat tries again: a pod that never reports again would be offline for good.
                log.exception("report_failed", error=repr(error))
            beat = self._settings.report_interval * random.uniform(0.9, 1.1)
            try:
                await asyncio.wait_for(self._nudged.wait(), beat)
            except TimeoutError:
                continue
            await asyncio.sleep(SETTLE)

    async def _report(self) -> None:
        try:
            found, datastores = await asyncio.to_thread(look, self._backend)
        except (OSError, Refused) as error:
            # A pod whose folder cannot be listed must not look healthy: its silence is the report.
            log.error("pod_unreadable", error=str(error))
            return
        await self._submit(
            messages.Observed(
                boot=self._boot,
                inventory=found,
                datastores=tuple(datastores),
                dead_letters=await self._dead_letters(),
            )
        )


def look(backend: Backend) -> tuple[Inventory, list[Datastore]]:
    """The pod as it is now. An item with files missing is not reported as held; a corrupt one is, as what it is."""
    items = [
        LibraryItem(
            version=placed.item.version,
            datastore=placed.datastore,
            digest=placed.item.manifest.digest,
            size=placed.item.manifest.size,
            state=placed.state,
        )
        for placed in backend.items()
        if placed.intact or placed.corrupt is not None
    ]
    return inventory(backend.vms(), items), backend.datastores()
