"""Being there: the connector says that it started, and then what its pod holds, at a steady beat.

The beat is jittered, so that many pods that started together do not report together.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from importlib.metadata import version
from typing import Final

import structlog

from connector import messages, replicas
from connector.backends.base import Backend
from connector.domain.inventory import Inventory, inventory
from connector.failures import Refused
from connector.settings import ConnectorSettings
from connector.tasks import Submit
from contracts.events.from_pods import Datastore, LibraryItem

SETTLE: Final = 0.5
"""Seconds from a change to the look at the pod: what changes together is told together, and never delays the work."""
ANNOUNCED: Final = 3600.0
"""Seconds after which the connector says again what it is: its first word is in the stream for some days only, and a
hub that lost its database hears nothing of a pod that it does not know."""

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
        working: Callable[[], Awaitable[tuple[str, ...]]],
        forgotten: Callable[[], Awaitable[bool]],
    ) -> None:
        self._working = working
        self._forgotten = forgotten
        self._backend = backend
        self._settings = settings
        self._address = address
        self._boot = boot
        self._submit = submit
        self._dead_letters = dead_letters
        self._nudged = asyncio.Event()
        self._committed = asyncio.Event()
        self._told = False

    def nudge(self) -> None:
        """Look at the pod soon, not only at the next beat."""
        self._nudged.set()

    def committed(self) -> None:
        """Something was committed: perhaps that the hub asked on demand, and all is to be told again."""
        self._committed.set()

    async def watch(self) -> None:
        """Until cancelled: look at the pod at once when what was told is forgotten."""
        while True:
            await self._committed.wait()
            self._committed.clear()
            try:
                if self._told and await self._forgotten():
                    self.nudge()
            except Exception as error:
                log.exception("demand_unreadable", error=repr(error))  # the next beat tells it all the same
            await asyncio.sleep(SETTLE)

    async def run(self) -> None:
        """Until cancelled."""
        await self._announce()
        announced = time.monotonic()
        while True:
            self._nudged.clear()
            try:
                if time.monotonic() - announced >= ANNOUNCED:
                    await self._announce()
                    announced = time.monotonic()
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

    async def _announce(self) -> None:
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
                token=self._token(),
                virtual_limit=self._backend.virtual_limit,
                capabilities=self._settings.capability_names,
            )
        )

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
                working=await self._working(),
            )
        )
        self._told = True

    def _token(self) -> str:
        try:
            return self._settings.enrolment_token()
        except (OSError, ValueError) as error:
            # A pod that is enrolled already needs none; the hub says what it thinks of one that is not.
            log.error("enrolment_unreadable", file=self._settings.enrolment_file, error=type(error).__name__)
            return ""


def look(backend: Backend) -> tuple[Inventory, list[Datastore]]:
    """The pod as it is now, after what is there twice was taken back. An item with files missing is not reported as
    held; a corrupt one is, as what it is."""
    found = backend.items()
    if replicas.tidy(backend, found):
        found = backend.items()
    items = [
        LibraryItem(
            version=placed.item.version,
            datastore=placed.datastore,
            digest=placed.item.manifest.digest,
            size=placed.item.manifest.size,
            state=placed.state,
            copies=placed.item.copies,
            source=placed.item.source,
        )
        for placed in found
        if placed.intact or placed.corrupt is not None
    ]
    return inventory(backend.vms(), items), backend.datastores()
