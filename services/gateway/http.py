"""The HTTP protocol of the server, with bounds: how long a head may take, how large it may be, how many connections,
and how much of their answers clients may leave lying, and for how long.

uvicorn times out idle connections only; a client that sends its head a byte a minute, or takes its answer as slowly,
would hold one for ever.
"""

import asyncio
from typing import Any

import h11
import structlog
from uvicorn.protocols.http.h11_impl import H11Protocol

from contracts.errors import Problem
from gateway import problems

ABORT = "imprint.abort"
"""Key in the ASGI scope: cuts the connection at once, for a client that takes nothing."""
TAKING = 60.0
"""Seconds between two looks at a client that leaves its answer lying."""
LEAST = 64 * 1024
"""Bytes that it must have taken meanwhile."""
HELD = 64 * 1024 * 1024
"""Bytes of answers that all clients together may leave lying; beyond, who has left his for longest is cut off."""

log = structlog.get_logger()


class Connection(H11Protocol):
    """One client connection. ``head_timeout`` (seconds) and ``most`` (connections) are set by `bounded`."""

    head_timeout = 15.0
    most = 512
    full: "dict[Connection, None]" = {}
    """Connections whose clients leave more of an answer lying than a buffer should hold, for longest the first. Each
    server has its own."""

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self._served = self.app
        self.app = self._serve
        self._head: asyncio.TimerHandle | None = None
        self._taking: asyncio.TimerHandle | None = None

    async def _serve(self, scope: Any, receive: Any, send: Any) -> None:
        self._head_done()
        scope[ABORT] = self.transport.abort
        await self._served(scope, receive, send)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client came; one too many is told so and let go."""
        super().connection_made(transport)
        if len(self.connections) > self.most:
            self._refuse(Problem(code="busy", detail="Too many connections.", hint="Try again in a few seconds."))
            return
        self._head = self.loop.call_later(self.head_timeout, self._head_late)

    def data_received(self, data: bytes) -> None:
        """Bytes came; between two requests they begin a new head, which has its own time."""
        if self.transport.is_closing():
            return
        idle = self.cycle is None or self.cycle.response_complete
        if idle and self._head is None:
            self._head = self.loop.call_later(self.head_timeout, self._head_late)
        super().data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone."""
        self._head_done()
        self._taken()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """What cannot be read as HTTP, or has too long a head."""
        self._head_done()
        self._refuse(Problem(code="bad_request", detail=msg, hint="The head of a request may have 16 KiB."))

    def pause_writing(self) -> None:
        """The client takes its answer more slowly than it comes, or not at all."""
        super().pause_writing()
        self.full[self] = None
        self._look_again()
        while sum(one.transport.get_write_buffer_size() for one in self.full) > HELD:
            next(iter(self.full)).cut("all answers that lie are too much")

    def resume_writing(self) -> None:
        """The client has taken what lay."""
        self._taken()
        super().resume_writing()

    def cut(self, reason: str) -> None:
        """Let the client go, and what it did not take."""
        self._taken()
        log.info("client_cut", reason=reason)
        self.transport.abort()

    def _look_again(self) -> None:
        left = self.transport.get_write_buffer_size()
        self._taking = self.loop.call_later(TAKING, self._look, left)

    def _look(self, before: int) -> None:
        if before - self.transport.get_write_buffer_size() < LEAST:
            self.cut("the client takes nothing")
        else:
            self._look_again()

    def _taken(self) -> None:
        self.full.pop(self, None)
        if self._taking is not None:
            self._taking.cancel()
            self._taking = None

    def _head_done(self) -> None:
        if self._head is not None:
            self._head.cancel()
            self._head = None

    def _head_late(self) -> None:
        self._head = None
        if not self.transport.is_closing():
            self._refuse(Problem(code="request_timeout", detail="The head of the request took too long."))

    def _refuse(self, problem: Problem) -> None:
        content = problems.body(problem)
        pairs = {
            "content-type": problems.MEDIA_TYPE,
            "content-length": str(len(content)),
            "connection": "close",
            **problems.headers(problem),
        }
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            head = h11.Response(
                status_code=problems.status(problem),
                headers=[(name.encode(), value.encode()) for name, value in pairs.items()],
            )
            for event in (head, h11.Data(data=content), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event) or b"")
        self.transport.close()


def bounded(head_timeout: float, most: int) -> type[Connection]:
    """The protocol with these bounds: seconds for a head, connections at a time."""
    return type("BoundedConnection", (Connection,), {"head_timeout": head_timeout, "most": most, "full": {}})
