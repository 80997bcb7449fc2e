"""The durables of the connectors: each enrolled pod has one, whatever happened to the server (nats.md P2).

A connector may not make its own, so the replicator does: at once when a pod enrolled, and again every few seconds. The
server is asked what it has, page by page, and only what is missing or wrong is made, some at a time: with thousands of
pods that is a handful of questions.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import structlog

from contracts.events import Speaker
from contracts.events.hub import PodEnrolled
from contracts.topology import durables
from replicator.documents import POD
from replicator.domain.pod import Removed
from replicator.settings import ReplicatorSettings
from runtime.service import Service, kept, task
from runtime.store import Row
from runtime.topology import TopologyError, ensure_durables
from runtime.work import Batch

STREAM = "TO_PODS"
"""Where connectors have their durables."""

log = structlog.get_logger()


@asynccontextmanager
async def guarding(service: Service) -> AsyncIterator[None]:
    """Look after the connectors' durables while the block runs."""
    wake = asyncio.Event()

    def committed(batch: Batch, _: Sequence[Row]) -> None:
        if any(isinstance(said.event, PodEnrolled) for said in batch.emitted):
            wake.set()

    service.processor.on_commit(committed)
    every = service.settings.guard_seconds if isinstance(service.settings, ReplicatorSettings) else 15.0
    async with task(kept(lambda: _guard(service, wake, every), "connector-durables"), "connector-durables"):
        yield


async def _guard(service: Service, wake: asyncio.Event, every: float) -> None:
    while True:
        wake.clear()
        await ensure_all(service)
        try:
            await asyncio.wait_for(wake.wait(), every)
        except TimeoutError:
            continue


async def ensure_all(service: Service) -> None:
    """Make or correct the durables of enrolled pods that are not as they should be; what the server refuses is logged
    and left for next time."""
    js = service.nats.jetstream()
    rows = await service.reader.rows("SELECT body FROM documents WHERE kind = ?", (POD.name,))
    pods = [pod.name for pod in (POD.decode(body) for (body,) in rows) if not isinstance(pod, Removed)]
    wanted = [durable for pod in pods for durable in durables(Speaker.CONNECTOR, pod)]
    try:
        refused = await ensure_durables(js, STREAM, wanted)
    except TopologyError as error:
        refused = [error]
    for failure in refused:
        log.warning("durable_not_ensured", error=str(failure))
