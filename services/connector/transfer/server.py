"""The door to a pod's chunks: other connectors fetch indexes and ranges here, each with the hub's ticket.

It runs on a plain asyncio loop in a thread of its own, so that the kernel sends files (``sendfile``, which uvloop makes
slower, data-plane.md 2) and a busy door never delays a message. A URL names a root, and a root is looked up in the
library's own list: nothing of a URL becomes a path.
"""

import asyncio
import os
import re
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final, Protocol

import structlog
from aiohttp import web

MAX_RANGE: Final = 8 * 1024 * 1024
CONNECTIONS: Final = 256
IDLE: Final = 15.0
"""Seconds that a connection may stay without a whole request."""
SLOWEST: Final = 120.0
"""Seconds within which an answer must have been taken."""
_PATH: Final = re.compile(r"/v1/disks/([0-9a-f]{64})/(index|data)")
_RANGE: Final = re.compile(r"bytes=([0-9]{1,18})-([0-9]{1,18})")

log = structlog.get_logger()


class Shelf(Protocol):
    """Where the bytes of a root are."""

    def open(self, root: str) -> tuple[int, int] | None:
        """File descriptors of data and index, for the caller to close; None when the library has no such disk."""


class Admitted(Protocol):
    """What a ticket says: the ``pod`` it was made for may fetch the disks with these ``roots``."""

    @property
    def pod(self) -> str: ...

    @property
    def roots(self) -> tuple[str, ...]: ...


class NotAdmittedError(Exception):
    """A ticket opens nothing (401), or cannot be checked at present (503); the message says why."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


Check = Callable[[str, datetime], Admitted]
"""Token and time -> what it admits to. Raises NotAdmittedError."""


class _Denied(Exception):  # noqa: N818
    def __init__(self, status: int, reason: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.headers = headers or {}


class Door:
    """Serves a shelf on ``host:port`` (0 takes any free port) until `close`."""

    def __init__(self, shelf: Shelf, check: Check, host: str, port: int) -> None:
        self._shelf = shelf
        self._check = check
        self._host = host
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
        server = _Server(self._answer, keepalive_timeout=IDLE, access_log=None, max_line_size=512, lingering_time=0.0)
        listening = await self._loop.create_server(server, self._host, self.port, backlog=128)
        self.port = int(listening.sockets[0].getsockname()[1])
        self._ready.set()
        await self._stop.wait()
        listening.close()
        await server.shutdown(1.0)
        await listening.wait_closed()

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        try:
            root, part = self._admit(request)
            found = self._shelf.open(root)
            if found is None:
                raise _Denied(404, "not in the library")
            data, index = found
            try:
                fd = data if part == "data" else index
                return await self._send(request, fd, part)
            finally:
                os.close(data)
                os.close(index)
        except _Denied as error:
            log.warning("refused", path=request.path[:120], peer=request.remote, status=error.status, why=error.reason)
            return web.Response(status=error.status, headers=error.headers)
        except OSError as error:
            if isinstance(error, ConnectionError):
                raise
            log.error("cannot_serve", path=request.path[:120], error=error.strerror)
            return web.Response(status=500)

    def _admit(self, request: web.BaseRequest) -> tuple[str, str]:
        """The root, and what of it is asked for. Raises _Denied."""
        if request.method != "GET":
            raise _Denied(405, "method", {"Allow": "GET"})
        match = _PATH.fullmatch(request.rel_url.raw_path_qs)
        if match is None:
            raise _Denied(404, "no such route")
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        challenge = {"WWW-Authenticate": "Bearer"}
        if scheme != "Bearer":
            raise _Denied(401, "no ticket", challenge)
        try:
            ticket = self._check(token, datetime.now(UTC))
        except NotAdmittedError as error:
            raise _Denied(error.status, str(error), challenge if error.status == 401 else None) from None
        if match[1] not in ticket.roots:
            raise _Denied(403, f"the ticket of pod {ticket.pod} is not for this disk")
        return match[1], match[2]

    async def _send(self, request: web.BaseRequest, fd: int, part: str) -> web.StreamResponse:
        size = os.fstat(fd).st_size
        headers = {"Content-Type": "application/octet-stream"}
        if part == "data":
            begin, end = _wanted(request.headers.get("Range", ""), size)
            headers["Content-Range"] = f"bytes {begin}-{end - 1}/{size}"
            response = web.StreamResponse(status=206, headers=headers)
        else:
            begin, end = 0, size
            response = web.StreamResponse(headers=headers)
        response.content_length = end - begin
        await response.prepare(request)
        transport = request.transport
        if transport is None:
            raise ConnectionResetError("the other side left")
        with os.fdopen(os.dup(fd), "rb") as file:
            try:
                await asyncio.wait_for(self._loop.sendfile(transport, file, begin, end - begin), SLOWEST)
            except (TimeoutError, asyncio.CancelledError):
                transport.abort()
                raise ConnectionResetError("the answer was not taken in time") from None
        await response.write_eof()
        return response


class _Server(web.Server):
    """Connections beyond the bound are cut at once: one pod's many cannot use up the others' file descriptors."""

    def connection_made(self, handler: "web.RequestHandler", transport: asyncio.Transport) -> None:  # type: ignore[type-arg, unused-ignore]
        super().connection_made(handler, transport)
        if len(self.connections) > CONNECTIONS:
            log.warning("too_many_connections", limit=CONNECTIONS)
            # Soon, not now: the handler's own task starts first, and takes the end as that of any connection.
            asyncio.get_running_loop().call_soon(transport.abort)


def _wanted(header: str, size: int) -> tuple[int, int]:
    """Begin and end of the one range asked for. Raises _Denied: 416, as no other form is served."""
    match = _RANGE.fullmatch(header)
    unsatisfied = {"Content-Range": f"bytes */{size}"}
    if match is None:
        raise _Denied(416, "one range bytes=first-last is needed", unsatisfied)
    begin, end = int(match[1]), int(match[2]) + 1
    if not begin < end <= size or end - begin > MAX_RANGE:
        raise _Denied(416, f"range {begin}-{end - 1} of {size}", unsatisfied)
    return begin, end
