"""The gateway at run time: one async context manager, entered by ``__main__`` and by the tests alike.

Closed in this order: live streams end, running requests finish, then the connections to NATS go.
"""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog
import uvicorn

from gateway.app import build
from gateway.door import Door
from gateway.http import bounded
from gateway.live import Hub
from gateway.outbound import Doors, Identity
from gateway.progress import Latest
from gateway.settings import GatewaySettings
from gateway.transfers import Transfers
from runtime.feed import Feed
from runtime.requests import Requests

HEAD = 16 * 1024
"""Bytes of the head of a request."""
KEEP_ALIVE = 30
"""Seconds for which an idle connection stays open."""
BACKLOG = 256

log = structlog.get_logger()


@dataclass(frozen=True)
class Gateway:
    """A running door: where it is, and what is behind it."""

    url: str
    door: Door


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: streams must end before the server waits for requests to finish."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def gateway(settings: GatewaySettings) -> AsyncIterator[Gateway]:
    """Serve while the block runs. The address stands in ``<data>/address`` meanwhile.

    Raises:
        OSError: the port is taken, or the host is not one of this machine.
    """
    folder = settings.folder
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    async with AsyncExitStack() as stack:
        listening = stack.enter_context(_listen(settings))
        feed = await stack.enter_async_context(Feed.connect(settings, "gateway-events"))
        requests = await stack.enter_async_context(Requests.connect(settings, name="gateway"))
        latest = Latest()
        hub = await stack.enter_async_context(Hub(feed, latest, settings.max_streams).run())
        files = settings.identity_files
        transfers = Transfers(Doors(None if files is None else Identity(*files)), settings.max_transfers)
        door = Door(settings, requests, hub, latest, transfers)
        await stack.enter_async_context(_serve(settings, door, listening))
        url = _url(settings, listening)
        stack.enter_context(_address(folder / "address", url))
        log.info("gateway_ready", url=url)
        yield Gateway(url, door)
        log.info("gateway_stops")


@contextmanager
def _listen(settings: GatewaySettings) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.create_server((settings.host, settings.port), family=family, backlog=BACKLOG) as listening:
        listening.settimeout(0)
        yield listening


@asynccontextmanager
async def _serve(settings: GatewaySettings, door: Door, listening: socket.socket) -> AsyncIterator[None]:
    logging.getLogger("uvicorn").setLevel(logging.ERROR)  # what clients do wrong is theirs to read, not ours
    config = uvicorn.Config(
        build(door),
        http=bounded(settings.receive_timeout, settings.max_connections),
        loop="none",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=True,
        proxy_headers=False,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=max(1, int(settings.stop_timeout)),
        h11_max_incomplete_event_size=HEAD,
    )
    server = _Server(config)
    running = asyncio.create_task(server.serve(sockets=[listening]), name="http")
    try:
        while not server.started:
            if running.done():
                await running
                raise OSError("the HTTP server did not start")
            await asyncio.sleep(0.01)
        yield
    finally:
        door.hub.close()
        server.should_exit = True
        await running


def _url(settings: GatewaySettings, listening: socket.socket) -> str:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"http://{host}:{listening.getsockname()[1]}"


@contextmanager
def _address(file: Path, url: str) -> Iterator[None]:
    """Tell others on this machine where the door is, for as long as it is open."""
    fresh = file.with_suffix(".new")
    fresh.write_text(f"{url}\n")
    fresh.replace(file)
    try:
        yield
    finally:
        file.unlink(missing_ok=True)
