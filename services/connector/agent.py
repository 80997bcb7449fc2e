"""A connector at run time: the service, and around it the pod's backend, the door, the runner and the presence."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import structlog

from connector.admission import Tickets
from connector.backends.directory import DirectoryBackend
from connector.domain.tasks import Task
from connector.handlers import TASK, definition
from connector.presence import Presence
from connector.settings import ConnectorSettings
from connector.tasks import Runner
from connector.transfer.server import Door
from contracts.views import Progress
from runtime.ids import new_id
from runtime.service import Service, service, task

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
    """
    backend = DirectoryBackend(Path(settings.root))
    try:
        door = Door(backend, Tickets(Path(settings.ticket_key_file)), settings.data_host, settings.data_port)
        port = await asyncio.to_thread(door.open)
        address = settings.advertise or f"http://{_reachable(settings.data_host)}:{port}"
        log.info("door_open", address=address)
        try:
            presence = Presence(
                backend, settings, address, new_id(), running.processor.submit, lambda: _dead_letters(running)
            )
            teller = _Teller(running, settings.pod)
            runner = Runner(
                backend,
                settings,
                lambda: _tasks(running),
                running.processor.submit,
                teller.from_thread,
                presence.nudge,
            )
            running.on_commit(runner.wake)
            async with task(runner.run(), "runner") as work, task(presence.run(), "presence") as beat:
                running.health.add(lambda: _death(work) or _death(beat))
                yield address
        finally:
            await asyncio.to_thread(door.close)
    finally:
        backend.close()


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


async def _dead_letters(running: Service) -> int:
    return int((await running.reader.rows("SELECT count(*) FROM dead_letters"))[0][0])


def _reachable(host: str) -> str:
    return socket.gethostname() if host in ("", "0.0.0.0", "::") else host  # noqa: S104 - compared, not bound


def _death(work: asyncio.Task[None]) -> str:
    if work.done() and not work.cancelled() and work.exception() is not None:
        return f"{work.get_name()} died: {work.exception()!r}"
    return ""
