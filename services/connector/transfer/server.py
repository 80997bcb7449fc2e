"""The door to a pod's chunks: other connectors fetch indexes and ranges here, each with the hub's ticket.

It runs on a plain asyncio loop in a thread of its own, so that the kernel sends files (``sendfile``, which uvloop makes
slower, data-plane.md 2) and a busy door never delays a message. A URL names a root, and a root is looked up on the
shelf's own list: nothing of a URL becomes a path. With an identity it speaks TLS 1.3 only, with whoever shows a
certificate of the house, and a ticket is good for the pod that it was made for and for nobody else.
"""

import asyncio
import os
import re
import socket
import threading
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import structlog
from aiohttp import web

from connector.transfer import parts
from connector.transfer.asked import parts_in, range_in
from connector.transfer.callers import Caller
from connector.transfer.entry import Check, Denied, ticket_of
from connector.transfer.identity import Identity
from connector.transfer.lines import Lines
from connector.transfer.press import Press
from connector.transfer.sending import Sender, Throttle
from connector.transfer.shelf import Opened, Shelf
from contracts.names import GATEWAY

IDLE: Final = 15.0
"""Seconds that a connection may stay without a whole request."""
QUEUE: Final = 512
"""Connections that the kernel holds until they are accepted."""
_PATH: Final = re.compile(r"/v1/disks/([0-9a-f]{64})/(index|data|holding)")

log = structlog.get_logger()


@dataclass(frozen=True)
class Route:
    """A further thing that a door does. The handler gets the request, how its raw path and query matched, and whose
    certificate was shown (None without TLS); the body comes as a stream (``request.content``) of any size.

    It checks tickets itself, and raises `Denied` for what it refuses.
    """

    pattern: re.Pattern[str]
    methods: frozenset[str]
    handler: Callable[[web.BaseRequest, re.Match[str], str | None], Awaitable[web.StreamResponse]]


