"""A connector at run time: the service, and around it the pod's backend, the door, the runner and the presence."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final

import msgspec
import structlog

from connector import messages
from connector.admission import Tickets, UploadTickets, Vouched
from connector.backends.directory import DirectoryBackend
from connector.copying import Parts
from connector.domain.limits import PodLimits
from connector.domain.tasks import Copy, Task
from connector.doorway import doorway, identity_of
from connector.handlers import HERE, INVENTORY, LIMITS, TASK, definition
from connector.limits import LiveLimits
from connector.pools.keeper import Keeper
from connector.pools.stored import Stored
from connector.presence import Presence
from connector.scrub import Rotten, Scrub
from connector.settings import ConnectorSettings
from connector.tasks import Runner
from connector.transfer.server import Door
from connector.transfer.shelf import LibraryShelf, Shelves
from connector.transfer.wire import Wire
from connector.uploads import Uploads
from contracts.views import Progress
from runtime.ids import new_id
from runtime.service import Service, service, task

WORKING: Final = 64
"""Copies under way that a report names."""

log = structlog.get_logger()


@asynccontextmanager
async def connector(settings: ConnectorSettings) -> AsyncIterator[Service]:
    """A whole connector while the block runs."""
    async with service(definition(settings.pod), settings) as running, agent(settings, running):
        yield running


@asynccontextmanager
async def agent(settings: ConnectorSettings, running: Service) -> AsyncIterator[str]:
    """What a connector does besides handling messages, while the block runs; yields the address of its door.

    Raises:
        OSError: the pod's folder or the door's port cannot be had.
        IdentityError: the pod's certificate cannot be used.
    """
    backend = DirectoryBackend(Path(settings.root), settings.disk_type_map)
    try:
        parts = _parts(settings)
        tickets = Tickets(Path(settings.ticket_key_file))
        shelf = Shelves(LibraryShelf(backend), parts.receiving)
        uploads = Uploads(backend.arrivals, settings.pod, UploadTickets(Path(settings.ticket_key_file)))

        def door_at(port: int) -> Door:
            return Door(shelf, tickets, settings.data_host, port, parts.identity, parts.throttles.send, uploads.routes)

        async with uploads, doorway(settings, door_at) as address:
            presence = Presence(
                backend,
                settings,
                address,
                new_id(),
                running.processor.submit,
                lambda: _dead_letters(running),
                lambda: _working(running, runner),
                lambda: _forgotten(running),
            )
            teller = _Teller(running, settings.pod)
            limits = LiveLimits(parts.throttles, lambda: _limits(running))
            runner = Runner(
                backend,
                settings,
                lambda: _tasks(running),
                running.processor.submit,
                teller.from_thread,
                presence.nudge,
                parts,
                limits,
                Vouched(Path(settings.manifest_key_file)),
            )
            keeper = Keeper(
                backend.pools,
                settings.pod,
                Stored(running).wanted,
                running.processor.submit,
                interval=settings.pool_interval,
                most=settings.pools,
            )
            running.on_commit(runner.wake)
            running.on_commit(keeper.wake)
            running.on_commit(presence.committed)

            async def tell(rotten: Rotten) -> None:
                await running.processor.submit(_corrupted(rotten))
                presence.nudge()

            scrub = Scrub(backend, lambda: _scrub_days(settings, limits), lambda: runner.busy, tell)
            async with AsyncExitStack() as stack:
                for work, name in (
                    (runner.run(), "runner"),
                    (keeper.run(), "pools"),
                    (presence.run(), "presence"),
                    (presence.watch(), "demand"),
                    (scrub.run(), "scrub"),
                    (uploads.expire(settings.upload_days), "uploads"),
                ):
                    _watch(running, await stack.enter_async_context(task(work, name)))
                yield address
    finally:
        backend.close()


def _parts(settings: ConnectorSettings) -> Parts:
    """What all copies share with each other and with the door."""
    return Parts(
        pod=settings.pod,
        identity=identity_of(settings),
        wire=Wire(settings.wire),
        threads=settings.threads,
        readback=settings.readback,
        capabilities=settings.capability_names,
    )


def _watch(running: Service, work: asyncio.Task[None]) -> None:
    """A connector without one of its parts is not healthy."""
    running.health.add(lambda: _death(work))


def _scrub_days(settings: ConnectorSettings, limits: LiveLimits) -> float:
    """The operator's word for this pod comes before the connector's own setting."""
    asked = limits.current.scrub_days
    return settings.scrub_days if asked is None else asked


def _corrupted(rotten: Rotten) -> messages.Corrupted:
    return messages.Corrupted(
        version=rotten.item.version,
        copies=rotten.item.copies,
        digest=rotten.item.manifest.digest,
        chunks=rotten.corrupt.wrong,
        failure=rotten.failure,
    )


class _Teller:
    """Publishes progress: never stored, and never worth waiting for."""

    def __init__(self, running: Service, pod: str) -> None:
        self._nats = running.nats
        self._prefix = f"progress.pod.{pod}."
        self._loop = asyncio.get_running_loop()
        self._telling: set[asyncio.Task[None]] = set()

    def from_thread(self, progress: Progress) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._tell, progress)

    def _tell(self, progress: Progress) -> None:
        telling = asyncio.ensure_future(self._publish(progress))
        self._telling.add(telling)
        telling.add_done_callback(self._telling.discard)

    async def _publish(self, progress: Progress) -> None:
        if not self._nats.is_connected:
            return  # the next word says more; buffering old ones helps nobody
        try:
            await self._nats.publish(f"{self._prefix}{progress.id}", msgspec.json.encode(progress))
        except Exception as error:  # noqa: BLE001 - progress may be missed, work may not be disturbed
            log.debug("progress_not_said", error=repr(error))


async def _tasks(running: Service) -> dict[str, Task]:
    rows = await running.reader.rows("SELECT id, body FROM documents WHERE kind = ?", (TASK.name,))
    return {id: TASK.decode(body) for id, body in rows}


async def _working(running: Service, runner: Runner) -> tuple[str, ...]:
    """The copies under way with their attempts, those first that move bytes: as many as a report has room for."""
    copies = [task for task in (await _tasks(running)).values() if isinstance(task, Copy)]
    copies.sort(key=lambda copy: (not runner.at_work(copy.copy), copy.copy))
    return tuple(f"{copy.copy}:{copy.attempt}" for copy in copies[:WORKING])


async def _forgotten(running: Service) -> bool:
    """Whether what was told of the pod was forgotten, for all of it to be told again."""
    found = await running.reader.rows("SELECT 1 FROM documents WHERE kind = ? AND id = ?", (INVENTORY.name, HERE))
    return not found


async def _limits(running: Service) -> PodLimits:
    return await running.reader.get(LIMITS, HERE) or PodLimits()


async def _dead_letters(running: Service) -> int:
    return int((await running.reader.rows("SELECT count(*) FROM dead_letters"))[0][0])


def _death(work: asyncio.Task[None]) -> str:
    if work.done() and not work.cancelled() and work.exception() is not None:
        return f"{work.get_name()} died: {work.exception()!r}"
    return ""
