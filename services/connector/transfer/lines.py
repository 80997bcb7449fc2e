"""The connections of a door: accepted within bounds, encrypted with an identity, cut when they must go."""

import asyncio
import resource
import socket
from collections.abc import Awaitable, Callable
from typing import Any, Final

import structlog
from aiohttp import web
from aiohttp.http import HttpProcessingError

from connector.transfer.callers import CONNECTIONS, Caller, Callers, abort
from connector.transfer.identity import Identity, bearer
from connector.transfer.sending import UNSENT, Gate
from connector.transfer.tls import TlsTransport

LINGER: Final = 1.0
"""Seconds in which the rest of a refused body is thrown away, so that the answer arrives before the end."""
_FILES: Final = 4 * CONNECTIONS
"""File descriptors that a full door needs: a socket and two files for each, and as many for the rest of the process."""
_HEADERS: Final = 8190
PAUSE: Final = 0.1
"""Seconds after a connection that could not be taken."""
NOTSENT_LOWAT: Final = getattr(socket, "TCP_NOTSENT_LOWAT", 25)

log = structlog.get_logger()

Answer = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class Lines:
    """Takes the connections that come, and knows whose a request is."""

    def __init__(self, answer: Answer, identity: Identity | None, idle: float) -> None:
        self._identity = identity
        self._loop = asyncio.get_running_loop()
        self.callers = Callers()
        self._server = _Server(answer, self, keepalive_timeout=idle)
        _allow_files()

    async def accept(self, listening: socket.socket) -> None:
        """Take connections, one after the other so that a burst is never in memory at once, until cancelled."""
        while True:
            try:
                found, _ = await self._loop.sock_accept(listening)
            except OSError as error:  # too many files, or somebody left while still queued
                log.warning("not_accepted", error=error.strerror)
                await asyncio.sleep(PAUSE)
                continue
            try:
                await self._take(found)
            except OSError:  # it is gone already
                found.close()
            # While others wait in the queue nothing above waits: a flood would be all that the loop ever does, and none
            # of the connections that it ends would be closed.
            await asyncio.sleep(0)

    async def _take(self, found: socket.socket) -> None:
        found.settimeout(0)
        found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        found.setsockopt(socket.IPPROTO_TCP, NOTSENT_LOWAT, UNSENT)
        handler = self._server()
        if self._identity is None:
            await self._loop.connect_accepted_socket(lambda: handler, found)
            return
        # The identity is the one that is in its files now.
        transport = TlsTransport(found, self._identity.server(), handler, handler.failed)
        self._came(handler, transport)

    async def shutdown(self, timeout: float) -> None:
        self.callers.cut()
        await self._server.shutdown(timeout)

    def caller(self, request: web.BaseRequest) -> Caller:
        return _handler(request).caller

    def gate(self, request: web.BaseRequest) -> Gate:
        return _handler(request).gate

    def ready(self, handler: "_Handler", transport: asyncio.Transport) -> None:
        """A connection is ready for requests."""
        if self._identity is None:
            transport.set_write_buffer_limits(high=0)  # so that the gate is closed while anything waits
            self._came(handler, transport)
            return
        who = bearer(transport.get_extra_info("peercert"))
        if not self.callers.named(handler.caller, who, self._loop.time()):
            self._cut(transport)

    def _came(self, handler: "_Handler", transport: asyncio.Transport) -> None:
        peer = transport.get_extra_info("peername")
        address = str(peer[0]) if isinstance(peer, tuple) else "local"
        handler.caller = Caller(address, self._loop.time(), transport)
        if not self.callers.came(handler.caller, anonymous=self._identity is None, now=self._loop.time()):
            self._cut(transport)

    def left(self, handler: "_Handler") -> None:
        handler.gate.lost()
        self.callers.left(handler.caller)

    def _cut(self, transport: asyncio.Transport) -> None:
        # Soon, not now: the handler's own task starts first, and takes the end as that of any connection.
        self._loop.call_soon(abort, transport)


class _Handler(web.RequestHandler):
    """HTTP for one connection."""

    def __init__(self, server: "_Server", **options: Any) -> None:
        super().__init__(server, **options)
        self.caller: Caller
        self.gate = Gate()

    def pause_writing(self) -> None:
        super().pause_writing()
        self.gate.pause()

    def resume_writing(self) -> None:
        super().resume_writing()
        self.gate.resume()

    def log_exception(self, *_: Any, exc_info: BaseException | None = None, **__: Any) -> None:
        """What aiohttp has to complain of: of what came over the wire one line, of what went wrong in here all."""
        if isinstance(exc_info, HttpProcessingError | ConnectionError):
            log.warning("request_unusable", peer=self.caller.peer, why=str(exc_info).partition("\n")[0][:120])
        else:
            log.error("door_failed", peer=self.caller.peer, exc_info=exc_info)

    def failed(self, error: BaseException) -> None:
        """There was no handshake."""
        reason = getattr(error, "verify_message", "") or getattr(error, "reason", None) or type(error).__name__
        log.warning("handshake_failed", peer=self.caller.address, why=reason)
        self.connection_lost(None)


class _Server(web.Server):
    """Makes handlers, and hears of connections that are ready for requests and of their end."""

    def __init__(self, answer: Answer, lines: Lines, keepalive_timeout: float) -> None:
        super().__init__(answer)
        self._lines = lines
        self._keepalive = keepalive_timeout

    def __call__(self) -> _Handler:
        return _Handler(
            self,
            loop=asyncio.get_running_loop(),
            keepalive_timeout=self._keepalive,
            lingering_time=LINGER,
            access_log=None,
            max_line_size=512,
            max_field_size=_HEADERS,
        )

    def connection_made(self, handler: web.RequestHandler, transport: asyncio.Transport) -> None:
        super().connection_made(handler, transport)
        assert isinstance(handler, _Handler)  # noqa: S101 - for the type checker
        self._lines.ready(handler, transport)

    def connection_lost(self, handler: web.RequestHandler, exc: BaseException | None = None) -> None:
        super().connection_lost(handler, exc)
        assert isinstance(handler, _Handler)  # noqa: S101 - for the type checker
        self._lines.left(handler)


def _handler(request: web.BaseRequest) -> _Handler:
    found = request.protocol
    assert isinstance(found, _Handler)  # noqa: S101 - for the type checker
    return found


def _allow_files() -> None:
    """Let this process open as many files as a full door needs, as far as the system lets it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES if hard == resource.RLIM_INFINITY else min(_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