class Door:
    """Serves a shelf on ``host:port`` (0 takes any free port) until `close`.

    With ``identity`` it is HTTPS and asks for a certificate, without one it is for loopback and trusted networks.
    ``throttle`` bounds what all readers get together.
    """

    def __init__(
        self,
        shelf: Shelf,
        check: Check,
        host: str,
        port: int,
        identity: Identity | None = None,
        throttle: Throttle | None = None,
        routes: Sequence[Route] = (),
    ) -> None:
        self._shelf = shelf
        self._check = check
        self._host = host
        self._identity = identity
        self._throttle = throttle
        self._routes = tuple(routes)
        self._loop = asyncio.new_event_loop()
        self._stop: asyncio.Event | None = None
        self._ready = threading.Event()
        self._error: BaseException | None = None
        self.port = port
        self._thread = threading.Thread(target=self._main, name="door", daemon=True)

    def open(self) -> int:
        """Listen; the port. Raises OSError when the address cannot be had."""
        self._thread.start()
        self._ready.wait()
        if self._error is not None:
            raise self._error
        return self.port

    def close(self) -> None:
        """Stop listening, cut what is still being sent, end the thread."""
        if self._stop is not None:
            with suppress(RuntimeError):  # the loop may have ended by itself
                self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def _main(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve())
        except BaseException as error:  # noqa: BLE001 - handed to the thread that opened the door
            self._error = error
        finally:
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.close()
            self._ready.set()

    async def _serve(self) -> None:
        self._stop = asyncio.Event()
        self._press = Press()
        self._lines = Lines(self._answer, self._identity, IDLE)
        try:
            with _listening(self._host, self.port) as listening:
                self.port = int(listening.getsockname()[1])
                accepting = asyncio.ensure_future(self._lines.accept(listening))
                self._ready.set()
                await self._stop.wait()
                accepting.cancel()
            await self._lines.shutdown(1.0)
        finally:
            self._press.close()

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        caller = self._lines.caller(request)
        caller.busy += 1
        try:
            return await self._answered(request, caller)
        except Denied as error:
            who = caller.bearer or request.remote
            log.warning("refused", path=request.path[:120], peer=who, status=error.status, why=error.reason)
            return web.Response(status=error.status, headers=error.headers)
        except OSError as error:
            if isinstance(error, ConnectionError):
                raise
            log.error("cannot_serve", path=request.path[:120], error=error.strerror or str(error))
            return web.Response(status=500)
        finally:
            caller.busy -= 1
            caller.since = self._loop.time()

    async def _answered(self, request: web.BaseRequest, caller: Caller) -> web.StreamResponse:
        if self._identity is not None and caller.bearer is None:
            raise Denied(403, "a certificate that is no pod's")
        path = request.rel_url.raw_path_qs
        for route in self._routes:
            if (match := route.pattern.fullmatch(path)) is not None:
                if request.method not in route.methods:
                    raise Denied(405, "method", {"Allow": ", ".join(sorted(route.methods))})
                caller.admitted |= caller.bearer == GATEWAY  # the house's own: its uploads are not the first to leave
                return await route.handler(request, match, caller.bearer)
        if request.method != "GET":
            raise Denied(405, "method", {"Allow": "GET"})
        match = _PATH.fullmatch(path)
        if match is None:
            raise Denied(404, "no such route")
        root, part = match[1], match[2]
        ticket = ticket_of(request, self._check, caller.bearer)
        if root not in ticket.roots:  # whether the disk is here is no business of this caller
            raise Denied(403, f"the ticket of pod {ticket.pod} is not for this disk")
        caller.admitted = True
        found = self._shelf.open(root)
        if found is None:
            raise Denied(404, "not in the library")
        try:
            return await self._served(request, caller, found, part)
        finally:
            found.close()

    async def _served(self, request: web.BaseRequest, caller: Caller, found: Opened, part: str) -> web.StreamResponse:
        headers = {"Content-Type": "application/octet-stream"}
        if part == "holding":
            held = found.held() if found.held is not None else b""
            complete = {"Imprint-Complete": "1"} if found.held is None else {}
            return web.Response(body=held, headers=headers | complete)
        fd, size = (found.data, found.size) if part == "data" else (found.index, os.fstat(found.index).st_size)
        begin, end, status = 0, size, 200
        if part == "data" or "Range" in request.headers:
            begin, end = range_in(request.headers.get("Range", ""), size)
            status = 206
            headers["Content-Range"] = f"bytes {begin}-{end - 1}/{size}"
        if part == "data" and not found.has(begin, end):
            raise Denied(425, "not received yet")
        ranges: Sequence[parts.Range] = [(begin, end)]
        if part == "data" and parts.HEADER in request.headers:
            ranges = parts_in(request.headers[parts.HEADER], begin, end, size)
            headers[parts.HEADER] = parts.named(ranges)
        if part == "data" and request.headers.get("Imprint-Wire") == "zstd":
            async with self._press.pressed(fd, ranges) as packed:
                if packed is not None:
                    headers["Imprint-Wire"] = "zstd"
                    response = _response(status, headers, len(packed))
                    return await self._send(request, caller, response, lambda sender: sender.memory(packed))
        response = _response(status, headers, sum(to - from_ for from_, to in ranges))
        return await self._send(request, caller, response, lambda sender: _all(sender, fd, ranges))

    async def _send(
        self,
        request: web.BaseRequest,
        caller: Caller,
        response: web.StreamResponse,
        body: Callable[[Sender], Awaitable[None]],
    ) -> web.StreamResponse:
        """Send the head of the answer, and then its body. A reader that leaves is nothing to complain of."""
        try:
            await response.prepare(request)
            transport = request.transport
            if transport is not None:
                readers = self._lines.callers.busy
                await body(Sender(transport, self._lines.gate(request), caller, self._throttle, readers))
        except ConnectionError as error:
            log.info("reader_left", path=request.path, peer=caller.peer, why=error.strerror or str(error))
            caller.cut()
        return response


def _listening(host: str, port: int) -> socket.socket:
    """A socket on the host's first address, for no host on all of this machine."""
    if not host:
        both = socket.has_dualstack_ipv6()
        family = socket.AF_INET6 if both else socket.AF_INET
        found = socket.create_server(("", port), family=family, backlog=QUEUE, dualstack_ipv6=both)
    else:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        found = socket.create_server(address, family=family, backlog=QUEUE)
    found.settimeout(0)
    return found


def _response(status: int, headers: dict[str, str], length: int) -> web.StreamResponse:
    response = web.StreamResponse(status=status, headers=headers)
    response.content_length = length
    return response


async def _all(sender: Sender, fd: int, ranges: Sequence[parts.Range]) -> None:
    for begin, end in ranges:
        await sender.file(fd, begin, end)
