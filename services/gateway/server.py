"""The gateway at run time: one async context manager, entered by ``__main__`` and by the tests alike.

Closed in this order: live streams end, running requests finish, then the connections to NATS go.
"""

import asyncio
import logging
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
import uvicorn

from gateway.app import build
from gateway.door import Door
from gateway.guessing import Guessing
from gateway.http import bounded
from gateway.identity import Identities
from gateway.keyset import KeySet
from gateway.live import Hub
from gateway.oidc import Claims, Issuer
from gateway.outbound import Doors, Identity
from gateway.progress import Latest
from gateway.settings import GatewaySettings
from gateway.tls import SERVED, Certificate
from gateway.transfers import Transfers
from runtime.feed import Feed
from runtime.requests import Requests

HEAD = 16 * 1024
"""Bytes of the head of a request."""
KEEP_ALIVE = 30
"""Seconds for which an idle connection stays open."""
BACKLOG = 256
HANDSHAKE = 10.0
"""Seconds that a client may take for the TLS handshake; until then it is none of the connections that are counted."""

log = structlog.get_logger()


@dataclass(frozen=True)
class Gateway:
    """A running door: where it is, and what is behind it."""

    url: str
    door: Door


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: streams must end before the server waits for requests to finish. It listens
    by itself, since uvicorn gives a TLS handshake a minute."""

    def __init__(self, config: uvicorn.Config, listening: socket.socket, secure: ssl.SSLContext | None) -> None:
        super().__init__(config)
        self._listening = listening
        self._secure = secure

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:  # noqa: ARG002 - uvicorn names it
        """Listen."""
        await self.lifespan.startup()
        patience = None if self._secure is None else HANDSHAKE
        listening = await asyncio.get_running_loop().create_server(
            self._connection,
            sock=self._listening,
            ssl=self._secure,
            backlog=BACKLOG,
            ssl_handshake_timeout=patience,
        )
        self.servers = [listening]
        self.started = True

    def _connection(self) -> asyncio.Protocol:
        kind: Any = self.config.http_protocol_class
        made: asyncio.Protocol = kind(config=self.config, server_state=self.server_state, app_state={})
        return made

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
        identities = Identities(requests, Guessing(), issuer(settings), timeout=settings.request_timeout)
        door = Door(settings, requests, hub, latest, identities, transfers)
        secure = None
        if settings.https_certificate_file:
            pair = Path(settings.https_certificate_file), Path(settings.https_key_file)
            secure = await stack.enter_async_context(Certificate(*pair, folder / SERVED).renewed())
        await stack.enter_async_context(_serve(settings, door, listening, secure))
        url = _url(settings, listening)
        stack.enter_context(_address(folder / "address", url))
        log.info("gateway_ready", url=url)
        yield Gateway(url, door)
        log.info("gateway_stops")


def issuer(settings: GatewaySettings) -> Issuer | None:
    """The issuer of the settings, if they name one."""
    if not settings.oidc_issuer:
        return None
    claims = Claims(
        tenant="" if settings.oidc_tenant else settings.oidc_tenant_claim,
        of_tenant=settings.oidc_tenant,
        name=settings.oidc_name_claim,
        roles=settings.oidc_roles_claim,
        groups=settings.oidc_groups_claim,
        service=settings.oidc_service_claim,
        renamed=settings.renamed_roles,
    )
    keys = KeySet(settings.oidc_issuer, settings.oidc_keys_url)
    return Issuer(settings.oidc_issuer, settings.oidc_audience, keys, claims)


@contextmanager
def _listen(settings: GatewaySettings) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.create_server((settings.host, settings.port), family=family, backlog=BACKLOG) as listening:
        listening.settimeout(0)
        yield listening


@asynccontextmanager
async def _serve(
    settings: GatewaySettings, door: Door, listening: socket.socket, secure: ssl.SSLContext | None
) -> AsyncIterator[None]:
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
    server = _Server(config, listening, secure)
    running = asyncio.create_task(server.serve(), name="http")
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
    scheme = "https" if settings.https_certificate_file else "http"
    return f"{scheme}://{host}:{listening.getsockname()[1]}"


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
